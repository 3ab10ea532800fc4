"""Helpers for the tests of waiters: a scripted clock, a scripted service, and the requests of the simulator."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from support.fakes import FakeTime

from detective_async import Account, DetectiveClient, GetMembersResponse, MemberDetail, MemberStatus
from detective_async.api.models import GetMembersRequest
from detective_async.client.waiters import Waiters
from detective_async.testing import DetectiveSimulator

ADMINISTRATOR = "111122223333"
ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16
#: Not sorted, so that the requested order differs from the order of the account ids.
IDS = [f"{number:012d}" for number in range(120, 0, -1)]
#: In seconds: longer than any timeout in the tests.
NEVER = 1e7


class ScriptedTime(FakeTime):
    """A fake clock that runs actions during its sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.random = 0.0
        #: The number of a sleep, from 1 -> the action during it.
        self.actions: dict[int, Callable[[], Awaitable[object]]] = {}

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if action := self.actions.pop(len(self.slept), None):
            await action()


class ScriptedWaiters(Waiters):
    """Waiters with a function in place of the service: it takes account ids and returns members."""

    def __init__(
        self, scripted_time: ScriptedTime, respond: Callable[[list[str]], Awaitable[list[MemberDetail]]]
    ) -> None:
        self.clock = scripted_time.clock()
        self.respond = respond
        self.requested_ids: list[list[str]] = []
        self.running = 0
        self._transport = self  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]

    async def call(self, _operation: object, request: GetMembersRequest) -> GetMembersResponse:
        self.requested_ids.append(request.account_ids)
        self.running += 1
        try:
            return GetMembersResponse(member_details=await self.respond(request.account_ids))
        finally:
            self.running -= 1


async def hang(_: list[str]) -> list[MemberDetail]:
    """Never return."""
    await asyncio.Event().wait()
    raise AssertionError("the event is never set")


def invited(*ids: str) -> list[MemberDetail]:
    return [MemberDetail(account_id=one, graph_arn="arn", status=MemberStatus.INVITED) for one in ids]


async def invite(client: DetectiveClient, graph_arn: str, ids: list[str]) -> None:
    await client.bulk.create_members(graph_arn, [Account(one, f"account-{one}@example.com") for one in ids])


def requested_ids(sim: DetectiveSimulator) -> list[list[str]]:
    """Return the account ids of each GetMembers request."""
    return [json.loads(request.body)["AccountIds"] for request in sim.requests if request.operation == "GetMembers"]
