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


async def _stay_silent(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while await loop.sock_recv(sock, 2**16):
        pass


async def _reset(sock: socket.socket) -> None:
    # Wait for data from the client, which is certainly connected then.
    await asyncio.get_running_loop().sock_recv(sock, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _speak_garbage(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_recv(sock, 2**16)
    await loop.sock_sendall(sock, b"SSH-2.0-OpenSSH_9.9\r\n")
    await _stay_silent(sock)


async def _hang_up(sock: socket.socket) -> None:
    await asyncio.get_running_loop().sock_recv(sock, 2**16)


async def _half_a_handshake(sock: socket.socket) -> None:
    """Send a part of a handshake record, and close."""
    loop = asyncio.get_running_loop()
    await loop.sock_recv(sock, 2**16)
    await loop.sock_sendall(sock, b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")


async def _nothing(_: socket.socket) -> None:
    pass


REFUSED = PortFault("refused", lambda _: None)
UNKNOWN = PortFault("not to be found", lambda _: None)
IGNORED = PortFault("ignored", lambda proxy: proxy.ignore())

NEVER_READS = ConnectionFault("accepts and stays silent", _stay_silent)
RESET_AT_ONCE = ConnectionFault("resets, the request unread", _reset)
GARBAGE_HANDSHAKE = ConnectionFault("speaks no TLS", _speak_garbage)
CLOSED_HANDSHAKE = ConnectionFault("closes at the handshake", _hang_up)
HALF_HANDSHAKE = ConnectionFault("closes in the middle of the handshake", _half_a_handshake)


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


def _after(action: Action) -> Responding:
    async def respond(exchange: Exchange, _: Reply) -> None:
        await action(exchange)

    return respond


SILENT = ExchangeFault("reads the request and stays silent", _silent)
CLOSED_BEFORE = ExchangeFault("closes before it is carried out", _close)
RESET_BEFORE = ExchangeFault("resets before it is carried out", _break)
CLOSED_AFTER = _executed("closes after it was carried out", _after(_close))
RESET_AFTER = _executed("resets after it was carried out", _after(_break))
SILENT_AFTER = _executed("stays silent after it was carried out", _after(_silent))


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


def _malformed(reply: Reply) -> bytes:
    return b"HTTP/1.1 two hundred\r\n" + reply.whole


UNFINISHED_HEAD = _sending("never ends the headers", lambda reply: reply.whole[:30])
DRIPPING_HEAD = _dripping("drips the headers", lambda _: b"HTTP/1.1 200 OK\r\nx-padding: ", b"x")
CLOSED_IN_HEAD = _sending("closes in the headers", lambda reply: reply.whole[:30], _close)
RESET_IN_HEAD = _sending("resets in the headers", lambda reply: reply.whole[:30], _break)
MALFORMED_STATUS = _sending("malformed status line", _malformed)
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


def _surplus(reply: Reply) -> bytes:
    return _with_length(reply, reply.body) + b"surplus"


def _bad_chunks(reply: Reply) -> bytes:
    return _ok(reply, b"transfer-encoding: chunked") + b"five\r\n     \r\n0\r\n\r\n"


def _unended_chunks(reply: Reply) -> bytes:
    return _ok(reply, b"transfer-encoding: chunked") + b"%x\r\n%s\r\n" % (len(reply.body) + 1, reply.body + b" ")


def _deep(reply: Reply) -> bytes:
    return _with_length(reply, b"[" * 1_000_000)


def _wrong_gzip(reply: Reply) -> bytes:
    return _with_length(reply, reply.body + b"{}", b"content-encoding: gzip")


def _short_gzip(reply: Reply) -> bytes:
    return _with_length(reply, gzip.compress(b" " * 1000 + reply.body)[:-12], b"content-encoding: gzip")


async def _send_17_mib(exchange: Exchange, reply: Reply) -> None:
    await exchange.send(_ok(reply, b"content-length: %d" % (17 * _MIB)), *([b" " * _MIB] * 17))


async def _fail_with_17_mib(exchange: Exchange, _: Reply) -> None:
    head = b"HTTP/1.1 500 Internal Server Error\r\ntransfer-encoding: chunked\r\n\r\n"
    await exchange.send(head, *([b"%x\r\n%s\r\n" % (_MIB, b" " * _MIB)] * 17), b"0\r\n\r\n")


async def _send_17_mib_in_chunks(exchange: Exchange, reply: Reply) -> None:
    chunk = b"%x\r\n%s\r\n" % (_MIB, b" " * _MIB)
    await exchange.send(_ok(reply, b"transfer-encoding: chunked"), *([chunk] * 17), b"0\r\n\r\n")


STALLED_BODY = _sending("stalls in the body", _halfway)
DRIPPING_BODY = _dripping("drips the body", lambda reply: _ok(reply, b"content-length: 1000000"), b" ")
CLOSED_IN_BODY = _sending("closes in the body", _halfway, _close)
RESET_IN_BODY = _sending("resets in the body", _halfway, _break)
SURPLUS = _sending("more than its length", _surplus)
BAD_CHUNKS = _sending("broken chunks", _bad_chunks)
UNENDED_CHUNKS = _sending("closes before the last chunk", _unended_chunks, _close)
STALLED_CHUNKS = _sending("stalls before the last chunk", _unended_chunks)
WRONG_GZIP = _sending("gzip that is none", _wrong_gzip)
SHORT_GZIP = _sending("gzip that is cut short", _short_gzip)
DEEP_JSON = _sending("JSON a million deep", _deep)
TOO_LARGE = _executed("17 MiB", _send_17_mib)
TOO_LARGE_FAILURE = _executed("17 MiB of 500", _fail_with_17_mib)
TOO_LARGE_IN_CHUNKS = _executed("17 MiB in chunks", _send_17_mib_in_chunks)


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

    return _executed("good respond", respond)


async def _babble(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    await exchange.until_client_leaves()


CLOSED_AT_ONCE = leaving(_close)
RESET_AFTERWARDS = leaving(_break, after=0.5)
CLOSED_WHEN_IDLE = leaving(_close, after=10.0)
UNREQUESTED_RESPONSE = leaving(_babble, after=0.5)
