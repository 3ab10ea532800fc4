"""Validate input against the shapes of botocore's model, and convert it to Python values.

Each shape is compiled once into a function `(value, where, violations) -> value`. As in the real service, a value of
the wrong type ends the validation at once, while all violated constraints are reported together.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from detective_async.testing.services.errors import ApiError, invalid
from detective_async.testing.services.model import Shape

Check = Callable[[Any, str, list[str]], Any]

_MAX_SHOWN = 200
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII)


def checker(shape: Shape) -> Check:
    """Compile the validator of a shape."""
    return _COMPILERS[shape.type_name](shape)


def validation_error(violations: list[str]) -> ApiError:
    """Build the error that reports all violations."""
    count = len(violations)
    names_the_graph = any("'graphArn'" in text or "'resourceArn'" in text for text in violations)
    return invalid(
        f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(violations)}",
        "INVALID_GRAPH_ARN" if names_the_graph else "INVALID_REQUEST_BODY",
    )


def missing(where: str) -> str:
    """Describe the violation by a required member that is absent."""
    return f"Value null at '{where}' failed to satisfy constraint: Member must not be null"


def member_path(name: str) -> str:
    """Return a member's name in the spelling of the service's messages, such as `graphArn`."""
    return name[:1].lower() + name[1:]


def _violation(shape: Shape, value: Any, where: str, rule: str) -> str:
    shown = f"[{len(value)} items]" if isinstance(value, (dict, list)) else str(value)
    if shape.metadata.get("sensitive"):
        shown = "***"
    if len(shown) > _MAX_SHOWN:
        shown = f"{shown[:_MAX_SHOWN]}..."
    return f"Value '{shown}' at '{where}' failed to satisfy constraint: Member must {rule}"


def _type_error(value: Any, where: str, expected: str) -> ApiError:
    return invalid(f"1 validation error detected: {type(value).__name__} at '{where}' cannot be read as {expected}")


def _check_range(shape: Shape, value: Any, where: str, violations: list[str]) -> None:
    what, number = ("value", value) if isinstance(value, int) else ("length", len(value))
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and number < low:
        violations.append(_violation(shape, value, where, f"have {what} greater than or equal to {low}"))
    if high is not None and number > high:
        violations.append(_violation(shape, value, where, f"have {what} less than or equal to {high}"))


def _string(shape: Shape) -> Check:
    choices = frozenset(shape.enum)
    pattern = shape.metadata.get("pattern")
    regex = _compile(pattern) if pattern else None

    def check(value: Any, where: str, violations: list[str]) -> str:
        if not isinstance(value, str):
            raise _type_error(value, where, "a string")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _type_error(value, where, "Unicode text") from None
        _check_range(shape, value, where, violations)
        if choices and value not in choices:
            rule = f"satisfy enum value set: [{', '.join(sorted(choices))}]"
            violations.append(_violation(shape, value, where, rule))
        # A value that is too long has been reported above; matching it could take very long.
        if regex and len(value) <= shape.metadata.get("max", 2048) and not regex.fullmatch(value):
            rule = f"satisfy regular expression pattern: {pattern}"
            violations.append(_violation(shape, value, where, rule))
        return value

    return check


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of the model, which is meant for ASCII unless it has Java's classes of Unicode characters."""
    if r"\p{" not in pattern:
        return re.compile(pattern, re.ASCII)
    for java, python in ((r"\p{L}", r"\w"), (r"\p{N}", r"\w"), (r"\p{Z}", r"\s")):
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def _number(shape: Shape) -> Check:
    def check(value: Any, where: str, violations: list[str]) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _type_error(value, where, "an integer")
        _check_range(shape, value, where, violations)
        return value

    return check


def _boolean(_shape: Shape) -> Check:
    def check(value: Any, where: str, _violations: list[str]) -> bool:
        if not isinstance(value, bool):
            raise _type_error(value, where, "a boolean")
        return value

    return check


def _timestamp(_shape: Shape) -> Check:
    def check(value: Any, where: str, _violations: list[str]) -> datetime:
        if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
            raise _type_error(value, where, "an ISO 8601 timestamp with a time zone")
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            raise _type_error(value, where, "an ISO 8601 timestamp with a time zone") from None

    return check


def _list(shape: Shape) -> Check:
    check_item = checker(shape.member)

    def check(value: Any, where: str, violations: list[str]) -> list[Any]:
        if not isinstance(value, list):
            raise _type_error(value, where, "a list")
        _check_range(shape, value, where, violations)
        if violations:
            return []
        items = []
        for number, item in enumerate(value, 1):
            place = f"{where}.{number}.member"
            if item is None:
                violations.append(missing(place))
            else:
                items.append(check_item(item, place, violations))
        return items

    return check


def _map(shape: Shape) -> Check:
    check_key, check_value = checker(shape.key), checker(shape.value)

    def check(value: Any, where: str, violations: list[str]) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise _type_error(value, where, "a map")
        _check_range(shape, value, where, violations)
        pairs = {}
        for key, item in value.items():
            if item is None:
                violations.append(missing(f"{where}.{key}"))
            else:
                name = check_key(key, f"{where}.key", violations)
                pairs[name] = check_value(item, f"{where}.{key}", violations)
        return pairs

    return check


def _structure(shape: Shape) -> Check:
    required = frozenset(shape.required_members)
    members = {name: (member_path(name), checker(member)) for name, member in shape.members.items()}

    def check(value: Any, where: str, violations: list[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _type_error(value, where or "the request", "an object")
        found = {}
        for name, (path, check_member) in members.items():
            place = f"{where}.{path}" if where else path
            item = value.get(name)
            if item is not None:
                found[name] = check_member(item, place, violations)
            elif name in required:
                violations.append(missing(place))
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
