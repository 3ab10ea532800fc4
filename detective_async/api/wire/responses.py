"""Decodes successful responses: JSON to models, strict about types, with unknown members ignored."""

import contextlib
import math
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, NoReturn, TypeVar, cast, get_args, get_origin

from attrs import fields, has
from cattrs import Converter, transform_error
from cattrs.cols import list_structure_factory, mapping_structure_factory
from cattrs.gen import make_dict_structure_fn, override

from detective_async.api import models
from detective_async.api.models.base import OpenEnum, Response, ResponseMetadata
from detective_async.api.operations import Operation
from detective_async.api.redaction import mask_keys
from detective_async.api.wire.compiled import Compiler, Reader
from detective_async.api.wire.json import MismatchError, load, load_fast, mismatch
from detective_async.api.wire.names import wire_name
from detective_async.errors import DecodeError

ResponseT = TypeVar("ResponseT")

_COMPILED = os.environ.get("DETECTIVE_ASYNC_COMPILED_READERS") != "off"
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
    try:
        document = load(body) if body or _has_members(operation) else {}
        if operation.response is NoneType:
            # The API models no members, but a body that is no JSON object is not from the API: from a proxy, perhaps.
            return None, "" if type(document) is dict else f"{mismatch('an object', document)} @ $"
        return _detailed_converter().structure(document, operation.response), ""
    except Exception as error:  # noqa: BLE001 - whatever a server sends must raise DecodeError
        problems = transform_error(error, format_exception=_describe)
    more = len(problems) - _MAX_PROBLEMS
    # The paths have the keys of maps, which may be anything.
    return None, mask_keys("; ".join(problems[:_MAX_PROBLEMS])) + (f"; and {more} more" if more > 0 else "")


@cache
def _reader(operation: Operation[Any]) -> Reader | None:
    """Return the compiled reader of an operation's responses; None if they are off or the response has no model."""
    return (
        None if not _COMPILED or operation.response is NoneType else _RESPONSES.get_structure_hook(operation.response)
    )


@cache
def _has_members(operation: Operation[Any]) -> bool:
    return len(fields(operation.response)) > len(fields(Response))


def _describe(error: BaseException, _type: type | None) -> str:
    return str(error) if isinstance(error, MismatchError) else f"cannot be read ({type(error).__name__})"


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


def _inexact_integer(value: object) -> NoReturn:
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


def _enum(enum: type[OpenEnum]) -> Callable[..., OpenEnum]:
    # Looking up a known member takes a tenth of the time of calling the enum's class.
    known = dict(enum.__members__)

    def hook(value: object, _: object = None) -> OpenEnum:
        if type(value) is not str:
            raise mismatch("a string", value)
        return known.get(value) or enum(value)

    return hook


_READERS: dict[type, Callable[..., Any]] = {
    str: _string,
    bool: _boolean,
    int: _integer,
    float: _number,
    datetime: _timestamp,
}


def _converter() -> Converter:
    """Make the converter of responses, with compiled readers."""
    converter = Converter(detailed_validation=False)
    compiler = Compiler(_READERS | {int: _inexact_integer}, _enum, mismatch)
    converter.register_structure_hook_factory(has, compiler.function_for)
    return converter


def _all_enums() -> list[type[OpenEnum]]:
    every = (getattr(models, name) for name in models.__all__)
    return [model for model in every if issubclass(model, OpenEnum)]


@cache
def _detailed_converter() -> Converter:
    """Make a slower converter with the same results, whose errors contain the path to the problem."""
    converter = Converter(detailed_validation=True)
    # Hooks for classes take precedence over cattrs's own, which convert anything to a string. Each enum needs one, too:
    # it is a subclass of str, whose hook would be used.
    for kind, hook in _READERS.items():
        converter.register_structure_hook(kind, hook)
    for enum in _all_enums():
        converter.register_structure_hook(enum, _enum(enum))

    def model(kind: type) -> Callable[[Any, Any], Any]:
        overrides: dict[str, Any] = {
            a.name: override(omit=True) if a.name == "response_metadata" else override(rename=wire_name(a.name))
            for a in fields(kind)
        }
        structure: Callable[[Any, Any], Any] = make_dict_structure_fn(
            kind, converter, _cattrs_detailed_validation=True, **overrides
        )

        def hook(value: Any, _: Any) -> Any:
            if type(value) is not dict:
                raise mismatch("an object", value)
            return structure(value, kind)

        return hook

    def array(kind: Any) -> Callable[[Any, Any], Any]:
        return _null_is_empty(list, "an array", kind, list_structure_factory(kind, converter))

    def mapping(kind: Any) -> Callable[[Any, Any], Any]:
        key, value = get_args(kind)
        structure = mapping_structure_factory(
            kind, converter, dict, key_type=key, val_type=value, detailed_validation=True
        )
        return _null_is_empty(dict, "an object", kind, structure)

    def optional(kind: Any) -> Callable[[Any, Any], Any]:
        (inner,) = (part for part in get_args(kind) if part is not NoneType)
        structure = converter.get_structure_hook(inner)
        # The hook is looked up once; cattrs would look it up for every value.
        return lambda value, _: None if value is None else structure(value, inner)

    converter.register_structure_hook_factory(has, model)
    converter.register_structure_hook_factory(partial(_is_generic, UnionType), optional)
    converter.register_structure_hook_factory(partial(_is_generic, list), array)
    converter.register_structure_hook_factory(partial(_is_generic, dict), mapping)
    return converter


def _is_generic(origin: object, kind: Any) -> bool:
    return get_origin(kind) is origin


def _null_is_empty(
    collection: type, expected: str, target: Any, structure: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    """Check the type of a list or map; null means the same as a missing member."""

    def hook(value: Any, _: Any) -> Any:
        if type(value) is collection:
            return structure(value, target)
        if value is None:
            return collection()
        raise mismatch(expected, value)

    return hook


_RESPONSES = _converter()
