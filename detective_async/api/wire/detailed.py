"""Reads responses with cattrs: slower than the compiled readers, with the same results, and errors that say where.

Strict about types, with unknown members ignored.
"""

from collections.abc import Callable
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from attrs import fields, has
from cattrs import Converter, transform_error
from cattrs.cols import list_structure_factory, mapping_structure_factory
from cattrs.gen import make_dict_structure_fn, override

from detective_async.api import models
from detective_async.api.models.base import OpenEnum, Response
from detective_async.api.operations import Operation
from detective_async.api.redaction import mask_keys
from detective_async.api.wire.json import MismatchError, load, mismatch
from detective_async.api.wire.names import document_members, inner_type, wire_name
from detective_async.api.wire.scalars import SCALARS, string

#: How many problems of one response an error lists.
_MAX_PROBLEMS = 3


def read_in_detail(operation: Operation[Any], body: bytes | None) -> tuple[object, str]:
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
def _has_members(operation: Operation[Any]) -> bool:
    return len(fields(operation.response)) > len(fields(Response))


def _describe(error: BaseException, _type: type | None) -> str:
    if isinstance(error, KeyError):
        # Raised by cattrs where an object has no member of that name.
        error = MismatchError("the member is missing")
    return str(error) if isinstance(error, MismatchError) else f"cannot be read ({type(error).__name__})"


def _enum(enum: type[OpenEnum]) -> Callable[..., OpenEnum]:
    return lambda value, _: enum(string(value))


def _all_enums() -> list[type[OpenEnum]]:
    every = (getattr(models, name) for name in models.__all__)
    return [model for model in every if issubclass(model, OpenEnum)]


@cache
def _detailed_converter() -> Converter:
    """Make a slower converter with the same results, whose errors contain the path to the problem."""
    converter = Converter(detailed_validation=True)
    # Hooks for classes take precedence over cattrs's own, which convert anything to a string. Each enum needs one, too:
    # it is a subclass of str, whose hook would be used.
    for kind, hook in SCALARS.items():
        converter.register_structure_hook(kind, hook)
    for enum in _all_enums():
        converter.register_structure_hook(enum, _enum(enum))

    def model(kind: type) -> Callable[[Any, Any], Any]:
        overrides: dict[str, Any] = {a.name: override(omit=True) for a in fields(kind)}
        overrides |= {a.name: override(rename=wire_name(a.name)) for a in document_members(kind)}
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
        inner = inner_type(kind)
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
