"""The library's objects as JSON values: models under the API's names, the library's own classes under Python's."""

import enum
import math
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from types import NoneType
from typing import Any, Protocol

from attrs import AttrsInstance, fields, frozen, has

from detective_async.api.redaction import mask_addresses, masked, masked_text
from detective_async.api.wire import wire_name
from detective_async.fleet import Target
from detective_async.integrations.aiohttp_web.problem import problem_of

_MODELS = "detective_async.api.models."
_PACKAGE = "detective_async."


def to_json(value: object, *, sensitive: bool = False) -> Any:
    """Convert a model, or any other object of the library, to a JSON value.

    Models become objects with the API's names, without the members that AWS omitted: `{"AccountId": "111122223333",
    "Status": "ENABLED"}`. The library's own classes, such as `Outcome`, `Target` or `ProgressEvent`, keep their Python
    names; secrets of credentials are omitted. A pair of a fleet's stream becomes `{"target": ..., "item": ...}`, an
    error the members of its problem (`status`, `title`, `detail`, `code`, ...). Timestamps become ISO 8601 in UTC,
    enums strings, tuples and sets lists; NaN and infinity become null.

    Args:
        value: the object.
        sensitive: whether to include what the API marks as sensitive: e-mail addresses, and the messages of
            invitations.

    Raises:
        TypeError: it is, or contains, an object without a JSON equivalent.
    """
    # mypy does not accept classes as Hashable.
    return _encoder(type(value))(value, sensitive=sensitive)  # type: ignore[arg-type]


class _Encoder(Protocol):
    def __call__(self, value: Any, *, sensitive: bool) -> Any: ...


@cache
def _encoder(kind: type) -> _Encoder:
    """Return the encoder of a class; determined once per class."""
    if has(kind):
        return partial(_object, _fields(kind))
    found = next((encoder for known, encoder in _ENCODERS if issubclass(kind, known)), None)
    if found is None or issubclass(kind, _BINARY):
        raise TypeError(f"{kind.__name__} has no JSON equivalent")
    return found


def _unchanged(value: object, *, sensitive: bool) -> object:  # noqa: ARG001
    return value


def _enum(value: enum.Enum, *, sensitive: bool) -> Any:
    return to_json(value.value, sensitive=sensitive)


def _text(value: str, *, sensitive: bool) -> str:  # noqa: ARG001
    return str(value)


def _number(value: float, *, sensitive: bool) -> float | None:  # noqa: ARG001
    return value if math.isfinite(value) else None


def _timestamp(value: datetime, *, sensitive: bool) -> str:  # noqa: ARG001
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _error(value: BaseException, *, sensitive: bool) -> dict[str, object]:  # noqa: ARG001
    return problem_of(value).document()


def _mapping(value: Mapping[object, object], *, sensitive: bool) -> dict[str, Any]:
    return {_key(key): to_json(item, sensitive=sensitive) for key, item in value.items()}


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the keys of a JSON object must be strings, got {type(key).__name__}")
    return str(to_json(key))


def _tuple(value: tuple[object, ...], *, sensitive: bool) -> Any:
    match value:
        case (Target() as target, item):
            return {"target": to_json(target), "item": to_json(item, sensitive=sensitive)}
        case _:
            return _list(value, sensitive=sensitive)


def _list(value: Collection[object], *, sensitive: bool) -> list[Any]:
    return [to_json(item, sensitive=sensitive) for item in value]


_BINARY = (bytes, bytearray, memoryview)
#: The first match applies.
_ENCODERS: tuple[tuple[type, _Encoder], ...] = (
    (enum.Enum, _enum),
    (str, _text),
    (int, _unchanged),
    (NoneType, _unchanged),
    (float, _number),
    (datetime, _timestamp),
    (BaseException, _error),
    (Mapping, _mapping),
    (tuple, _tuple),
    (Collection, _list),
)


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


def _fields(kind: type[AttrsInstance]) -> _Fields:
    if kind.__module__.startswith(_MODELS):
        # The response metadata is not part of the API's shape; it has no repr for the same reason.
        shown = [attribute for attribute in fields(kind) if attribute.repr is not False]
        found = [
            _Field(a.name, wire_name(a.name), a.repr is masked, mask_addresses if a.repr is masked_text else None)
            for a in shown
        ]
        return _Fields(tuple(found), include_none=False)
    # Fields with a custom repr are secret. Texts are masked in the library's own classes only.
    mask = mask_addresses if kind.__module__.startswith(_PACKAGE) else None
    names = [attribute.name for attribute in fields(kind) if attribute.repr is True]
    return _Fields(tuple(_Field(name, name, mask=mask) for name in names if name[0] != "_"), include_none=True)


def _object(included: _Fields, value: object, *, sensitive: bool) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for field in included.fields:
        item = getattr(value, field.attribute)
        if (item is None and not included.include_none) or (field.sensitive and not sensitive):
            continue
        if field.mask is not None and not sensitive and isinstance(item, str):
            item = field.mask(item)
        document[field.name] = to_json(item, sensitive=sensitive)
    return document
