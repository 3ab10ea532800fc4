"""Checks and converts the values of JSON that are no collections."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from detective_async.api.wire.json import MismatchError, mismatch


def string(value: object, _: object = None) -> str:
    """Return a string, or raise `MismatchError`."""
    if type(value) is not str:
        raise mismatch("a string", value)
    return value


def boolean(value: object, _: object = None) -> bool:
    """Return a boolean, or raise `MismatchError`."""
    if type(value) is not bool:
        raise mismatch("a boolean", value)
    return value


def integer(value: object, _: object = None) -> int:
    """Return a whole number, of any size, or raise `MismatchError`."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise mismatch("a whole number", value)


def number(value: object, _: object = None) -> float:
    """Return a finite number, or raise `MismatchError`."""
    if type(value) is float or type(value) is int:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isinf(number):
            raise MismatchError("expected a number, got one that is out of range")
        return number
    raise mismatch("a number", value)


def timestamp(value: object, _: object = None) -> datetime:
    """Return a timestamp, as text or as seconds since the epoch, in UTC, or raise `MismatchError`."""
    try:
        if type(value) is str:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is UTC:
                return moment
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if type(value) is int or type(value) is float:
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise MismatchError("expected a timestamp (ISO 8601), got a malformed one") from None
    raise mismatch("a timestamp (ISO 8601)", value)


#: Type -> the function that checks and converts a value of it.
SCALARS: dict[type, Callable[..., Any]] = {
    str: string,
    bool: boolean,
    int: integer,
    float: number,
    datetime: timestamp,
}
