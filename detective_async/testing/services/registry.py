"""The AWS services that share the simulator's port, and the protocol of each."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from attrs import frozen

from detective_async.testing.services import detective, sts
from detective_async.testing.services.call import Call
from detective_async.testing.services.detective import rest_json
from detective_async.testing.services.errors import ApiError, ErrorResponse
from detective_async.testing.services.model import DETECTIVE, STS
from detective_async.testing.services.sts import query_protocol


class Operation(Protocol):
    """One operation of a service: decodes its requests and encodes its responses."""

    @property
    def name(self) -> str:
        """The API's name, such as `ListMembers`."""
        ...

    @property
    def status(self) -> int:
        """The HTTP status of successful responses."""
        ...

    def read(self, path: str, query: str, body: bytes, /) -> dict[str, Any]:
        """Return the validated input, by member."""
        ...

    def write(self, output: dict[str, Any] | None, request_id: str, /) -> bytes:
        """Return the body of a successful response."""
        ...


@frozen
class Api:
    """One AWS service.

    Args:
        service: the service name in signatures, such as `detective`.
        content_type: of its responses.
        find_operation: from method, path, query and body to the operation, or to the error if there is none.
        error_response: encodes an error.
        handlers: what each operation does, by its name.
    """

    service: str
    content_type: str
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
