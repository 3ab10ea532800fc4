"""The exceptions of the API, with the API's names."""

from collections.abc import Mapping
from typing import ClassVar

from detective_async.api.models.base import OpenEnum
from detective_async.errors import ServiceError


class ErrorCode(OpenEnum):
    """The reason for an error, in addition to the exception's name."""

    INVALID_GRAPH_ARN = "INVALID_GRAPH_ARN"
    INVALID_REQUEST_BODY = "INVALID_REQUEST_BODY"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class AccessDeniedException(ServiceError):
    """The caller is not allowed to do this, by its IAM permissions or by its account's role in the graph. HTTP 403.

    Attributes:
        error_code: the SDK's code for the error, or None.
        error_code_reason: the SDK's explanation, or None.
        sub_error_code: the service's own code, or None.
        sub_error_code_reason: the service's own explanation, or None.
    """

    error_code: ErrorCode | None
    error_code_reason: str | None
    sub_error_code: ErrorCode | None
    sub_error_code_reason: str | None
    wire_members: ClassVar[Mapping[str, tuple[str, type]]] = {
        "ErrorCode": ("error_code", ErrorCode),
        "ErrorCodeReason": ("error_code_reason", str),
        "SubErrorCode": ("sub_error_code", ErrorCode),
        "SubErrorCodeReason": ("sub_error_code_reason", str),
    }


class ConflictException(ServiceError):
    """The resource is not in a state that allows this, or another change is in progress. HTTP 409."""


class InternalServerException(ServiceError):
    """An internal error of the service. HTTP 500; retried."""


class ResourceNotFoundException(ServiceError):
    """The graph, member or investigation does not exist, or the caller is not allowed to see it. HTTP 404."""


class ServiceQuotaExceededException(ServiceError):
    """A quota is used up, such as the 1,200 members of a graph. HTTP 402; final.

    Attributes:
        resources: the types of resources over their quota; empty if the service names none.
    """

    resources: list[str]
    wire_members: ClassVar[Mapping[str, tuple[str, type]]] = {"Resources": ("resources", list)}


class TooManyRequestsException(ServiceError):
    """Too many requests in a short time. HTTP 429; retried as throttling."""


class ValidationException(ServiceError):
    """The service found a request member invalid. HTTP 400; final.

    Attributes:
        error_code: the kind of the invalid member, or None.
        error_code_reason: the explanation, or None.
    """

    error_code: ErrorCode | None
    error_code_reason: str | None
    wire_members: ClassVar[Mapping[str, tuple[str, type]]] = {
        "ErrorCode": ("error_code", ErrorCode),
        "ErrorCodeReason": ("error_code_reason", str),
    }


MODELLED_EXCEPTIONS: Mapping[str, type[ServiceError]] = {
    exception.__name__: exception
    for exception in (
        AccessDeniedException,
        ConflictException,
        InternalServerException,
        ResourceNotFoundException,
        ServiceQuotaExceededException,
        TooManyRequestsException,
        ValidationException,
    )
}
