"""Decodes successful responses: JSON to models, strict about types, with unknown members ignored."""

import contextlib
import os
from functools import cache
from types import NoneType
from typing import Any, TypeVar, cast

from attrs import fields

from detective_async.api.models.base import Response, ResponseMetadata
from detective_async.api.operations import Operation
from detective_async.api.redaction import mask_keys
from detective_async.api.wire.compiled import Compiler, Reader
from detective_async.api.wire.json import MismatchError, load, load_fast, mismatch
from detective_async.api.wire.readers import READERS, enum_reader, inexact_integer
from detective_async.errors import DecodeError

ResponseT = TypeVar("ResponseT")

_COMPILED = os.environ.get("DETECTIVE_ASYNC_COMPILED_READERS") != "off"
_COMPILER = Compiler(READERS | {int: inexact_integer}, enum_reader, mismatch)
#: How many problems of one response an error lists.
_MAX_PROBLEMS = 3


def decode(operation: Operation[ResponseT], body: bytes | None, metadata: ResponseMetadata) -> ResponseT:
    """Decode a successful response.

    Args:
        operation: the API operation.
        body: the response's body; None if it exceeded the limit.
        metadata: the metadata of the response.

    Raises:
        DecodeError: the body does not have the form that the API documents; the message says where.
    """
    if operation.response is NoneType and body == b"":
        return cast("ResponseT", None)
    response, problem = None, ""
    read = _reader(operation)
    if read is not None and body:
        with contextlib.suppress(Exception):
            # If anything is wrong, the detailed reader finds out what and where.
            response = read(load_fast(body))
    if response is None:
        response, problem = _read_in_detail(operation, body)
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


def _read_in_detail(operation: Operation[Any], body: bytes | None) -> tuple[object, str]:
    """Return a response, or what is wrong with it: as text, because the exceptions refer to parts of the body."""
    if body is None:
        return None, "the response is larger than 16 MiB @ $"
    # Most programs never need it, and importing cattrs takes longer than a call.
    from detective_async.api.wire import converters  # noqa: PLC0415

    try:
        document = load(body) if body or _has_members(operation) else {}
        if operation.response is NoneType:
            # The API models no members, but a body that is no JSON object is not from the API: from a proxy, perhaps.
            return None, "" if type(document) is dict else f"{mismatch('an object', document)} @ $"
        return converters.responses().structure(document, operation.response), ""
    except Exception as error:  # noqa: BLE001 - whatever a server sends must raise DecodeError
        problems = converters.transform_error(error, format_exception=_describe)
    more = len(problems) - _MAX_PROBLEMS
    # The paths have the keys of maps, which may be anything.
    return None, mask_keys("; ".join(problems[:_MAX_PROBLEMS])) + (f"; and {more} more" if more > 0 else "")


@cache
def _reader(operation: Operation[Any]) -> Reader | None:
    """Return the compiled reader of an operation's responses; None if they are off or the response has no model."""
    response: Any = operation.response
    return None if not _COMPILED or response is NoneType else _COMPILER.function_for(response)


@cache
def _has_members(operation: Operation[Any]) -> bool:
    return len(fields(operation.response)) > len(fields(Response))


def _describe(error: BaseException, _type: type | None) -> str:
    return str(error) if isinstance(error, MismatchError) else f"cannot be read ({type(error).__name__})"
