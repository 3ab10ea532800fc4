"""Encode the output of an operation as JSON values, by the shapes of botocore's model.

Each shape is compiled once; the protocols differ in how they write times. An output member that is not in the model
raises KeyError: it is a bug of the simulator.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from detective_async.testing.services.model import Shape

Render = Callable[[Any], Any]


def renderer(shape: Shape, encode_time: Callable[[datetime], Any]) -> Render | None:
    """Compile the encoder of a shape; None for values that are valid JSON values already."""
    if shape.type_name == "timestamp":
        return encode_time
    if shape.type_name == "structure":
        return _structure({name: renderer(member, encode_time) for name, member in shape.members.items()})
    if shape.type_name == "list":
        return _list(renderer(shape.member, encode_time))
    if shape.type_name == "map":
        return _map(renderer(shape.value, encode_time))
    return None


def _structure(members: dict[str, Render | None]) -> Render:
    def render(value: dict[str, Any]) -> dict[str, Any]:
        encoded = {}
        for name, item in value.items():
            encode = members[name]
            if item is not None:
                encoded[name] = encode(item) if encode else item
        return encoded

    return render


def _list(encode: Render | None) -> Render:
    if encode is None:
        return list
    return lambda value: [encode(item) for item in value]


def _map(encode: Render | None) -> Render:
    if encode is None:
        return dict
    return lambda value: {key: encode(item) for key, item in value.items()}
