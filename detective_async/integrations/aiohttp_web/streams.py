"""Iterators as streaming responses: newline-delimited JSON for programs, server-sent events for browsers."""

from collections.abc import AsyncIterable, Callable, Mapping
from typing import Any

from aiohttp import hdrs, web

from detective_async.integrations.aiohttp_web import encoding
from detective_async.integrations.aiohttp_web.json_bytes import dump_json
from detective_async.integrations.aiohttp_web.server_events import COMMENT, ServerEvent, encode_event, encode_retry
from detective_async.integrations.aiohttp_web.stream_writer import StreamFormat, StreamWriter
from detective_async.settings.arguments import seconds_problem

_HEADERS: Mapping[str, str] = {
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
    # Disables the response buffering of nginx.
    "X-Accel-Buffering": "no",
}


async def stream_ndjson(
    request: web.Request,
    items: AsyncIterable[Any],
    *,
    to_json: Callable[[Any], Any] = encoding.to_json,
    headers: Mapping[str, str] | None = None,
    write_timeout: float = 30.0,
) -> web.StreamResponse:
    r"""Respond with a line of JSON per item, as items become available: `application/x-ndjson`.

        return await stream_ndjson(request, get_client(request).iter_members(graph_arn))

    Items are taken no faster than the client reads, and no further ones after it has disconnected. The response starts
    with the first item: an exception before that is raised, and becomes a problem response. A later one becomes the
    last line, `{"error": {"status": ..., ...}}` with the members of the problem; so do the request's deadline and a
    shutdown of the server. A response without such a line whose connection was not reset is complete.

    The iterator is always closed at the end. HEAD requests take no items.

    Args:
        request: the request.
        items: any of the library's iterators, or another one.
        to_json: converts an item to a JSON value; `functools.partial(to_json, sensitive=True)` includes e-mail
            addresses. Bytes are sent unchanged, for JSON that was encoded before; it must be on one line.
        headers: additional response headers.
        write_timeout: the seconds without progress after which a reader counts as disconnected.

    Raises:
        Exception: what was raised before the first item.
        ValueError: the timeout is not a positive number.
    """
    _check_positive(write_timeout=write_timeout)

    def line(value: Any) -> bytes:
        return dump_json(value) + b"\n"

    stream_format = StreamFormat(
        content_type="application/x-ndjson",
        encode=lambda item: line(to_json(item)),
        encode_problem=lambda problem: line({"error": problem}),
    )
    return await _stream(request, items, stream_format, headers, write_timeout)


async def stream_events(
    request: web.Request,
    items: AsyncIterable[Any],
    *,
    to_json: Callable[[Any], Any] = encoding.to_json,
    heartbeat: float = 15.0,
    retry: float | None = None,
    headers: Mapping[str, str] | None = None,
    write_timeout: float = 30.0,
) -> web.StreamResponse:
    """Respond with a server-sent event per item, as items become available, for a browser's `EventSource`.

        return await stream_events(request, get_fleet(request).iter_members())

    The data of each event is JSON; a `ServerEvent` has a name and an id too. Items are taken no faster than the browser
    reads, and no further ones after it has disconnected. The response starts at once, so that any failure becomes the
    last event: `error`, with the members of the problem as its data; so do the request's deadline and a shutdown of the
    server. The last event of a complete stream is `end`, with the data `{}`. After either, the page should close its
    `EventSource`, which reconnects otherwise.

    The iterator is always closed at the end. HEAD requests take no items.

    Args:
        request: the request.
        items: any of the library's iterators, or another one.
        to_json: converts an item to a JSON value; `functools.partial(to_json, sensitive=True)` includes e-mail
            addresses. Bytes are sent unchanged, for JSON that was encoded before; it must be on one line.
        heartbeat: the seconds of silence after which a comment is sent, so that proxies keep the connection open.
        retry: the seconds that the browser waits before it reconnects; None leaves it to the browser.
        headers: additional response headers.
        write_timeout: the seconds without progress after which a reader counts as disconnected.

    Raises:
        ValueError: the heartbeat or the timeout is not a positive number.
    """
    _check_positive(heartbeat=heartbeat, write_timeout=write_timeout)

    def encode(item: Any) -> bytes:
        if isinstance(item, ServerEvent):
            return encode_event(dump_json(to_json(item.data)), event=item.event, event_id=item.id)
        return encode_event(dump_json(to_json(item)))

    stream_format = StreamFormat(
        content_type="text/event-stream",
        encode=encode,
        encode_problem=lambda problem: encode_event(dump_json(problem), event="error"),
        beginning=COMMENT if retry is None else encode_retry(retry),
        end=encode_event(b"{}", event="end"),
        heartbeat=COMMENT,
        heartbeat_interval=heartbeat,
    )
    return await _stream(request, items, stream_format, headers, write_timeout)


def _check_positive(**times: float) -> None:
    for name, seconds in times.items():
        if problem := seconds_problem(seconds):
            # No `ParameterError`: that would be the mistake of whoever sent the request, and a response 400.
            raise ValueError(f"{name} {problem}")


async def _stream(
    request: web.Request,
    items: AsyncIterable[Any],
    stream_format: StreamFormat,
    headers: Mapping[str, str] | None,
    write_timeout: float,
) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={**_HEADERS, hdrs.CONTENT_TYPE: stream_format.content_type, **(headers or {})}
    )
    await StreamWriter(request, response, stream_format, write_timeout).run(aiter(items))
    return response
