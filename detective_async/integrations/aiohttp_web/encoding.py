"""What the library gives, as JSON can hold it: AWS's members under AWS's names, our own under ours."""

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
from detective_async.integrations.aiohttp_web.problem import describe

_AWS = "detective_async.api.models."
_OURS = "detective_async."


def to_json(value: object, *, sensitive: bool = False) -> Any:
    """Give a model, or anything else that the library gives, as JSON can hold it.

    Models become objects with the API's names, without the members that AWS left out: `{"AccountId": "111122223333",
    "Status": "ENABLED"}`. What is the library's own, as an `Outcome`, a `Target` or a `ProgressEvent`, has the names
    that it has in Python; of credentials no key is told. A pair of a fleet's stream becomes `{"target": ..., "item":
    ...}`, an error the members of its problem (`status`, `title`, `detail`, `code`, ...). Timestamps are ISO 8601 in
    UTC, enums their strings, tuples and sets lists; numbers that JSON does not have are null.

    Args:
        value: what to give.
        sensitive: whether to tell what the API marks sensitive too: e-mail addresses, and the messages of invitations.

    Raises:
        TypeError: it is, or holds, something that has no form in JSON.
    """
    # All classes have a hash, whatever their instances have.
    return _encoder(type(value))(value, sensitive=sensitive)  # type: ignore[arg-type]


class _Encoder(Protocol):
    def __call__(self, value: Any, *, sensitive: bool) -> Any: ...


@cache
def _encoder(kind: type) -> _Encoder:
    """Settle once per class what becomes of its values."""
    if has(kind):
        return partial(_object, _form(kind))
    found = next((encoder for known, encoder in _ENCODERS if issubclass(kind, known)), None)
    if found is None or issubclass(kind, _BINARY):
        raise TypeError(f"{kind.__name__} has no form in JSON")
    return found


def _as_it_is(value: object, *, sensitive: bool) -> object:  # noqa: ARG001
    return value


def _enum(value: enum.Enum, *, sensitive: bool) -> Any:
    return to_json(value.value, sensitive=sensitive)


def _text(value: str, *, sensitive: bool) -> str:  # noqa: ARG001
    return str(value)


def _number(value: float, *, sensitive: bool) -> float | None:  # noqa: ARG001
    return value if math.isfinite(value) else None


def _moment(value: datetime, *, sensitive: bool) -> str:  # noqa: ARG001
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _error(value: BaseException, *, sensitive: bool) -> dict[str, object]:  # noqa: ARG001
    return describe(value).document()


def _mapping(value: Mapping[object, object], *, sensitive: bool) -> dict[str, Any]:
    return {_key(key): to_json(item, sensitive=sensitive) for key, item in value.items()}


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"an object has strings for keys in JSON, not {type(key).__name__}")
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
#: The first that fits counts.
_ENCODERS: tuple[tuple[type, _Encoder], ...] = (
    (enum.Enum, _enum),
    (str, _text),
    (int, _as_it_is),
    (NoneType, _as_it_is),
    (float, _number),
    (datetime, _moment),
    (BaseException, _error),
    (Mapping, _mapping),
    (tuple, _tuple),
    (Collection, _list),
)


@frozen
class _Member:
    attribute: str
    name: str
    sensitive: bool = False
    mask: Callable[[str], str] | None = None


@frozen
class _Form:
    """What is told of a class.

    Attributes:
        members: which of its attributes, and how.
        complete: whether those that are None are told too.
    """

    members: tuple[_Member, ...]
    complete: bool


def _form(kind: type[AttrsInstance]) -> _Form:
    if kind.__module__.startswith(_AWS):
        # Of answers, the metadata is not AWS's, and not shown in their repr for the same reason.
        told = [attribute for attribute in fields(kind) if attribute.repr is not False]
        members = [_Member(a.name, wire_name(a.name), a.repr is masked, _mask_of(a.repr)) for a in told]
        return _Form(tuple(members), complete=False)
    # What a class does not show as it is, it has reasons to hide. What texts others put into theirs is their affair.
    mask = mask_addresses if kind.__module__.startswith(_OURS) else None
    shown = [attribute.name for attribute in fields(kind) if attribute.repr is True]
    return _Form(tuple(_Member(name, name, mask=mask) for name in shown if name[0] != "_"), complete=True)


def _mask_of(shown_by: object) -> Callable[[str], str] | None:
    return mask_addresses if shown_by is masked_text else None


def _object(form: _Form, value: object, *, sensitive: bool) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for member in form.members:
        item = getattr(value, member.attribute)
        if (item is None and not form.complete) or (member.sensitive and not sensitive):
            continue
        if member.mask is not None and not sensitive and isinstance(item, str):
            item = member.mask(item)
        told[member.name] = to_json(item, sensitive=sensitive)
    return told
