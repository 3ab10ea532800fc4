"""The server: canned answers as fast as asyncio can write them, in a process of its own.

It says where it listens in one line of JSON on stdout, and ends when its stdin is closed.
"""

import asyncio
import json
import os
import re
import sys
from typing import Any, cast

from workloads import WORKLOADS

#: A path of the server's own: what it was asked so far.
SEEN_PATH = "/seen"
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MAX_REQUEST = 64 * 1024
_MAX_CONNECTIONS = 64


def _response(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\n"
        "Date: Wed, 01 Jan 2025 12:00:00 GMT\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: keep-alive\r\n"
        "x-amzn-RequestId: 0d5c5a3e-6f43-4a7e-9c1a-1d2b3c4d5e6f\r\n"
        "\r\n"
    )
    return head.encode() + body


class State:
    """What the connections share: the answers, and what was asked.

    Attributes:
        answers: path -> the whole answer.
        counts: path -> how often it was asked for.
        last: the last request's head and body.
        connections: how many are open.
    """

    def __init__(self) -> None:
        self.answers = {workload.path.encode(): _response("200 OK", workload.body) for workload in WORKLOADS}
        self.counts = dict.fromkeys(self.answers, 0)
        self.last: tuple[bytes, bytes] = (b"", b"")
        self.connections = 0

    def seen(self) -> bytes:
        """Tell what was asked, as an answer."""
        head, body = self.last
        told: dict[str, Any] = {
            "counts": {path.decode(): count for path, count in self.counts.items()},
            "head": head.decode("latin-1"),
            "body": body.decode("latin-1"),
        }
        return _response("200 OK", json.dumps(told).encode())


class Connection(asyncio.Protocol):
    """One connection, kept alive for as long as the client likes.

    Args:
        state: what all connections share.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._pending = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the transport, or refuse: nobody here needs that many."""
        self._transport = cast("asyncio.Transport", transport)
        self._state.connections += 1
        if self._state.connections > _MAX_CONNECTIONS:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the connection."""
        self._state.connections -= 1

    def data_received(self, data: bytes) -> None:
        """Answer every request that has come in whole."""
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
            self._transport.write(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        path = head.split(b" ", 2)[1]
        answer = self._state.answers.get(path)
        if answer is not None:
            self._state.counts[path] += 1
            self._state.last = (head, body)
            return answer
        return self._state.seen() if path == SEEN_PATH.encode() else _response("404 Not Found", b"{}")


async def main() -> None:
    """Serve until stdin is closed."""
    loop = asyncio.get_running_loop()
    state = State()
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
    closed = asyncio.Event()

    def listen() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            closed.set()

    loop.add_reader(sys.stdin.fileno(), listen)
    await closed.wait()


if __name__ == "__main__":
    asyncio.run(main())
