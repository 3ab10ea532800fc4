"""Responds with problems to what aiohttp refuses before a middleware sees it, such as malformed HTTP."""

from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import hdrs, web

from detective_async.integrations.aiohttp_web.middleware import is_response
from detective_async.integrations.aiohttp_web.problem import response_of, response_to
from detective_async.integrations.web.problem import Problem, make_problem, problem_of


def answer_refusals(app: web.Application) -> None:
    """Have the servers of an app respond with problems.

    aiohttp offers no other place: the server makes the connections, and the app the server, whichever runner it has.
    A version of aiohttp that makes its server elsewhere keeps its own responses, which are plain text.
    """
    make = getattr(app, "_make_handler", None)
    if make is not None:
        # In development mode, aiohttp warns of attributes that are set in the usual way.
        object.__setattr__(app, "_make_handler", partial(_make_server, make))


class _MakeServer(Protocol):
    def __call__(self, **options: Any) -> web.Server: ...


def _make_server(make: _MakeServer, **options: Any) -> web.Server:
    server = make(**options)
    # An app may make a server of its own class, which is left alone.
    if type(server) is web.Server:
        server.__class__ = _Server
    return server


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        connection = super().__call__()
        if type(connection) is web.RequestHandler:
            connection.__class__ = _Connection
        return connection


class _Connection(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Respond to a malformed request, or to an error outside of the middleware."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or request.writer.output_size:
            # For its log entry, and its exception if a response has started.
            super().handle_error(request, status, exc, message)
            return _response(make_problem(status, None))
        self.logger.debug("Refused a request from %s", request.remote, exc_info=exc)
        return _response(make_problem(status, "The request is not valid HTTP, or its head is too large."))

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send a response; one that was raised outside of the middleware, such as a 417, is replaced."""
        if isinstance(resp, web.HTTPException) and not is_response(resp):
            error, resp = resp, response_to(resp, problem_of(resp).document())
            if error.status == HTTPStatus.EXPECTATION_FAILED:
                # It is not known whether the body follows.
                resp.force_close()
        return await super().finish_response(request, resp, start_time)


def _response(problem: Problem) -> web.Response:
    response = response_of(problem, problem.document())
    # aiohttp's own value names the versions of aiohttp and Python. An app can replace it in other responses, by
    # `on_response_prepare`, which aiohttp does not call for these.
    response.headers.setdefault(hdrs.SERVER, "aiohttp")
    response.force_close()
    return response
