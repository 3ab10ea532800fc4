"""HTTP over sockets: receives requests exactly as sent, and sends responses, with delays and drops if faults say so."""

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import web

from detective_async.testing.server.backend import Backend, Response
from detective_async.testing.server.requests import Headers, Request
from detective_async.testing.services.errors import ApiError

_LOGGER = logging.getLogger(__name__)

# AWS closes idle connections after about this time, in seconds.
KEEP_ALIVE = 20.0
# How long the body of a request may take to arrive, in seconds.
BODY_TIMEOUT = 20.0

# An absolute path of printable ASCII. `#` is excluded: the signature would not cover what follows it.
_TARGET = re.compile(r"/[!\"$-~]*")


class Remote(Protocol):
    """Answers the requests that match it."""

    def matches(self, http: web.BaseRequest) -> bool:
        """Return whether a request is for it."""
        ...

    async def respond(self, http: web.BaseRequest) -> web.Response:
        """Answer such a request."""
        ...


class Handler:
    """Answers every HTTP request.

    Args:
        backend: answers those for the services.
        page: answers those for the web page, and returns None for others.
        remote: answers those for the controls.
    """

    def __init__(
        self, backend: Backend, page: Callable[[web.BaseRequest], web.Response | None], remote: Remote
    ) -> None:
        self._backend = backend
        self._page = page
        self._remote = remote

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if self._remote.matches(http):
            return await self._remote.respond(http)
        page = self._page(http)
        if page is not None:
            return page
        request, error = await _read(http)
        if error is not None:
            return await _send(http, self._backend.reject(request, error))
        try:
            response = await self._respond(request)
        except Exception:
            _LOGGER.exception("the simulator failed to answer %s %s", request.method, request.target)
            error = ApiError("InternalFailure", "The simulator failed; the traceback is in its log")
            response = self._backend.reject(request, error)
        return await _send(http, response)

    async def _respond(self, request: Request) -> Response:
        admitted = self._backend.admit(request)
        if isinstance(admitted, Response):
            return admitted
        if admitted.latency:
            await asyncio.sleep(admitted.latency)
        return self._backend.carry_out(admitted)

    def reject_malformed(self) -> web.Response:
        """Answer data that is not HTTP."""
        request = Request("", "", Headers(()), b"")
        error = ApiError("MalformedHttpRequestException", "The request is not HTTP")
        return _web_response(self._backend.reject(request, error))


class Server(web.Server):
    """aiohttp's low-level server, which neither routes nor decodes paths: the signature covers them as sent."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler, keepalive_timeout=KEEP_ALIVE, access_log=None)
        self._handler = handler

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(self._handler, self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    """A connection that answers malformed HTTP with an error in the form of the service."""

    __slots__ = ("_handler",)

    def __init__(self, handler: Handler, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._handler = handler

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002  aiohttp's signature
        status: int = 500,  # noqa: ARG002
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        response = self._handler.reject_malformed()
        response.force_close()
        return response


async def read_body(http: web.BaseRequest, most: int | None = None) -> bytes:
    """Return the body of a request.

    Args:
        http: the request.
        most: the maximum number of bytes; by default 1 MiB.

    Raises:
        ApiError: it is larger, does not arrive in time, or is not well-formed.
    """
    if most is not None:
        http = http.clone(client_max_size=most)
    try:
        if ",".join(http.headers.getall("Expect", ())).lower() == "100-continue":
            await http.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # Otherwise aiohttp would assume that the response has been started.
            http.writer.output_size = 0
        # aiohttp has no timeout for the rest of a body whose chunked encoding is malformed.
        async with asyncio.timeout(BODY_TIMEOUT):
            return await http.read()
    except TimeoutError:
        raise ApiError("RequestTimeoutException", "The request's body did not arrive in time", status=408) from None
    except web.HTTPRequestEntityTooLarge:
        raise ApiError("RequestEntityTooLargeException", "The request is too large") from None
    except Exception:  # noqa: BLE001  aiohttp raises many kinds of errors for a body that it cannot read
        raise ApiError("MalformedHttpRequestException", "The request's body cannot be read") from None


async def _read(http: web.BaseRequest) -> tuple[Request, ApiError | None]:
    headers = Headers(http.headers.items())
    body, error = b"", None
    try:
        body = await read_body(http)
    except ApiError as raised:
        error = raised
    target = http.raw_path
    if not _TARGET.fullmatch(target):
        target = target.encode("ascii", "backslashreplace").decode()
        error = ApiError("MalformedHttpRequestException", "The request's target is not a path")
    return Request(http.method, target, headers, body), error


async def _send(http: web.BaseRequest, response: Response) -> web.StreamResponse:
    if response.drop is None and response.drip is None:
        return _web_response(response)
    if response.drop is not None and response.drop.when != "during":
        _close_connection(http)
        return web.Response()
    if response.drop is not None and not response.body:
        # Some clients would take cut headers, after which nothing follows, for all headers.
        _close_connection(http, b"HTTP/1.1 2")
        return web.Response()
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = len(response.body)
    with contextlib.suppress(ConnectionError):
        await stream.prepare(http)
        if response.drip is not None:
            for start in range(0, len(response.body), response.drip.size):
                if start:
                    await asyncio.sleep(response.drip.seconds)
                await stream.write(response.body[start : start + response.drip.size])
            await stream.write_eof()
        else:
            await stream.write(response.body[: len(response.body) // 2])
            _close_connection(http)
    return stream


def _web_response(response: Response) -> web.Response:
    return web.Response(status=response.status, headers=response.headers, body=response.body)


def _close_connection(http: web.BaseRequest, last: bytes = b"") -> None:
    if http.transport is not None:
        http.transport.write(last)
        http.transport.close()
