"""Brings the answers of all contenders into one form, so that they can be compared."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Any

import attrs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: What clients add about the call itself.
_METADATA = frozenset({"ResponseMetadata", "response_metadata"})


class DifferentAnswerError(Exception):
    """A contender returned another answer than the server sent."""


def normalise(answer: object, *, times_are_text: bool = False) -> Any:
    """Return an answer as plain JSON values under the API's names, with timestamps as microseconds since the epoch.

    Args:
        answer: a model, a dictionary, or another value that a client returns.
        times_are_text: whether the client leaves timestamps as text. One that promises datetimes must return them.

    Raises:
        DifferentAnswerError: a client that promises datetimes left a timestamp as text.
    """
    kind = type(answer)
    if attrs.has(kind):
        members = {field.name: getattr(answer, field.name) for field in attrs.fields(kind)}
        return normalise(members, times_are_text=times_are_text)
    if isinstance(answer, Mapping):
        return {
            _wire_name(key): _member(_wire_name(key), value, times_are_text=times_are_text)
            for key, value in answer.items()
            if value is not None and key not in _METADATA
        }
    if isinstance(answer, list | tuple):
        return [normalise(item, times_are_text=times_are_text) for item in answer]
    if isinstance(answer, datetime):
        return (answer - _EPOCH) // _MICROSECOND
    return answer.value if isinstance(answer, Enum) else answer


def digest(normalised: object) -> str:
    """Return a hash of a normalised answer."""
    return sha256(json.dumps(normalised, sort_keys=True).encode()).hexdigest()


def compare(expected: object, got: object, path: str = "$") -> None:
    """Check that two normalised answers are the same.

    Raises:
        DifferentAnswerError: they differ; the message has the path of the first difference.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in sorted(expected.keys() | got.keys()):
            compare(expected.get(key), got.get(key), f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for place, value in enumerate(expected):
            compare(value, got[place], f"{path}[{place}]")
    elif digest(expected) != digest(got):
        raise DifferentAnswerError(f"at {path}: expected {_short(expected)}, got {_short(got)}")


def _member(name: str, value: object, *, times_are_text: bool) -> Any:
    if name.endswith("Time") and isinstance(value, str):
        if not times_are_text:
            raise DifferentAnswerError(f"{name} was left as text")
        value = datetime.fromisoformat(value)
    return normalise(value, times_are_text=times_are_text)


def _wire_name(key: object) -> str:
    """Return the API's name for a Python name; the names of data source packages are in capitals and stay unchanged."""
    text = str(key.value if isinstance(key, Enum) else key)
    return "".join(word.capitalize() for word in text.split("_")) if text.islower() else text


def _short(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 100 else f"{text[:100]}... ({len(text)} characters)"
