"""Iterators as streaming responses: newline-delimited JSON for programs, server-sent events for browsers."""

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping
from functools import partial
from typing import Any

from attrs import frozen

from detective_async.integrations.asgi.connection import INCOMPLETE, AsgiConnection
from detective_async.integrations.asgi.problem import explain
from detective_async.integrations.asgi.requests import KEY, Context
from detective_async.integrations.asgi.types import ASGIApp, Receive, Scope, Send
from detective_async.integrations.web import encoding, formats
from detective_async.integrations.web.stream_writer import StreamWriter


def stream_ndjson(
    items: AsyncIterable[Any],
    *,
    to_json: Callable[[Any], Any] = encoding.to_json,
    headers: Mapping[str, str] | None = None,
    write_timeout: float = 30.0,
) -> ASGIApp:
    r"""Return a response with a line of JSON per item, as items become available: `application/x-ndjson`.

        return stream_ndjson(get_client(request).iter_members(graph_arn))

    Items are taken no faster than the client reads, and no further ones after it has disconnected. The response starts
    with the first item: an exception before that is raised, and becomes a problem response. A later one becomes the
    last line, `{"error": {"status": ..., ...}}` with the members of the problem; so does the request's deadline. A
    response without such a line whose connection was not broken off is complete.

    The iterator is always closed at the end. HEAD requests take no items. The iterator cannot read the request's body:
    read it before, because a stream discards what is left of it, to learn when the client disconnects.

    Args:
        items: any of the library's iterators, or another one.
        to_json: converts an item to a JSON value; `functools.partial(to_json, sensitive=True)` includes e-mail
            addresses. Bytes are sent unchanged, for JSON that was encoded before; it must be on one line.
        headers: additional response headers.
        write_timeout: the seconds that the server may take for one item, after which the reader counts as disconnected.

    Raises:
        ValueError: the timeout is not a positive number.
    """
    return _Stream(items, formats.ndjson(to_json, write_timeout=write_timeout), headers)


def stream_events(
    items: AsyncIterable[Any],
    *,
    to_json: Callable[[Any], Any] = encoding.to_json,
    heartbeat: float = 15.0,
    retry: float | None = None,
    headers: Mapping[str, str] | None = None,
    write_timeout: float = 30.0,
) -> ASGIApp:
    """Return a response with a server-sent event per item, as items become available, for a browser's `EventSource`.

        return stream_events(get_fleet(request).iter_members())

    The data of each event is JSON; a `ServerEvent` has a name and an id too. Items are taken no faster than the browser
    reads, and no further ones after it has disconnected. The response starts at once, so that any failure becomes the
    last event: `error`, with the members of the problem as its data; so does the request's deadline. The last event of
    a complete stream is `end`, with the data `{}`. After either, the page should close its `EventSource`, which
    reconnects otherwise.

    The iterator is always closed at the end. HEAD requests take no items. The iterator cannot read the request's body:
    read it before, because a stream discards what is left of it, to learn when the client disconnects.

    Args:
        items: any of the library's iterators, or another one.
        to_json: converts an item to a JSON value; `functools.partial(to_json, sensitive=True)` includes e-mail
            addresses. Bytes are sent unchanged, for JSON that was encoded before; it must be on one line.
        heartbeat: the seconds of silence after which a comment is sent, so that proxies keep the connection open.
        retry: the seconds that the browser waits before it reconnects; None leaves it to the browser.
        headers: additional response headers.
        write_timeout: the seconds that the server may take for one item, after which the reader counts as disconnected.

    Raises:
        ValueError: the heartbeat or the timeout is not a positive number, or the retry is not from 0 to 1,000,000,000.
    """
    stream_format = formats.events(to_json, heartbeat=heartbeat, retry=retry, write_timeout=write_timeout)
    return _Stream(items, stream_format, headers)


@frozen
class _Stream:
    """A streaming response."""

    items: AsyncIterable[Any]
    format: formats.StreamFormat
    headers: Mapping[str, str] | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: Context | None = scope.get(KEY)
        connection = AsgiConnection(self.format.headers(self.headers), self.format.write_timeout, receive, send)
        writer = StreamWriter(
            connection,
            self.format,
            partial(explain, scope),
            None if context is None else context.state,
            None if context is None else context.deadline,
            scope["method"] == "HEAD",
        )
        listener = asyncio.create_task(connection.listen())
        try:
            await writer.run(aiter(self.items))
        except BaseException:
            # Also a cancellation: some middlewares complete a response whose application was cancelled.
            if context is not None:
                context.broken = connection.started
            raise
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
        if connection.broken and not connection.disconnected:
            if context is not None:
                context.broken = True
            raise ConnectionAbortedError(INCOMPLETE)
