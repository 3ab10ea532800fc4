"""The library's errors, and the statuses of their problems."""

from collections.abc import Callable

from detective_async import (
    AccessDeniedException,
    AssumeRoleError,
    AttemptTimeout,
    ClientClosed,
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

STATUSES = {
    DetectiveError: 502,
    ParameterError: 400,
    ClientClosed: 503,
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
    """Create an error of a class as the library does."""
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
