"""JSON: bytes to plain values, as strict as the standard, with errors that quote nothing; and requests to bytes."""

import json
import sys
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType
from typing import Any

_JSON_KINDS: Mapping[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    NoneType: "null",
}


class MismatchError(ValueError):
    """A part of a response is not of the type that the API promises; the message never quotes it."""


def load(body: bytes) -> object:
    """Read a body.

    Raises:
        MismatchError: it is not UTF-8, not JSON, or nested too deeply.
    """
    try:
        return _JSON.decode(body.decode())
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 (byte {error.start} of {len(body)})"
    except RecursionError:
        problem = "is nested too deeply"
    except json.JSONDecodeError as error:
        problem = "is not JSON: " + (
            f"{error.msg} at character {error.pos} of {len(error.doc)}" if body else "it is empty"
        )
    except MismatchError as error:
        problem = str(error)
    except ValueError:
        # int() refuses thousands of digits.
        problem = "holds a number that is out of range"
    # Outside of the handlers: an exception that is raised in one refers to the handled exception, and that to the body.
    raise MismatchError(f"the body {problem}")


def _refuse_constant(name: str) -> None:
    raise MismatchError(f"holds {name}, which JSON does not have")


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def mismatch(expected: str, value: object) -> MismatchError:
    """Say what was expected and of what kind the value is instead."""
    return MismatchError(f"expected {expected}, got {_JSON_KINDS[type(value)]}")


#: Writes documents. It raises a TypeError or a ValueError for what JSON does not have, such as NaN.
ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def dump(document: object) -> bytes:
    """Write the body of a request.

    Its keys must be plain strings or enums, and its values of the types that `validate` lets through: msgspec also
    writes some that JSON does not have, such as dates.
    """
    # Importing msgspec takes as long as writing a thousand requests without it.
    return (_chosen() if "msgspec" in sys.modules else _write)(document)


def _write(document: object) -> bytes:
    return ENCODER.encode(document).encode()


def choose() -> Callable[[Any], bytes]:
    """Return the function that writes many documents: msgspec's, in a tenth of the time, where it is installed."""
    try:
        import msgspec  # noqa: PLC0415 - see above
    except ImportError:
        return _write
    return msgspec.json.Encoder(enc_hook=_without_subclass).encode


_chosen = cache(choose)


def _without_subclass(value: object) -> object:
    # msgspec does not write values of subclasses, but for enums.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"a request has a value of type {type(value).__name__}")
