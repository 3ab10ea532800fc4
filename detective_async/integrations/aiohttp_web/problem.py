"""Errors as RFC 9457 problems: their status, and which details may leave the server."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web
from attrs import Factory, frozen

from detective_async.api.redaction import mask_keys
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
from detective_async.integrations.aiohttp_web.json_bytes import dump_json
from detective_async.retry.policy import FailureKind, failure_kind

CONTENT_TYPE = "application/problem+json"

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
        if not 400 <= status < 600:  # noqa: PLR2004 - HTTP's own numbers
            raise ValueError(f"a problem has a status from 400 to 599, not {status}")
        self.problem = _problem(status, detail, title=title, headers=headers, **members)
        self.status_code = status
        super().__init__(headers=headers, text=dump_json(self.problem.document()).decode(), content_type=CONTENT_TYPE)


def problem_of(error: BaseException) -> Problem:
    """Return an error as a problem for the client, without secrets."""
    match error:
        case ProblemError():
            return error.problem
        case web.HTTPException():
            return _http_exception_problem(error)
        case ServiceError():
            return _service_problem(error)
        case DetectiveError():
            return _library_problem(error)
        case _:
            return _other_problem(error)


def _problem(
    status: int,
    detail: str | None,
    *,
    title: str | None = None,
    headers: Mapping[str, str] | None = None,
    **members: object,
) -> Problem:
    present = {name: value for name, value in members.items() if value is not None}
    title = title or web.Response(status=status).reason
    return Problem(status=status, title=title, detail=detail, members=present, headers=headers or {})


def _http_exception_problem(error: web.HTTPException) -> Problem:
    headers = error.headers.copy()
    # They describe the body that the problem document replaces.
    for name in (hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH):
        headers.popall(name, None)
    # aiohttp's default text repeats the title.
    detail = None if error.text == f"{error.status}: {error.reason}" else error.text
    return _problem(error.status, detail, title=error.reason, headers=headers)


def _other_problem(error: BaseException) -> Problem:
    if isinstance(error, TimeoutError):
        return _problem(504, "The request took too long.", code=DeadlineExceeded.__name__)
    if isinstance(error, web.RequestPayloadError):
        return _problem(400, "The body of the request is malformed.")
    return _problem(500, "An unexpected error occurred.")


def _service_problem(error: ServiceError) -> Problem:
    status = _service_status(error)
    return _problem(
        status,
        _NOT_CONFIGURED if status == HTTPStatus.INTERNAL_SERVER_ERROR else mask_keys(error.message) or None,
        headers=_retry_after(status, error.retry_after),
        code=error.code,
        request_id=error.request_id,
        outcome_unknown=error.outcome_unknown,
    )


def _service_status(error: ServiceError) -> int:
    if failure_kind(error) is FailureKind.THROTTLING:
        return 503
    if error.status in _RETRYABLE:
        return error.status
    return _STATUS_OF_CODE.get(error.code) or _STATUS_OF_CODE.get(type(error).__name__, 502)


def _library_problem(error: DetectiveError) -> Problem:
    status = _library_status(error)
    code: Any = getattr(error, "code", None)
    return _problem(
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
        return _NOT_CONFIGURED
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
    return {hdrs.RETRY_AFTER: str(max(1, math.ceil(seconds or 0)))}
