"""aiohttp's exceptions as problems, and problems as exceptions of aiohttp."""

from collections.abc import Mapping

from aiohttp import hdrs, web

from detective_async.integrations.web.json_bytes import dump_json
from detective_async.integrations.web.problem import CONTENT_TYPE, DEFAULT_HEADERS, Problem, make_problem, problem_of


class ProblemError(web.HTTPException):
    """Raised by a handler to respond with a problem: `raise ProblemError(404, detail="there is no such job")`.

    It is an aiohttp exception with a complete response: it works without the middleware too.

    Args:
        status: the HTTP status, 400 to 599.
        title: the kind of problem; None uses the status phrase.
        detail: this occurrence of it.
        headers: additional response headers.
        **members: additional members, as JSON values; those that are None are omitted.

    Raises:
        ValueError: the status is not an error status.
    """

    def __init__(
        self,
        status: int,
        title: str | None = None,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        self.problem = make_problem(status, detail, title=title, headers=headers, **members)
        self.status_code = status
        super().__init__(
            headers=self.problem.headers,
            text=dump_json(self.problem.document()).decode(),
            content_type=CONTENT_TYPE,
        )


def response_of(problem: Problem, document: Mapping[str, object]) -> web.Response:
    """Return the response with a problem's document."""
    response = web.Response(
        status=problem.status, headers=problem.headers, body=dump_json(document), content_type=CONTENT_TYPE
    )
    for name, value in DEFAULT_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def response_to(error: web.HTTPException, document: Mapping[str, object]) -> web.Response:
    """Return the response with the problem's document of an exception of aiohttp, which keeps all but its body."""
    response = response_of(problem_of(error), document)
    response.set_status(error.status, error.reason)
    response.cookies.update(error.cookies)
    if error.keep_alive is False:
        response.force_close()
    return response


@problem_of.register
def _(error: ProblemError) -> Problem:
    return error.problem


@problem_of.register
def _(_error: web.RequestPayloadError) -> Problem:
    return make_problem(400, "The body of the request is malformed.")


@problem_of.register
def _(error: web.HTTPException) -> Problem:
    headers = error.headers.copy()
    # They describe the body that the problem document replaces.
    for name in (hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH):
        headers.popall(name, None)
    # aiohttp's default text repeats the title.
    detail = None if error.text == f"{error.status}: {error.reason}" else error.text
    return Problem(status=error.status, title=error.reason, detail=detail, headers=headers)
