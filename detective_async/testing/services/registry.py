"""The AWS services that share the simulator's port, and the protocol of each."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from detective_async.testing.services import detective, sts
from detective_async.testing.services.call import Call
from detective_async.testing.services.detective import rest_json
from detective_async.testing.services.errors import ApiError, ErrorResponse
from detective_async.testing.services.model import DETECTIVE, STS
from detective_async.testing.services.sts import query_protocol

Operation = rest_json.Operation | query_protocol.Operation


@frozen
class Api:
    """One AWS service."""

    # As in signatures, such as `detective`.
    service: str
    content_type: str
    # From method, path, query and body to the operation, or to the error if there is none.
    find_operation: Callable[[str, str, str, bytes], Operation | ApiError]
    error_response: Callable[[ApiError, str], ErrorResponse]
    handlers: Mapping[str, Callable[[Call], dict[str, Any] | None]]


_DETECTIVE = Api(
    DETECTIVE, "application/json", rest_json.find_operation, rest_json.error_response, detective.OPERATIONS
)
_STS = Api(STS, "text/xml", query_protocol.find_operation, query_protocol.error_response, sts.OPERATIONS)


def api_for(path: str) -> Api:
    """Return the service that a path belongs to: all of STS is at `/`, where Detective has no operation."""
    return _STS if path == "/" else _DETECTIVE
