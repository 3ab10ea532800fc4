"""The server of many targets: canned answers of STS and Detective, each after the same while, and counts of what comes.

Usage: `fleet_server.py LATENCY_MS [--pin]`. It says where it listens in one line of JSON on stdout, and ends when its
stdin is closed.
"""

import asyncio
import json
import os
import re
import sys
from collections import Counter
from email.utils import formatdate
from typing import cast
from urllib.parse import parse_qs

from attrs import define, field
from fleet_job import assumed_role, graph_arn, graphs_page, members_page, role_arn, session_token

#: A path of the server's own: what it was asked since this was last asked for.
SEEN_PATH = "/seen"
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"Credential=ASIA(\d{12})0000/\d{8}/([a-z0-9-]+)/detective/")
_MAX_REQUEST = 64 * 1024


@define
class State:
    """What the connections share: what was asked, and how much of it at once.

    Attributes:
        latency: seconds between a request and its answer.
        in_flight: requests that are not answered yet, by account and region.
        most_in_flight: how many there were at once.
        most_for_a_target: how many there were at once for one account in one region.
        calls: operation -> how often it was asked for.
        signed: how many of them were signed, with the token of the role.
        connections: how many were opened.
    """

    latency: float
    in_flight: Counter[tuple[str, str]] = field(factory=Counter)
    most_in_flight: int = 0
    most_for_a_target: int = 0
    calls: Counter[str] = field(factory=Counter)
    signed: int = 0
    connections: int = 0
    _all_in_flight: int = 0

    def begin(self, operation: str, target: tuple[str, str], *, signed: bool) -> None:
        """Take note of a request."""
        self.calls[operation] += 1
        self.signed += signed
        self._all_in_flight += 1
        self.in_flight[target] += 1
        self.most_in_flight = max(self.most_in_flight, self._all_in_flight)
        self.most_for_a_target = max(self.most_for_a_target, self.in_flight[target])

    def end(self, target: tuple[str, str]) -> None:
        """Take note of its answer."""
        self._all_in_flight -= 1
        self.in_flight[target] -= 1
        if not self.in_flight[target]:
            del self.in_flight[target]

    def tell(self) -> bytes:
        """Tell what was asked, and begin anew."""
        told = {
            "calls": dict(self.calls),
            "signed": self.signed,
            "most_in_flight": self.most_in_flight,
            "most_for_a_target": self.most_for_a_target,
            "connections": self.connections,
        }
        self.calls.clear()
        self.most_in_flight = self.most_for_a_target = self.signed = self.connections = 0
        return json.dumps(told).encode()


class BadRequestError(Exception):
    """Nobody should have sent this."""


class Connection(asyncio.Protocol):
    """One connection, kept alive for as long as the client likes.

    Args:
        state: what all connections share.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._loop = asyncio.get_running_loop()
        self._pending = bytearray()
        self._transport: asyncio.Transport | None = None
        self._counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the transport."""
        self._transport = cast("asyncio.Transport", transport)

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
            try:
                self._take(head, body)
            except BadRequestError as error:
                self._transport.write(_response("400 Bad Request", json.dumps({"message": str(error)}).encode()))

    def _take(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1].decode()
        if path == SEEN_PATH:
            assert self._transport is not None
            self._transport.write(_response("200 OK", self._state.tell()))
        elif path == "/":
            account_id = _account_of(parse_qs(body.decode()))
            self._answer_later("AssumeRole", (account_id, "STS"), assumed_role(account_id), signed=False)
        else:
            key = _KEY.search(head)
            if key is None:
                raise BadRequestError("the request names no key that was given out here")
            target = account_id, region = key[1].decode(), key[2].decode()
            signed = b"Signature=" in head and session_token(account_id).encode() in head
            if path == "/graphs/list":
                self._answer_later("ListGraphs", target, graphs_page(account_id, region), signed=signed)
            elif path == "/graph/members/list" and json.loads(body).get("GraphArn") == graph_arn(account_id, region):
                self._answer_later("ListMembers", target, members_page(account_id, region), signed=signed)
            else:
                raise BadRequestError(f"{path} is not answered for this key, or this body, here")

    def _answer_later(self, operation: str, target: tuple[str, str], answer: bytes, *, signed: bool) -> None:
        # The one that asks what was seen is none of the job's.
        self._state.connections += not self._counted
        self._counted = True
        self._state.begin(operation, target, signed=signed)
        kind = "text/xml" if operation == "AssumeRole" else "application/json"
        response = _response("200 OK", answer, kind)

        def write() -> None:
            assert self._transport is not None
            self._state.end(target)
            self._transport.write(response)

        self._loop.call_later(self._state.latency, write)


def _account_of(form: dict[str, list[str]]) -> str:
    arn = form.get("RoleArn", [""])[0]
    account_id = arn.split(":")[4] if arn.count(":") > 4 else ""
    if form.get("Action") != ["AssumeRole"] or arn != role_arn(account_id):
        raise BadRequestError("STS does AssumeRole here, for one role of each account")
    return account_id


def _response(status: str, body: bytes, kind: str = "application/json") -> bytes:
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


_DATE = formatdate(usegmt=True)


async def main(latency: float) -> None:
    """Serve until stdin is closed."""
    loop = asyncio.get_running_loop()
    state = State(latency)
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
    closed = asyncio.Event()

    def listen() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            closed.set()

    loop.add_reader(sys.stdin.fileno(), listen)
    await closed.wait()


def _pin() -> None:
    """Take the one CPU that the process that started this one has left."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


if __name__ == "__main__":
    if "--pin" in sys.argv:
        _pin()
    asyncio.run(main(float(sys.argv[1]) / 1000))
