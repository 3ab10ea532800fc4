"""The description of an AWS service for the retry loop, which has no code for particular services."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from detective_async.api.models.base import ResponseMetadata
from detective_async.errors import ServiceError
from detective_async.settings.endpoints import Endpoint

ResponseT = TypeVar("ResponseT")


class EncodedRequest:
    """A request in its form on the wire, before it is signed.

    Without a `repr` of its own: the body may contain e-mail addresses.

    Attributes:
        method: the HTTP method.
        path: percent-encoded.
        query: percent-encoded; empty for none.
        body: the encoded body; None for none.
        content_type: the media type of the body.
        target: the header `X-Amz-Target`, which names the operation in some protocols; None for no such header.
    """

    __slots__ = ("body", "content_type", "method", "path", "query", "target")

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        body: bytes | None,
        *,
        content_type: str = "application/json",
        target: str | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.body = body
        self.content_type = content_type
        self.target = target


class ServiceOperation(Generic[ResponseT]):
    """The attributes of an operation that the retry loop uses; `ResponseT` is the type of its response.

    Attributes:
        name: the API's name.
        repeatable: whether sending a request twice has the same effect as once.
    """

    __slots__ = ()
    name: str
    repeatable: bool


class ResolveEndpoint(Protocol):
    """Return the endpoint of a service in a region, or the endpoint for a custom URL."""

    def __call__(
        self, region: str, endpoint_url: str | None = None, *, use_fips: bool = False, use_dualstack: bool = False
    ) -> Endpoint:
        """Raise `ConfigurationError` if the region or the URL is malformed."""
        ...


class ReadError(Protocol):
    """Convert an error response to an exception."""

    def __call__(
        self,
        operation: str,
        status: int,
        headers: Mapping[str, str],
        body: bytes | None,
        /,
        *,
        request_id: str | None,
        attempts: int,
        secrets: Iterable[str | None],
    ) -> ServiceError:
        """Redact the secrets in the texts of the response."""
        ...


class Service(NamedTuple):
    """The API of one AWS service.

    Attributes:
        name: the service's name in signatures, such as `detective`.
        settings_name: its name in endpoint settings: `AWS_ENDPOINT_URL_...`, and below `[services NAME]`.
        resolve: returns the endpoint, by the rule for the service's hosts.
        encode: validates and encodes a request of an operation; raises `ParameterError`.
        decode: decodes the body of a successful response of an operation; raises `DecodeError`.
        read_error: converts an error response to an exception.
        secrets: lists the values of a request that must not be shown.
    """

    name: str
    settings_name: str
    resolve: ResolveEndpoint
    encode: Callable[[Any, Any], EncodedRequest]
    decode: Callable[[Any, bytes | None, ResponseMetadata], Any]
    read_error: ReadError
    secrets: Callable[[Any], Iterable[str]]
