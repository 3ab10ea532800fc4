"""Cutting requests, and working on several things at a time."""

import asyncio

import pytest

from detective_async import Account, ParameterError
from detective_async.api.models import BatchGetGraphMemberDatasourcesRequest, CreateMembersRequest, GetMembersRequest
from detective_async.api.models.constraints import ACCOUNT_ID, Distinct
from detective_async.client.batches import split
from detective_async.client.concurrency import each

ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16
IDS = [f"{number:012d}" for number in range(501)]


class Gauge:
    """Work that takes a few passes of the loop, and counts how much of it is under way."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.begun: list[int] = []

    async def work(self, item: int) -> int:
        self.begun.append(item)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            # The later, the faster: they do not end in their order.
            for _ in range(20 - item):
                await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        return item * 10


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (50, [50]), (51, [50, 1]), (100, [50, 50]), (130, [50, 50, 30])]
)
def test_a_request_is_cut_at_the_limit(count: int, sizes: list[int]) -> None:
    """The chunks have what the API takes at most, in order, and nothing is lost."""
    chunks = split(GetMembersRequest(ARN, IDS[:count]), "account_ids")
    assert [len(chunk.account_ids) for chunk in chunks] == sizes
    assert [one for chunk in chunks for one in chunk.account_ids] == IDS[:count]


def test_the_limit_is_the_operations_own() -> None:
    """It is 200 for one of them."""
    chunks = split(BatchGetGraphMemberDatasourcesRequest(ARN, IDS), "account_ids")
    assert [len(chunk.account_ids) for chunk in chunks] == [200, 200, 101]


def test_the_other_members_are_in_every_chunk() -> None:
    """Each chunk says the same but for its items."""
    accounts = [Account(one, "root@example.com") for one in IDS[:60]]
    for chunk in split(
        CreateMembersRequest(ARN, accounts, message="Hello", disable_email_notification=True), "accounts"
    ):
        assert (chunk.graph_arn, chunk.message, chunk.disable_email_notification) == (ARN, "Hello", True)


def test_any_number_but_none() -> None:
    """A list has one item at least, and no limit is named, for there is none."""
    with pytest.raises(ParameterError, match=r"^some\.path: must not be empty$"):
        Distinct(ACCOUNT_ID)([], "some.path")
    Distinct(ACCOUNT_ID)(IDS, "some.path")


async def test_work_has_its_limit() -> None:
    """No more than so many are at it, as many as may be, begun in order; the results stand in the items' order."""
    gauge = Gauge()
    assert await each(gauge.work, range(20), concurrency=3) == [item * 10 for item in range(20)]
    assert gauge.most == 3
    assert gauge.begun == list(range(20))


async def test_fewer_items_than_the_limit() -> None:
    """There is no more at work than there is to do."""
    gauge = Gauge()
    assert await each(gauge.work, range(2), concurrency=8) == [0, 10]
    assert gauge.most == 2


async def test_an_error_ends_the_work_on_the_others() -> None:
    """It is raised as it is, not in a group and not chained to one, when nothing is under way any more."""
    gauge = Gauge()
    error = RuntimeError("no")

    async def work(item: int) -> None:
        if item == 2:
            raise error
        await gauge.work(item)

    with pytest.raises(RuntimeError) as caught:
        await each(work, range(20), concurrency=4)
    assert caught.value is error
    assert (error.__cause__, error.__context__) == (None, None)
    assert gauge.under_way == 0
    assert gauge.begun == [0, 1, 3]


async def test_work_that_cancels_itself() -> None:
    """There is no result without it, so all of it counts as cancelled."""

    async def work(item: int) -> None:
        if item == 1:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await each(work, range(3), concurrency=2)


async def test_cancelling_ends_all_work() -> None:
    """Nothing is under way once the cancellation has come through."""
    gauge = Gauge()
    whole = asyncio.create_task(each(gauge.work, range(15), concurrency=4))
    while gauge.under_way < 4:  # noqa: ASYNC110 - it is a matter of one pass
        await asyncio.sleep(0)
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await whole
    assert gauge.under_way == 0
