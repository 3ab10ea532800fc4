"""The middleware: turns exceptions into problem responses, and enforces deadlines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from detective_async.integrations.aiohttp_web.connection import is_disconnected, reset_connection
from detective_async.integrations.aiohttp_web.problem import ProblemError, response_of, response_to
from detective_async.integrations.web.deadline import Deadline, limited, read_seconds
from detective_async.integrations.web.problem import Problem, log_problem, problem_of
from detective_async.integrations.web.state import State
from detective_async.settings.arguments import type_name

STATE = web.AppKey("STATE", State)
DEADLINE = web.RequestKey("DEADLINE", Deadline)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Respond to exceptions with problem documents (RFC 9457), and enforce the request's deadline.

    The library's errors get the status that fits the client's request; aiohttp's own (404, 405, 413 and so on) keep
    theirs, with their headers. An aiohttp exception that is not an error, or whose body is not plain text, is sent
    unchanged. Any other exception is a 500 without details, and is logged on aiohttp's logger.

    A response that has started cannot be replaced. The streams of this package send the problem as their last record;
    for any other response the connection is reset, so that an incomplete response does not look complete.

    `setup` installs the middleware. It works without `setup` too, but then requests have no deadline.
    """
    try:
        async with _request_deadline(request):
            return _checked(await handler(request))
    except Exception as error:
        if request.writer.output_size and not is_disconnected(request):
            # aiohttp logs this with its cause. aiohttp's own exceptions it would send into the started response.
            reset_connection(request)
            raise ConnectionAbortedError("the response had started, and cannot be completed") from error
        if isinstance(error, web.HTTPException) and is_response(error):
            raise
        return _problem_response(request, error)


def _checked(response: object) -> web.StreamResponse:
    """Return what a handler returned, if it is a response and no error."""
    if isinstance(response, web.HTTPException) and not response.prepared:
        # aiohttp sends a returned exception as it sends a raised one.
        raise response
    if not isinstance(response, web.StreamResponse):
        raise TypeError(f"the handler returned {type_name(response)}, expected a response")
    return response


def is_response(error: web.HTTPException) -> bool:
    """Return whether an exception of aiohttp is sent unchanged."""
    is_error = error.status >= 400  # noqa: PLR2004 - HTTP's own number
    return not is_error or (error.content_type != "text/plain" and not isinstance(error, ProblemError))


def _problem_response(request: web.Request, error: Exception) -> web.Response:
    problem = _problem(request, error)
    document = _document(request, problem)
    return response_to(error, document) if isinstance(error, web.HTTPException) else response_of(problem, document)


def explain(request: web.Request, error: Exception) -> dict[str, object]:
    """Return the problem document of a request's exception, and log it if it concerns the server's operators."""
    return _document(request, _problem(request, error))


def _document(request: web.Request, problem: Problem) -> dict[str, object]:
    # Without the query, which may contain secrets.
    return problem.document(instance=request.rel_url.raw_path)


def _problem(request: web.Request, error: Exception) -> Problem:
    if isinstance(error, web.HTTPException) or (isinstance(error, ConnectionError) and is_disconnected(request)):
        # Raised on purpose, or caused by the client's disconnect.
        return problem_of(error)
    path = request.rel_url.raw_path
    return log_problem(request.protocol.logger, error, method=request.method, path=path, remote=request.remote)


@asynccontextmanager
async def _request_deadline(request: web.Request) -> AsyncIterator[None]:
    """Enforce the request's deadline, if it has one."""
    state = request.config_dict.get(STATE)
    # For a sub-app with its own `setup`, the deadline of the outer app applies.
    seconds = None if state is None or DEADLINE in request else _seconds(request, state)
    if seconds is None:
        yield
        return
    async with limited(seconds) as deadline:
        request[DEADLINE] = deadline
        yield


def _seconds(request: web.Request, state: State) -> float | None:
    name = state.deadline_header
    return read_seconds(name, request.headers.getall(name, []) if name else [], state.deadline)
