"""JSON as strict as the standard: bytes to plain values and back, with errors that say where and quote nothing."""

import json
from collections.abc import Mapping
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


def dump(value: Any) -> bytes:
    """Write a request body.

    Raises:
        TypeError: it has a value of a type that JSON does not have.
        ValueError: it has a number that JSON does not have, or half of a surrogate pair.
    """
    return _ENCODER.encode(value).encode()


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
