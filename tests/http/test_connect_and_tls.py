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
from support.fault_matrix import ExpectedResult, check
from support.operation_cases import LIST_TAGS, OPERATION_CASES, START_INVESTIGATION, OperationCase
from support.proxied_call import TIMEOUTS, proxied_client
from support.proxy import ConnectionFault, PortFault
from support.virtual_time import in_virtual_time

from detective_async import ConnectError

pytestmark = pytest.mark.slow

CONNECT = TIMEOUTS.connect or 0


def _unconnected(fault: PortFault | ConnectionFault, seconds: float = 0.0) -> ExpectedResult:
    return ExpectedResult(fault, ConnectError, seconds, unknown=False, seen=False)


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
every_deed = pytest.mark.parametrize("operation", OPERATION_CASES.values(), ids=OPERATION_CASES)
two_deeds = pytest.mark.parametrize("operation", [LIST_TAGS, START_INVESTIGATION], ids=lambda operation: operation.name)


@once_or_always
@every_deed
@pytest.mark.parametrize("expected", PORTS, ids=str)
@in_virtual_time
async def test_nobody_listens(expected: ExpectedResult, operation: OperationCase, faulty: int) -> None:
    """A port that refuses, or that does not even do that, is tried again, for nothing was sent."""
    if expected.fault is faults.IGNORED and sys.platform != "linux":
        pytest.skip("other systems deal otherwise with a full queue of connections")
    async with proxied_client(operation, listening=False) as running:
        await check(running, expected, faulty=faulty, pooled=operation.repeatable)


@every_deed
@in_virtual_time
async def test_a_name_that_is_never_found(operation: OperationCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking the name up is part of connecting too, and ends with the client."""

    class Resolver(aiohttp.ThreadedResolver):
        async def resolve(self, *_: object, **__: object) -> list[ResolveResult]:
            await asyncio.sleep(math.inf)
            raise AssertionError

    monkeypatch.setattr(aiohttp.connector, "DefaultResolver", Resolver)
    async with proxied_client(operation, host="detective.example.com", listening=False) as running:
        await check(running, _unconnected(faults.UNKNOWN, CONNECT), faulty=3, pooled=False)


@once_or_always
@every_deed
@pytest.mark.parametrize("expected", HANDSHAKES, ids=str)
@in_virtual_time
async def test_a_handshake_that_fails(
    expected: ExpectedResult, operation: OperationCase, faulty: int, certificates: Certificates
) -> None:
    """TLS is part of connecting: of its timeout, and of the certainty that nothing was sent."""
    async with proxied_client(operation, certificates=certificates) as running:
        await check(running, expected, faulty=faulty, pooled=operation.repeatable)


@once_or_always
@every_deed
@pytest.mark.parametrize("certificate", CERTIFICATES)
@in_virtual_time
async def test_a_certificate_that_is_not_to_be_trusted(
    certificate: str, operation: OperationCase, faulty: int, certificates: Certificates
) -> None:
    """An unknown authority, another name or a date that is past: nothing is sent to whoever shows that."""
    expected = _unconnected(faults.certificate(certificate, getattr(certificates, certificate)))
    async with proxied_client(operation, certificates=certificates) as running:
        await check(running, expected, faulty=faulty, pooled=operation.repeatable)


@once_or_always
@two_deeds
@pytest.mark.parametrize("expected", HANDSHAKES, ids=str)
@in_virtual_time
async def test_the_same_on_a_session_of_the_callers(
    expected: ExpectedResult, operation: OperationCase, faulty: int, certificates: Certificates
) -> None:
    """A session that was passed in brings its own trust, and its connections fail as ours do."""
    context = ssl.create_default_context(cafile=certificates.bundle)

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async with proxied_client(operation, certificates=certificates, session=session) as running:
        await check(running, expected, faulty=faulty, pooled=True)


@in_virtual_time
async def test_the_authority_has_to_be_known(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `AWS_CA_BUNDLE` the system's authorities count, which do not know ours."""
    monkeypatch.delenv("AWS_CA_BUNDLE")
    async with proxied_client(LIST_TAGS, certificates=certificates) as running:
        result = await running.call()
    assert type(result.error) is ConnectError
    assert running.proxy.exchanges == []
