"""The AWS services that share the simulator's port, and the protocol of each."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from detective_async.testing.services import detective, organizations, sts
from detective_async.testing.services.call import Call
from detective_async.testing.services.detective import rest_json
from detective_async.testing.services.errors import ApiError, ErrorResponse
from detective_async.testing.services.model import DETECTIVE, ORGANIZATIONS, STS
from detective_async.testing.services.organizations import json_protocol
from detective_async.testing.services.sts import query_protocol

Operation = rest_json.Operation | query_protocol.Operation | json_protocol.Operation


@frozen
class Api:
    """One AWS service."""

    # As in signatures, such as `detective`.
    service: str
    content_type: str
    # From method, path, query, body and X-Amz-Target to the operation, or to the error if there is none.
    find_operation: Callable[[str, str, str, bytes, str], Operation | ApiError]
    error_response: Callable[[ApiError, str], ErrorResponse]
    handlers: Mapping[str, Callable[[Call], dict[str, Any] | None]]
    # Whether each region has an endpoint of its own: a closed region then refuses the request.
    regional: bool = True


_DETECTIVE = Api(
    DETECTIVE, "application/json", rest_json.find_operation, rest_json.error_response, detective.OPERATIONS
)
_STS = Api(STS, "text/xml", query_protocol.find_operation, query_protocol.error_response, sts.OPERATIONS)


_ORGANIZATIONS = Api(
    ORGANIZATIONS,
    "application/x-amz-json-1.1",
    json_protocol.find_operation,
    json_protocol.error_response,
    organizations.OPERATIONS,
    regional=False,
)


def api_for(path: str, target: str) -> Api:
    """Return the service that a path and an X-Amz-Target belong to.

    All of STS and of AWS Organizations is at `/`, where Detective has no operation; only the latter has targets.
    """
    if path != "/":
        return _DETECTIVE
    return _ORGANIZATIONS if target else _STS
