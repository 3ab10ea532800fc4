"""A service that counts what is asked of it at the same time, and answers after a while or when it is told to."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from attrs import define, field
from support.wire_server import Request, WireServer, after_passes, serving

from detective_async import Credentials, Target

REGIONS = ("eu-west-1", "us-east-1", "ap-south-1")
_SCOPE = re.compile(r"Credential=(\w+)/\d+/([\w-]+)/(\w+)/")


@define(eq=False)
class Gauge:
    """What has been asked, and how much of it was under way at a time: in all, and for each account in each region.

    Args:
        hold: which requests wait until they are released.
        passes: how many times the event loop goes round before any other is answered.
        pages: how many pages of members each graph has, of which each has one member.
    """

    hold: Callable[[Request], bool] = lambda _: False
    passes: int = 20
    pages: int = 1
    server: WireServer = field(factory=WireServer)
    asked: list[tuple[str, str, str]] = field(factory=list)
    most: int = 0
    most_of_a_place: Counter[tuple[str, str]] = field(factory=Counter)
    _under_way: list[Request] = field(factory=list)
    _held: list[Request] = field(factory=list)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def under_way(self) -> list[Request]:
        """What waits for its answer and has not been given up."""
        return [request for request in self._under_way if request.connection.transport is not None]

    @property
    def held(self) -> list[Request]:
        """What waits to be released."""
        return [request for request in self._held if request.connection.transport is not None]

    def release(self, count: int | None = None) -> None:
        """Answer so many that were held, the oldest first; or all, and hold no more."""
        if count is None:
            self.hold = lambda _: False
        held = self.held
        released = held[:count]
        self._held = held[len(released) :]
        for request in released:
            self._answer(request)

    def react(self, request: Request) -> None:
        self.asked.append((operation_of(request), *place_of(request)))
        self._under_way = [*self.under_way, request]
        self.most = max(self.most, len(self._under_way))
        places = Counter(place_of(one) for one in self._under_way if operation_of(one) != "AssumeRole")
        self.most_of_a_place |= places
        if self.hold(request):
            self._held.append(request)
        else:
            after_passes(self.passes, partial(self._answer, request))

    def _answer(self, request: Request) -> None:
        if request in self._under_way:
            self._under_way.remove(request)
        request.answer(self._body(request))

    def _body(self, request: Request) -> bytes:
        account, region = place_of(request)
        match operation_of(request):
            case "AssumeRole":
                return _keys(parse_qs(request.body.decode())["RoleArn"][0].split(":")[4])
            case "/graphs/list":
                answer: dict[str, Any] = {"GraphList": [{"Arn": graph_of(account, region)}]}
            case "/graph/members/list":
                page = int(json.loads(request.body).get("NextToken", 0))
                answer = {"MemberDetails": [{"AccountId": f"{page:012}"}]}
                if page + 1 < self.pages:
                    answer["NextToken"] = str(page + 1)
            case _:
                answer = {}
        return json.dumps(answer).encode()


def operation_of(request: Request) -> str:
    """Give `AssumeRole`, or the path that stands for an operation of Detective."""
    return "AssumeRole" if b"Action=AssumeRole" in request.body else request.head.split()[1]


def place_of(request: Request) -> tuple[str, str]:
    """Give the account and the region that a request was signed for."""
    found = _SCOPE.search(request.header("authorization"))
    assert found is not None
    return found[1], found[2]


def graph_of(account: str, region: str) -> str:
    return f"arn:aws:detective:{region}:{account}:graph:{'0a' * 16}"


def accounts(count: int) -> list[str]:
    return [f"{number:012}" for number in range(1, count + 1)]


def places(count: int, regions: Iterable[str] = REGIONS) -> list[Target]:
    """Give so many accounts in each of some regions; an account's access key is its id."""
    regions = list(regions)
    return [Target(one, region, Credentials(one, "secret")) for one in accounts(count) for region in regions]


def _keys(account: str) -> bytes:
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    members = {"AccessKeyId": account, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": expires}
    text = "".join(f"<{name}>{value}</{name}>" for name, value in members.items())
    return f"<AssumeRoleResponse><Credentials>{text}</Credentials></AssumeRoleResponse>".encode()


@asynccontextmanager
async def gauging(
    hold: Callable[[Request], bool] = lambda _: False, *, passes: int = 20, pages: int = 1
) -> AsyncIterator[Gauge]:
    """Run one, and see at the end that all connections are gone."""
    # Debug mode would keep a stack for every step of every request.
    asyncio.get_running_loop().set_debug(False)
    gauge = Gauge(hold, passes, pages)
    async with serving(gauge.react) as gauge.server:
        yield gauge
        await gauge.server.emptied()
