"""JSON as strict as the standard: bytes to plain values and back, with errors that say where and quote nothing.

`choose` decides once which library does it: orjson where it is installed, else the standard library's json.
"""

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
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


def choose() -> tuple[Callable[[bytes], object], Callable[[Any], bytes]]:
    """Return the functions that become `load_fast` and `dump`."""
    try:
        import orjson  # noqa: PLC0415 - here, so that a test can choose without it
    except ImportError:
        return _load_fast, _dump
    # For keys that are of a subclass of str, such as a StrEnum. What json does not write, orjson must not write either.
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
    return orjson.loads, partial(orjson.dumps, option=options)


def _load_fast(body: bytes) -> object:
    return _DECODER.decode(body.decode())


def _finite(text: str) -> float:
    # orjson refuses them too, and the compiled readers rely on it.
    number = float(text)
    if math.isinf(number):
        raise MismatchError("holds a number that is out of range")
    return number


def _dump(value: Any) -> bytes:
    return _ENCODER.encode(value).encode()


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

#: `load_fast` reads a body, with orjson in half the time, but then gives whole numbers of more than 64 bits as floats.
#: It raises a ValueError for what `load` refuses too, and with orjson for some rare JSON that `load` accepts.
#: `dump` writes a request body. It raises a TypeError or a ValueError for what the library in use cannot write.
load_fast, dump = choose()
