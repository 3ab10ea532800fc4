"""Connections that cannot be opened, for all kinds of operations: nothing was sent, so all are retried."""

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
async def test_a_port_without_a_server(expected: ExpectedResult, operation: OperationCase, faulty: int) -> None:
    """A port that refuses or ignores connections is retried, since nothing was sent."""
    if expected.fault is faults.IGNORED and sys.platform != "linux":
        pytest.skip("other systems deal otherwise with a full queue of connections")
    async with proxied_client(operation, listening=False) as running:
        await check(running, expected, faulty=faulty, pooled=operation.repeatable)


@every_deed
@in_virtual_time
async def test_a_host_name_whose_resolution_hangs(operation: OperationCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolving the name is part of connecting, and ends with the client."""

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
    """TLS is part of connecting: it is limited by that timeout, and nothing was sent."""
    async with proxied_client(operation, certificates=certificates) as running:
        await check(running, expected, faulty=faulty, pooled=operation.repeatable)


@once_or_always
@every_deed
@pytest.mark.parametrize("certificate", CERTIFICATES)
@in_virtual_time
async def test_an_invalid_certificate(
    certificate: str, operation: OperationCase, faulty: int, certificates: Certificates
) -> None:
    """Nothing is sent to a server with an unknown authority, another name or an expired certificate."""
    expected = _unconnected(faults.certificate(certificate, getattr(certificates, certificate)))
    async with proxied_client(operation, certificates=certificates) as running:
        await check(running, expected, faulty=faulty, pooled=operation.repeatable)


@once_or_always
@two_deeds
@pytest.mark.parametrize("expected", HANDSHAKES, ids=str)
@in_virtual_time
async def test_failed_handshakes_on_the_callers_session(
    expected: ExpectedResult, operation: OperationCase, faulty: int, certificates: Certificates
) -> None:
    """A session that was passed in has its own trust, and its connections fail in the same way."""
    context = ssl.create_default_context(cafile=certificates.bundle)

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async with proxied_client(operation, certificates=certificates, session=session) as running:
        await check(running, expected, faulty=faulty, pooled=True)


@in_virtual_time
async def test_an_authority_that_is_not_configured(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `AWS_CA_BUNDLE`, only the system's authorities are trusted."""
    monkeypatch.delenv("AWS_CA_BUNDLE")
    async with proxied_client(LIST_TAGS, certificates=certificates) as running:
        result = await running.call()
    assert type(result.error) is ConnectError
    assert running.proxy.exchanges == []
