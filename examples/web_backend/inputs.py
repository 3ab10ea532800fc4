"""Parses and validates paths, queries and bodies of requests; without I/O.

An invalid value raises a `ParameterError` that names the parameter, which becomes the response 400 before anything is
sent to AWS. So does an unknown parameter: a misspelt filter must not return everything.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from detective_async import ParameterError

#: Takes the raw value and the name of a parameter; returns the parsed value, or raises `ParameterError`.
Reader = Callable[[Any, str], Any]

#: At most this many characters of an invalid value are quoted.
_SHOWN = 60


def values(given: Iterable[tuple[str, Any]], readers: Mapping[str, Reader], *required: str) -> dict[str, Any]:
    """Read named parameters.

    Args:
        given: pairs of name and raw value.
        readers: name -> reader, for all parameters.
        required: the names of the required parameters.

    Returns:
        The values of all names in `readers`; None for those that were not given.

    Raises:
        ParameterError: a parameter is unknown, repeated, missing or invalid.
    """
    found: dict[str, Any] = {}
    for name, value in given:
        if name not in readers:
            known = ", ".join(readers) or "none"
            raise ParameterError(_shown(name), f"is not a parameter of this request; its parameters: {known}")
        if name in found:
            raise ParameterError(name, "must not be repeated")
        found[name] = readers[name](value, name)
    for name in required:
        if name not in found:
            raise ParameterError(name, "is required")
    return {name: found.get(name) for name in readers}


def json_object(body: bytes) -> Iterable[tuple[str, Any]]:
    """Read a body that is a JSON object, as pairs of name and value.

    Raises:
        ParameterError: it is not JSON, or not an object.
    """
    try:
        # As pairs, so that a repeated name is seen.
        content = json.loads(body.decode(), parse_constant=_refuse_constant, object_pairs_hook=tuple)
    except (ValueError, RecursionError) as error:
        raise ParameterError("body", f"is not JSON: {error}") from None
    if not isinstance(content, tuple):
        raise ParameterError("body", "must be a JSON object")
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def matching(pattern: str, meaning: str) -> Reader:
    """Make a reader of text that matches a pattern of ASCII characters."""
    compiled = re.compile(pattern, re.ASCII)

    def read(value: Any, name: str) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ParameterError(name, f"expected {meaning}, got {_shown(value)}")
        return value

    return read


def one_of(*choices: str) -> Reader:
    """Make a reader of one of several words."""
    return matching("|".join(map(re.escape, choices)), f"one of {', '.join(choices)}")


def integer(least: int, most: int) -> Reader:
    """Make a reader of a whole number in a query."""

    def read(value: Any, name: str) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            raise ParameterError(name, f"expected a whole number from {least} to {most}, got {_shown(value)}")
        number = int(value)
        if not least <= number <= most:
            raise ParameterError(name, f"must be from {least} to {most}, got {number}")
        return number

    return read


def flag(value: Any, name: str) -> bool:
    """Read `true` or `false` in a query."""
    return bool(_flag(value, name) == "true")


def list_of(read_one: Reader, most: int) -> Reader:
    """Make a reader of a list of at least one value, without repetitions."""

    def read(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise ParameterError(name, f"expected a list of 1 to {most}")
        # Not a list, in which a search takes longer with each item.
        found: dict[Any, None] = {}
        for index, one in enumerate(value):
            item = read_one(one, f"{name}[{index}]")
            if item in found:
                raise ParameterError(f"{name}[{index}]", "must not be repeated")
            found[item] = None
        return list(found)

    return read


def timestamp(value: Any, name: str) -> datetime:
    """Read an ISO 8601 time with a time zone, such as 2026-03-01T12:00:00Z."""
    expected = f"expected a time with a time zone, such as 2026-03-01T12:00:00Z, got {_shown(value)}"
    try:
        found = datetime.fromisoformat(value)
        naive = found.tzinfo is None
        found = found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ParameterError(name, expected) from None
    if naive:
        raise ParameterError(name, expected)
    # The range that both JavaScript and AWS support.
    if not 1970 <= found.year < 3000:  # noqa: PLR2004
        raise ParameterError(name, "must be from 1970 to 2999")
    return found


def text(value: Any, name: str) -> str:
    """Read any text; errors never quote it, since it may contain e-mail addresses."""
    if not isinstance(value, str) or not value.strip():
        raise ParameterError(name, "expected text, and not an empty one")
    return value


def account_id(value: Any, name: str) -> str:
    """Read an account id, which may have dashes, as AWS's console shows it: 4444-5555-6666."""
    return str(_account_id(value, name)).replace("-", "")


def part_of_id(value: Any, name: str) -> str:
    """Read some digits of an account id, with or without dashes."""
    return str(_part_of_id(value, name)).replace("-", "")


_flag = one_of("true", "false")
_account_id = matching(r"\d{12}|\d{4}-\d{4}-\d{4}", "an account id of 12 digits")
_part_of_id = matching(r"(?=-*\d)[\d-]{1,14}", "digits of an account id")
region = matching(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}", "a region such as eu-west-1")
entity_arn = matching(
    # After a path comes the name.
    r"arn:aws[-a-z]{0,10}:iam::\d{12}:(user|role)/[!-~]{0,511}[!-.0-~]",
    "the ARN of an IAM user or role (arn:aws:iam::...)",
)
investigation_id = matching(r"\d{21}", "an investigation id of 21 digits")
random_id = matching(r"[0-9a-f]{32}", "an id of 32 hex digits")
cause = matching(r"[ -~]{1,100}", "the cause of failures, such as AccessDenied")
# Of any length, because the service has sent longer tokens than its model says.
token = matching(r"[!-~]+", "the NextToken of an earlier response")
event_id = matching(r"[0-9a-f]{16,32}-\d{1,6}", "the id of an event")


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
