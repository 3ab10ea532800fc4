"""The status of each error, and the details that the client gets."""

import json
from typing import Any

import pytest
from aiohttp import web
from integrations.library_errors import STATUSES, assume_role_error, make

import detective_async
from detective_async import (
    AssumeRoleError,
    AttemptTimeout,
    ClientClosed,
    ConflictException,
    ConnectError,
    CredentialsError,
    DetectiveError,
    ServiceError,
    TooManyRequestsException,
)
from detective_async.integrations.aiohttp_web import ProblemError, to_json
from detective_async.integrations.web.problem import Problem, problem_of
from detective_async.retry.policy import _THROTTLING_CODES

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # AWS's own example


def public_errors() -> list[type[DetectiveError]]:
    things = [getattr(detective_async, name) for name in detective_async.__all__]
    return [thing for thing in things if isinstance(thing, type) and issubclass(thing, DetectiveError)]


def test_all_public_errors_are_covered() -> None:
    """A new error class must be added to `STATUSES`."""
    assert set(public_errors()) == set(STATUSES)


@pytest.mark.parametrize("kind", STATUSES, ids=lambda kind: kind.__name__)
def test_status(kind: type[DetectiveError]) -> None:
    """Each error has its status, its code and the usual members."""
    error = make(kind)
    problem = problem_of(error)
    document = problem.document()
    assert problem.status == document["status"] == STATUSES[kind]
    assert document["type"] == "about:blank"
    assert document["title"] == problem.title == web.Response(status=problem.status).reason
    assert document["code"] == ("AccessDenied" if kind is AssumeRoleError else kind.__name__)
    assert document["outcome_unknown"] is error.outcome_unknown
    assert document.get("request_id") == getattr(error, "request_id", None)
    assert document.get("parameter") == getattr(error, "parameter", None)
    assert to_json(error) == document


@pytest.mark.parametrize("kind", STATUSES, ids=lambda kind: kind.__name__)
def test_no_secrets(kind: type[DetectiveError]) -> None:
    """No key or e-mail address in an error's text is sent; the text is, except for a 500."""
    document = problem_of(make(kind, f"hello {SECRET} and kim@example.com")).document()
    text = json.dumps(document)
    assert SECRET not in text
    assert "kim@example.com" not in text
    # STS's message, which names the server's identity, is replaced.
    assert ("hello" in text) == (STATUSES[kind] != 500 and kind is not AssumeRoleError)


def test_retry_after() -> None:
    """It has AWS's delay in whole seconds, at least one."""
    for asked, document in [(None, "1"), (0.0, "1"), (0.2, "1"), (1.2, "2"), (7.0, "7")]:
        error = TooManyRequestsException("TooManyRequestsException", "", status=429, retry_after=asked)
        assert problem_of(error).headers == {"Retry-After": document}
    assert [kind for kind in STATUSES if problem_of(make(kind)).headers] == [ClientClosed, TooManyRequestsException]


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        *((code, 400, 503) for code in sorted(_THROTTLING_CODES)),
        ("Whatever", 429, 503),
        ("ServiceUnavailable", 503, 503),
        ("500", 500, 502),
        ("502", 502, 502),
        ("504", 504, 504),
        ("AccessDenied", 403, 403),
        ("OptInRequired", 403, 403),
        ("RegionDisabledException", 403, 403),
        ("UnrecognizedClientException", 403, 403),
        ("ExpiredTokenException", 403, 500),
        ("InvalidSignatureException", 403, 500),
        ("SignatureDoesNotMatch", 403, 500),
        ("404", 404, 502),
        ("AddedTomorrowException", 400, 502),
    ],
)
def test_unmodelled_codes(code: str, status: int, expected: int) -> None:
    """Codes outside the API's model have a status too."""
    problem = problem_of(ServiceError(code, "words", status=status))
    assert problem.status == expected
    assert bool(problem.headers) == (expected == 503)
    assert (problem.detail == "words") == (expected != 500)


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException"])
def test_expired_keys(code: str) -> None:
    """Who reads it can do something about it, while other mistakes of the server are not explained."""
    expected = "The server's credentials have expired: renew them."
    assert problem_of(ServiceError(code, "words", status=403)).detail == expected
    role = AssumeRoleError("words", role_arn="arn:aws:iam::111122223333:role/R", code=code, status=403, request_id=None)
    role.__cause__ = ServiceError(code, status=403)
    assert (problem_of(role).status, problem_of(role).detail) == (500, expected)


def test_class_without_its_code() -> None:
    """The class determines the status if the code is unknown."""
    assert problem_of(ConflictException("com.amazonaws#Conflict", status=409)).status == 409


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (None, 403),
        (RuntimeError(), 403),
        (CredentialsError("none"), 500),
        (ServiceError("AccessDenied", status=403), 403),
        (ServiceError("InvalidClientTokenId", status=403), 500),
        (ServiceError("Throttling", status=400), 503),
        (ServiceError("500", status=500), 502),
        (ConnectError("no", operation="AssumeRole", attempts=1, outcome_unknown=False), 502),
        (AttemptTimeout("no", operation="AssumeRole", attempts=1, outcome_unknown=False), 504),
    ],
)
def test_assume_role_fails(cause: Exception | None, expected: int) -> None:
    """A denied role, invalid keys and an unavailable STS are distinguished."""
    problem = problem_of(assume_role_error("words", cause))
    assert problem.status == expected
    if expected == 403:
        assert (
            problem.detail == "The role arn:aws:iam::111122223333:role/R does not exist, or does not trust this server."
        )
    assert bool(problem.headers) == (expected == 503)


def test_chained_roles() -> None:
    """The original cause determines the status; a cause that is cyclic is ignored."""
    busy = assume_role_error("words", ServiceError("Throttling", status=400))
    assert problem_of(assume_role_error("words", busy)).status == 503
    busy.__cause__ = outer = assume_role_error("words", busy)
    assert problem_of(outer).status == 403
    keys = assume_role_error("words", ServiceError("InvalidClientTokenId", status=403))
    assert problem_of(assume_role_error("words", keys)).status == 500


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError("hidden"), Problem(status=504, title="Gateway Timeout", detail="The request took too long.")),
        (ValueError("hidden"), Problem(status=500, title="Internal Server Error")),
        (KeyboardInterrupt("hidden"), Problem(status=500, title="Internal Server Error")),
        (web.RequestPayloadError("hidden"), Problem(status=400, title="Bad Request")),
        (web.HTTPNotFound(), Problem(status=404, title="Not Found")),
        (web.HTTPNotFound(reason="Nowhere", text="Over there."), Problem(status=404, title="Nowhere")),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), Problem(status=405, title="Method Not Allowed")),
    ],
)
def test_other_exceptions(error: BaseException, expected: Problem) -> None:
    """Aiohttp's exceptions keep their status; texts of unknown exceptions are hidden."""
    problem = problem_of(error)
    assert (problem.status, problem.title) == (expected.status, expected.title)
    assert "hidden" not in json.dumps(problem.document())
    if isinstance(error, web.HTTPException):
        assert problem.detail == ("Over there." if error.text == "Over there." else None)


def test_problem_error() -> None:
    """It has its members without None, and the status phrase as the default title."""
    error = ProblemError(409, detail="a colon is missing", line=3, column=None, headers={"X-Line": "3"})
    document: dict[str, Any] = {"type": "about:blank", "title": "Conflict", "status": 409}
    assert problem_of(error).document() == {**document, "detail": "a colon is missing", "line": 3}
    assert json.loads(error.text or "") == problem_of(error).document()
    assert error.status == 409
    assert error.headers["X-Line"] == "3"
    assert error.content_type == "application/problem+json"
    titled = ProblemError(499, "Lost", type="https://example.com/lost")
    assert problem_of(titled).document() == {"type": "https://example.com/lost", "title": "Lost", "status": 499}


@pytest.mark.parametrize("status", [200, 302, 399, 600])
def test_problem_error_needs_an_error_status(status: int) -> None:
    """Any other status raises."""
    with pytest.raises(ValueError, match=f"not {status}"):
        ProblemError(status)
