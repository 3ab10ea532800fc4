"""The converters of cattrs: for the errors of responses, and for requests with more than texts and numbers.

They are imported when they are first needed, because importing cattrs takes longer than a call.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from attrs import AttrsInstance, fields, has
from cattrs import Converter, transform_error
from cattrs.cols import list_structure_factory, mapping_structure_factory
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from detective_async.api import models
from detective_async.api.models.base import OpenEnum
from detective_async.api.wire.json import mismatch
from detective_async.api.wire.names import wire_name
from detective_async.api.wire.readers import READERS, enum_reader

__all__ = ["responses", "transform_error", "unstructure_fn"]


def _all_enums() -> list[type[OpenEnum]]:
    every = (getattr(models, name) for name in models.__all__)
    return [model for model in every if issubclass(model, OpenEnum)]


@cache
def responses() -> Converter:
    """Make the converter of responses: its results are those of the compiled readers, and its errors have a path."""
    converter = Converter(detailed_validation=True)
    # Hooks for classes take precedence over cattrs's own, which convert anything to a string. Each enum needs one, too:
    # it is a subclass of str, whose hook would be used.
    for kind, hook in READERS.items():
        converter.register_structure_hook(kind, hook)
    for enum in _all_enums():
        converter.register_structure_hook(enum, enum_reader(enum))

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


def unstructure_fn(model: type[AttrsInstance], omit: Collection[str] = ()) -> Callable[[Any], dict[str, Any]]:
    """Return the function that makes the document of a request, without the omitted attributes and those at default."""
    overrides: dict[str, Any] = {
        a.name: override(omit=True) if a.name in omit else override(rename=wire_name(a.name)) for a in fields(model)
    }
    return make_dict_unstructure_fn(model, _requests(), _cattrs_omit_if_default=True, **overrides)


@cache
def _requests() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook(datetime, _timestamp_text)
    converter.register_unstructure_hook_factory(has, unstructure_fn)
    return converter


def _timestamp_text(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    # A literal format, because strftime pads years below 1000 on some platforms only.
    text = moment.replace(tzinfo=None).isoformat(timespec="microseconds" if moment.microsecond else "seconds")
    return f"{text}Z"
