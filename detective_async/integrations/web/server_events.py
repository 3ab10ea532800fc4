"""Server-sent events, in the format of the WHATWG's HTML standard. Pure."""

import re
from typing import Any

from attrs import Attribute, field, frozen

#: Characters that end a line, or make browsers ignore an id (NUL); and lone surrogates, which UTF-8 cannot encode.
_INVALID = re.compile("[\0\r\n\ud800-\udfff]")

#: A comment: ignored by browsers, and traffic to proxies.
COMMENT = b":\n\n"


def _check_line(_event: object, attribute: "Attribute[Any]", value: str | None) -> None:
    if value is not None and _INVALID.search(value):
        raise ValueError(f"{attribute.name}: expected one line of text, got {value!r}")


@frozen
class ServerEvent:
    """An item of `stream_events` with a name or an id.

    Args:
        data: the data; it is converted by `to_json`.
        event: its name, for `addEventListener`; None for `message`. A stream's last event is named `end` or `error`.
        id: the id that the browser sends as `Last-Event-ID` when it reconnects; None leaves the previous id in effect.

    Raises:
        ValueError: the name or the id is not one line of text.
    """

    data: object
    event: str | None = field(default=None, kw_only=True, validator=_check_line)
    id: str | None = field(default=None, kw_only=True, validator=_check_line)


def encode_event(data: bytes, *, event: str | None = None, event_id: str | None = None) -> bytes:
    """Encode an event; its name, id and data are one line each."""
    lines = [b"data: " + data]
    if event:
        lines.insert(0, b"event: " + event.encode())
    if event_id is not None:
        lines.insert(0, b"id: " + event_id.encode())
    return b"\n".join((*lines, b"\n"))


def encode_retry(seconds: float) -> bytes:
    """Encode the seconds that a browser waits before it reconnects."""
    return b"retry: %d\n\n" % round(seconds * 1000)
