"""Pages: every member once, whatever happens in between."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detective_async.testing.services.errors import ApiError
from detective_async.testing.services.paging import page

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.sets(st.integers()), st.integers(1, 7), st.randoms())
def test_who_stays_is_seen_exactly_once(start: set[int], limit: int, chance: random.Random) -> None:
    """Keys that come and go between pages make no other key be skipped or repeated."""
    keys, token = set(start), None
    seen: list[int] = []
    always = set(start)
    for _ in range(1000):
        found, token = page(sorted(keys), token=token, limit=limit, scope=["x"], now=NOW)
        seen += found
        if token is None:
            break
        for key in [key for key in keys if chance.random() < 0.2]:
            keys.discard(key)
            always.discard(key)
        keys |= {chance.randrange(-100, 100) for _ in range(2)} if len(seen) < 50 else set()
    assert token is None
    assert len(seen) == len(set(seen))
    assert always <= set(seen)
    assert seen == sorted(seen)


def test_tuples_are_keys_too() -> None:
    """A key that JSON turns into a list comes back as it was."""
    keys = [(1, "a"), (1, "b"), (2, "a")]
    _, token = page(keys, token=None, limit=2, scope=[], now=NOW)
    assert page(keys, token=token, limit=2, scope=[], now=NOW) == ([(2, "a")], None)


@pytest.mark.parametrize("token", ["x", "====", "é", "AAAA", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="])
def test_a_made_up_token_is_refused(token: str) -> None:
    """Only tokens that were handed out are taken."""
    with pytest.raises(ApiError, match="nextToken"):
        page([1, 2], token=token, limit=1, scope=[], now=NOW)


def test_a_token_is_good_for_one_scope_and_a_day() -> None:
    """Another operation, account or filter does not take it, nor does anyone tomorrow."""
    _, token = page([1, 2], token=None, limit=1, scope=["a"], now=NOW)
    assert page([1, 2], token=token, limit=1, scope=["a"], now=NOW + timedelta(hours=24))[0] == [2]
    with pytest.raises(ApiError):
        page([1, 2], token=token, limit=1, scope=["b"], now=NOW)
    with pytest.raises(ApiError):
        page([1, 2], token=token, limit=1, scope=["a"], now=NOW + timedelta(hours=25))


@pytest.mark.asyncio
async def test_pages_of_members_are_stable_while_members_come_and_go(boto: Any, people: Any) -> None:
    """Over the wire: the last member of a page is removed, one is added before it, and the rest is still seen once."""
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(10, first=10))
    first = await admin.list_members(GraphArn=graph, MaxResults=4)
    await admin.delete_members(GraphArn=graph, AccountIds=["000000000013", "000000000014"])
    await admin.create_members(GraphArn=graph, Accounts=people(1, first=1))
    rest = await admin.list_members(GraphArn=graph, NextToken=first["NextToken"])
    numbers = [int(one["AccountId"]) for one in first["MemberDetails"] + rest["MemberDetails"]]
    assert numbers == [10, 11, 12, 13, 15, 16, 17, 18, 19]
    assert "NextToken" not in rest


@pytest.mark.asyncio
async def test_a_page_holds_200_unless_told(boto: Any, people: Any) -> None:
    """The default size of a page of members is 200."""
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    for first in range(1, 251, 50):
        await admin.create_members(GraphArn=graph, Accounts=people(50, first=first))
    answer = await admin.list_members(GraphArn=graph)
    assert len(answer["MemberDetails"]) == 200
    assert len((await admin.list_members(GraphArn=graph, NextToken=answer["NextToken"]))["MemberDetails"]) == 50


@pytest.mark.asyncio
async def test_a_token_of_another_list_is_refused(boto: Any, people: Any) -> None:
    """A token from one graph's members is a ValidationException elsewhere."""
    admin, other = boto(), boto("222222222222")
    graph, graph2 = (await admin.create_graph())["GraphArn"], (await other.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    token = (await admin.list_members(GraphArn=graph, MaxResults=1))["NextToken"]
    with pytest.raises(other.exceptions.ValidationException, match="nextToken"):
        await other.list_members(GraphArn=graph2, NextToken=token)
    with pytest.raises(admin.exceptions.ValidationException, match="nextToken"):
        await admin.list_graphs(NextToken=token)
