"""Converts boto3's arguments to ours, and our responses to boto3's."""

from collections.abc import Mapping
from typing import Any

import attrs
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from support.contract.api import our_attributes, our_class

import detective_async
from detective_async.api.wire import wire_name


def our_arguments(shape: Shape | None, members: Mapping[str, Any], *, enums: bool) -> dict[str, Any]:
    """Convert boto3's keyword arguments to ours.

    Args:
        shape: what the operation takes.
        members: boto3's arguments.
        enums: whether to pass enum members; otherwise their strings.
    """
    if shape is None:
        return {}
    attributes = our_attributes(our_class(shape.name))
    return {attributes[name]: _ours(shape.members[name], value, enums=enums) for name, value in members.items()}


def _ours(shape: Shape, value: Any, *, enums: bool) -> Any:
    match shape:
        case StructureShape():
            return our_class(shape.name)(**our_arguments(shape, value, enums=enums))
        case ListShape():
            return [_ours(shape.member, item, enums=enums) for item in value]
        case MapShape():
            return {key: _ours(shape.value, item, enums=enums) for key, item in value.items()}
        case StringShape() if shape.enum and enums:
            return getattr(detective_async, shape.name)(value)
    return value


def as_plain(value: Any) -> Any:
    """Convert one of our responses to boto3's form, without missing and empty members."""
    if attrs.has(type(value)):
        members = {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
        return {
            wire_name(name): as_plain(member)
            for name, member in members.items()
            if name != "response_metadata" and member not in (None, [], {})
        }
    if isinstance(value, list):
        return [as_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: as_plain(item) for key, item in value.items()}
    return value
