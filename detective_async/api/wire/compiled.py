"""Generates Python functions that read models from JSON: a page of 200 members has thousands of values.

cattrs generates such functions too, but calls a hook for each value. These functions check the types in place, and call
the hooks only for unexpected values, for which the hooks raise. They also avoid the models' `__init__`: setting an
attribute takes ten times as long on a frozen object as on one with the same layout that is not frozen.

Reasons: docs/design/compiled-readers.md. tests/api/test_compiled.py and test_any_response.py compare the results
with those of cattrs. `DETECTIVE_ASYNC_COMPILED_READERS=off` in the environment turns these functions off.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from attrs import AttrsInstance, fields, has

from detective_async.api.models.base import OpenEnum
from detective_async.api.wire.names import wire_name

#: Converts a JSON value to the value of an attribute, or raises.
Reader = Callable[..., Any]
#: The types whose values need no conversion.
_UNCONVERTED = (str, bool, int, float)


class Compiler:
    """Generates one function for each model, in a common namespace.

    Args:
        readers: scalar type -> its reader, which raises for invalid values.
        enum_reader: returns the reader of an enum.
        mismatch: returns the exception for a value of an unexpected type.
    """

    def __init__(
        self,
        readers: Mapping[type, Reader],
        enum_reader: Callable[[type[OpenEnum]], Reader],
        mismatch: Callable[[str, Any], Exception],
    ) -> None:
        self._readers = readers
        self._enum_reader = enum_reader
        self._names: dict[str, Any] = {"_mismatch": mismatch, "_parse": datetime.fromisoformat, "_UTC": UTC}

    def function_for(self, model: type[AttrsInstance]) -> Reader:
        """Return the function that reads a model, whose attributes must all be optional, lists or maps.

        It has the signature of a structure hook of cattrs.
        """
        function: Reader = self._names[self._model(model)]
        return function

    def _model(self, model: type[AttrsInstance]) -> str:
        name = f"_read_{model.__name__}"
        # Several responses contain the same models.
        if name in self._names:
            return name
        members = [
            f"    it.{attribute.name} = {self._attribute(attribute.type, wire_name(attribute.name))}\n"
            for attribute in fields(model)
            # It is not part of the document; `decode` sets it.
            if attribute.name != "response_metadata"
        ]
        self._names[f"_{model.__name__}"] = model
        self._names[f"_new_{model.__name__}"] = _unfrozen(model)
        source = (
            f"def {name}(object, _=None):\n"
            "    if object.__class__ is not dict:\n"
            "        raise _mismatch('an object', object)\n"
            "    get = object.get\n"
            f"    it = _new_{model.__name__}()\n"
            f"{''.join(members)}"
            f"    it.__class__ = _{model.__name__}\n"
            "    return it\n"
        )
        # The source contains only names and types of this package's models, no input.
        exec(compile(source, f"<{name}>", "exec"), self._names)  # noqa: S102
        return name

    def _attribute(self, kind: Any, key: str) -> str:
        value = f"(v := get({key!r}))"
        origin = get_origin(kind)
        if origin is UnionType:
            (inner,) = (part for part in get_args(kind) if part is not NoneType)
            if inner in _UNCONVERTED:
                return f"v if {value} is None or v.__class__ is {inner.__name__} else {self._reader_name(inner)}(v)"
            return f"None if {value} is None else {self._expression(inner, 'v')}"
        assert origin in (list, dict)  # noqa: S101 - the API's responses have no required members
        # Null and a missing member both mean an empty collection.
        empty = "[]" if origin is list else "{}"
        return f"{empty} if {value} is None else {self._expression(kind, 'v')}"

    def _expression(self, kind: Any, v: str) -> str:
        """Return the expression that reads a value that is not null."""
        origin = get_origin(kind)
        if origin is list:
            (item,) = get_args(kind)
            items = f"[{self._expression(item, 'i')} for i in {v}]"
            return f"{items} if {v}.__class__ is list else {self._mismatch_function('an array')}({v})"
        if origin is dict:
            key, item = get_args(kind)
            items = f"{{{self._expression(key, 'k')}: {self._expression(item, 'i')} for k, i in {v}.items()}}"
            return f"{items} if {v}.__class__ is dict else {self._mismatch_function('an object')}({v})"
        return f"{self._model(kind)}({v})" if has(kind) else self._scalar(kind, v)

    def _scalar(self, kind: type, v: str) -> str:
        if issubclass(kind, OpenEnum):
            known = f"_known_{kind.__name__}"
            self._names[known] = dict(kind.__members__)
            # An unhashable value raises TypeError here, which `decode` handles.
            return f"{known}.get({v}) or {self._reader_name(kind)}({v})"
        if kind in _UNCONVERTED:
            return f"{v} if {v}.__class__ is {kind.__name__} else {self._reader_name(kind)}({v})"
        assert kind is datetime  # noqa: S101 - the models have no other types
        # Nearly all are strings in UTC. Any other string raises ValueError here, which `decode` handles.
        return f"at if {v}.__class__ is str and (at := _parse({v})).tzinfo is _UTC else {self._reader_name(kind)}({v})"

    def _reader_name(self, kind: type) -> str:
        name = f"_as_{kind.__name__}"
        self._names[name] = self._enum_reader(kind) if issubclass(kind, OpenEnum) else self._readers[kind]
        return name

    def _mismatch_function(self, expected: str) -> str:
        mismatch = self._names["_mismatch"]

        def raise_mismatch(value: Any) -> Any:
            raise mismatch(expected, value)

        name = f"_not_{expected.replace(' ', '_')}"
        self._names[name] = raise_mismatch
        return name


def _unfrozen(model: type[AttrsInstance]) -> type[Any]:
    """Return a class with the model's layout that is not frozen; assigning `__class__` makes its objects models."""
    # The model's `__init__` must do nothing but set the attributes.
    assert not hasattr(model, "__attrs_post_init__")  # noqa: S101
    assert all(a.converter is None and a.validator is None for a in fields(model))  # noqa: S101
    plain = (object.__init__, object.__setattr__, object.__delattr__)
    namespace: dict[str, Any] = {"__slots__": (), **{method.__name__: method for method in plain}}
    return type(model.__name__, (model,), namespace)
