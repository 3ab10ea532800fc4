"""Decodes successful responses: JSON to models."""

import contextlib
import os
from collections.abc import Callable
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from detective_async.api.models.base import ResponseMetadata
from detective_async.api.operations import Operation
from detective_async.errors import DecodeError

if TYPE_CHECKING:
    from detective_async.api.wire.compiled import Reader

ResponseT = TypeVar("ResponseT")


def choose(switch: str | None) -> "Callable[[Any], Reader] | None":
    """Return what becomes `reader_of`: None if the compiled readers are switched off, or there is no msgspec."""
    if switch == "off":
        return None
    try:
        from detective_async.api.wire.compiled import reader_of  # noqa: PLC0415 - here, so that a test can do without
    except ImportError:
        return None
    return reader_of


reader_of = choose(os.environ.get("DETECTIVE_ASYNC_COMPILED_READERS"))
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
    if body and reader_of is not None and operation.response is not NoneType:
        with contextlib.suppress(Exception):
            parse, convert = reader_of(operation.response)
            # msgspec does not look into texts that it ignores: this refuses what is not UTF-8.
            response = convert(parse(body.decode()))
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
