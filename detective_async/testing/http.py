"""The socket side: reads requests as they are on the wire, and answers, late, slowly or not at all as told."""

import asyncio
import contextlib
import logging
import re
from typing import Any

from aiohttp import web

from detective_async.testing.page import Page
from detective_async.testing.problems import Problem
from detective_async.testing.service import Answer, Request, Service
from detective_async.testing.signature import Headers

_LOGGER = logging.getLogger(__name__)

# AWS closes idle connections about this late, in seconds.
KEEP_ALIVE = 20.0
# How long the body of a request may take to come, in seconds.
BODY_TIMEOUT = 20.0

# An absolute path of printable ASCII. `#` is left out: what follows it would escape the signature.
_TARGET = re.compile(r"/[!\"$-~]*")


class Front:
    """Answers every HTTP request."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._page = Page(service)

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        page = self._page.answer(http)
        if page is not None:
            return page
        request, problem = await _read(http)
        if problem is not None:
            return await _send(http, self._service.refuse(request, problem))
        try:
            answer = await self._answer(request)
        except Exception:
            _LOGGER.exception("the simulator failed to answer %s %s", request.method, request.target)
            problem = Problem("InternalFailure", "The simulator has failed; its log says how")
            answer = self._service.refuse(request, problem)
        return await _send(http, answer)

    async def _answer(self, request: Request) -> Answer:
        admitted = self._service.admit(request)
        if isinstance(admitted, Answer):
            return admitted
        if admitted.latency:
            await asyncio.sleep(admitted.latency)
        return self._service.carry_out(request, admitted)

    def refuse_malformed(self) -> web.Response:
        """Answer what is not HTTP."""
        request = Request("", "", Headers(()), b"")
        problem = Problem("MalformedHttpRequestException", "The request is not HTTP")
        return _response(self._service.refuse(request, problem))


class Server(web.Server):
    """aiohttp's bare server: no routing or decoding of paths comes before the signature is checked."""

    def __init__(self, front: Front) -> None:
        # The type of the handler is narrower than what aiohttp allows, and rightly so.
        super().__init__(front, keepalive_timeout=KEEP_ALIVE, access_log=None)
        self._front = front

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(self._front, self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    """A connection that answers malformed HTTP as it answers everything else."""

    __slots__ = ("_front",)

    def __init__(self, front: Front, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._front = front

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002  aiohttp's signature
        status: int = 500,  # noqa: ARG002
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        response = self._front.refuse_malformed()
        response.force_close()
        return response


async def _read(http: web.BaseRequest) -> tuple[Request, Problem | None]:
    headers = Headers(http.headers.items())
    body, problem = b"", None
    try:
        if headers.get("expect").lower() == "100-continue":
            await http.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # aiohttp takes anything written for the start of the answer.
            http.writer.output_size = 0
        # aiohttp itself would wait for ever for what follows a chunk that is none.
        async with asyncio.timeout(BODY_TIMEOUT):
            body = await http.read()
    except TimeoutError:
        problem = Problem("RequestTimeoutException", "The request's body did not come in time", status=408)
    except web.HTTPRequestEntityTooLarge:
        problem = Problem("RequestEntityTooLargeException", "The request is too large")
    except Exception:  # noqa: BLE001  whatever aiohttp makes of a body that cannot be read
        problem = Problem("MalformedHttpRequestException", "The request's body cannot be read")
    target = http.raw_path
    if not _TARGET.fullmatch(target):
        target = target.encode("ascii", "backslashreplace").decode()
        problem = Problem("MalformedHttpRequestException", "The request's target is not a path")
    return Request(http.method, target, headers, body), problem


async def _send(http: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    if answer.drop is None and answer.drip is None:
        return _response(answer)
    if answer.drop is not None and answer.drop.when != "during":
        _hang_up(http)
        return web.Response()
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    with contextlib.suppress(ConnectionError):
        await response.prepare(http)
        if answer.drip is not None:
            for start in range(0, len(answer.body), answer.drip.size):
                if start:
                    await asyncio.sleep(answer.drip.seconds)
                await response.write(answer.body[start : start + answer.drip.size])
            await response.write_eof()
        else:
            await response.write(answer.body[: len(answer.body) // 2])
            _hang_up(http)
    return response


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


def _hang_up(http: web.BaseRequest) -> None:
    if http.transport is not None:
        http.transport.close()
