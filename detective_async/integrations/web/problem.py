"""Errors as RFC 9457 problems: their status, and which details may leave the server."""

import logging
import math
from collections.abc import Mapping
from functools import singledispatch
from http import HTTPStatus
from typing import Any

from attrs import Factory, evolve, frozen

from detective_async.api.redaction import mask_keys
from detective_async.auth.credentials import EXPIRED_KEYS
from detective_async.errors import (
    AssumeRoleError,
    AttemptTimeout,
    ClientClosed,
    ConfigurationError,
    CredentialsError,
    DeadlineExceeded,
    DetectiveError,
    ParameterError,
    ServiceError,
    WaiterTimeout,
)
from detective_async.integrations.web.deadline import DeadlineReached
from detective_async.retry.policy import FailureKind, failure_kind

CONTENT_TYPE = "application/problem+json"
#: The headers of problem responses, unless the problem has its own.
DEFAULT_HEADERS: Mapping[str, str] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
#: The methods of requests that change nothing.
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

#: The statuses of AWS's error codes, from the client's point of view. All other codes become 502.
_STATUS_OF_CODE: Mapping[str, int] = {
    "ValidationException": 400,
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    # The account has not opted in to the region, or the access key does not exist: AWS sends the last code for both.
    "OptInRequired": 403,
    "RegionDisabledException": 403,
    "UnrecognizedClientException": 403,
    "ResourceNotFoundException": 404,
    "ConflictException": 409,
    # AWS sends 402, Payment Required, which misleads a browser's user. The obstacle is the state of the graph: a retry
    # does not help, removing a member does.
    "ServiceQuotaExceededException": 409,
    # The server's own keys are invalid, as with a CredentialsError.
    "ExpiredToken": 500,
    "ExpiredTokenException": 500,
    "IncompleteSignature": 500,
    "IncompleteSignatureException": 500,
    "InvalidClientTokenId": 500,
    "InvalidSignatureException": 500,
    "MissingAuthenticationToken": 500,
    "MissingAuthenticationTokenException": 500,
    "SignatureDoesNotMatch": 500,
}
#: The statuses after which a later retry may succeed.
_RETRYABLE = frozenset({502, 503, 504})
#: The statuses of STS that are passed on for a role: 403 means that the account does not allow access.
_STS_STATUSES = _RETRYABLE | {403}
_NOT_CONFIGURED = "The server's settings or credentials do not allow this."
_EXPIRED = "The server's credentials have expired: renew them."


@frozen(kw_only=True)
class Problem:
    """A problem, as shown to the client; `members` are additional ones, such as `code` and `request_id`."""

    status: int
    title: str
    detail: str | None = None
    members: Mapping[str, object] = Factory(dict)
    headers: Mapping[str, str] = Factory(dict)

    def document(self, **members: object) -> dict[str, object]:
        """Return the members of the problem document, with additional ones."""
        detail = {} if self.detail is None else {"detail": self.detail}
        # RFC 9457: about:blank has no further documentation, and its title should be the status phrase.
        head = {"type": "about:blank", "title": self.title, "status": self.status}
        return {**head, **detail, **self.members, **members}


class ShuttingDown(Exception):
    """The server is shutting down, so that a stream ends early."""


def make_problem(
    status: int,
    detail: str | None,
    *,
    title: str | None = None,
    headers: Mapping[str, str] | None = None,
    **members: object,
) -> Problem:
    """Make a problem; additional members that are None are omitted, and the default title is the status phrase.

    Raises:
        ValueError: the status is not an error status.
    """
    if not 400 <= status < 600:  # noqa: PLR2004 - HTTP's own numbers
        raise ValueError(f"a problem has a status from 400 to 599, not {status}")
    present = {name: value for name, value in members.items() if value is not None}
    # The body's length is that of the document.
    kept = {name: value for name, value in (headers or {}).items() if name.lower() != "content-length"}
    return Problem(status=status, title=title or _phrase(status), detail=detail, members=present, headers=kept)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


@singledispatch
def problem_of(_error: BaseException) -> Problem:
    """Return an error as a problem for the client, without secrets.

    Integrations register the exceptions of their framework.
    """
    return make_problem(500, "An unexpected error occurred.")


@problem_of.register
def _(_error: TimeoutError) -> Problem:
    return make_problem(504, "The request took too long.", code=DeadlineExceeded.__name__)


@problem_of.register
def _(_error: ShuttingDown) -> Problem:
    return make_problem(503, "The server is going down.", headers={"Retry-After": "1"})


def log_problem(logger: logging.Logger, error: BaseException, *, method: str, path: str, remote: object) -> Problem:
    """Return the exception of a request as a problem, and log it if it concerns the server's operators."""
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("Error handling request from %s", remote, exc_info=error)
    elif problem.status > HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, ShuttingDown):
        # The place of a timeout is known only where it is the deadline of the request.
        own = error if isinstance(error, TimeoutError) and not isinstance(error, DeadlineReached) else None
        logger.warning("%s %s: %d %s", method, path, problem.status, problem.detail, exc_info=own)
    if isinstance(error, TimeoutError) and method not in _SAFE:
        # The handler was interrupted at an unknown point.
        return evolve(problem, members={**problem.members, "outcome_unknown": True})
    return problem


@problem_of.register
def _(error: ServiceError) -> Problem:
    status = _service_status(error)
    return make_problem(
        status,
        _own_fault(error.code) if status == HTTPStatus.INTERNAL_SERVER_ERROR else mask_keys(error.message) or None,
        headers=_retry_after(status, error.retry_after),
        code=error.code,
        request_id=error.request_id,
        outcome_unknown=error.outcome_unknown,
    )


def _own_fault(code: str | None) -> str:
    """Return what may be said of a mistake in the server's configuration."""
    return _EXPIRED if code in EXPIRED_KEYS else _NOT_CONFIGURED


def _service_status(error: ServiceError) -> int:
    if failure_kind(error) is FailureKind.THROTTLING:
        return 503
    if error.status in _RETRYABLE:
        return error.status
    return _STATUS_OF_CODE.get(error.code) or _STATUS_OF_CODE.get(type(error).__name__, 502)


@problem_of.register
def _(error: DetectiveError) -> Problem:
    status = _library_status(error)
    code: Any = getattr(error, "code", None)
    return make_problem(
        status,
        _library_detail(error, status),
        headers=_retry_after(status, None),
        code=code or type(error).__name__,
        request_id=getattr(error, "request_id", None),
        outcome_unknown=error.outcome_unknown,
        parameter=getattr(error, "parameter", None),
    )


def _library_detail(error: DetectiveError, status: int) -> str:
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _own_fault(getattr(error, "code", None))
    if isinstance(error, AssumeRoleError) and status == HTTPStatus.FORBIDDEN:
        # STS's message names the server's own identity.
        return f"The role {error.role_arn} does not exist, or does not trust this server."
    # The library's texts contain no secrets, but texts of proxies and credentials providers may.
    return mask_keys(str(error))


def _library_status(error: DetectiveError) -> int:
    match error:
        case ParameterError():
            return 400
        case AssumeRoleError() if (status := _sts_status(error)) in _STS_STATUSES:
            return status
        case ClientClosed():
            # The server shuts down.
            return 503
        case ConfigurationError() | CredentialsError():
            return 500
        case AttemptTimeout() | DeadlineExceeded() | WaiterTimeout():
            return 504
        case _:
            return 502


def _sts_status(error: AssumeRoleError) -> int:
    """Return the status of a failed AssumeRole: STS unavailable, access denied, or the server's keys invalid."""
    cause: BaseException | None = error
    seen: set[int] = set()
    # Roles may be chained; `seen` ends the loop if an error is its own cause.
    while isinstance(cause, AssumeRoleError) and id(cause) not in seen:
        seen.add(id(cause))
        cause = cause.__cause__
    if isinstance(cause, DetectiveError) and not isinstance(cause, AssumeRoleError):
        return problem_of(cause).status
    # A pickled error has lost its cause.
    return _STATUS_OF_CODE.get(error.code or "", 500)


def _retry_after(status: int, seconds: float | None) -> dict[str, str]:
    if status != HTTPStatus.SERVICE_UNAVAILABLE:
        return {}
    return {"Retry-After": str(max(1, math.ceil(seconds or 0)))}
