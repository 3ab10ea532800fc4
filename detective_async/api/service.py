"""What the retry loop needs from the API of an AWS service: it is data to the loop, which knows no service itself."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from attrs import field, frozen

from detective_async.api.models.base import ResponseMetadata
from detective_async.errors import ServiceError
from detective_async.settings.endpoints import Endpoint

Response_co = TypeVar("Response_co", covariant=True)


@frozen
class EncodedRequest:
    """A request as it goes out, before it is signed.

    Attributes:
        method: the HTTP method.
        path: percent-encoded.
        query: percent-encoded; empty for none.
        body: as it goes out; None for none.
        content_type: the media type of the body.
    """

    method: str
    path: str
    query: str
    # It may contain e-mail addresses.
    body: bytes | None = field(repr=False)
    content_type: str = "application/json"


class ServiceOperation(Protocol[Response_co]):
    """An operation of a service, as far as the retry loop is concerned."""

    @property
    def name(self) -> str:
        """The API's name of it."""

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""

    @property
    def response(self) -> type[Response_co]:
        """The type of a successful response."""


class ResolveEndpoint(Protocol):
    """Find the endpoint of a service in a region, or take the URL that is given."""

    def __call__(
        self, region: str, endpoint_url: str | None = None, *, use_fips: bool = False, use_dualstack: bool = False
    ) -> Endpoint:
        """Raise `ConfigurationError` where the region or the URL is malformed."""
        ...


class ReadError(Protocol):
    """Make an exception of an error response."""

    def __call__(
        self,
        operation: str,
        status: int,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        attempts: int,
        secrets: Iterable[str | None],
    ) -> ServiceError:
        """Redact the secrets in what the service says."""
        ...


@frozen(kw_only=True, eq=False)
class Service:
    """The API of one AWS service.

    Attributes:
        name: the service's name in endpoint settings and in signatures, such as `detective`.
        resolve: finds its endpoint.
        encode: checks a request of an operation and writes it as it goes out; raises `ParameterError`.
        decode: reads the body of a successful response of an operation; raises `DecodeError`.
        read_error: makes an exception of an error response.
    """

    name: str
    resolve: ResolveEndpoint
    encode: Callable[[Any, Any], EncodedRequest]
    decode: Callable[[Any, bytes | None, ResponseMetadata], Any]
    read_error: ReadError
