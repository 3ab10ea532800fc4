"""Load for the simulator: requests that are signed in advance, over connections that are kept open."""

import asyncio
import json
import re
import selectors
import socket
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from children import Child

REGION = "eu-west-1"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_HEAD_OF_200 = b"HTTP/1.1 200 "


class WrongAnswerError(Exception):
    """The simulator gave another answer than expected."""


class Signer:
    """Signs requests with the keys of simulated accounts.

    Args:
        server: the simulator's process.
        url: the simulator's URL.
    """

    def __init__(self, server: Child, url: str) -> None:
        self._server = server
        self._url = url
        self._keys: dict[str, Credentials] = {}

    def load_keys(self, accounts: Sequence[str]) -> None:
        """Get the keys of accounts from the simulator."""
        found = self._server.ask({"do": "keys", "accounts": list(accounts)})
        self._keys |= {name: Credentials(*keys) for name, keys in found.items()}

    def request(self, account: str, path: str, members: dict[str, Any] | None, method: str = "POST") -> bytes:
        """Return a whole signed request, as bytes."""
        host = urlsplit(self._url).netloc
        body = b"" if members is None else json.dumps(members).encode()
        request = AWSRequest(method, self._url + path, data=body, headers={"Host": host})
        SigV4Auth(self._keys[account], "detective", REGION).add_auth(request)
        headers = {**dict(request.headers.items()), "Content-Length": str(len(body))}
        if members is not None:
            headers["Content-Type"] = "application/json"
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def _answers_in(data: bytearray) -> Iterator[tuple[bytes, bytes]]:
    """Remove the complete answers from the buffer, and yield the head and body of each."""
    while (end := data.find(_END_OF_HEAD)) >= 0:
        length = _LENGTH.search(data, 0, end)
        stop = end + len(_END_OF_HEAD) + (int(length[1]) if length else 0)
        if len(data) < stop:
            return
        answer = bytes(data[:end]), bytes(data[end + len(_END_OF_HEAD) : stop])
        del data[:stop]
        yield answer


class Load:
    """Connections to the simulator that are kept open.

    Args:
        url: the simulator's URL.
        connections: the number of connections.
        depth: how many requests each connection has under way; more than one is pipelining.
    """

    def __init__(self, url: str, connections: int, depth: int) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        self._depth = depth
        self._sockets = [socket.create_connection((address.hostname, address.port)) for _ in range(connections)]
        for one in self._sockets:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close the connections."""
        for one in self._sockets:
            one.close()

    def send(self, requests: Sequence[bytes]) -> list[bytes]:
        """Send all requests, and return the bodies of the answers in the order of arrival.

        Raises:
            WrongAnswerError: one of the answers is not a 200.
        """
        bodies: list[bytes] = []
        to_send = iter(requests)
        received = {one: bytearray() for one in self._sockets}
        with selectors.DefaultSelector() as selector:
            for one in self._sockets:
                selector.register(one, selectors.EVENT_READ)
                one.sendall(b"".join(_next(to_send, self._depth)))
            while len(bodies) < len(requests):
                for key, _ in selector.select(30):
                    connection = key.fileobj
                    assert isinstance(connection, socket.socket)
                    piece = connection.recv(262_144)
                    if not piece:
                        raise WrongAnswerError("the simulator closed a connection")
                    received[connection] += piece
                    before = len(bodies)
                    for head, body in _answers_in(received[connection]):
                        if not head.startswith(_HEAD_OF_200):
                            raise WrongAnswerError(f"{head.decode()}: {body.decode()}")
                        bodies.append(body)
                    if more := b"".join(_next(to_send, len(bodies) - before)):
                        connection.sendall(more)
        return bodies


def _next(requests: Iterator[bytes], count: int) -> list[bytes]:
    return [request for _, request in zip(range(count), requests, strict=False)]


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection whose buffer is large enough for a whole page."""
    address = urlsplit(url)
    return await asyncio.open_connection(address.hostname, address.port, limit=2**22)


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """Send a request, and return the body of its answer."""
    writer.write(request)
    head = await reader.readuntil(_END_OF_HEAD)
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    if not head.startswith(_HEAD_OF_200):
        raise WrongAnswerError(f"{head.decode()}: {body.decode()}")
    return body
