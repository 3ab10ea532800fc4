"""JSON as strict as the standard: bytes to plain values, with errors that say where and quote nothing."""

import json
from collections.abc import Mapping
from types import NoneType
from typing import Any

import orjson

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
    """A piece of an answer is not of the kind that the API promises; the message never quotes it."""


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
    # Out here, for an exception that is raised while another is handled holds that one, and with it the body.
    raise MismatchError(f"the body {problem}")


def load_fast(body: bytes) -> object:
    """Read a body in half the time, but to whole numbers of more than 64 bits as floats.

    Raises:
        ValueError: it is nothing that `load` would read as well, or something rare that only `load` does.
    """
    document: object = orjson.loads(body)
    return document


def _refuse_constant(name: str) -> None:
    raise MismatchError(f"holds {name}, which JSON does not have")


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def dump(members: dict[str, Any]) -> bytes:
    """Write a request body."""
    # Keys may be of a class of their own that is a string all the same, such as a StrEnum.
    return orjson.dumps(members, option=orjson.OPT_NON_STR_KEYS)


def mismatch(expected: str, value: object) -> MismatchError:
    """Say what was expected and of what kind the value is instead."""
    return MismatchError(f"expected {expected}, got {_JSON_KINDS[type(value)]}")
