"""No connection comes about, once and always, for every kind of operation: nothing was sent, and all are repeated."""

import asyncio
import math
import ssl
import sys

import aiohttp
import pytest
from aiohttp.abc import ResolveResult
from support import faults
from support.certificates import Certificates
from support.fault_matrix import Expected, check
from support.fault_trial import TIMEOUTS, trial
from support.operation_kinds import DEEDS, LIST_TAGS, START_INVESTIGATION, Deed
from support.proxy import ConnectionFault, PortFault
from support.virtual_time import in_virtual_time

from detective_async import AttemptTimeout, ConnectError, Timeouts

pytestmark = pytest.mark.slow

CONNECT = TIMEOUTS.connect or 0


def _unconnected(fault: PortFault | ConnectionFault, seconds: float = 0.0) -> Expected:
    return Expected(fault, ConnectError, seconds, unknown=False, seen=False)


PORTS = [_unconnected(faults.REFUSED), _unconnected(faults.IGNORED, CONNECT)]
HANDSHAKES = [
    _unconnected(faults.NEVER_READS, CONNECT),
    _unconnected(faults.RESET_AT_ONCE),
    _unconnected(faults.GARBAGE_HANDSHAKE),
    _unconnected(faults.CLOSED_HANDSHAKE),
    _unconnected(faults.HALF_HANDSHAKE),
]
CERTIFICATES = ["unknown_authority", "other_name", "expired"]

once_or_always = pytest.mark.parametrize("faulty", [1, 3], ids=["once", "always"])
every_deed = pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)


@once_or_always
@every_deed
@pytest.mark.parametrize("expected", PORTS, ids=str)
@in_virtual_time
async def test_nobody_listens(expected: Expected, deed: Deed, faulty: int) -> None:
    """A port that refuses or ignores connections is tried again, for nothing was sent."""
    if expected.fault is faults.IGNORED and sys.platform != "linux":
        pytest.skip("other systems treat a full queue of connections differently")
    async with trial(deed, listening=False) as running:
        await check(running, expected, faulty=faulty, pooled=deed.repeatable)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems treat a full queue of connections differently")
@every_deed
@in_virtual_time
async def test_an_attempt_that_ends_before_it_is_connected(deed: Deed) -> None:
    """The timeout of the attempt is repeated too, for nothing was sent."""
    expected = Expected(faults.IGNORED, AttemptTimeout, 3.1, unknown=False, seen=False)
    async with trial(deed, listening=False, timeouts=Timeouts(connect=30, attempt=3.1, total=100)) as running:
        await check(running, expected, faulty=1, pooled=deed.repeatable)


@every_deed
@in_virtual_time
async def test_a_name_that_is_never_found(deed: Deed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up is part of connecting too, and ends with the client."""

    class Resolver(aiohttp.ThreadedResolver):
        async def resolve(self, *_: object, **__: object) -> list[ResolveResult]:
            await asyncio.sleep(math.inf)
            raise AssertionError

    monkeypatch.setattr(aiohttp.connector, "DefaultResolver", Resolver)
    async with trial(deed, host="detective.example.com", listening=False) as running:
        await check(running, _unconnected(faults.UNKNOWN, CONNECT), faulty=3, pooled=False)


@once_or_always
@pytest.mark.parametrize(
    ("deed", "owner"),
    [*((deed, "ours") for deed in DEEDS.values()), (LIST_TAGS, "the caller's"), (START_INVESTIGATION, "the caller's")],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
@pytest.mark.parametrize("expected", HANDSHAKES, ids=str)
@in_virtual_time
async def test_a_handshake_that_fails(
    expected: Expected, deed: Deed, owner: str, faulty: int, certificates: Certificates
) -> None:
    """TLS is part of connecting: of its timeout, and nothing was sent."""
    context = ssl.create_default_context(cafile=certificates.bundle)

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    own = owner == "ours"
    async with trial(deed, certificates=certificates, session=None if own else session) as running:
        await check(running, expected, faulty=faulty, pooled=deed.repeatable or not own)


@once_or_always
@every_deed
@pytest.mark.parametrize("certificate", CERTIFICATES)
@in_virtual_time
async def test_a_certificate_that_is_not_to_be_trusted(
    certificate: str, deed: Deed, faulty: int, certificates: Certificates
) -> None:
    """Of an unknown authority, for another name, or expired: nothing is sent."""
    expected = _unconnected(faults.certificate(certificate, getattr(certificates, certificate)))
    async with trial(deed, certificates=certificates) as running:
        await check(running, expected, faulty=faulty, pooled=deed.repeatable)


@in_virtual_time
async def test_the_authority_has_to_be_known(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `AWS_CA_BUNDLE`, the system's authorities are trusted."""
    monkeypatch.delenv("AWS_CA_BUNDLE")
    async with trial(LIST_TAGS, certificates=certificates) as running:
        ending = await running.call()
    assert type(ending.error) is ConnectError
    assert running.proxy.exchanges == []
