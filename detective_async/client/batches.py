"""Splits a request with a long list into requests that keep the API's limit. Performs no I/O."""

from __future__ import annotations

from typing import Any, TypeVar

from attrs import AttrsInstance, evolve, fields_dict

from detective_async.api import models
from detective_async.api.models.constraints import DistinctItems, Items, ModelInstance, validate

#: The default number of chunks that are sent concurrently.
CONCURRENCY = 8

Request = TypeVar("Request", bound=AttrsInstance)


def split(request: Request, member: str) -> list[Request]:
    """Validate a request, and split it into requests with at most as many items as the API accepts.

    Args:
        request: its `member` has at least one item, and any number of them.
        member: the list to split.

    Raises:
        ParameterError: a member violates the API's constraints, or an item occurs twice.
    """
    # mypy does not accept a variable of a protocol type as the attrs class that `evolve` needs.
    whole: Any = request
    items: list[Any] = getattr(whole, member)
    rule = _rule(type(whole), member)
    DistinctItems(rule.item, "account_id" if isinstance(rule.item, ModelInstance) else None)(items, member)
    size = max_items(type(whole), member)
    chunks = [evolve(whole, **{member: items[start : start + size]}) for start in range(0, len(items), size)]
    # Validates the other members, which are the same in all chunks.
    validate(chunks[0])
    return chunks


def max_items(request: type[AttrsInstance], member: str) -> int:
    """Return the maximum number of items that the API accepts in a list of a request."""
    maximum = _rule(request, member).max_items
    assert maximum is not None  # noqa: S101 - only lists with a maximum are split
    return maximum


def item_id(item: models.Account | str) -> str:
    """Return an item's identifier: the account's id, or the item itself, which is an id or an ARN."""
    return item.account_id if isinstance(item, models.Account) else item


def _rule(request: type[AttrsInstance], member: str) -> Items:
    rule: Items = fields_dict(request)[member].metadata["rule"]
    return rule
