"""HTTP at the level of sockets: malformed requests, slow clients, clients that disconnect."""

import asyncio
from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator, Drop, Fault, Latency
from detective_async.testing.server import http

LIST = ("POST", "/graphs/list", b"{}")
INCOMPLETE = b"POST /graph HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"


def signed(raw: Any, *, extra: str = "") -> bytes:
    """Return a complete request for ListGraphs, with extra header lines."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in raw.sign(*LIST).items())
    return f"POST /graphs/list HTTP/1.1\r\n{headers}{extra}Content-Length: 2\r\n\r\n{{}}".encode()


async def received(sim: DetectiveSimulator) -> None:
    """Wait until the simulator has answered a request."""
    async with asyncio.timeout(30):
        while not sim.requests:  # noqa: ASYNC110  the simulator has no event for received requests
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /graph HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /graph HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"POST /graph HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /gr\xffaph HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST http://example.com/graph HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /graph#fragment HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /graph HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\nabcabcabcabc",
    ],
)
async def test_malformed_http_is_answered(sim: DetectiveSimulator, raw: Any, data: Any) -> None:
    """Malformed HTTP is answered with an error in AWS's form with a request id, not with HTML or a traceback."""
    response = (await raw.send_bytes(data)).lower()
    assert response.startswith(b"http/1."), response
    assert b"x-amzn-errortype" in response
    assert b"x-amzn-requestid" in response
    assert b"traceback" not in response
    assert b" 500 " not in response.splitlines()[0]
    assert sim.snapshot() == {}


async def test_a_body_over_the_limit_is_rejected(raw: Any) -> None:
    """The limit is one megabyte."""
    reply = await raw.ask("POST", "/graph", b" " * (1024**2 + 1))
    assert (reply.status, reply.code) == (413, "RequestEntityTooLargeException")


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("Expect: 100-continue\r\n", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"),
        # A second value of a signed header invalidates the signature.
        ("X-Amz-Date: 20200101T000000Z\r\n", b"IncompleteSignatureException"),
    ],
)
async def test_additional_headers(raw: Any, extra: str, expected: bytes) -> None:
    """100 Continue is sent on request; a repeated header is signed with all its values."""
    assert expected in await raw.send_bytes(signed(raw, extra=f"{extra}Connection: close\r\n"))


async def test_an_incomplete_body_times_out(sim: DetectiveSimulator, raw: Any, monkeypatch: Any) -> None:
    """A request whose body does not arrive is answered with 408 in AWS's form."""
    monkeypatch.setattr(http, "BODY_TIMEOUT", 0.1)
    response = await raw.send_bytes(INCOMPLETE)
    assert b" 408 " in response.splitlines()[0]
    assert b"RequestTimeoutException" in response
    assert sim.requests[-1].error_code == "RequestTimeoutException"


async def test_a_disconnect_within_the_body_is_recorded_as_malformed(sim: DetectiveSimulator, raw: Any) -> None:
    """A connection that closes before its body is complete changes nothing."""
    reader, writer = await raw.connect()
    writer.write(INCOMPLETE)
    await writer.drain()
    # The server has received the head by the time that it has answered a later request.
    assert (await raw.ask(*LIST)).status == 200
    sim.forget_requests()
    writer.close()
    await reader.read()
    await received(sim)
    assert [request.error_code for request in sim.requests] == ["MalformedHttpRequestException"]
    assert sim.snapshot() == {}


async def test_a_disconnect_before_the_response_is_not_an_error(sim: DetectiveSimulator, raw: Any, caplog: Any) -> None:
    """A connection that the client closes during a delay is not dropped a second time, and nothing is logged."""
    sim.inject(Fault(Latency(0.2)))
    sim.inject(Fault(Drop("after")))
    _, writer = await raw.connect()
    writer.write(signed(raw))
    while sim.faults:  # noqa: ASYNC110  the simulator has no event for it
        await asyncio.sleep(0.01)
    writer.close()
    await writer.wait_closed()
    await received(sim)
    await asyncio.sleep(0.05)
    assert sim.requests[-1].status == 200
    # asyncio's debug mode logs slow steps, which depend on the machine.
    assert [record for record in caplog.records if not record.getMessage().startswith("Executing ")] == []
