"""Generates functions that read models from JSON: a page of 200 members has thousands of values.

msgspec parses a document straight into objects whose attributes have the API's names, and checks all types; a generated
function copies their attributes to those of a model. It avoids the models' `__init__`: setting an attribute takes ten
times as long on a frozen object as on one with the same layout that is not frozen.

Reasons: docs/design/compiled-readers.md. tests/api/test_compiled.py and test_any_response.py compare the results
with those of cattrs. `DETECTIVE_ASYNC_COMPILED_READERS=off` in the environment turns these functions off.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from itertools import repeat
from types import GenericAlias, UnionType
from typing import Any, get_args, get_origin

import msgspec
from attrs import NOTHING, AttrsInstance, fields, has

from detective_async.api.models.base import OpenEnum
from detective_async.api.wire.names import document_members, inner_type, wire_name
from detective_async.api.wire.scalars import timestamp


def read(model: type[AttrsInstance], body: bytes) -> Any:
    """Read a model from JSON, or raise an exception of any type."""
    parse, convert = reader_of(model)
    # msgspec does not look into texts that it ignores: this refuses what is not UTF-8.
    return convert(parse(body.decode()))


#: The two steps of reading a document; each raises an exception of any type if it cannot.
Reader = tuple[Callable[[str], Any], Callable[[Any], Any]]


@cache
def reader_of(model: type[AttrsInstance]) -> Reader:
    """Return the functions that parse a document, and make a model of what was parsed.

    Lists and maps of the model's attributes must have a default; others have one if they are optional.
    """
    return msgspec.json.Decoder(_parsed_type(model)).decode, _CONVERTERS[_generate_converter(model)]


@cache
def _parsed_type(kind: Any) -> Any:
    """Return the type that msgspec parses JSON to, for the type of an attribute."""
    origin = get_origin(kind)
    if origin is UnionType:
        return _parsed_type(inner_type(kind))
    if origin is list:
        (item,) = get_args(kind)
        return GenericAlias(list, (_parsed_type(item),))
    if origin is dict:
        _, item = get_args(kind)
        return GenericAlias(dict, (str, _parsed_type(item)))
    if has(kind):
        members = [
            (wire_name(a.name), _parsed_type(a.type))
            if a.default is NOTHING
            else (wire_name(a.name), _parsed_type(a.type) | None, None)
            for a in document_members(kind)
        ]
        # By keyword, because a member without a default may follow one that has it. There are no cycles for the garbage
        # collector to find.
        return msgspec.defstruct(kind.__name__, members, gc=False, kw_only=True)
    # msgspec would round timestamps to microseconds, where boto3 cuts them off.
    return str if kind is datetime or issubclass(kind, OpenEnum) else kind


#: What the generated functions refer to, themselves included.
_CONVERTERS: dict[str, Any] = {
    "_pop": list.pop,
    "_repeat": repeat,
    "_parse": datetime.fromisoformat,
    "_timestamp": timestamp,
    "_UTC": UTC,
}


@cache
def _generate_converter(model: type[AttrsInstance]) -> str:
    """Generate the function that makes a model from what was parsed, put it into `_CONVERTERS`, and return its name."""
    name = f"_make_{model.__name__}"
    statements = [_statements(a.name, a.type, f"parsed.{wire_name(a.name)}") for a in document_members(model)]
    _CONVERTERS[f"_{model.__name__}"] = model
    _CONVERTERS[f"_new_{model.__name__}"] = _unfrozen(model)
    source = (
        f"def {name}(parsed):\n"
        f"    it = _new_{model.__name__}()\n"
        f"{''.join(statements)}"
        f"    it.__class__ = _{model.__name__}\n"
        "    return it\n"
    )
    # The source contains only names and types of this package's models, no input.
    exec(compile(source, f"<{name}>", "exec"), _CONVERTERS)  # noqa: S102
    return name


def _statements(name: str, kind: Any, value: str) -> str:
    """Return the statements that set an attribute from what was parsed."""
    # Null and a missing member both mean an empty collection.
    if get_origin(kind) is dict:
        key, item = get_args(kind)
        # A loop, because a comprehension is a function call up to Python 3.11.
        return (
            f"    it.{name} = items = {{}}\n"
            f"    if (v := {value}) is not None:\n"
            f"        for k, i in v.items():\n"
            f"            items[{_expression(key, 'k')}] = {_expression(item, 'i')}\n"
        )
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        # Each item is freed when it has been read: with fewer objects alive, the garbage collector runs less often.
        return (
            f"    it.{name} = []\n"
            f"    if (v := {value}) is not None:\n"
            f"        v.reverse()\n"
            f"        it.{name} = [{_expression(item, 'i')} for i in map(_pop, _repeat(v, len(v)))]\n"
        )
    if get_origin(kind) is not UnionType:
        return f"    it.{name} = {_expression(kind, value)}\n"
    made = _expression(inner_type(kind), "v")
    return f"    it.{name} = {value if made == 'v' else f'None if (v := {value}) is None else {made}'}\n"


def _expression(kind: Any, v: str) -> str:
    """Return the expression that makes a value from what was parsed and is not null.

    What it refers to is put into `_CONVERTERS`.
    """
    if get_origin(kind) is dict:
        key, item = get_args(kind)
        return f"{{{_expression(key, 'k')}: {_expression(item, 'i')} for k, i in {v}.items()}}"
    if has(kind):
        return f"{_generate_converter(kind)}({v})"
    if issubclass(kind, OpenEnum):
        name = f"_members_of_{kind.__name__}"
        _CONVERTERS[name] = _Members(kind)
        return f"{name}[{v}]"
    if kind is datetime:
        # Nearly all are in UTC. A string that is no timestamp raises ValueError here.
        return f"at if (at := _parse({v})).tzinfo is _UTC else _timestamp({v})"
    return v


class _Members(dict[str, OpenEnum]):
    """The members of an enum by their values: looking one up takes a tenth of the time of calling the enum."""

    def __init__(self, enum: type[OpenEnum]) -> None:
        super().__init__(enum.__members__)
        self._enum = enum

    def __missing__(self, value: str) -> OpenEnum:
        return self._enum(value)


def _unfrozen(model: type[AttrsInstance]) -> type[Any]:
    """Return a class with the model's layout that is not frozen; assigning `__class__` makes its objects models."""
    # The model's `__init__` must do nothing but set the attributes.
    assert not hasattr(model, "__attrs_post_init__")  # noqa: S101
    assert all(a.converter is None and a.validator is None for a in fields(model))  # noqa: S101
    plain = (object.__init__, object.__setattr__, object.__delattr__)
    namespace: dict[str, Any] = {"__slots__": (), **{method.__name__: method for method in plain}}
    return type(model.__name__, (model,), namespace)
