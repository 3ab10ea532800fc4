"""Turn an operation's answer into JSON, by the shapes of botocore's model.

An answer that holds a member that the API does not have raises KeyError: that is a mistake in the simulator.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from detective_async.testing.model import Shape

Render = Callable[[Any], Any]


def timestamp(moment: datetime) -> str:
    """Write a time as the service does, to the millisecond."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def renderer(shape: Shape) -> Render | None:
    """Compile the writer of a shape; None for values that are JSON as they are."""
    if shape.type_name == "timestamp":
        return timestamp
    if shape.type_name == "structure":
        return _structure({name: renderer(member) for name, member in shape.members.items()})
    if shape.type_name == "list":
        return _list(renderer(shape.member))
    if shape.type_name == "map":
        return _map(renderer(shape.value))
    return None


def _structure(members: dict[str, Render | None]) -> Render:
    def render(value: dict[str, Any]) -> dict[str, Any]:
        answer = {}
        for name, item in value.items():
            write = members[name]
            if item is not None:
                answer[name] = write(item) if write else item
        return answer

    return render


def _list(write: Render | None) -> Render:
    if write is None:
        return list
    return lambda value: [write(item) for item in value]


def _map(write: Render | None) -> Render:
    if write is None:
        return dict
    return lambda value: {key: write(item) for key, item in value.items()}
