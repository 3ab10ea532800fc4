"""Checks of what tests give: the arguments of controls, the members of JSON, the keys of seeds.

A check is called as `(value, where) -> value`; `where` is the value's full name, such as `graphs[0].members[2].status`.
It comes with a JSON Schema of what it allows, for the document of the control over HTTP.
"""

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from detective_async.testing.world.regions import nearest

_MAX_SHOWN = 60
_CENTURY = 100 * 366 * 86400
_TIME = "a date and time with a time zone, such as 2026-01-31T12:00:00Z"


class CheckError(ValueError):
    """A value that a check refuses; the message says where it is, and what is allowed."""


class WrongTypeError(CheckError):
    """A value of another type than the one that is required."""


@frozen
class Check:
    """A check, and the JSON Schema of what it allows."""

    check: Callable[[Any, str], Any]
    json_schema: dict[str, Any]
    # Whether null is a value of its own, and not the same as an absent key.
    takes_null: bool = False

    def __call__(self, value: Any, where: str) -> Any:
        """Return the checked value; a `CheckError` says what is allowed."""
        return self.check(value, where)


def described(**json_schema: Any) -> Callable[[Callable[[Any, str], Any]], Check]:
    """Make a function a check, with this JSON Schema."""
    return lambda check: Check(check, json_schema)


def checked(check: Check, value: Any, where: str) -> Any:
    """Check an argument of a function, and return it as the check does.

    Raises:
        TypeError: it is of another type.
        ValueError: it is refused for another reason.
    """
    try:
        return check(value, where)
    except WrongTypeError as error:
        raise TypeError(str(error)) from None
    except CheckError as error:
        raise ValueError(str(error)) from None


def invalid(
    where: str, expected: str, value: Any, *, hint: str = "", kind: type[CheckError] = CheckError
) -> CheckError:
    """Build the error for an invalid value."""
    shown = repr(value)
    if len(shown) > _MAX_SHOWN:
        shown = f"{shown[:_MAX_SHOWN]}..."
    return kind(f"{where}: must be {expected}, got {shown}{hint}")


def text(pattern: str, expected: str) -> Check:
    """Check for a string that matches a pattern, with ranges such as `[0-9]`: shorthands differ in JSON Schema."""
    regex = re.compile(pattern, re.ASCII)

    @described(type="string", pattern=f"^(?:{pattern})$")
    def check(value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise invalid(where, expected, value, kind=WrongTypeError)
        if not regex.fullmatch(value) or not _is_unicode(value):
            raise invalid(where, expected, value)
        return value

    return check


def one_of(*choices: str) -> Check:
    """Check for one of a few strings."""

    @described(enum=list(choices))
    def check(value: Any, where: str) -> str:
        expected = f"one of {', '.join(choices)}"
        if not isinstance(value, str):
            raise invalid(where, expected, value, kind=WrongTypeError)
        if value not in choices:
            raise invalid(where, expected, value)
        return str(value)

    return check


def name_of(
    known: Callable[[], Collection[str]],
    expected: str,
    *,
    is_one: Callable[[str], bool] | None = None,
    **json_schema: Any,
) -> Check:
    """Check for a name of many, by default of the known ones; the error offers the nearest ones."""

    @described(**json_schema)
    def check(value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise invalid(where, expected, value, kind=WrongTypeError)
        if not (is_one(value) if is_one else value in known()):
            raise invalid(where, expected, value, hint=did_you_mean(value, known()))
        return value

    return check


def integer(low: int, high: int) -> Check:
    """Check for a whole number in a range."""

    @described(type="integer", minimum=low, maximum=high)
    def check(value: Any, where: str) -> int:
        if isinstance(value, float) and value.is_integer():
            # JSON has one kind of numbers.
            value = int(value)
        _check_range(value, where, f"a whole number from {low} to {high}", low, high, whole=True)
        return int(value)

    return check


@described(type="number", minimum=0, maximum=_CENTURY)
def seconds(value: Any, where: str) -> float:
    """Check for a number of seconds."""
    # The limit keeps the sum of a time and a duration within the calendar.
    _check_range(value, where, "a number of seconds, from zero to a century", 0, _CENTURY)
    return float(value)


@described(type="number", minimum=0, maximum=1)
def probability(value: Any, where: str) -> float:
    """Check for a probability."""
    _check_range(value, where, "a number from 0 to 1", 0, 1)
    return float(value)


@described(type="boolean")
def boolean(value: Any, where: str) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise invalid(where, "true or false", value, kind=WrongTypeError)
    return value


@described(type="string", format="date-time")
def any_time(value: Any, where: str) -> datetime:
    """Check for a time: a date-time of TOML, or a string in JSON."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(found, datetime) and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise invalid(where, _TIME, value)


@described(type="string", format="date-time", pattern="^(19[0-9]{2}|[2-8][0-9]{3}|9000)-")
def time(value: Any, where: str) -> datetime:
    """Check for a time to which durations can be added: not at the calendar's limits."""
    found: datetime = any_time(value, where)
    if not 1900 <= found.year <= 9000:  # noqa: PLR2004
        raise invalid(where, f"{_TIME}, from 1900 to 9000", value)
    return found


@described(type="string", format="date-time", pattern="^(19[0-9]{2}|[2-8][0-9]{3}|9[01][0-9]{2})-")
def due_time(value: Any, where: str) -> datetime:
    """Check for a time at which something is due: a delay after any other time."""
    found: datetime = any_time(value, where)
    if not 1900 <= found.year < 9200:  # noqa: PLR2004
        raise invalid(where, f"{_TIME}, from 1900 to 9199", value)
    return found


def list_of(check_item: Check, *, most: int | None = None) -> Check:
    """Check for a list."""
    limit = {} if most is None else {"maxItems": most}

    @described(type="array", items=check_item.json_schema, **limit)
    def check(value: Any, where: str) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise invalid(where, "a list", value, kind=WrongTypeError)
        if most is not None and len(value) > most:
            raise CheckError(f"{where}: must have {most} entries at most, got {len(value)}")
        return [check_item(item, f"{where}[{number}]") for number, item in enumerate(value)]

    return check


def map_of(check_key: Check, check_value: Check, *, most: int | None = None) -> Check:
    """Check for a table with arbitrary keys."""
    limit = {} if most is None else {"maxProperties": most}
    names = check_key.json_schema

    @described(type="object", propertyNames=names, additionalProperties=check_value.json_schema, **limit)
    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise invalid(where, "a table", value)
        if most is not None and len(value) > most:
            raise CheckError(f"{where}: must have {most} entries at most, got {len(value)}")
        return {check_key(key, where): check_value(item, f"{where}.{key}") for key, item in value.items()}

    return check


def table(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    """Check for a table with known keys; null counts as absent."""
    checks = {**required, **optional}
    properties = {name: one.json_schema for name, one in required.items()}
    properties |= {name: {"anyOf": [one.json_schema, {"type": "null"}]} for name, one in optional.items()}

    @described(type="object", properties=properties, required=list(required), additionalProperties=False)
    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise invalid(where or "the seed", "a table", value)
        found = {}
        for key, item in value.items():
            place = f"{where}.{key}" if where else str(key)
            if key not in checks:
                close = difflib.get_close_matches(str(key), checks, n=1)
                hint = f"did you mean {close[0]}?" if close else f"the keys here are {', '.join(sorted(checks))}"
                raise CheckError(f"{place}: unknown key; {hint}")
            if item is not None or checks[key].takes_null:
                found[key] = checks[key](item, place)
        for key in required:
            if key not in found:
                raise CheckError(f"{where}.{key}: is required")
        return found

    return check


def nullable(check: Check) -> Check:
    """Check for null, which means something else than an absent key, or for a value that another check allows."""
    schema = {"anyOf": [check.json_schema, {"type": "null"}]}
    return Check(lambda value, where: None if value is None else check(value, where), schema, takes_null=True)


def check_number(value: Any, where: str, expected: str, low: float, high: float, *, whole: bool = False) -> None:
    """Check that an argument is a number in a range; errors as by `checked`."""
    checked(Check(lambda one, place: _check_range(one, place, expected, low, high, whole=whole), {}), value, where)


def did_you_mean(value: str, known: Collection[str]) -> str:
    """Return a hint to the known names that a name is like, for the end of an error's message; empty without one."""
    close = nearest(value, known)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _check_range(value: Any, where: str, expected: str, low: float, high: float, *, whole: bool = False) -> None:
    if not isinstance(value, int if whole else (int, float)) or isinstance(value, bool):
        raise invalid(where, expected, value, kind=WrongTypeError)
    if not low <= value <= high:
        raise invalid(where, expected, value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
