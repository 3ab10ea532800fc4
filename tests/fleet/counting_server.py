"""A server that counts concurrent requests, and responds after a while or when released; and fleets on it.

Also: checks for leftovers of a run that has ended.
"""

import asyncio
import gc
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
from support.answers import MEMBER_JSON
from support.interruptions import passes as let_pass
from support.wire_server import Request, WireServer, after_passes, serving, until

from detective_async import Credentials, DetectiveClient, DetectiveFleet, Target

REGIONS = ("eu-west-1", "us-east-1", "ap-south-1")
_SCOPE = re.compile(r"Credential=(\w+)/\d+/([\w-]+)/(\w+)/")


@define(eq=False)
class CountingServer:
    """Records all requests and the maximum of concurrent ones, in total and per account and region.

    Args:
        hold: selects the requests that wait until they are released.
        passes: the passes of the event loop before any other request is answered.
        pages: the number of pages of members of each graph; each page has one member.
    """

    hold: Callable[[Request], bool] = lambda _: False
    passes: int = 20
    pages: int = 1
    wire_server: WireServer = field(factory=WireServer)
    asked: list[tuple[str, str, str]] = field(factory=list)
    most: int = 0
    most_of_a_place: Counter[tuple[str, str]] = field(factory=Counter)
    _under_way: list[Request] = field(factory=list)
    _held: list[Request] = field(factory=list)

    @property
    def url(self) -> str:
        return self.wire_server.url

    @property
    def under_way(self) -> list[Request]:
        """The requests in progress, without those whose connection is closed."""
        return [request for request in self._under_way if request.connection.transport is not None]

    @property
    def held(self) -> list[Request]:
        """The requests that wait for their release."""
        return [request for request in self._held if request.connection.transport is not None]

    def release(self, count: int | None = None) -> None:
        """Answer the oldest held requests; or all of them, and hold no more."""
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
                response: dict[str, Any] = {"GraphList": [{"Arn": graph_of(account, region)}]}
            case "/graph/members/list":
                page = int(json.loads(request.body).get("NextToken", 0))
                response = {"MemberDetails": [{**MEMBER_JSON, "AccountId": f"{page:012}"}]}
                if page + 1 < self.pages:
                    response["NextToken"] = str(page + 1)
            case _:
                response = {}
        return json.dumps(response).encode()


def operation_of(request: Request) -> str:
    """Return `AssumeRole`, or the path of an operation of Detective."""
    return "AssumeRole" if b"Action=AssumeRole" in request.body else request.head.split()[1]


def place_of(request: Request) -> tuple[str, str]:
    """Return the account and the region of a request's signature."""
    found = _SCOPE.search(request.header("authorization"))
    assert found is not None
    return found[1], found[2]


def graph_of(account: str, region: str) -> str:
    return f"arn:aws:detective:{region}:{account}:graph:{'0a' * 16}"


def accounts(count: int) -> list[str]:
    return [f"{number:012}" for number in range(1, count + 1)]


def places(count: int, regions: Iterable[str] = REGIONS) -> list[Target]:
    """Return a number of accounts in each region; an account's access key is its id."""
    regions = list(regions)
    return [Target(one, region, Credentials(one, "secret")) for one in accounts(count) for region in regions]


def disable_debug() -> None:
    """Disable asyncio's debug mode, which keeps a stack for every task."""
    asyncio.get_running_loop().set_debug(False)


async def create_graph(client: DetectiveClient, _target: Target) -> str:
    """Work for a fleet on the simulator."""
    return (await client.create_graph()).graph_arn


async def list_graphs(client: DetectiveClient, _target: Target) -> object:
    """Work for a fleet with one request per target."""
    return await client.list_graphs()


async def list_three_times(client: DetectiveClient, _target: Target) -> int:
    """Work for a fleet with three concurrent requests per target."""
    return len(await asyncio.gather(*(client.list_graphs() for _ in range(3))))


def _keys(account: str) -> bytes:
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    members = {"AccessKeyId": account, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": expires}
    text = "".join(f"<{name}>{value}</{name}>" for name, value in members.items())
    return f"<AssumeRoleResponse><Credentials>{text}</Credentials></AssumeRoleResponse>".encode()


@asynccontextmanager
async def counting_server(
    hold: Callable[[Request], bool] = lambda _: False, *, passes: int = 20, pages: int = 1
) -> AsyncIterator[CountingServer]:
    """Run a server, and check at the end that all connections are closed."""
    disable_debug()
    server = CountingServer(hold, passes, pages)
    async with serving(server.react) as server.wire_server:
        yield server
        await server.wire_server.emptied()


@asynccontextmanager
async def counting_fleet(
    targets: Iterable[Target],
    hold: Callable[[Request], bool] = lambda _: False,
    *,
    passes: int = 20,
    pages: int = 1,
    **options: Any,
) -> AsyncIterator[tuple[CountingServer, DetectiveFleet]]:
    """Run a server and a fleet on it."""
    async with (
        counting_server(hold, passes=passes, pages=pages) as server,
        DetectiveFleet(targets, endpoint_url=server.url, **options) as fleet,
    ):
        yield server, fleet


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Check that no new task is left, and that asyncio has reported nothing."""
    before = asyncio.all_tasks()
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    yield
    await until(lambda: asyncio.all_tasks() <= before, "no task is left")
    gc.collect()
    await let_pass(3)
    assert not said


def working_tasks() -> list[object]:
    """Return the tasks that work on targets."""
    work = "DetectiveFleet._run.<locals>.work"
    return [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__qualname__", "") == work]
