"""Decodes successful responses: JSON to models."""

import contextlib
import os
from collections.abc import Callable
from functools import cache
from types import NoneType
from typing import Any, TypeVar, cast

from detective_async.api.models.base import ResponseMetadata
from detective_async.api.operations import Operation
from detective_async.api.wire import plain
from detective_async.errors import DecodeError

ResponseT = TypeVar("ResponseT")

#: Reads a model from JSON, or raises an exception of any type.
Read = Callable[[type[Any], bytes], Any]

#: Bytes of responses that are read in a fraction of the time that it takes to import msgspec.
_SMALL = 16 * 2**10


class FirstSmallThenMany:
    """Reads responses: the first few small ones without msgspec, since many a short program gets no more."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _SMALL

    def __call__(self, model: type[Any], body: bytes) -> Any:
        """Read a model."""
        self._left -= len(body)
        return (plain.read if self._left >= 0 else _reader_of_many())(model, body)


@cache
def _reader_of_many() -> Read:
    try:
        from detective_async.api.wire.compiled import read  # noqa: PLC0415 - see above
    except Exception:  # noqa: BLE001 - a broken installation may raise anything
        # There is no msgspec, or none that works.
        return plain.read
    return read


def choose(switch: str | None) -> Read | None:
    """Return what becomes `read`: None if all is left to cattrs."""
    return None if switch == "off" else FirstSmallThenMany()


read = choose(os.environ.get("DETECTIVE_ASYNC_COMPILED_READERS"))
#: What operations without a modelled response send.
_NO_MEMBERS = (b"", b"{}")


def decode(operation: Operation[ResponseT], body: bytes | None, metadata: ResponseMetadata) -> ResponseT:
    """Decode a successful response.

    Args:
        operation: the API operation.
        body: the response's body; None if it exceeded the limit.
        metadata: the metadata of the response.

    Raises:
        DecodeError: the body does not have the form that the API documents; the message says where.
    """
    if operation.response is NoneType and body in _NO_MEMBERS:
        return cast("ResponseT", None)
    response, problem = None, ""
    if body and read is not None and operation.response is not NoneType:
        with contextlib.suppress(Exception):
            response = read(operation.response, body)
    if response is None:
        # Most programs never need it, and importing cattrs takes time.
        from detective_async.api.wire.detailed import read_in_detail  # noqa: PLC0415

        response, problem = read_in_detail(operation, body)
    if problem:
        raise DecodeError(
            problem,
            operation=operation.name,
            status=metadata.http_status,
            request_id=metadata.request_id,
            attempts=metadata.attempts,
        )
    if operation.response is NoneType:
        return cast("ResponseT", None)
    # The response is frozen, but no other code refers to it yet; the alternative is a copy.
    object.__setattr__(response, "response_metadata", metadata)
    return cast("ResponseT", response)
