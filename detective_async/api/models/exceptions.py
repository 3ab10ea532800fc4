"""The exceptions that the API models, under the API's names."""

from collections.abc import Mapping
from typing import ClassVar

from detective_async.api.models.base import OpenEnum
from detective_async.errors import ServiceError


class ErrorCode(OpenEnum):
    """What kind of refusal it was, beside the exception's name."""

    INVALID_GRAPH_ARN = "INVALID_GRAPH_ARN"
    INVALID_REQUEST_BODY = "INVALID_REQUEST_BODY"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class AccessDeniedException(ServiceError):
    """The caller may not do this, by its IAM permissions or by its account's role in the graph. HTTP 403.

    Attributes:
        error_code: the SDK's code for the refusal, or None.
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
    """The resource is not in a state that allows this, or another change is under way. HTTP 409."""


class InternalServerException(ServiceError):
    """The service failed. HTTP 500; retried."""


class ResourceNotFoundException(ServiceError):
    """There is no such graph, member or investigation, or none that the caller may see. HTTP 404."""


class ServiceQuotaExceededException(ServiceError):
    """A quota is used up, such as the 1,200 members of a graph. HTTP 402; final.

    Attributes:
        resources: the kinds of resource that are over their quota; empty where the service named none.
    """

    resources: list[str]
    wire_members: ClassVar[Mapping[str, tuple[str, type]]] = {"Resources": ("resources", list)}


class TooManyRequestsException(ServiceError):
    """Too many requests in too short a time. HTTP 429; retried as throttling."""


class ValidationException(ServiceError):
    """The service found a request member invalid. HTTP 400; final.

    Attributes:
        error_code: which kind of member was at fault, or None.
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
