"""How the service says no."""

from typing import Any

from attrs import frozen

from detective_async.testing.model import error_statuses

# The codes that come from the service's front door; the API's own model does not list them.
_FRONT_DOOR = {
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InternalFailure": 500,
    "InvalidSignatureException": 403,
    "MalformedHttpRequestException": 400,
    "MissingAuthenticationTokenException": 403,
    "RequestEntityTooLargeException": 413,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
}


class Problem(Exception):
    """A refusal, as it goes on the wire.

    Args:
        code: the error's name, such as `ConflictException`.
        message: what the client is told.
        status: the HTTP status; by default the one that the API gives to this code.
        members: what the body carries beside the message, by wire name.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.members = members
        self.status = status or error_statuses().get(code) or _FRONT_DOOR.get(code, 400)

    def body(self) -> dict[str, Any]:
        """Return the members of the answer; only the modelled errors spell `Message` with a capital."""
        return {"Message" if self.code in error_statuses() else "message": self.message, **self.members}


@frozen
class Refusal:
    """A problem in the words of one service.

    Args:
        code: what this service calls it.
        headers: those that only this service sends.
    """

    code: str
    status: int
    headers: dict[str, str]
    body: bytes


def invalid(message: str, error_code: str = "INVALID_REQUEST_BODY") -> Problem:
    """Build the refusal of a request that makes no sense."""
    return Problem("ValidationException", message, ErrorCode=error_code, ErrorCodeReason=message)


def denied(message: str) -> Problem:
    """Build the refusal of a request from an account in the wrong role."""
    return Problem("AccessDeniedException", message, ErrorCode="INVALID_GRAPH_ARN", ErrorCodeReason=message)


def not_found(message: str) -> Problem:
    """Build the refusal of a request about something that is not there."""
    return Problem("ResourceNotFoundException", message)


def conflict(message: str) -> Problem:
    """Build the refusal of a request that the present state does not allow."""
    return Problem("ConflictException", message)


def over_quota(message: str, resource: str) -> Problem:
    """Build the refusal of a request that would exceed a limit."""
    return Problem("ServiceQuotaExceededException", message, Resources=[resource])
