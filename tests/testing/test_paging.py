"""Pagination: every key once, whatever changes between two pages."""

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
def test_remaining_keys_are_listed_exactly_once(start: set[int], limit: int, generator: random.Random) -> None:
    """Keys that are added or removed between two pages never cause another key to be skipped or repeated."""
    keys, token = set(start), None
    seen: list[int] = []
    remaining = set(start)
    for _ in range(1000):
        found, token = page(sorted(keys), token=token, limit=limit, scope=["x"], now=NOW)
        seen += found
        if token is None:
            break
        for key in [key for key in keys if generator.random() < 0.2]:
            keys.discard(key)
            remaining.discard(key)
        keys |= {generator.randrange(-100, 100) for _ in range(2)} if len(seen) < 50 else set()
    assert token is None
    assert len(seen) == len(set(seen))
    assert remaining <= set(seen)
    assert seen == sorted(seen)


def test_keys_may_be_tuples() -> None:
    """A tuple, which JSON encodes as a list, is decoded as a tuple."""
    keys = [(1, "a"), (1, "b"), (2, "a")]
    _, token = page(keys, token=None, limit=2, scope=[], now=NOW)
    assert page(keys, token=token, limit=2, scope=[], now=NOW) == ([(2, "a")], None)


@pytest.mark.parametrize("token", ["x", "====", "é", "AAAA", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="])
def test_a_forged_token_is_rejected(token: str) -> None:
    """Only issued tokens are accepted."""
    with pytest.raises(ApiError, match="nextToken"):
        page([1, 2], token=token, limit=1, scope=[], now=NOW)


def test_a_token_is_valid_for_one_scope_and_24_hours() -> None:
    """A token is rejected for another operation, account or filter, and when it has expired."""
    _, token = page([1, 2], token=None, limit=1, scope=["a"], now=NOW)
    assert page([1, 2], token=token, limit=1, scope=["a"], now=NOW + timedelta(hours=24))[0] == [2]
    for scope, now in ((["b"], NOW), (["a"], NOW + timedelta(hours=25))):
        with pytest.raises(ApiError):
            page([1, 2], token=token, limit=1, scope=scope, now=now)


async def test_a_page_has_200_members_by_default_and_its_token_fits_no_other_list(boto: Any, people: Any) -> None:
    """The default of MaxResults is 200; the token is rejected for another graph and another operation."""
    admin, other = boto(), boto("222222222222")
    graph, graph2 = (await admin.create_graph())["GraphArn"], (await other.create_graph())["GraphArn"]
    for first in range(1, 251, 50):
        await admin.create_members(GraphArn=graph, Accounts=people(50, first=first))
    response = await admin.list_members(GraphArn=graph)
    token = response["NextToken"]
    assert len(response["MemberDetails"]) == 200
    assert len((await admin.list_members(GraphArn=graph, NextToken=token))["MemberDetails"]) == 50
    await other.refused("ValidationException", "list_members", GraphArn=graph2, NextToken=token)
    await admin.refused("ValidationException", "list_graphs", NextToken=token)
