"""What the tests of waiters share: a clock on which things happen, and questions to the simulator."""

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
#: Not sorted, so that an order by account id cannot be mistaken for the order asked.
IDS = [f"{number:012d}" for number in range(120, 0, -1)]
#: In seconds: longer than any test goes on.
NEVER = 1e7


class Story(FakeTime):
    """A clock that moves only when somebody sleeps on it, and what happens during one sleep or another."""

    def __init__(self) -> None:
        super().__init__()
        self.random = 0.0
        #: The number of a sleep, from 1 -> what happens in it.
        self.chapters: dict[int, Callable[[], Awaitable[object]]] = {}

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if chapter := self.chapters.pop(len(self.slept), None):
            await chapter()


class Scripted(Waiters):
    """Waits by a function in place of the service, which is given account ids and returns members."""

    def __init__(self, story: Story, answer: Callable[[list[str]], Awaitable[list[MemberDetail]]]) -> None:
        self.clock = story.clock()
        self.answer = answer
        self.asked: list[list[str]] = []
        self.under_way = 0
        self._transport = self  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]

    async def call(self, _operation: object, request: GetMembersRequest) -> GetMembersResponse:
        self.asked.append(request.account_ids)
        self.under_way += 1
        try:
            return GetMembersResponse(member_details=await self.answer(request.account_ids))
        finally:
            self.under_way -= 1


async def hang(_: list[str]) -> list[MemberDetail]:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


def invited(*ids: str) -> list[MemberDetail]:
    return [MemberDetail(account_id=one, status=MemberStatus.INVITED) for one in ids]


async def invite(client: DetectiveClient, graph_arn: str, ids: list[str]) -> None:
    await client.bulk.create_members(graph_arn, [Account(one, f"account-{one}@example.com") for one in ids])


def asked(sim: DetectiveSimulator) -> list[list[str]]:
    """The accounts that GetMembers was asked for, request by request."""
    return [json.loads(request.body)["AccountIds"] for request in sim.requests if request.operation == "GetMembers"]
