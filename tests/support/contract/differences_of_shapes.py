"""Compares our classes with the shapes of a model: structures, members, types, enums and exceptions."""

import inspect
from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_type_hints

import attrs
from support.contract.always_sent import members_always_sent
from support.contract.api import Json
from support.contract.differences_of_rules import differences_of_rule

import detective_async
from detective_async.api import models
from detective_async.api.models.base import OpenEnum, Response
from detective_async.api.models.exceptions import MODELLED_EXCEPTIONS
from detective_async.api.wire import wire_name

_SCALARS = {"string": str, "timestamp": datetime, "long": int, "integer": int, "double": float, "boolean": bool}
#: The wire name of an exception's message, which ServiceError has.
_MESSAGE = "Message"


def differences_of_shapes(model: Json) -> list[str]:
    shapes = model["shapes"]
    requests = _reachable(model, "input")
    answers = {o["output"]["shape"] for o in model["operations"].values() if "output" in o}
    found = []
    for name, shape in shapes.items():
        ours: Any = getattr(detective_async, name, None)
        if shape["type"] != "structure" and "enum" not in shape:
            continue
        if ours is None:
            kind = "structure" if shape["type"] == "structure" else "enum"
            found.append(f"{name}: AWS has this {kind}, detective_async exports no class of that name")
        elif "enum" in shape:
            found += _differences_of_enum(name, shape, ours)
        elif shape.get("exception"):
            found += _differences_of_exception(name, shape, ours, shapes)
        else:
            found += _differences_of_structure(name, ours, shapes, sent=name in requests, answer=name in answers)
    return found + _ours_alone(shapes)


def python_type(name: str, shapes: Json, *, sent: bool) -> Any:
    """Return the type of an attribute for a shape: request members may have wider types than response members."""
    shape = shapes[name]
    if "enum" in shape:
        enum: Any = getattr(detective_async, name, name)
        return enum | str if sent else enum
    if shape["type"] == "structure":
        return getattr(detective_async, name, name)
    if shape["type"] == "list":
        return list[python_type(shape["member"]["shape"], shapes, sent=sent)]  # type: ignore[misc]
    if shape["type"] == "map":
        key, value = (python_type(shape[part]["shape"], shapes, sent=sent) for part in ("key", "value"))
        return Mapping[key, value] if sent else dict[key, value]  # type: ignore[valid-type]
    return _SCALARS.get(shape["type"], shape["type"])


def shown(kind: Any) -> str:
    text = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
    return text.replace("detective_async.api.models.", "")


def _reachable(model: Json, side: str) -> set[str]:
    """Return the shapes of requests (`input`) or responses (`output`), including nested ones."""
    found: set[str] = set()
    ahead = [operation[side]["shape"] for operation in model["operations"].values() if side in operation]
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found.add(name)
        shape = model["shapes"][name]
        parts = [*shape.get("members", {}).values(), *(shape[k] for k in ("member", "key", "value") if k in shape)]
        ahead += [part["shape"] for part in parts]
    return found


def _differences_of_structure(name: str, cls: type, shapes: Json, *, sent: bool, answer: bool) -> list[str]:
    if not attrs.has(cls):
        return [f"{name}: AWS has this structure, our class is no attrs class"]
    members = shapes[name]["members"]
    fields = {wire_name(a.name): a for a in attrs.fields(cls) if a.name != "response_metadata"}
    found = [
        f"{name}: AWS has a member {member} ({shapes[part['shape']]['type']}), our {name} has not"
        for member, part in members.items()
        if member not in fields
    ]
    found += [
        f"{name}: our {name} has {field.name} ({member} on the wire), AWS has no such member"
        for member, field in fields.items()
        if member not in members
    ]
    if issubclass(cls, Response) is not answer:
        found.append(
            f"{name}: {'is' if answer else 'is not'} the answer of an operation, so Response is the wrong base"
        )
    if not _is_frozen(cls):
        found.append(f"{name}: not frozen")
    hints = get_type_hints(cls)
    required = shapes[name].get("required", [])
    # The model requires nothing of responses.
    needed = {*required, *members_always_sent(name)}
    for member, part in members.items():
        if member in fields:
            field = fields[member]
            found += [
                f"{name}.{member}: {line}"
                for line in _differences_of_member(
                    part, field, hints[field.name], shapes, required=member in needed, sent=sent
                )
            ]
    positional = [wire_name(a.name) for a in attrs.fields(cls) if not a.kw_only]
    in_order = [member for member in members if member in required]
    if sent and positional != in_order:
        found.append(f"{name}: AWS requires {in_order}, in that order; our positional ones are {positional}")
    return found


def _is_frozen(cls: type) -> bool:
    try:
        setattr(object.__new__(cls), "any", None)  # noqa: B010 - to mypy, it is no attribute
    except attrs.exceptions.FrozenInstanceError:
        return True
    return False


def _differences_of_member(
    part: Json, field: "attrs.Attribute[Any]", hint: object, shapes: Json, *, required: bool, sent: bool
) -> list[str]:
    shape = shapes[part["shape"]]
    found = []
    if "location" not in part and "locationName" in part:
        found.append(f"AWS calls it {part['locationName']} in the body, which the wire layer does not")
    if shape.get("timestampFormat", "iso8601") != "iso8601":
        found.append(f"AWS writes this timestamp as {shape['timestampFormat']}, and we write ISO 8601")
    expected = python_type(part["shape"], shapes, sent=sent)
    collection = {"list": list, "map": dict}.get(shape["type"])
    default: object = None
    if required:
        default = attrs.NOTHING
    elif collection is not None and not sent:
        default = attrs.Factory(collection)
    else:
        expected = expected | None
    if hint != expected:
        found.append(f"AWS says {shape['type']}, so {shown(expected)}; our attribute is {shown(hint)}")
    if field.default != default:
        found.append(
            f"AWS says it is {'required' if required else 'optional'}, so the default is {default!r}; "
            f"ours is {field.default!r}"
        )
    shows_value = not callable(field.repr) or "secret" in field.repr("secret")
    if shape.get("sensitive", False) is shows_value:
        found.append(f"AWS says it is {'' if shows_value else 'not '}sensitive, repr says otherwise")
    if sent:
        found += differences_of_rule(field.metadata.get("rule"), part["shape"], shapes)
    return found


def _differences_of_enum(name: str, shape: Json, ours: Any) -> list[str]:
    if not (isinstance(ours, type) and issubclass(ours, OpenEnum)):
        return [f"{name}: AWS has this enum, our {name} is no OpenEnum"]
    values = {member.name: member.value for member in ours}
    found = [
        f"{name}: AWS has a value {value}, our enum has not" for value in shape["enum"] if value not in values.values()
    ]
    found += [
        f"{name}: our enum has {value}, AWS has no such value"
        for value in values.values()
        if value not in shape["enum"]
    ]
    found += [f"{name}.{member}: its value is {value!r}" for member, value in values.items() if member != value]
    return found


def _differences_of_exception(name: str, shape: Json, ours: Any, shapes: Json) -> list[str]:
    modelled: Any = MODELLED_EXCEPTIONS.get(name)
    if modelled is not ours:
        return [f"{name}: AWS has this exception, MODELLED_EXCEPTIONS has not"]
    found = []
    members = {m: part["shape"] for m, part in shape["members"].items() if m != _MESSAGE}
    found += [
        f"{name}: AWS has a member {member}, our {name} has not"
        for member in members
        if member not in ours.wire_members
    ]
    found += [
        f"{name}: our {name} has {member}, AWS has no such member"
        for member in ours.wire_members
        if member not in members
    ]
    hints = get_type_hints(ours)
    for member, (attribute, kind) in ours.wire_members.items():
        if member not in members:
            continue
        expected = python_type(members[member], shapes, sent=False)
        is_list = shapes[members[member]]["type"] == "list"
        if wire_name(attribute) != member:
            found.append(f"{name}.{member}: our attribute is called {attribute}")
        if kind is not (list if is_list else expected):
            found.append(f"{name}.{member}: AWS says {shown(expected)}, wire_members says {shown(kind)}")
        if hints.get(attribute) != (expected if is_list else expected | None):
            found.append(f"{name}.{member}: AWS says {shown(expected)}, the annotation {shown(hints.get(attribute))}")
    status = f"HTTP {shape['error']['httpStatusCode']}"
    if status not in (inspect.getdoc(ours) or ""):
        found.append(f"{name}: AWS says {status}, our docstring does not")
    return found


def _ours_alone(shapes: Json) -> list[str]:
    of_our_own = {"ResponseMetadata"}
    found = [
        f"{name}: models exports it, AWS has no such shape"
        for name in models.__all__
        if name not in shapes and name not in of_our_own
    ]
    found += [
        f"{name}: in MODELLED_EXCEPTIONS, AWS has no such shape" for name in MODELLED_EXCEPTIONS if name not in shapes
    ]
    return found
