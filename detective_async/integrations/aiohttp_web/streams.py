"""Iterators as streaming responses: newline-delimited JSON for programs, server-sent events for browsers."""

from collections.abc import AsyncIterable, Callable, Mapping
from functools import partial
from typing import Any

from aiohttp import hdrs, web

from detective_async.integrations.aiohttp_web.connection import ResponseConnection
from detective_async.integrations.aiohttp_web.middleware import DEADLINE, STATE, explain
from detective_async.integrations.web import encoding, formats
from detective_async.integrations.web.stream_writer import StreamWriter


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
    return await _stream(request, items, formats.ndjson(to_json, write_timeout=write_timeout), headers)


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
        ValueError: the heartbeat or the timeout is not a positive number, or the retry is not from 0 to 1,000,000,000.
    """
    stream_format = formats.events(to_json, heartbeat=heartbeat, retry=retry, write_timeout=write_timeout)
    return await _stream(request, items, stream_format, headers)


def last_event_id(request: web.BaseRequest) -> str | None:
    """Return the id of the last event that a reconnecting browser received; None for a new connection."""
    return request.headers.get("Last-Event-ID") or None


async def _stream(
    request: web.Request,
    items: AsyncIterable[Any],
    stream_format: formats.StreamFormat,
    headers: Mapping[str, str] | None,
) -> web.StreamResponse:
    response = web.StreamResponse(headers=stream_format.headers(headers))
    writer = StreamWriter(
        ResponseConnection.of(request, response, stream_format.write_timeout),
        stream_format,
        partial(explain, request),
        request.config_dict.get(STATE),
        request.get(DEADLINE),
        request.method == hdrs.METH_HEAD,
    )
    await writer.run(aiter(items))
    return response
