"""Problems as exceptions, and as responses."""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from detective_async.integrations.asgi.response import Response
from detective_async.integrations.web.headers import with_defaults
from detective_async.integrations.web.json_bytes import dump_json
from detective_async.integrations.web.problem import (
    CONTENT_TYPE,
    DEFAULT_HEADERS,
    Problem,
    log_problem,
    make_problem,
    problem_of,
)

_logger = logging.getLogger("detective_async.asgi")


class ProblemError(Exception):
    """Raised by a handler to respond with a problem: `raise ProblemError(404, detail="there is no such job")`.

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
        super().__init__(f"{status}: {detail or self.problem.title}")


@problem_of.register
def _(error: ProblemError) -> Problem:
    return error.problem


def problem_response(scope: Mapping[str, Any], error: Exception) -> Response:
    """Return the response to an exception, and log it if it concerns the server's operators."""
    problem = _problem(scope, error)
    headers = with_defaults(problem.headers, {"Content-Type": CONTENT_TYPE, **DEFAULT_HEADERS})
    return Response(problem.status, headers, dump_json(problem.document(instance=_path(scope))))


def explain(scope: Mapping[str, Any], error: Exception) -> dict[str, object]:
    """Return the problem document of an exception, and log it likewise."""
    return _problem(scope, error).document(instance=_path(scope))


def _problem(scope: Mapping[str, Any], error: Exception) -> Problem:
    if isinstance(error, ProblemError):
        # Raised on purpose.
        return error.problem
    remote = (scope.get("client") or ("an unknown client",))[0]
    return log_problem(_logger, error, method=scope["method"], path=_path(scope), remote=remote)


def _path(scope: Mapping[str, Any]) -> str:
    # Without the query, which may contain secrets.
    raw = scope.get("raw_path")
    return quote(scope["path"]) if raw is None else str(raw.partition(b"?")[0], "latin-1")
