"""Reading functions for models, generated as Python code: a page of 200 members has thousands of values.

cattrs generates such functions too, but calls a hook for each value. These check the types in place, and leave what
is not as expected to the hooks, which raise. They also avoid the models' `__init__`: to set an attribute of a frozen
object takes ten times as long as of one with the same layout that is not frozen yet.

Reasons: docs/design/compiled-readers.md. tests/api/test_compiled.py and test_any_answer.py compare the results
with those of cattrs. `DETECTIVE_ASYNC_COMPILED_READERS=off` in the environment turns these functions off.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from attrs import AttrsInstance, fields, has

from detective_async.api.models.base import OpenEnum
from detective_async.api.wire.names import wire_name

#: Takes a value of JSON and gives what it is to be read as, or raises.
Read = Callable[..., Any]
#: Those whose values need no conversion.
_AS_THEY_ARE = (str, bool, int, float)


class Compiler:
    """Writes functions, one for each model that is met, into one namespace.

    Args:
        reads: how scalars are read, by type; they also say what is wrong with a value.
        read_enum: gives how an enum is read.
        refuse: gives the exception for something that is not what was expected.
    """

    def __init__(
        self,
        reads: Mapping[type, Read],
        read_enum: Callable[[type[OpenEnum]], Read],
        refuse: Callable[[str, Any], Exception],
    ) -> None:
        self._reads = reads
        self._read_enum = read_enum
        self._names: dict[str, Any] = {"_refuse": refuse, "_parse": datetime.fromisoformat, "_UTC": UTC}

    def function_for(self, model: type[AttrsInstance]) -> Read:
        """Give the function that reads a model, all of whose attributes are optional, lists or maps.

        It takes the value, and what cattrs gives its hooks besides.
        """
        function: Read = self._names[self._model(model)]
        return function

    def _model(self, model: type[AttrsInstance]) -> str:
        name = f"_read_{model.__name__}"
        # Members alone are in four kinds of answers.
        if name in self._names:
            return name
        members = [
            f"    it.{attribute.name} = {self._attribute(attribute.type, wire_name(attribute.name))}\n"
            for attribute in fields(model)
            # Which is no part of the document; whoever reads an answer adds it.
            if attribute.name != "response_metadata"
        ]
        self._names[f"_{model.__name__}"] = model
        self._names[f"_new_{model.__name__}"] = _unfrozen(model)
        source = (
            f"def {name}(object, _=None):\n"
            "    if object.__class__ is not dict:\n"
            "        raise _refuse('an object', object)\n"
            "    get = object.get\n"
            f"    it = _new_{model.__name__}()\n"
            f"{''.join(members)}"
            f"    it.__class__ = _{model.__name__}\n"
            "    return it\n"
        )
        # Of nothing but the names and types of our own models.
        exec(compile(source, f"<{name}>", "exec"), self._names)  # noqa: S102
        return name

    def _attribute(self, kind: Any, key: str) -> str:
        value = f"(v := get({key!r}))"
        origin = get_origin(kind)
        if origin is UnionType:
            (inner,) = (part for part in get_args(kind) if part is not NoneType)
            if inner in _AS_THEY_ARE:
                return f"v if {value} is None or v.__class__ is {inner.__name__} else {self._read(inner)}(v)"
            return f"None if {value} is None else {self._expression(inner, 'v')}"
        assert origin in (list, dict)  # noqa: S101 - the API's answers promise nothing that must be there
        # Null and left out are the same: nothing in it.
        empty = "[]" if origin is list else "{}"
        return f"{empty} if {value} is None else {self._expression(kind, 'v')}"

    def _expression(self, kind: Any, v: str) -> str:
        """Give the code that reads a value that is there."""
        origin = get_origin(kind)
        if origin is list:
            (item,) = get_args(kind)
            items = f"[{self._expression(item, 'i')} for i in {v}]"
            return f"{items} if {v}.__class__ is list else {self._wrong('an array')}({v})"
        if origin is dict:
            key, item = get_args(kind)
            items = f"{{{self._expression(key, 'k')}: {self._expression(item, 'i')} for k, i in {v}.items()}}"
            return f"{items} if {v}.__class__ is dict else {self._wrong('an object')}({v})"
        return f"{self._model(kind)}({v})" if has(kind) else self._scalar(kind, v)

    def _scalar(self, kind: type, v: str) -> str:
        if issubclass(kind, OpenEnum):
            known = f"_known_{kind.__name__}"
            self._names[known] = dict(kind.__members__)
            # What cannot be looked up raises, and that is as it should be.
            return f"{known}.get({v}) or {self._read(kind)}({v})"
        if kind in _AS_THEY_ARE:
            return f"{v} if {v}.__class__ is {kind.__name__} else {self._read(kind)}({v})"
        assert kind is datetime  # noqa: S101 - there is no other kind
        # Nearly all are texts in UTC. What cannot be parsed raises, and that is as it should be, too.
        return f"at if {v}.__class__ is str and (at := _parse({v})).tzinfo is _UTC else {self._read(kind)}({v})"

    def _read(self, kind: type) -> str:
        name = f"_as_{kind.__name__}"
        self._names[name] = self._read_enum(kind) if issubclass(kind, OpenEnum) else self._reads[kind]
        return name

    def _wrong(self, expected: str) -> str:
        refuse = self._names["_refuse"]

        def wrong(value: Any) -> Any:
            raise refuse(expected, value)

        name = f"_not_{expected.replace(' ', '_')}"
        self._names[name] = wrong
        return name


def _unfrozen(model: type[AttrsInstance]) -> type[Any]:
    """Give a class whose objects can be filled, and then become the model's by being told that they are."""
    # Nothing may be left for the model's `__init__` to do but to set its attributes.
    assert not hasattr(model, "__attrs_post_init__")  # noqa: S101
    assert all(a.converter is None and a.validator is None for a in fields(model))  # noqa: S101
    plain = (object.__init__, object.__setattr__, object.__delattr__)
    namespace: dict[str, Any] = {"__slots__": (), **{method.__name__: method for method in plain}}
    return type(model.__name__, (model,), namespace)
