"""The middleware: errors become problem answers, and requests end in time."""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from attrs import evolve

from detective_async.integrations.aiohttp_web.connection import break_off, is_gone
from detective_async.integrations.aiohttp_web.deadline import bounded
from detective_async.integrations.aiohttp_web.problem import CONTENT_TYPE, Problem, ProblemError, describe
from detective_async.integrations.aiohttp_web.text import dump

_SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS, hdrs.METH_TRACE})


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever a handler raises with a problem (RFC 9457), and bound the request by its deadline.

    The library's errors get the status that they have for whoever asked, and aiohttp's own (404, 405, 413 and so on)
    keep theirs, with their headers. An exception of aiohttp's that is no error, or has a body of another type than
    plain text, is an answer as it is. Anything else is a 500 that shows nothing, and is logged on aiohttp's logger.

    An answer that has begun can become no other one. The streams of this package tell in their last record what went
    wrong; with all others the connection is broken off, so that nobody takes a part for the whole.

    `setup` installs it. Without `setup` it works as well, but knows no deadline.
    """
    try:
        async with bounded(request):
            return await handler(request)
    except Exception as error:
        if request.writer.output_size and not is_gone(request):
            # aiohttp logs this, with what it came from. Its own exceptions it would send, in the middle of the answer.
            break_off(request)
            raise ConnectionAbortedError("the answer had begun, and cannot be completed") from error
        if isinstance(error, web.HTTPException) and _is_an_answer(error):
            raise
        return _answer(request, error)


def _is_an_answer(error: web.HTTPException) -> bool:
    is_error = error.status >= 400  # noqa: PLR2004 - HTTP's own number
    return not is_error or (error.content_type != "text/plain" and not isinstance(error, ProblemError))


def _answer(request: web.Request, error: Exception) -> web.Response:
    problem = note(request, error)
    answer = web.Response(
        status=problem.status,
        reason=error.reason if isinstance(error, web.HTTPException) else None,
        headers=problem.headers,
        body=dump(document(request, problem)),
        content_type=CONTENT_TYPE,
    )
    answer.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    if isinstance(error, web.HTTPException):
        answer.cookies.update(error.cookies)
    return answer


def document(request: web.Request, problem: Problem) -> dict[str, object]:
    """Give the members of a request's problem."""
    # Not the query, which may be nobody else's business.
    return problem.document(instance=request.rel_url.raw_path)


def note(request: web.Request, error: Exception) -> Problem:
    """Give a request's error as a problem, and log it if it concerns those who run the server."""
    problem = describe(error)
    logger = request.protocol.logger
    if isinstance(error, web.HTTPException) or (isinstance(error, ConnectionError) and is_gone(request)):
        # Raised on purpose, and by a browser that has gone.
        pass
    elif problem.status == 500:  # noqa: PLR2004 - HTTP's own numbers
        logger.error("Error handling request from %s", request.remote, exc_info=error)
    elif problem.status > 500:  # noqa: PLR2004
        logger.warning("%s %s: %d %s", request.method, request.rel_url.raw_path, problem.status, problem.detail)
    if isinstance(error, TimeoutError) and request.method not in _SAFE:
        # It was cut off in the middle of nobody knows what.
        return evolve(problem, members={**problem.members, "outcome_unknown": True})
    return problem
