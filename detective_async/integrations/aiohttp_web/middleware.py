"""The middleware: turns exceptions into problem responses, and enforces deadlines."""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from attrs import evolve

from detective_async.integrations.aiohttp_web.connection import is_disconnected, reset_connection
from detective_async.integrations.aiohttp_web.deadline import request_deadline
from detective_async.integrations.aiohttp_web.json_bytes import dump_json
from detective_async.integrations.aiohttp_web.problem import CONTENT_TYPE, Problem, ProblemError, problem_of

_SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS, hdrs.METH_TRACE})


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
        async with request_deadline(request):
            return await handler(request)
    except Exception as error:
        if request.writer.output_size and not is_disconnected(request):
            # aiohttp logs this with its cause. aiohttp's own exceptions it would send into the started response.
            reset_connection(request)
            raise ConnectionAbortedError("the response had started, and cannot be completed") from error
        if isinstance(error, web.HTTPException) and _is_response(error):
            raise
        return _problem_response(request, error)


def _is_response(error: web.HTTPException) -> bool:
    is_error = error.status >= 400  # noqa: PLR2004 - HTTP's own number
    return not is_error or (error.content_type != "text/plain" and not isinstance(error, ProblemError))


def _problem_response(request: web.Request, error: Exception) -> web.Response:
    problem = log_problem(request, error)
    response = web.Response(
        status=problem.status,
        reason=error.reason if isinstance(error, web.HTTPException) else None,
        headers=problem.headers,
        body=dump_json(problem_document(request, problem)),
        content_type=CONTENT_TYPE,
    )
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    if isinstance(error, web.HTTPException):
        response.cookies.update(error.cookies)
    return response


def problem_document(request: web.Request, problem: Problem) -> dict[str, object]:
    """Return the members of a request's problem document."""
    # Without the query, which may contain secrets.
    return problem.document(instance=request.rel_url.raw_path)


def log_problem(request: web.Request, error: Exception) -> Problem:
    """Return a request's exception as a problem, and log it if it concerns the server's operators."""
    problem = problem_of(error)
    logger = request.protocol.logger
    if isinstance(error, web.HTTPException) or (isinstance(error, ConnectionError) and is_disconnected(request)):
        # Raised on purpose, or caused by the client's disconnect.
        pass
    elif problem.status == 500:  # noqa: PLR2004 - HTTP's own numbers
        logger.error("Error handling request from %s", request.remote, exc_info=error)
    elif problem.status > 500:  # noqa: PLR2004
        logger.warning("%s %s: %d %s", request.method, request.rel_url.raw_path, problem.status, problem.detail)
    if isinstance(error, TimeoutError) and request.method not in _SAFE:
        # The handler was interrupted at an unknown point.
        return evolve(problem, members={**problem.members, "outcome_unknown": True})
    return problem
