"""The formats of streams: newline-delimited JSON for programs, server-sent events for browsers. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from detective_async.integrations.web.headers import with_defaults
from detective_async.integrations.web.json_bytes import dump_json
from detective_async.integrations.web.server_events import COMMENT, ServerEvent, encode_event, encode_retry
from detective_async.settings.arguments import seconds_problem, shown

_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Disables the response buffering of nginx.
    "X-Accel-Buffering": "no",
}

#: Seconds. Larger numbers are no waits, and infinity cannot be written.
_MAX_RETRY = 1_000_000_000


@frozen(kw_only=True)
class StreamFormat:
    """The format of a stream.

    Attributes:
        content_type: the media type.
        encode: encodes an item as a record.
        encode_problem: encodes the problem that ends a stream, as its last record.
        write_timeout: the seconds without progress after which a reader counts as disconnected.
        beginning: sent before the first item is available; empty to send nothing, so that an earlier failure can have
            its own response.
        end: the last record of a complete stream; empty for none.
        heartbeat: sent if there is no item for a while.
        heartbeat_interval: the seconds after which it is sent; None for never.
    """

    content_type: str
    encode: Callable[[Any], bytes]
    encode_problem: Callable[[Mapping[str, object]], bytes]
    write_timeout: float
    beginning: bytes = b""
    end: bytes = b""
    heartbeat: bytes = b""
    heartbeat_interval: float | None = None

    def headers(self, more: Mapping[str, str] | None) -> dict[str, str]:
        """Return the headers of the response; additional ones replace those of the same name."""
        return with_defaults(more or {}, {"Content-Type": self.content_type, **_HEADERS})


def ndjson(to_json: Callable[[Any], Any], *, write_timeout: float) -> StreamFormat:
    """Return the format with a line of JSON per item.

    Raises:
        ValueError: the timeout is not a positive number.
    """
    _check_positive(write_timeout=write_timeout)

    def line(value: Any) -> bytes:
        return dump_json(value) + b"\n"

    return StreamFormat(
        content_type="application/x-ndjson",
        encode=lambda item: line(to_json(item)),
        encode_problem=lambda problem: line({"error": problem}),
        write_timeout=write_timeout,
    )


def events(
    to_json: Callable[[Any], Any], *, heartbeat: float, retry: float | None, write_timeout: float
) -> StreamFormat:
    """Return the format with a server-sent event per item.

    Raises:
        ValueError: the heartbeat or the timeout is not a positive number, or the retry is not from 0 to 1,000,000,000.
    """
    _check_positive(heartbeat=heartbeat, write_timeout=write_timeout)
    if retry is not None and retry != 0:
        _check_positive(retry=retry)
        if retry > _MAX_RETRY:
            raise ValueError(f"retry must be at most {_MAX_RETRY} seconds, got {shown(retry)}")

    def encode(item: Any) -> bytes:
        if isinstance(item, ServerEvent):
            return encode_event(dump_json(to_json(item.data)), event=item.event, event_id=item.id)
        return encode_event(dump_json(to_json(item)))

    return StreamFormat(
        content_type="text/event-stream",
        encode=encode,
        encode_problem=lambda problem: encode_event(dump_json(problem), event="error"),
        write_timeout=write_timeout,
        beginning=COMMENT if retry is None else encode_retry(retry),
        end=encode_event(b"{}", event="end"),
        heartbeat=COMMENT,
        heartbeat_interval=heartbeat,
    )


def _check_positive(**times: float) -> None:
    for name, seconds in times.items():
        if problem := seconds_problem(seconds):
            # No `ParameterError`: that would be the mistake of whoever sent the request, and a response 400.
            raise ValueError(f"{name} {problem}")
