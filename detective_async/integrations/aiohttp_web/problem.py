"""Errors as RFC 9457 problems: which status, what is told of them, and what is not."""

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
    ConfigurationError,
    CredentialsError,
    DeadlineExceeded,
    DetectiveError,
    ParameterError,
    ServiceError,
    WaiterTimeout,
)
from detective_async.integrations.aiohttp_web.text import dump
from detective_async.retry.policy import Kind, failure_kind

CONTENT_TYPE = "application/problem+json"

#: What AWS's refusals are to whoever asked us. All others are no fault of theirs: 502.
_STATUS_OF_CODE: Mapping[str, int] = {
    "ValidationException": 400,
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    # The account has not opted in to the region, or AWS does not know its keys: the second says it of both.
    "OptInRequired": 403,
    "UnrecognizedClientException": 403,
    "ResourceNotFoundException": 404,
    "ConflictException": 409,
    # AWS has 402 for it, Payment Required, of which nobody in front of a browser could make anything. What is in the
    # way is the state of the graph: trying again does not help, removing a member does.
    "ServiceQuotaExceededException": 409,
    # The server's own keys are at fault, as with a CredentialsError.
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
#: Those that say that trying again later may do.
_UPSTREAM = frozenset({502, 503, 504})
#: What STS's answers about a role are to whoever asked: the account may be one that does not let us in.
_OF_ROLES = _UPSTREAM | {403}
_NOT_SET_UP = "The server's settings or credentials do not allow this."
_UNEXPECTED = "Something unexpected went wrong."
_LATE = "The time for the answer is up."
_MALFORMED_BODY = "The body of the request is malformed."


@frozen(kw_only=True)
class Problem:
    """What went wrong, as it is told to whoever asked.

    Attributes:
        status: the HTTP status, 400 to 599.
        title: what kind of problem it is.
        detail: what it is this time; None where there is nothing to add.
        members: what is told beside that, such as `code` and `request_id`.
        headers: what the answer is to carry.
    """

    status: int
    title: str
    detail: str | None = None
    members: Mapping[str, object] = Factory(dict)
    headers: Mapping[str, str] = Factory(dict)

    def document(self, **members: object) -> dict[str, object]:
        """Give the members of the JSON object, with further ones."""
        detail = {} if self.detail is None else {"detail": self.detail}
        # With about:blank the title is the status in words, as a rule, and there is nothing more to look up.
        head = {"type": "about:blank", "title": self.title, "status": self.status}
        return {**head, **detail, **self.members, **members}


class ProblemError(web.HTTPException):
    """What a handler raises to answer with a problem: `raise ProblemError(404, detail="there is no such job")`.

    It is an exception of aiohttp's, and an answer as it is: it works without the middleware too.

    Args:
        status: the HTTP status, 400 to 599.
        title: what kind of problem it is; None for the status in words.
        detail: what it is this time.
        headers: what the answer is to carry beside its type.
        **members: what else to tell, as JSON can hold it; those that are None are left out.

    Raises:
        ValueError: the status is not that of an error.
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
        self.problem = _make(status, detail, title=title, headers=headers, **members)
        self.status_code = status
        super().__init__(headers=headers, text=dump(self.problem.document()).decode(), content_type=CONTENT_TYPE)


def describe(error: BaseException) -> Problem:
    """Tell an error to whoever asked: what concerns them, and nothing secret."""
    match error:
        case ProblemError():
            return error.problem
        case web.HTTPException():
            return _describe_aiohttps(error)
        case ServiceError():
            return _describe_refusal(error)
        case DetectiveError():
            return _describe_ours(error)
        case _:
            return _describe_foreign(error)


def _make(
    status: int,
    detail: str | None,
    *,
    title: str | None = None,
    headers: Mapping[str, str] | None = None,
    **members: object,
) -> Problem:
    told = {name: value for name, value in members.items() if value is not None}
    title = title or web.Response(status=status).reason
    return Problem(status=status, title=title, detail=detail, members=told, headers=headers or {})


def _describe_aiohttps(error: web.HTTPException) -> Problem:
    headers = error.headers.copy()
    # What these say is of the body that the problem takes the place of.
    for name in (hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH):
        headers.popall(name, None)
    # aiohttp's own text says what the title does.
    detail = None if error.text == f"{error.status}: {error.reason}" else error.text
    return _make(error.status, detail, title=error.reason, headers=headers)


def _describe_foreign(error: BaseException) -> Problem:
    if isinstance(error, TimeoutError):
        return _make(504, _LATE, code=DeadlineExceeded.__name__)
    if isinstance(error, web.RequestPayloadError):
        return _make(400, _MALFORMED_BODY)
    return _make(500, _UNEXPECTED)


def _describe_refusal(error: ServiceError) -> Problem:
    status = _status_of_refusal(error)
    return _make(
        status,
        _NOT_SET_UP if status == HTTPStatus.INTERNAL_SERVER_ERROR else mask_keys(error.message) or None,
        headers=_retry_after(status, error.retry_after),
        code=error.code,
        request_id=error.request_id,
        outcome_unknown=error.outcome_unknown,
    )


def _status_of_refusal(error: ServiceError) -> int:
    if failure_kind(error) is Kind.THROTTLING:
        return 503
    if error.status in _UPSTREAM:
        return error.status
    return _STATUS_OF_CODE.get(error.code) or _STATUS_OF_CODE.get(type(error).__name__, 502)


def _describe_ours(error: DetectiveError) -> Problem:
    status = _status_of_ours(error)
    code: Any = getattr(error, "code", None)
    return _make(
        status,
        _detail_of_ours(error, status),
        headers=_retry_after(status, None),
        code=code or type(error).__name__,
        request_id=getattr(error, "request_id", None),
        outcome_unknown=error.outcome_unknown,
        parameter=getattr(error, "parameter", None),
    )


def _detail_of_ours(error: DetectiveError, status: int) -> str:
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _NOT_SET_UP
    if isinstance(error, AssumeRoleError) and status == HTTPStatus.FORBIDDEN:
        # STS's own words name who we are.
        return f"{error.role_arn} is not there, or does not trust this server."
    # The texts quote no secret of ours, but those of proxies and credential providers are of unknown origin.
    return mask_keys(str(error))


def _status_of_ours(error: DetectiveError) -> int:
    match error:
        case ParameterError():
            return 400
        case AssumeRoleError() if (status := _status_of_sts(error)) in _OF_ROLES:
            return status
        case ConfigurationError() | CredentialsError():
            return 500
        case AttemptTimeout() | DeadlineExceeded() | WaiterTimeout():
            return 504
        case _:
            return 502


def _status_of_sts(error: AssumeRoleError) -> int:
    """Tell an STS that is too busy or out of reach, and a role that is closed to us, from keys that do not work."""
    cause: BaseException | None = error
    seen: set[int] = set()
    # A role may have been assumed by way of another one; and what is its own cause would never end.
    while isinstance(cause, AssumeRoleError) and id(cause) not in seen:
        seen.add(id(cause))
        cause = cause.__cause__
    if isinstance(cause, DetectiveError) and not isinstance(cause, AssumeRoleError):
        return describe(cause).status
    # Its cause was left behind in another process.
    return _STATUS_OF_CODE.get(error.code or "", 500)


def _retry_after(status: int, seconds: float | None) -> dict[str, str]:
    if status != HTTPStatus.SERVICE_UNAVAILABLE:
        return {}
    return {hdrs.RETRY_AFTER: str(max(1, math.ceil(seconds or 0)))}
