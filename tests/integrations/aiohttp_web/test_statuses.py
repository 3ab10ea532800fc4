"""Which status an error has for whoever asked, and what is told of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

import detective_async
from detective_async import (
    AccessDeniedException,
    AssumeRoleError,
    AttemptTimeout,
    ConfigurationError,
    ConflictException,
    ConnectError,
    ConnectionLost,
    CredentialsError,
    DeadlineExceeded,
    DecodeError,
    DetectiveError,
    HostNotFound,
    InternalServerException,
    PaginationError,
    ParameterError,
    ResourceNotFoundException,
    ServiceError,
    ServiceQuotaExceededException,
    TooManyRequestsException,
    TransportError,
    ValidationException,
    WaiterTimeout,
)
from detective_async.integrations.aiohttp_web import ProblemError, to_json
from detective_async.integrations.aiohttp_web.problem import Problem, describe
from detective_async.retry.policy import _THROTTLING_CODES

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # AWS's own example
STATUSES = {
    DetectiveError: 502,
    ParameterError: 400,
    ConfigurationError: 500,
    CredentialsError: 500,
    AssumeRoleError: 403,
    TransportError: 502,
    ConnectError: 502,
    HostNotFound: 502,
    ConnectionLost: 502,
    AttemptTimeout: 504,
    DeadlineExceeded: 504,
    DecodeError: 502,
    PaginationError: 502,
    WaiterTimeout: 504,
    ServiceError: 502,
    AccessDeniedException: 403,
    ConflictException: 409,
    InternalServerException: 502,
    ResourceNotFoundException: 404,
    ServiceQuotaExceededException: 409,
    TooManyRequestsException: 503,
    ValidationException: 400,
}
HTTP = {AccessDeniedException: 403, InternalServerException: 500, TooManyRequestsException: 429}


def make(kind: type[DetectiveError], text: str = "words") -> DetectiveError:
    """Make an error of a class as the library does."""
    if issubclass(kind, ServiceError):
        return kind(kind.__name__, text, status=HTTP.get(kind, 400), request_id="an-id", operation="ListMembers")
    if issubclass(kind, TransportError):
        return kind(text, operation="ListMembers", attempts=3, outcome_unknown=True)
    return _MAKERS.get(kind, kind)(text)


_MAKERS: dict[type[DetectiveError], Callable[[str], DetectiveError]] = {
    ParameterError: lambda text: ParameterError("accounts[3].email_address", text),
    AssumeRoleError: lambda text: assume_role_error(text, None),
    DecodeError: lambda text: DecodeError(text, operation="ListMembers", status=200, request_id="an-id", attempts=1),
    WaiterTimeout: lambda text: WaiterTimeout(text, timeout=5.0, last_states={"1": object()}, pending=["1"]),
}


def assume_role_error(text: str, cause: Exception | None) -> AssumeRoleError:
    role = "arn:aws:iam::111122223333:role/R"
    error = AssumeRoleError(text, role_arn=role, code="AccessDenied", status=403, request_id="an-id")
    error.__cause__ = cause
    return error


def public_errors() -> list[type[DetectiveError]]:
    things = [getattr(detective_async, name) for name in detective_async.__all__]
    return [thing for thing in things if isinstance(thing, type) and issubclass(thing, DetectiveError)]


def test_every_public_error_has_a_status_of_its_own() -> None:
    """A class that is added later has to be thought of here."""
    assert set(public_errors()) == set(STATUSES)


@pytest.mark.parametrize("kind", STATUSES, ids=lambda kind: kind.__name__)
def test_status(kind: type[DetectiveError]) -> None:
    """Each error has the status that it is to whoever asked, in the document too, and its name as the code."""
    error = make(kind)
    problem = describe(error)
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
def test_nothing_secret(kind: type[DetectiveError]) -> None:
    """Whatever found its way into an error's text, no key and no e-mail address is told; the rest is, but of a 500."""
    told = describe(make(kind, f"hello {SECRET} and kim@example.com")).document()
    text = json.dumps(told)
    assert SECRET not in text
    assert "kim@example.com" not in text
    # What STS says of a role names who we are.
    assert ("hello" in text) == (STATUSES[kind] != 500 and kind is not AssumeRoleError)


def test_retry_after() -> None:
    """Who is throttled is told when to come back: what AWS asked for, in whole seconds, and at least one."""
    for asked, told in [(None, "1"), (0.0, "1"), (0.2, "1"), (1.2, "2"), (7.0, "7")]:
        error = TooManyRequestsException("TooManyRequestsException", "", status=429, retry_after=asked)
        assert describe(error).headers == {"Retry-After": told}
    assert [kind for kind in STATUSES if describe(make(kind)).headers] == [TooManyRequestsException]


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
        ("UnrecognizedClientException", 403, 403),
        ("ExpiredTokenException", 403, 500),
        ("InvalidSignatureException", 403, 500),
        ("SignatureDoesNotMatch", 403, 500),
        ("404", 404, 502),
        ("AddedTomorrowException", 400, 502),
    ],
)
def test_codes_that_are_no_exceptions_of_the_api(code: str, status: int, expected: int) -> None:
    """What AWS says beside its own model: too busy, not allowed, our own fault, or nothing that means anything here."""
    problem = describe(ServiceError(code, "words", status=status))
    assert problem.status == expected
    assert bool(problem.headers) == (expected == 503)
    assert (problem.detail == "words") == (expected != 500)


def test_a_subclass_counts_as_its_exception() -> None:
    """An exception of the API's own is known by its class as well, whatever its code."""
    assert describe(ConflictException("com.amazonaws#Conflict", status=409)).status == 409


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
def test_a_role_that_could_not_be_assumed(cause: Exception | None, expected: int) -> None:
    """A role that is closed to us is one thing, keys that do not work another, and an STS that is busy a third."""
    problem = describe(assume_role_error("words", cause))
    assert problem.status == expected
    if expected == 403:
        assert problem.detail == "arn:aws:iam::111122223333:role/R is not there, or does not trust this server."
    assert bool(problem.headers) == (expected == 503)


def test_a_role_by_way_of_another_one() -> None:
    """What counts is what it was in the end; an error that is its own cause is none."""
    busy = assume_role_error("words", ServiceError("Throttling", status=400))
    assert describe(assume_role_error("words", busy)).status == 503
    busy.__cause__ = outer = assume_role_error("words", busy)
    assert describe(outer).status == 403
    keys = assume_role_error("words", ServiceError("InvalidClientTokenId", status=403))
    assert describe(assume_role_error("words", keys)).status == 500


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError("hidden"), Problem(status=504, title="Gateway Timeout", detail="The time for the answer is up.")),
        (ValueError("hidden"), Problem(status=500, title="Internal Server Error")),
        (KeyboardInterrupt("hidden"), Problem(status=500, title="Internal Server Error")),
        (web.RequestPayloadError("hidden"), Problem(status=400, title="Bad Request")),
        (web.HTTPNotFound(), Problem(status=404, title="Not Found")),
        (web.HTTPNotFound(reason="Nowhere", text="Over there."), Problem(status=404, title="Nowhere")),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), Problem(status=405, title="Method Not Allowed")),
    ],
)
def test_errors_of_others(error: BaseException, expected: Problem) -> None:
    """Those of aiohttp keep what they are, and nothing is told of those that nobody thought of."""
    problem = describe(error)
    assert (problem.status, problem.title) == (expected.status, expected.title)
    assert "hidden" not in json.dumps(problem.document())
    if isinstance(error, web.HTTPException):
        assert problem.detail == ("Over there." if error.text == "Over there." else None)


def test_a_problem_of_the_handlers_own() -> None:
    """It says what it was made with, less what is None, and its words are those of the status where it has none."""
    error = ProblemError(409, detail="a colon is missing", line=3, column=None, headers={"X-Line": "3"})
    told: dict[str, Any] = {"type": "about:blank", "title": "Conflict", "status": 409}
    assert describe(error).document() == {**told, "detail": "a colon is missing", "line": 3}
    assert json.loads(error.text or "") == describe(error).document()
    assert error.status == 409
    assert error.headers["X-Line"] == "3"
    assert error.content_type == "application/problem+json"
    titled = ProblemError(499, "Lost", type="https://example.com/lost")
    assert describe(titled).document() == {"type": "https://example.com/lost", "title": "Lost", "status": 499}


@pytest.mark.parametrize("status", [200, 302, 399, 600])
def test_a_problem_is_an_error(status: int) -> None:
    """Any other status is a mistake in the handler."""
    with pytest.raises(ValueError, match=f"not {status}"):
        ProblemError(status)
