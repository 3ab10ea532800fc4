"""The attributes of events under the names of OpenTelemetry's semantic conventions. Pure."""

from functools import lru_cache
from urllib.parse import urlsplit

from opentelemetry.util.types import AttributeValue

from detective_async.events import AttemptEvent, CallEvent, CallStart

#: The version of the semantic conventions that the names and values below are from.
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
#: The services' names in AWS's own SDKs.
_SERVICES = {"detective": "Detective", "sts": "STS"}
_PORTS = {"http": 80, "https": 443}

Attributes = dict[str, AttributeValue]


def span_name(start: CallStart) -> str:
    """Return the name of a call's span."""
    return f"{_SERVICES[start.service]}.{start.operation}"


def operation_attributes(start: CallStart) -> Attributes:
    """Return the attributes that all calls of an operation in a region share: of low cardinality, for metrics."""
    return {
        # The conventions for RPC have renamed it, and deprecated rpc.service; those for AWS still have the old names.
        "rpc.system": "aws-api",
        "rpc.system.name": "aws-api",
        "rpc.service": _SERVICES[start.service],
        "rpc.method": start.operation,
        "cloud.region": start.region,
    }


def duration_attributes(start: CallStart) -> Attributes:
    """Return the attributes of a call's duration, which the conventions for RPC define; they have no deprecated names.

    Their `rpc.method` has the service in it; that of the conventions for AWS, which spans follow, has not.
    """
    return {
        "rpc.system.name": "aws-api",
        "rpc.method": f"{_SERVICES[start.service]}/{start.operation}",
        "cloud.region": start.region,
        **server_attributes(start.endpoint_url),
    }


@lru_cache(maxsize=1024)
def server_attributes(endpoint_url: str) -> Attributes:
    """Return the address and port of an endpoint."""
    parts = urlsplit(endpoint_url)
    return {"server.address": parts.hostname or "", "server.port": parts.port or _PORTS[parts.scheme]}


def result_attributes(event: AttemptEvent | CallEvent) -> Attributes:
    """Return the result of an attempt or a call. Of errors the class or code, but not the message, which AWS writes."""
    found = {
        "http.response.status_code": event.status,
        "aws.request_id": event.request_id,
        "error.type": event.error_code,
    }
    return {name: value for name, value in found.items() if value is not None}
