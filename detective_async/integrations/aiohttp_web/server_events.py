"""Server-sent events as the WHATWG's standard has them; pure."""

import re
from typing import Any

from aiohttp import web
from attrs import Attribute, field, frozen

#: What would end the line, or have the browser ignore an id; and halves of surrogate pairs, which UTF-8 does not have.
_UNFIT = re.compile("[\0\r\n\ud800-\udfff]")

#: A comment, which browsers ignore and proxies take for life.
COMMENT = b":\n\n"


def _is_a_line(_event: object, attribute: "Attribute[Any]", value: str | None) -> None:
    if value is not None and _UNFIT.search(value):
        raise ValueError(f"{attribute.name}: expected one line of text, got {value!r}")


@frozen
class ServerEvent:
    """An item of `stream_events` that has a name or an id.

    Args:
        data: what it tells; it goes through `to_json`.
        event: its name, for `addEventListener`; None for `message`. A stream's last one is named `end` or `error`.
        id: what the browser sends as `Last-Event-ID` when it comes back; None leaves that as it was.

    Raises:
        ValueError: the name or the id is not one line of text.
    """

    data: object
    event: str | None = field(default=None, kw_only=True, validator=_is_a_line)
    id: str | None = field(default=None, kw_only=True, validator=_is_a_line)


def encode_event(data: bytes, *, event: str | None = None, event_id: str | None = None) -> bytes:
    """Write an event, of a name, an id and data that are one line each."""
    lines = [b"data: " + data]
    if event:
        lines.insert(0, b"event: " + event.encode())
    if event_id is not None:
        lines.insert(0, b"id: " + event_id.encode())
    return b"\n".join((*lines, b"\n"))


def encode_retry(seconds: float) -> bytes:
    """Write how long a browser is to wait before it comes back."""
    return b"retry: %d\n\n" % round(seconds * 1000)


def last_event_id(request: web.BaseRequest) -> str | None:
    """Give the id of the last event that a browser has got which comes back, or None where it is a new one."""
    return request.headers.get("Last-Event-ID") or None
