"""Reads the scalars of responses: JSON values to attributes, strict about types."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

from detective_async.api.models.base import OpenEnum
from detective_async.api.wire.json import MismatchError, mismatch


def _string(value: object, _: object = None) -> str:
    if type(value) is not str:
        raise mismatch("a string", value)
    return value


def _boolean(value: object, _: object = None) -> bool:
    if type(value) is not bool:
        raise mismatch("a boolean", value)
    return value


def _integer(value: object, _: object = None) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise mismatch("a whole number", value)


def inexact_integer(value: object) -> NoReturn:
    """Refuse what the compiled readers do not take for a whole number."""
    # The fast JSON parser reads whole numbers of more than 64 bits as floats, which lose digits.
    raise mismatch("a whole number", value)


def _number(value: object, _: object = None) -> float:
    if type(value) is float or type(value) is int:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isinf(number):
            raise MismatchError("expected a number, got one that is out of range")
        return number
    raise mismatch("a number", value)


def _timestamp(value: object, _: object = None) -> datetime:
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


def enum_reader(enum: type[OpenEnum]) -> Callable[..., OpenEnum]:
    """Return the reader of an enum."""
    # Looking up a known member takes a tenth of the time of calling the enum's class.
    known = dict(enum.__members__)

    def hook(value: object, _: object = None) -> OpenEnum:
        if type(value) is not str:
            raise mismatch("a string", value)
        return known.get(value) or enum(value)

    return hook


#: Type -> what reads a value of it, or raises.
READERS: dict[type, Callable[..., Any]] = {
    str: _string,
    bool: _boolean,
    int: _integer,
    float: _number,
    datetime: _timestamp,
}
