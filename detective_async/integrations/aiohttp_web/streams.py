"""Iterators as answers: newline-delimited JSON for programs, server-sent events for pages."""

from collections.abc import AsyncIterable, Callable, Mapping
from typing import Any

from aiohttp import hdrs, web

from detective_async.integrations.aiohttp_web import encoding
from detective_async.integrations.aiohttp_web.delivery import Delivery, Form
from detective_async.integrations.aiohttp_web.server_events import COMMENT, ServerEvent, encode_event, encode_retry
from detective_async.integrations.aiohttp_web.text import dump

_HEADERS: Mapping[str, str] = {
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
    # nginx would hold back what is to be seen at once.
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
    r"""Answer with a line of JSON for each item, as they come: `application/x-ndjson`.

        return await stream_ndjson(request, get_client(request).iter_members(graph_arn))

    Items are taken no faster than they are read, and no more of them once the browser has gone. The answer begins with
    the first item: what fails before that is raised, and becomes a problem answer. What fails later becomes the last
    line, `{"error": {"status": ..., ...}}` with the members of the problem; the end of the request's time and of the
    server do too. An answer that ends with neither that nor a broken connection is complete.

    The iterator is closed at the end, however that comes about. HEAD takes nothing of it.

    Args:
        request: what is answered.
        items: any of the library's iterators, or another one.
        to_json: gives an item as JSON can hold it; `functools.partial(to_json, sensitive=True)` tells e-mail addresses.
            Bytes are sent as they are, for JSON that was written before; it must be on one line.
        headers: further ones for the answer.
        write_timeout: the seconds after which one who has read nothing more counts as gone.

    Raises:
        Exception: whatever happened before the first item.
        ValueError: the timeout is not a positive number.
    """
    _check(write_timeout=write_timeout)

    def line(value: Any) -> bytes:
        return dump(value) + b"\n"

    form = Form(
        content_type="application/x-ndjson",
        encode=lambda item: line(to_json(item)),
        encode_problem=lambda problem: line({"error": problem}),
    )
    return await _stream(request, items, form, headers, write_timeout)


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
    """Answer with a server-sent event for each item, as they come: what a page's `EventSource` listens to.

        return await stream_events(request, get_fleet(request).iter_members())

    The data of each event is JSON; a `ServerEvent` has a name and an id too. Items are taken no faster than they are
    read, and no more of them once the browser has gone. The answer begins at once, so that whatever fails becomes an
    event, the last one: `error`, with the members of the problem as its data. The end of the request's time and of the
    server do too. The last event of a complete stream is `end`, with the data `{}`. After either, the page should close
    its `EventSource`, which asks anew otherwise.

    The iterator is closed at the end, however that comes about. HEAD takes nothing of it.

    Args:
        request: what is answered.
        items: any of the library's iterators, or another one.
        to_json: gives an item as JSON can hold it; `functools.partial(to_json, sensitive=True)` tells e-mail addresses.
            Bytes are sent as they are, for JSON that was written before; it must be on one line.
        heartbeat: the seconds after which a comment is sent where nothing else was, so that no proxy gives up.
        retry: the seconds that the browser is to wait before it comes back after a break; None for its own choice.
        headers: further ones for the answer.
        write_timeout: the seconds after which one who has read nothing more counts as gone.

    Raises:
        ValueError: the heartbeat or the timeout is not a positive number.
    """
    _check(heartbeat=heartbeat, write_timeout=write_timeout)

    def encode(item: Any) -> bytes:
        if isinstance(item, ServerEvent):
            return encode_event(dump(to_json(item.data)), event=item.event, event_id=item.id)
        return encode_event(dump(to_json(item)))

    form = Form(
        content_type="text/event-stream",
        encode=encode,
        encode_problem=lambda problem: encode_event(dump(problem), event="error"),
        beginning=COMMENT if retry is None else encode_retry(retry),
        end=encode_event(b"{}", event="end"),
        pause=COMMENT,
        pause_after=heartbeat,
    )
    return await _stream(request, items, form, headers, write_timeout)


def _check(**times: float) -> None:
    for name, seconds in times.items():
        if not seconds > 0:
            raise ValueError(f"{name} must be a positive number of seconds, got {seconds!r}")


async def _stream(
    request: web.Request,
    items: AsyncIterable[Any],
    form: Form,
    headers: Mapping[str, str] | None,
    write_timeout: float,
) -> web.StreamResponse:
    response = web.StreamResponse(headers={**_HEADERS, hdrs.CONTENT_TYPE: form.content_type, **(headers or {})})
    await Delivery(request, response, form, write_timeout).run(aiter(items))
    return response
