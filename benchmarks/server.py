"""The server: prepared answers of STS and Detective, and counts of the requests.

Usage: `server.py [--latency MS] [--cpu NUMBER]`. It prints its URL as a line of JSON, and ends when stdin is closed.
"""

import argparse
import asyncio
import json
import os
import re
import sys
from collections import Counter
from email.utils import formatdate
from functools import lru_cache
from typing import Any, cast
from urllib.parse import parse_qs

from attrs import define, field
from canned import assumed_role, graphs_page, members_page
from machine import take_cpu
from world import ACCOUNT_ID, PAGE, REGION, keys, role_arn

#: The server's own path: returns the counts since the last request to it.
SEEN_PATH = "/seen"
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"Credential=ASIA(\d{12})0000/\d{8}/([a-z0-9-]+)/detective/")
_MAX_REQUEST = 64 * 1024
_DATE = formatdate(usegmt=True)


@define
class State:
    """What the connections share: counts of the requests, and of those under way.

    Attributes:
        latency: seconds between a request and its answer.
        in_flight: requests that are not answered yet, by account and region.
        most_in_flight: the most requests under way at once.
        most_for_a_target: the most requests under way at once for one account in one region.
        calls: operation -> number of requests.
        signed: how many of them were signed, with the token that belongs to the key.
        connections: how many connections sent their first request.
        last: the account, the region and the body of the last request.
    """

    latency: float
    in_flight: Counter[tuple[str, str]] = field(factory=Counter)
    most_in_flight: int = 0
    most_for_a_target: int = 0
    calls: Counter[str] = field(factory=Counter)
    signed: int = 0
    connections: int = 0
    last: tuple[str, str, bytes] = ("", "", b"")
    _all_in_flight: int = 0

    def begin(self, operation: str, target: tuple[str, str], body: bytes, *, signed: bool) -> None:
        """Count a request."""
        self.calls[operation] += 1
        self.signed += signed
        self.last = (*target, body)
        self._all_in_flight += 1
        self.in_flight[target] += 1
        self.most_in_flight = max(self.most_in_flight, self._all_in_flight)
        self.most_for_a_target = max(self.most_for_a_target, self.in_flight[target])

    def end(self, target: tuple[str, str]) -> None:
        """Count a request as answered."""
        self._all_in_flight -= 1
        self.in_flight[target] -= 1
        if not self.in_flight[target]:
            del self.in_flight[target]

    def take_counts(self) -> bytes:
        """Return the counts as JSON, and reset them."""
        account_id, region, body = self.last
        counts: dict[str, Any] = {
            "calls": dict(self.calls),
            "signed": self.signed,
            "most_in_flight": self.most_in_flight,
            "most_for_a_target": self.most_for_a_target,
            "connections": self.connections,
            "last": {"account_id": account_id, "region": region, "body": body.decode("latin-1")},
        }
        self.calls.clear()
        self.most_in_flight = self.most_for_a_target = self.signed = self.connections = 0
        return json.dumps(counts).encode()


class BadRequestError(Exception):
    """A request that no contender may send."""


class Connection(asyncio.Protocol):
    """One connection, kept alive as long as the client keeps it.

    Args:
        state: what all connections share.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._counted = False
        self._pending = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Handle every request that has been received completely."""
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
            self.handle(head, body)

    def handle(self, head: bytes, body: bytes) -> None:
        """Answer a request after the latency."""
        path = head.split(b" ", 2)[1].decode()
        if path == SEEN_PATH:
            self.reply(response("200 OK", self._state.take_counts()))
            return
        try:
            operation, target, answer = _answer(path, head, body)
        except BadRequestError as error:
            self.reply(response("400 Bad Request", json.dumps({"message": str(error)}).encode()))
            return
        # The harness's own connection asks only for the counts, and is not counted.
        self._state.connections += not self._counted
        self._counted = True
        signed = b"Signature=" in head and _token(target[0]) in head
        self._state.begin(operation, target, body, signed=signed)
        if self._state.latency:
            asyncio.get_running_loop().call_later(self._state.latency, self._end, target, answer)
        else:
            self._end(target, answer)

    def reply(self, answer: bytes) -> None:
        """Send an answer."""
        assert self._transport is not None
        self._transport.write(answer)

    def _end(self, target: tuple[str, str], answer: bytes) -> None:
        self._state.end(target)
        self.reply(answer)


def _answer(path: str, head: bytes, body: bytes) -> tuple[str, tuple[str, str], bytes]:
    """Return the operation, the account and region of the request, and the answer."""
    if path == "/":
        account_id = _role_account(parse_qs(body.decode()))
        return "AssumeRole", (account_id, "STS"), response("200 OK", assumed_role(account_id), "text/xml")
    key = _KEY.search(head)
    # Only bare aiohttp names no key.
    target = account_id, region = (key[1].decode(), key[2].decode()) if key else (ACCOUNT_ID, REGION)
    if path == "/graphs/list":
        return "ListGraphs", target, _graphs(account_id, region)
    if path == "/graph/members/list":
        asked = json.loads(body)
        if asked["GraphArn"].split(":")[3:5] != [region, account_id]:
            raise BadRequestError(f"the graph {asked['GraphArn']} does not belong to the account and region of the key")
        page = _members(asked["GraphArn"], asked.get("MaxResults", PAGE), asked.get("NextToken"))
        return "ListMembers", target, page
    raise BadRequestError(f"there is no answer for {path}")


def _role_account(form: dict[str, list[str]]) -> str:
    arn = form.get("RoleArn", [""])[0]
    account_id = arn.split(":")[4] if arn.count(":") > 4 else ""
    if form.get("Action") != ["AssumeRole"] or arn != role_arn(account_id):
        raise BadRequestError("STS only answers AssumeRole, for the one role of each account")
    return account_id


def response(status: str, body: bytes, content_type: str = "application/json") -> bytes:
    """Return an answer as it goes over the connection."""
    head = (
        f"HTTP/1.1 {status}\r\n"
        f"Date: {_DATE}\r\n"
        f"Content-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: keep-alive\r\n"
        "x-amzn-RequestId: 0d5c5a3e-6f43-4a7e-9c1a-1d2b3c4d5e6f\r\n"
        "\r\n"
    )
    return head.encode() + body


# Repeated answers are cached. On a shared CPU, the server's work evicts the contender's data from the CPU's caches,
# which would bring the ratios closer to 1.


@lru_cache(maxsize=32)
def _graphs(account_id: str, region: str) -> bytes:
    return response("200 OK", graphs_page(account_id, region))


@lru_cache(maxsize=32)
def _members(arn: str, size: int, token: str | None) -> bytes:
    return response("200 OK", members_page(arn, size, token))


@lru_cache(maxsize=32)
def _token(account_id: str) -> bytes:
    return keys(account_id).session_token.encode()


async def _serve(state: State) -> None:
    """Print the URL as a line of JSON, and serve until stdin is closed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
    closed = asyncio.Event()

    def read_stdin() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            closed.set()

    loop.add_reader(sys.stdin.fileno(), read_stdin)
    await closed.wait()


def main() -> None:
    """Serve until stdin is closed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--latency", type=int, default=0, metavar="MS", help="milliseconds before an answer (%(default)s)"
    )
    parser.add_argument("--cpu", type=int, metavar="NUMBER", help="the CPU to run on (default: any)")
    options = parser.parse_args()
    if options.cpu is not None:
        take_cpu(options.cpu)
    asyncio.run(_serve(State(options.latency / 1000)))


if __name__ == "__main__":
    main()
