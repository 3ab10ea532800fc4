"""Converts objects to plain data, ready for JSON: dicts, lists, strings, numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import fields, has


def plain(value: Any) -> Any:
    """Return a value as plain data: timestamps as ISO 8601 text in UTC, enums as their strings, objects as dicts."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime):
        return timestamp_text(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if has(type(value)):
        return {attribute.name: plain(getattr(value, attribute.name)) for attribute in fields(type(value))}
    return [plain(item) for item in value]


def timestamp_text(moment: datetime) -> str:
    """Return a moment as ISO 8601 text in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
