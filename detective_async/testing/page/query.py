"""What the page asks for: which graph's members, and which part of each long list."""

import re
from collections.abc import Mapping
from typing import Self
from urllib.parse import parse_qsl

from attrs import frozen

from detective_async.testing.problems import invalid

# The lists that come in parts.
LISTS = ("accounts", "graphs", "investigations", "invitations", "members", "requests")

_OFFSET = re.compile(r"\d{1,9}", re.ASCII)


@frozen
class Query:
    """A wish.

    Args:
        graph: the ARN of the graph to show the members of; None for the first one.
        status: only members with this status.
        offsets: per list, how many entries come before the part to show.
    """

    graph: str | None
    status: str | None
    offsets: Mapping[str, int]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a query string; what is empty or not known is passed over.

        Raises:
            Problem: an offset is not a number.
        """
        given = dict(parse_qsl(text))
        offsets = {}
        for name in LISTS:
            value = given.get(name, "0")
            if not _OFFSET.fullmatch(value):
                raise invalid(f"1 validation error detected: '{name}' must be a whole number of at most 9 digits")
            offsets[name] = int(value)
        return cls(given.get("graph"), given.get("status"), offsets)
