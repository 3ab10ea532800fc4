"""Validation of responses by botocore's model of the API, whichever client has decoded them."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

_TYPES: dict[str, type] = {
    "boolean": bool,
    "double": float,
    "integer": int,
    "list": list,
    "long": int,
    "map": dict,
    "string": str,
    "structure": dict,
    "timestamp": datetime,
}


def problems(shape: Shape | None, value: Any, where: str = "$") -> list[str]:
    """Return the deviations of a response from its shape: members, types, enum values, patterns, lengths and ranges.

    Args:
        shape: of the output; None for an operation without one.
        value: the response by wire name, with timestamps as datetimes.
        where: the path to the value.
    """
    if shape is None:
        return [] if value == {} else [f"{where}: the operation has no output"]
    return list(_problems(shape, value, where))


def _problems(shape: Shape, value: Any, where: str) -> Iterator[str]:
    if not _is_a(shape.type_name, value):
        yield f"{where}: {type(value).__name__} instead of {shape.type_name}"
        return
    yield from _bounds(shape, value, where)
    match shape:
        case StructureShape():
            yield from (f"{where}.{name}: missing" for name in shape.required_members if name not in value)
            for name, member in value.items():
                if name in shape.members:
                    yield from _problems(shape.members[name], member, f"{where}.{name}")
                else:
                    yield f"{where}.{name}: not in the model"
        case ListShape():
            for number, item in enumerate(value):
                yield from _problems(shape.member, item, f"{where}[{number}]")
        case MapShape():
            for key, item in value.items():
                yield from _problems(shape.key, key, f"{where} key")
                yield from _problems(shape.value, item, f"{where}[{key!r}]")
        case StringShape():
            yield from _text(shape, value, where)


def _text(shape: StringShape, value: str, where: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{where}: {value!r} is not in the enum"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.search(pattern, value):
        yield f"{where}: {value!r} does not match {pattern}"


def _is_a(type_name: str, value: Any) -> bool:
    if type_name == "timestamp":
        return isinstance(value, datetime) and value.tzinfo is not None
    # An enum member is a string, but a boolean is not an integer.
    return isinstance(value, _TYPES[type_name]) and (type_name == "boolean" or not isinstance(value, bool))


def _bounds(shape: Shape, value: Any, where: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    size = len(value) if isinstance(value, (str, list, dict)) else value
    if low is not None and size < low:
        yield f"{where}: {size} is less than {low}"
    if high is not None and size > high:
        yield f"{where}: {size} is more than {high}"
