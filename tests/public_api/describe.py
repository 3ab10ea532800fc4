"""Describes the public API as text: one line for each name, the same on each Python and wherever a name is defined."""

import abc
import ast
import contextlib
import enum
import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ForwardRef, Union

import attrs
from docs.public import MODULES

_PACKAGE = "detective_async"
#: Special methods that users call by an operator or a statement.
_SPECIAL = {
    f"__{name}__"
    for name in (
        *("aenter", "aexit", "aiter", "anext", "await", "bool", "call", "contains", "enter", "exit"),
        *("getitem", "iter", "len", "next", "str"),
    )
}
#: Classes whose instances come from methods of other public classes; attrs classes with private fields are too.
_NOT_MADE_BY_USERS = {"Bulk", "FleetStream", "Paginator"}
_STARS: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_SET_IN_METHOD = re.compile(r"^ +self\.([a-z]\w*)(?:: [^=\n]+)? = ", re.MULTILINE)


def describe(modules: Mapping[str, types.ModuleType] | None = None) -> dict[str, str]:
    """Return each public name with its description, in the order of the names.

    Args:
        modules: import path -> module; None for all public modules.
    """
    modules = modules or {name: importlib.import_module(name) for name in MODULES}
    public = {
        thing: name
        for module in modules.values()
        for name in module.__all__
        if isinstance(thing := getattr(module, name), type)
    }
    found: dict[str, str] = {}
    for path, module in modules.items():
        for name in module.__all__:
            if name != "__version__":
                found |= dict(_describe(f"{path}.{name}", getattr(module, name), public))
    return dict(sorted(found.items()))


def _describe(path: str, thing: Any, public: Mapping[type, str]) -> Iterator[tuple[str, str]]:
    if isinstance(thing, type):
        yield path, _class(thing, public)
        for name, description in _members(thing, public).items():
            yield f"{path}.{name}", description
    elif callable(thing) and hasattr(thing, "__code__"):
        yield path, _function(thing)
    else:
        yield path, _annotation(thing) if typing.get_origin(thing) else type(thing).__name__


def _class(cls: type, public: Mapping[type, str]) -> str:
    ancestors = [one for one in cls.__mro__[1:] if one in public or not _is_ours(one)]
    ancestors = [one for one in ancestors if one not in (object, abc.ABC, typing.Generic, typing.Protocol)]
    direct = [one for one in ancestors if not any(one in other.__mro__[1:] for other in ancestors)]
    bases = f" of {', '.join(one.__name__ for one in direct)}" if direct else ""
    return f"class{bases}{_constructor(cls, public)}"


def _constructor(cls: type, public: Mapping[type, str]) -> str:
    """Return a constructor's signature; nothing if a public ancestor has it or the library alone makes instances."""
    if issubclass(cls, enum.Enum) or typing.is_typeddict(cls) or getattr(cls, "_is_protocol", False):
        return ""
    owner = next(one for one in cls.__mro__ if "__init__" in vars(one))
    if not _is_ours(owner) or (owner is not cls and owner in public):
        return ""
    fields = attrs.fields(owner) if attrs.has(owner) else ()
    if cls.__name__ in _NOT_MADE_BY_USERS or any(one.init and one.name.startswith("_") for one in fields):
        return ""
    return _signature(vars(owner)["__init__"], skip_first=True).removesuffix(" -> None")


def _members(cls: type, public: Mapping[type, str]) -> dict[str, str]:
    """Return what a class has beside what its public ancestors and those of other packages have."""
    if issubclass(cls, enum.Enum):
        members = {name: f"= {member.value!r}" for name, member in cls.__members__.items()}
        # Their special methods are inherited from str or made by enum, each Python's in its own way.
        return members | {name: text for name, text in _methods(cls, public).items() if name not in _SPECIAL}
    if typing.is_typeddict(cls):
        required: frozenset[str] = vars(cls)["__required_keys__"]
        return {
            name: f"key, {'required' if name in required else 'optional'}: {_annotation(hint)}"
            for name, hint in _hints(cls).items()
        }
    return _methods(cls, public)


def _methods(cls: type, public: Mapping[type, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for owner in cls.__mro__:
        if not _is_ours(owner) or (owner is not cls and owner in public):
            continue
        hints = _hints(owner)
        fields = {one.name: one for one in attrs.fields(owner)} if attrs.has(owner) else {}
        for name in (*hints, *vars(owner), *_set_in_methods(owner)):
            if name in found or (name.startswith("_") and name not in _SPECIAL) or _is_member(owner, name):
                continue
            if name in _SPECIAL and name not in vars(owner):
                continue
            if name in fields or name not in vars(owner):
                found[name] = f"attribute: {_annotation(hints[name])}" if name in hints else "attribute"
            else:
                found[name] = _attribute(vars(owner)[name], hints.get(name))
    return found


def _is_member(cls: type, name: str) -> bool:
    return issubclass(cls, enum.Enum) and name in cls.__members__


def _set_in_methods(cls: type) -> list[str]:
    """Return the public attributes that the methods of a class set; attrs classes declare theirs."""
    if attrs.has(cls) or cls.__module__ == "builtins":
        return []
    methods = [value for value in vars(cls).values() if inspect.isfunction(value)]
    return list(dict.fromkeys(name for method in methods for name in _SET_IN_METHOD.findall(inspect.getsource(method))))


def _attribute(value: Any, hint: Any) -> str:
    match value:
        case property():
            return f"property{_signature(value.fget, skip_first=True).removeprefix('()')}"
        case classmethod():
            return f"class method, {_function(value.__func__, skip_first=True)}"
        case staticmethod():
            return f"static method, {_function(value.__func__)}"
        case types.FunctionType():
            return _function(value, skip_first=True)
        case types.MemberDescriptorType():
            return "attribute"
        case _:
            return f"attribute: {_annotation(type(value) if hint is None else hint)} = {_value(value)}"


def _function(function: Callable[..., Any], *, skip_first: bool = False) -> str:
    wrapped = inspect.unwrap(function)
    kind = "async function" if inspect.iscoroutinefunction(wrapped) else "function"
    return f"{kind}{_signature(function, skip_first=skip_first)}"


def _signature(function: Any, *, skip_first: bool) -> str:
    signature = inspect.signature(function)
    hints = _hints(function)
    parameters = list(signature.parameters.values())[1 if skip_first else 0 :]
    shown: list[str] = []
    kinds = [one.kind for one in parameters]
    for number, one in enumerate(parameters):
        hint = hints.get(one.name, one.annotation)
        is_unpacked = one.kind is one.VAR_KEYWORD and typing.get_origin(hint) is typing.Unpack
        if (is_unpacked or one.kind is one.KEYWORD_ONLY) and not {one.KEYWORD_ONLY, one.VAR_POSITIONAL} & set(
            kinds[:number]
        ):
            shown.append("*")
        if is_unpacked:
            options = typing.get_args(hint)[0]
            shown += [f"{name}: {_annotation(option)} = ..." for name, option in _hints(options).items()]
            continue
        star = _STARS.get(one.kind, "")
        annotation = "" if hint is one.empty else f": {_annotation(hint)}"
        default = "" if one.default is one.empty else f" = {_value(one.default)}"
        shown.append(f"{star}{one.name}{annotation}{default}")
        if one.kind is one.POSITIONAL_ONLY and kinds[number + 1 : number + 2] != [one.POSITIONAL_ONLY]:
            shown.append("/")
    answer = hints.get("return", signature.return_annotation)
    return f"({', '.join(shown)})" + ("" if answer is signature.empty else f" -> {_annotation(answer)}")


def _hints(thing: Any) -> dict[str, Any]:
    """Return the annotations of a class or function; those that cannot be evaluated at run time remain text."""
    thing = inspect.unwrap(thing) if callable(thing) and not isinstance(thing, type) else thing
    names = vars(sys.modules[thing.__module__]) if isinstance(thing, type) else thing.__globals__
    found = {}
    for name, hint in inspect.get_annotations(thing).items():
        found[name] = hint
        if isinstance(hint, str):
            try:
                found[name] = eval(hint, dict(names))  # noqa: S307 - annotations of the package's own
            except (AttributeError, NameError):
                continue
    return found


def _annotation(hint: Any) -> str:  # noqa: PLR0911 - one for each kind of annotation
    """Return a type as it is written in source code; names without their modules, unions by `|`."""
    match hint:
        case str():
            return ast.unparse(_WithoutModules().visit(ast.parse(hint.strip("'\""), mode="eval")))
        case ForwardRef():
            return _annotation(hint.__forward_arg__)
        case None | types.NoneType:
            return "None"
        case types.EllipsisType():
            return "..."
        case list():
            return f"[{', '.join(map(_annotation, hint))}]"
    if hint is type(None):
        return "None"
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " | ".join(map(_annotation, arguments))
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin is not None:
        return f"{_annotation(origin)}[{', '.join(map(_annotation, arguments))}]"
    return getattr(hint, "__qualname__", None) or getattr(hint, "__name__", None) or repr(hint)


class _WithoutModules(ast.NodeTransformer):
    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Name(node.attr)


def _value(value: Any) -> str:
    """Return a default as text; `...` for one that is made anew for each object."""
    if value is attrs.NOTHING:
        return "..."
    if callable(value):
        return str(value.__name__)
    if isinstance(value, frozenset):
        return f"frozenset({{{', '.join(sorted(map(_value, value)))}}})"
    if attrs.has(type(value)):
        # An object that needs arguments cannot be such a default.
        with contextlib.suppress(TypeError):
            if value == type(value)():
                return f"{type(value).__name__}()"
    text = repr(value)
    assert " at 0x" not in text, f"a default without a readable repr: {text}"
    return text


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == _PACKAGE
