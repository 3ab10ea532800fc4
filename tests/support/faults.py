"""The faults of connections and responses, by phase; their expected results are in the tests."""

import asyncio
import gzip
import itertools
import socket
import ssl
import struct
import zlib
from collections.abc import Awaitable, Callable

from support.proxy import ConnectionFault, Exchange, ExchangeFault, PortFault, Reply

#: Seconds between two bytes of a slow response: less than the `read` timeout of the tests.
PAUSE = 5.0
_MIB = 2**20


def _connected(name: str, data: bytes = b"", *, stays: bool = False) -> ConnectionFault:
    """Make a fault that responds to the client's first bytes with others, and then stays silent, or closes."""

    async def play(sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_recv(sock, 2**16)
        await loop.sock_sendall(sock, data)
        while stays and await loop.sock_recv(sock, 2**16):
            pass

    return ConnectionFault(name, play)


async def _reset(sock: socket.socket) -> None:
    # Wait for data from the client, which is certainly connected then.
    await asyncio.get_running_loop().sock_recv(sock, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _nothing(_: socket.socket) -> None:
    pass


REFUSED = PortFault("refused", lambda _: None)
UNKNOWN = PortFault("not to be found", lambda _: None)
IGNORED = PortFault("ignored", lambda proxy: proxy.ignore())

NEVER_READS = _connected("accepts and stays silent", stays=True)
RESET_AT_ONCE = ConnectionFault("resets, the request unread", _reset)
GARBAGE_HANDSHAKE = _connected("speaks no TLS", b"SSH-2.0-OpenSSH_9.9\r\n", stays=True)
CLOSED_HANDSHAKE = _connected("closes at the handshake")
HALF_HANDSHAKE = _connected("closes in the middle of the handshake", b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")


def certificate(name: str, context: ssl.SSLContext) -> ConnectionFault:
    """Make a fault that shows another certificate."""
    return ConnectionFault(name, _nothing, context)


async def _silent(exchange: Exchange) -> None:
    await exchange.until_client_leaves()


async def _close(exchange: Exchange) -> None:
    exchange.hang_up()


async def _break(exchange: Exchange) -> None:
    exchange.reset()


Action = Callable[[Exchange], Awaitable[None]]
Responding = Callable[[Exchange, Reply], Awaitable[None]]


def _executed(name: str, respond: Responding) -> ExchangeFault:
    """Make a fault of a request that the service carries out."""

    async def play(exchange: Exchange) -> None:
        await respond(exchange, await exchange.forward())

    return ExchangeFault(name, play)


def _sending(name: str, content: Callable[[Reply], bytes], then: Action = _silent) -> ExchangeFault:
    """Make a fault that sends other bytes instead of the response."""

    async def respond(exchange: Exchange, reply: Reply) -> None:
        await exchange.send(content(reply))
        await then(exchange)

    return _executed(name, respond)


def _dripping(name: str, first: Callable[[Reply], bytes], drop: bytes) -> ExchangeFault:
    """Make a fault that sends small pieces without end."""

    async def respond(exchange: Exchange, reply: Reply) -> None:
        await exchange.send(first(reply))
        await exchange.send_slowly(itertools.repeat(drop), PAUSE)

    return _executed(name, respond)


SILENT = ExchangeFault("reads the request and stays silent", _silent)
CLOSED_BEFORE = ExchangeFault("closes before it is carried out", _close)
RESET_BEFORE = ExchangeFault("resets before it is carried out", _break)
CLOSED_AFTER = _sending("closes after it was carried out", lambda _: b"", _close)
RESET_AFTER = _sending("resets after it was carried out", lambda _: b"", _break)
SILENT_AFTER = _sending("stays silent after it was carried out", lambda _: b"")

UNFINISHED_HEAD = _sending("never ends the headers", lambda reply: reply.whole[:30])
DRIPPING_HEAD = _dripping("drips the headers", lambda _: b"HTTP/1.1 200 OK\r\nx-padding: ", b"x")
CLOSED_IN_HEAD = _sending("closes in the headers", lambda reply: reply.whole[:30], _close)
RESET_IN_HEAD = _sending("resets in the headers", lambda reply: reply.whole[:30], _break)
MALFORMED_STATUS = _sending("malformed status line", lambda reply: b"HTTP/1.1 two hundred\r\n" + reply.whole)
OTHER_PROTOCOL = _sending("answers in another protocol", lambda _: b"220 mail.example.com ESMTP\r\n")
HEADER_FLOOD = _sending("header flood", lambda reply: reply.head(*(b"x-%d: y" % n for n in range(100_000))))
HUGE_HEADER = _sending("endless header", lambda reply: reply.head(b"x-padding: " + b"y" * _MIB))
ENDLESS_1XX = _dripping("endless 1xx", lambda _: b"", b"HTTP/1.1 100 Continue\r\n\r\n")


def _ok(reply: Reply, *headers: bytes) -> bytes:
    # 200, because a 204 has no body.
    return reply.head(*headers, status=b"200 OK")


def _with_length(reply: Reply, body: bytes, *headers: bytes) -> bytes:
    return _ok(reply, b"content-length: %d" % len(body), *headers) + body


def _halfway(reply: Reply) -> bytes:
    return _with_length(reply, b" " * 1000 + reply.body)[:-500]


def _unended_chunks(reply: Reply) -> bytes:
    return _ok(reply, _CHUNKED) + b"%x\r\n%s\r\n" % (len(reply.body) + 1, reply.body + b" ")


def _17_mib_in_chunks() -> bytes:
    return b"%x\r\n%s\r\n" % (_MIB, b" " * _MIB) * 17 + b"0\r\n\r\n"


_CHUNKED, _GZIP = b"transfer-encoding: chunked", b"content-encoding: gzip"
STALLED_BODY = _sending("stalls in the body", _halfway)
DRIPPING_BODY = _dripping("drips the body", lambda reply: _ok(reply, b"content-length: 1000000"), b" ")
CLOSED_IN_BODY = _sending("closes in the body", _halfway, _close)
RESET_IN_BODY = _sending("resets in the body", _halfway, _break)
SURPLUS = _sending("more than its length", lambda reply: _with_length(reply, reply.body) + b"surplus")
BAD_CHUNKS = _sending("broken chunks", lambda reply: _ok(reply, _CHUNKED) + b"five\r\n     \r\n0\r\n\r\n")
UNENDED_CHUNKS = _sending("closes before the last chunk", _unended_chunks, _close)
STALLED_CHUNKS = _sending("stalls before the last chunk", _unended_chunks)
WRONG_GZIP = _sending("gzip that is none", lambda reply: _with_length(reply, reply.body + b"{}", _GZIP))
SHORT_GZIP = _sending(
    "gzip that is cut short", lambda reply: _with_length(reply, gzip.compress(b" " * 1000 + reply.body)[:-12], _GZIP)
)
DEEP_JSON = _sending("JSON a million deep", lambda reply: _with_length(reply, b"[" * 1_000_000))
TOO_LARGE = _sending("17 MiB", lambda reply: _with_length(reply, b" " * (17 * _MIB)))
TOO_LARGE_IN_CHUNKS = _sending("17 MiB in chunks", lambda reply: _ok(reply, _CHUNKED) + _17_mib_in_chunks())
TOO_LARGE_FAILURE = _sending(
    "17 MiB of 500", lambda _: b"HTTP/1.1 500 Oops\r\n%s\r\n\r\n" % _CHUNKED + _17_mib_in_chunks()
)


def gzip_bomb(status: bytes) -> ExchangeFault:
    """Make a response of 1 MiB that decompresses to 1 GiB of zeros."""
    packer = zlib.compressobj(9, wbits=31)
    first, more = (packer.compress(bytes(_MIB)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    # All pieces after a full flush are equal; the end is missing, since clients must stop before.
    body = first + more * 1023

    def content(reply: Reply) -> bytes:
        headers = (b"content-encoding: gzip", b"content-length: %d" % len(body))
        return reply.head(*headers, status=status) + body

    return _sending("gzip bomb", content)


def page(status: str, *headers: str, executed: bool = False) -> ExchangeFault:
    """Make an HTML response of a gateway, instead of the service's."""
    body = b"<html><body><h1>Sorry</h1></body></html>"
    lines = (f"HTTP/1.1 {status}", "content-type: text/html", f"content-length: {len(body)}", *headers, "", "")
    content = "\r\n".join(lines).encode() + body

    async def play(exchange: Exchange) -> None:
        if executed:
            await exchange.forward()
        await exchange.send(content)

    return ExchangeFault(f"{status} in HTML{', carried out' if executed else ''}", play)


def leaving(action: Action, after: float = 0.0) -> ExchangeFault:
    """Make a fault of the connection after a valid response."""

    async def respond(exchange: Exchange, reply: Reply) -> None:
        await exchange.send(reply.whole)
        await asyncio.sleep(after)
        await action(exchange)

    return _executed("good response", respond)


async def _babble(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    await exchange.until_client_leaves()


CLOSED_AT_ONCE = leaving(_close)
RESET_AFTERWARDS = leaving(_break, after=0.5)
CLOSED_WHEN_IDLE = leaving(_close, after=10.0)
UNREQUESTED_RESPONSE = leaving(_babble, after=0.5)
