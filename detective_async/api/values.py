"""The library's objects as plain values: dicts, lists, strings and numbers."""

import enum
import math
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from types import NoneType
from typing import Any

from attrs import AttrsInstance, fields, frozen, has

from detective_async.api.redaction import mask_addresses, mask_keys, masked, masked_text
from detective_async.api.wire import wire_name

_MODELS = "detective_async.api.models."
_PACKAGE = "detective_async."
_BINARY = (bytes, bytearray, memoryview)
#: What an error's dict has of its attributes, beside its class and its message.
_OF_ERRORS = ("code", "status", "request_id", "operation", "attempts", "parameter", "role_arn", "outcome_unknown")


def to_dict(value: object) -> Any:
    """Convert a response, a model, or any other object of the library to plain values, ready for `json.dumps`.

    Objects become dicts under their attributes' names, with None for what AWS left out: `{"account_id":
    "111122223333", "email_address": "kim@example.com", "status": "ENABLED", ...}`. Timestamps become ISO 8601 in UTC
    (`2026-03-01T12:00:00Z`), enums their strings, lists, tuples and sets lists, maps dicts; NaN and infinity become
    None. An error becomes its class, its message and the attributes that tell where it comes from.

    E-mail addresses and messages of invitations, which `repr` masks, are included in clear; `to_json` of
    `detective_async.integrations.asgi` and `.aiohttp_web` leaves them out. Secrets of credentials and
    the metadata of responses are left out.

    An object with a `to_dict` method of its own, such as a plan, becomes what that returns.

    Args:
        value: the object, or a list, tuple, set or map of such objects.

    Raises:
        TypeError: it is, or contains, an object that has no plain value.
    """
    return _TO_DICT(value)


def fields_to_dict(value: AttrsInstance) -> dict[str, Any]:
    """Convert an object as `to_dict` does, by its fields; for the `to_dict` methods of classes."""
    return _TO_DICT.by_fields(type(value))(value)


def timestamp_text(moment: datetime) -> str:
    """Return a moment as ISO 8601 text in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@frozen
class _Field:
    attribute: str
    name: str
    sensitive: bool = False
    mask: Callable[[str], str] | None = None


@frozen
class _Fields:
    """The fields of a class that are included, and whether they are if they are None."""

    fields: tuple[_Field, ...]
    include_none: bool


class PlainValues:
    """Converts objects to plain values; how to convert a class is determined once.

    Args:
        wire_names: whether models have the API's names, and no members that AWS left out.
        sensitive: whether to include what the API marks as sensitive.
    """

    def __init__(self, *, wire_names: bool, sensitive: bool) -> None:
        self._wire_names = wire_names
        self._sensitive = sensitive
        self._converters: dict[type, Callable[[Any], Any]] = {}
        self._by_fields: dict[type, Callable[[Any], dict[str, Any]]] = {}
        #: The first match applies.
        self._kinds: tuple[tuple[type, Callable[[Any], Any]], ...] = (
            (enum.Enum, lambda value: self(value.value)),
            (str, str),
            (int, _unchanged),
            (NoneType, _unchanged),
            (float, lambda value: value if math.isfinite(value) else None),
            (datetime, timestamp_text),
            (BaseException, self.error),
            (Mapping, lambda value: {self._key(key): self(item) for key, item in value.items()}),
            (tuple, self.sequence),
            (Collection, self.sequence),
        )

    def __call__(self, value: object) -> Any:
        """Convert a value.

        Raises:
            TypeError: it is, or contains, an object that has no plain value.
        """
        kind = type(value)
        convert = self._converters.get(kind)
        if convert is None:
            convert = self._converters[kind] = self._converter(kind)
        return convert(value)

    def error(self, value: BaseException) -> dict[str, Any]:
        """Convert an error."""
        found = {name: getattr(value, name) for name in _OF_ERRORS if hasattr(value, name)}
        return {"error": type(value).__name__, "message": mask_keys(str(value)), **self(found)}

    def sequence(self, value: Collection[object]) -> Any:
        """Convert a list, a tuple or a set."""
        return [self(item) for item in value]

    def by_fields(self, kind: type[AttrsInstance]) -> Callable[[Any], dict[str, Any]]:
        """Return the function that converts the objects of an attrs class by their fields."""
        convert = self._by_fields.get(kind)
        if convert is None:
            convert = self._by_fields[kind] = partial(self._object, self._fields(kind))
        return convert

    def _converter(self, kind: type) -> Callable[[Any], Any]:
        if not self._wire_names and kind.__module__.startswith(_PACKAGE) and hasattr(kind, "to_dict"):
            return lambda value: self(value.to_dict())
        if has(kind):
            return self.by_fields(kind)
        found = next((convert for known, convert in self._kinds if issubclass(kind, known)), None)
        if found is None or issubclass(kind, _BINARY):
            raise TypeError(f"{kind.__name__} has no JSON equivalent")
        return found

    def _key(self, key: object) -> str:
        if not isinstance(key, str):
            raise TypeError(f"the keys of a JSON object must be strings, got {type(key).__name__}")
        return str(self(key))

    def _fields(self, kind: type[AttrsInstance]) -> _Fields:
        if kind.__module__.startswith(_MODELS):
            # The response metadata is not part of the API's shape; it has no repr for the same reason.
            shown = [attribute for attribute in fields(kind) if attribute.repr is not False]
            found = [
                _Field(
                    a.name,
                    wire_name(a.name) if self._wire_names else a.name,
                    a.repr is masked,
                    mask_addresses if a.repr is masked_text else None,
                )
                for a in shown
            ]
            return _Fields(tuple(found), include_none=not self._wire_names)
        # Fields with another repr of their own are secret. Texts are masked in the library's own classes only.
        mask = mask_addresses if kind.__module__.startswith(_PACKAGE) else None
        shown = [a for a in fields(kind) if a.repr is True or (a.repr in (masked, masked_text) and self._sensitive)]
        return _Fields(tuple(_Field(a.name, a.name, mask=mask) for a in shown if a.name[0] != "_"), include_none=True)

    def _object(self, included: _Fields, value: object) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for field in included.fields:
            item = getattr(value, field.attribute)
            if (item is None and not included.include_none) or (field.sensitive and not self._sensitive):
                continue
            if field.mask is not None and not self._sensitive and isinstance(item, str):
                item = field.mask(item)
            document[field.name] = self(item)
        return document


def _unchanged(value: object) -> object:
    return value


_TO_DICT = PlainValues(wire_names=False, sensitive=True)
