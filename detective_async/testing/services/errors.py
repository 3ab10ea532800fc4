"""The errors that the services return."""

from typing import Any

from attrs import frozen

from detective_async.testing.services.model import error_statuses

# Errors that every AWS service may return before an operation runs; Detective's API model does not list them.
_COMMON_STATUSES = {
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InternalFailure": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "OptInRequired": 403,
    "RequestEntityTooLargeException": 413,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
}


class ApiError(Exception):
    """An error of a service, in Detective's terms; each protocol has its own encoding of it.

    Its status is by default the one that the API documents for its code; `members` are further members of the body.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.members = members
        self.status = status or error_statuses().get(code) or _COMMON_STATUSES.get(code, 400)

    def body(self) -> dict[str, Any]:
        """Return the members of the JSON body; only the modelled errors spell `Message` with a capital letter."""
        return {"Message" if self.code in error_statuses() else "message": self.message, **self.members}


@frozen
class ErrorResponse:
    """An error as one service encodes it, with its own code, and headers in addition to those of every response."""

    code: str
    status: int
    headers: dict[str, str]
    body: bytes


def invalid(message: str, error_code: str = "INVALID_REQUEST_BODY") -> ApiError:
    """Build the error for input that breaks a rule of the API."""
    return ApiError("ValidationException", message, ErrorCode=error_code, ErrorCodeReason=message)


def denied(message: str) -> ApiError:
    """Build the error for an account that must not use the operation on this graph."""
    return ApiError("AccessDeniedException", message, ErrorCode="INVALID_GRAPH_ARN", ErrorCodeReason=message)


def refused(code: str, message: str) -> ApiError:
    """Build the error for what has nothing to do with the input: the API has no ErrorCode for that."""
    return ApiError(code, message)


def not_found(message: str) -> ApiError:
    """Build the error for a resource that does not exist."""
    return ApiError("ResourceNotFoundException", message)


def conflict(message: str) -> ApiError:
    """Build the error for an operation that the present state does not allow."""
    return ApiError("ConflictException", message)
