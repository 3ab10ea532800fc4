"""A request for more than the API takes at once, cut into pieces. Pure."""

from __future__ import annotations

from typing import Any, TypeVar

from attrs import AttrsInstance, evolve, fields_dict

from detective_async.api import models
from detective_async.api.models.constraints import Distinct, Items, Structure, validate

#: How many pieces are under way at a time, unless told otherwise.
CONCURRENCY = 8

Request = TypeVar("Request", bound=AttrsInstance)


def split(request: Request, member: str) -> list[Request]:
    """Check a request, and cut it into requests that have no more items than the API takes.

    Args:
        request: its `member` may have any number of items, but none.
        member: the list to cut.

    Raises:
        ParameterError: a member breaks what the API states about it, or an item is there twice.
    """
    # mypy takes no protocol's variable for an attrs class, which `evolve` wants.
    whole: Any = request
    items: list[Any] = getattr(whole, member)
    rule = _rule(type(whole), member)
    Distinct(rule.item, "account_id" if isinstance(rule.item, Structure) else None)(items, member)
    size = size_of(type(whole), member)
    chunks = [evolve(whole, **{member: items[start : start + size]}) for start in range(0, len(items), size)]
    # The other members, which are the same in all of them.
    validate(chunks[0])
    return chunks


def size_of(request: type[AttrsInstance], member: str) -> int:
    """Give how many items the API takes in a list of a request."""
    size = _rule(request, member).max_items
    assert size is not None  # noqa: S101 - or there would be nothing to cut
    return size


def id_of(item: models.Account | str) -> str:
    """Give what an item of a request is known by: its account's id, or the id or ARN that it is."""
    return item.account_id if isinstance(item, models.Account) else item


def _rule(request: type[AttrsInstance], member: str) -> Items:
    rule: Items = fields_dict(request)[member].metadata["rule"]
    return rule
