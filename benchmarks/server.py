"""The server: canned answers of STS and Detective, and counts of what is asked.

Usage: `server.py [--latency MS] [--cpu NUMBER]`. It says where it listens in one line of JSON on stdout, and ends when
its stdin is closed.
"""

import argparse
import asyncio
import json
import re
from collections import Counter
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from attrs import define, field
from canned import assumed_role, graphs_page, members_page
from http_server import Connection, response, serve
from machine import take_cpu
from world import ACCOUNT_ID, PAGE, REGION, keys, role_arn

#: A path of the server's own: what it was asked since this was last asked for.
SEEN_PATH = "/seen"
_KEY = re.compile(rb"Credential=ASIA(\d{12})0000/\d{8}/([a-z0-9-]+)/detective/")


@define
class State:
    """What the connections share: what was asked, and how much of it at once.

    Attributes:
        latency: seconds between a request and its answer.
        in_flight: requests that are not answered yet, by account and region.
        most_in_flight: how many there were at once.
        most_for_a_target: how many there were at once for one account in one region.
        calls: operation -> how often it was asked for.
        signed: how many of them were signed, with the token that goes with the key.
        connections: how many connections asked for something for the first time.
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
        """Take note of a request."""
        self.calls[operation] += 1
        self.signed += signed
        self.last = (*target, body)
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
        account_id, region, body = self.last
        told: dict[str, Any] = {
            "calls": dict(self.calls),
            "signed": self.signed,
            "most_in_flight": self.most_in_flight,
            "most_for_a_target": self.most_for_a_target,
            "connections": self.connections,
            "last": {"account_id": account_id, "region": region, "body": body.decode("latin-1")},
        }
        self.calls.clear()
        self.most_in_flight = self.most_for_a_target = self.signed = self.connections = 0
        return json.dumps(told).encode()


class BadRequestError(Exception):
    """Nobody should have sent this."""


class CannedConnection(Connection):
    """A connection whose requests are answered with what is there already.

    Args:
        state: what all connections share.
    """

    def __init__(self, state: State) -> None:
        super().__init__()
        self._state = state
        self._counted = False

    def take(self, head: bytes, body: bytes) -> None:
        """Answer a request after the latency."""
        path = head.split(b" ", 2)[1].decode()
        if path == SEEN_PATH:
            self.reply(response("200 OK", self._state.tell()))
            return
        try:
            operation, target, answer = _answer(path, head, body)
        except BadRequestError as error:
            self.reply(response("400 Bad Request", json.dumps({"message": str(error)}).encode()))
            return
        # The connection that asks what was seen is none of the contenders'.
        self._state.connections += not self._counted
        self._counted = True
        signed = b"Signature=" in head and _token(target[0]) in head
        self._state.begin(operation, target, body, signed=signed)
        if self._state.latency:
            asyncio.get_running_loop().call_later(self._state.latency, self._end, target, answer)
        else:
            self._end(target, answer)

    def _end(self, target: tuple[str, str], answer: bytes) -> None:
        self._state.end(target)
        self.reply(answer)


def _answer(path: str, head: bytes, body: bytes) -> tuple[str, tuple[str, str], bytes]:
    """Give the operation, the account and region that it is for, and the answer."""
    if path == "/":
        account_id = _account_of(parse_qs(body.decode()))
        return "AssumeRole", (account_id, "STS"), response("200 OK", assumed_role(account_id), "text/xml")
    key = _KEY.search(head)
    # One that names no key is the one contender that does not sign.
    target = account_id, region = (key[1].decode(), key[2].decode()) if key else (ACCOUNT_ID, REGION)
    if path == "/graphs/list":
        return "ListGraphs", target, _graphs(account_id, region)
    if path == "/graph/members/list":
        asked = json.loads(body)
        if asked["GraphArn"].split(":")[3:5] != [region, account_id]:
            raise BadRequestError(f"{asked['GraphArn']} is none of this key's graphs")
        page = _members(asked["GraphArn"], asked.get("MaxResults", PAGE), asked.get("NextToken"))
        return "ListMembers", target, page
    raise BadRequestError(f"{path} is not answered here")


# What is asked for again and again is there as it is sent. On a CPU that is shared, all that the server does costs the
# contender part of its caches, and brings the ratios closer to 1.


@lru_cache(maxsize=32)
def _graphs(account_id: str, region: str) -> bytes:
    return response("200 OK", graphs_page(account_id, region))


@lru_cache(maxsize=32)
def _members(arn: str, size: int, token: str | None) -> bytes:
    return response("200 OK", members_page(arn, size, token))


@lru_cache(maxsize=32)
def _token(account_id: str) -> bytes:
    return keys(account_id).session_token.encode()


def _account_of(form: dict[str, list[str]]) -> str:
    arn = form.get("RoleArn", [""])[0]
    account_id = arn.split(":")[4] if arn.count(":") > 4 else ""
    if form.get("Action") != ["AssumeRole"] or arn != role_arn(account_id):
        raise BadRequestError("STS does AssumeRole here, for one role of each account")
    return account_id


def main() -> None:
    """Serve until stdin is closed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=int, default=0, metavar="MS", help="between a request and its answer")
    parser.add_argument("--cpu", type=int, metavar="NUMBER", help="the CPU to run on (default: any)")
    options = parser.parse_args()
    if options.cpu is not None:
        take_cpu(options.cpu)
    state = State(options.latency / 1000)
    asyncio.run(serve(lambda: CannedConnection(state)))


if __name__ == "__main__":
    main()
