"""Check a request against the shapes of botocore's model, and turn it into Python values.

Each shape is compiled once into a function `(value, where, complaints) -> value`. A value of the wrong type ends the
check at once; everything else that is wrong is collected, as the service does.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from detective_async.testing.model import Shape
from detective_async.testing.problems import Problem, invalid

Check = Callable[[Any, str, list[str]], Any]

_SHOWN = 200
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII)


def checker(shape: Shape) -> Check:
    """Compile the check of a shape."""
    return _COMPILERS[shape.type_name](shape)


def refuse(complaints: list[str]) -> Problem:
    """Build the refusal that tells all complaints."""
    count = len(complaints)
    about_the_graph = any("'graphArn'" in text or "'resourceArn'" in text for text in complaints)
    return invalid(
        f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(complaints)}",
        "INVALID_GRAPH_ARN" if about_the_graph else "INVALID_REQUEST_BODY",
    )


def missing(where: str) -> str:
    """Say that a required member is not there."""
    return f"Value null at '{where}' failed to satisfy constraint: Member must not be null"


def member_path(name: str) -> str:
    """Return a member's name as the service's messages spell it, such as `graphArn`."""
    return name[:1].lower() + name[1:]


def _complain(shape: Shape, value: Any, where: str, rule: str) -> str:
    shown = f"[{len(value)} items]" if isinstance(value, (dict, list)) else str(value)
    if shape.metadata.get("sensitive"):
        shown = "***"
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}..."
    return f"Value '{shown}' at '{where}' failed to satisfy constraint: Member must {rule}"


def _wrong_type(value: Any, where: str, wanted: str) -> Problem:
    return invalid(f"1 validation error detected: {type(value).__name__} at '{where}' cannot be read as {wanted}")


def _length(shape: Shape, value: Any, where: str, complaints: list[str]) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and len(value) < low:
        complaints.append(_complain(shape, value, where, f"have length greater than or equal to {low}"))
    if high is not None and len(value) > high:
        complaints.append(_complain(shape, value, where, f"have length less than or equal to {high}"))


def _string(shape: Shape) -> Check:
    choices = frozenset(shape.enum)
    pattern = shape.metadata.get("pattern")
    regex = _compile(pattern) if pattern else None

    def check(value: Any, where: str, complaints: list[str]) -> str:
        if not isinstance(value, str):
            raise _wrong_type(value, where, "a string")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _wrong_type(value, where, "Unicode text") from None
        _length(shape, value, where, complaints)
        if choices and value not in choices:
            rule = f"satisfy enum value set: [{', '.join(sorted(choices))}]"
            complaints.append(_complain(shape, value, where, rule))
        # A value far too long has been refused above: matching it could only cost time.
        if regex and len(value) <= shape.metadata.get("max", 2048) and not regex.fullmatch(value):
            rule = f"satisfy regular expression pattern: {pattern}"
            complaints.append(_complain(shape, value, where, rule))
        return value

    return check


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of the service's, which means ASCII unless it names classes of Unicode's as Java does."""
    if r"\p{" not in pattern:
        return re.compile(pattern, re.ASCII)
    for java, python in ((r"\p{L}", r"\w"), (r"\p{N}", r"\w"), (r"\p{Z}", r"\s")):
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def _number(shape: Shape) -> Check:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")

    def check(value: Any, where: str, complaints: list[str]) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong_type(value, where, "an integer")
        if low is not None and value < low:
            complaints.append(_complain(shape, value, where, f"have value greater than or equal to {low}"))
        if high is not None and value > high:
            complaints.append(_complain(shape, value, where, f"have value less than or equal to {high}"))
        return value

    return check


def _boolean(_shape: Shape) -> Check:
    def check(value: Any, where: str, _complaints: list[str]) -> bool:
        if not isinstance(value, bool):
            raise _wrong_type(value, where, "a boolean")
        return value

    return check


def _timestamp(_shape: Shape) -> Check:
    def check(value: Any, where: str, _complaints: list[str]) -> datetime:
        if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
            raise _wrong_type(value, where, "an ISO 8601 timestamp with a time zone")
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            raise _wrong_type(value, where, "an ISO 8601 timestamp with a time zone") from None

    return check


def _list(shape: Shape) -> Check:
    check_item = checker(shape.member)

    def check(value: Any, where: str, complaints: list[str]) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong_type(value, where, "a list")
        _length(shape, value, where, complaints)
        if complaints:
            return []
        items = []
        for number, item in enumerate(value, 1):
            place = f"{where}.{number}.member"
            if item is None:
                complaints.append(missing(place))
            else:
                items.append(check_item(item, place, complaints))
        return items

    return check


def _map(shape: Shape) -> Check:
    check_key, check_value = checker(shape.key), checker(shape.value)

    def check(value: Any, where: str, complaints: list[str]) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise _wrong_type(value, where, "a map")
        _length(shape, value, where, complaints)
        pairs = {}
        for key, item in value.items():
            if item is None:
                complaints.append(missing(f"{where}.{key}"))
            else:
                name = check_key(key, f"{where}.key", complaints)
                pairs[name] = check_value(item, f"{where}.{key}", complaints)
        return pairs

    return check


def _structure(shape: Shape) -> Check:
    required = frozenset(shape.required_members)
    members = {name: (member_path(name), checker(member)) for name, member in shape.members.items()}

    def check(value: Any, where: str, complaints: list[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong_type(value, where or "the request", "an object")
        found = {}
        for name, (path, check_member) in members.items():
            place = f"{where}.{path}" if where else path
            item = value.get(name)
            if item is not None:
                found[name] = check_member(item, place, complaints)
            elif name in required:
                complaints.append(missing(place))
        return found

    return check


_COMPILERS: dict[str, Callable[[Shape], Check]] = {
    "boolean": _boolean,
    "integer": _number,
    "list": _list,
    "long": _number,
    "map": _map,
    "string": _string,
    "structure": _structure,
    "timestamp": _timestamp,
}
