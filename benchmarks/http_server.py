"""HTTP as far as the benchmarks need it: requests out of what comes in, and a process that serves until it is told."""

import asyncio
import json
import os
import re
import sys
from abc import abstractmethod
from collections.abc import Callable
from email.utils import formatdate
from typing import cast

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MAX_REQUEST = 64 * 1024
_DATE = formatdate(usegmt=True)


class Connection(asyncio.Protocol):
    """One connection, kept alive for as long as the client likes."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._transport: asyncio.Transport | None = None

    @abstractmethod
    def take(self, head: bytes, body: bytes) -> None:
        """Take a request that has come in whole, and reply to it now or later."""

    def reply(self, response: bytes) -> None:
        """Send an answer."""
        assert self._transport is not None
        self._transport.write(response)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take every request that has come in whole."""
        assert self._transport is not None
        self._pending += data
        if len(self._pending) > _MAX_REQUEST:
            self._transport.abort()
            return
        while (end := self._pending.find(_END_OF_HEAD)) >= 0:
            head = bytes(self._pending[:end])
            length = _LENGTH.search(head)
            start = end + len(_END_OF_HEAD)
            stop = start + (int(length[1]) if length else 0)
            if len(self._pending) < stop:
                return
            body = bytes(self._pending[start:stop])
            del self._pending[:stop]
            self.take(head, body)


def response(status: str, body: bytes, kind: str = "application/json") -> bytes:
    """Give an answer as it is sent."""
    head = (
        f"HTTP/1.1 {status}\r\n"
        f"Date: {_DATE}\r\n"
        f"Content-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: keep-alive\r\n"
        "x-amzn-RequestId: 0d5c5a3e-6f43-4a7e-9c1a-1d2b3c4d5e6f\r\n"
        "\r\n"
    )
    return head.encode() + body


async def serve(connect: Callable[[], Connection]) -> None:
    """Say in a line of JSON on stdout where it listens, and serve until stdin is closed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connect, "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
    closed = asyncio.Event()

    def listen() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            closed.set()

    loop.add_reader(sys.stdin.fileno(), listen)
    await closed.wait()
