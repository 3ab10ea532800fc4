"""What OpenTelemetry's semantic conventions call the things that events tell. Pure."""

from functools import lru_cache
from urllib.parse import urlsplit

from opentelemetry.util.types import AttributeValue

from detective_async.events import AttemptEvent, CallEvent, CallStart

#: How AWS's own SDKs call the services.
_SERVICES = {"detective": "Detective", "sts": "STS"}
_PORTS = {"http": 80, "https": 443}

Attributes = dict[str, AttributeValue]


def name_of(start: CallStart) -> str:
    """Give what the span of a call is called."""
    return f"{_SERVICES[start.service]}.{start.operation}"


def of_operation(start: CallStart) -> Attributes:
    """Give what a call has in common with all others of the operation in the region: few enough values for metrics."""
    return {
        # The conventions for RPC have renamed it, those for AWS demand the old name still.
        "rpc.system": "aws-api",
        "rpc.system.name": "aws-api",
        "rpc.service": _SERVICES[start.service],
        "rpc.method": start.operation,
        "cloud.region": start.region,
    }


@lru_cache(maxsize=1024)
def of_server(endpoint_url: str) -> Attributes:
    """Give where requests go."""
    parts = urlsplit(endpoint_url)
    return {"server.address": parts.hostname or "", "server.port": parts.port or _PORTS[parts.scheme]}


def of_end(event: AttemptEvent | CallEvent) -> Attributes:
    """Give how an attempt or a call ended. The error's class or code, never its message, which AWS writes."""
    found = {
        "http.response.status_code": event.status,
        "aws.request_id": event.request_id,
        "error.type": event.error_code,
    }
    return {name: value for name, value in found.items() if value is not None}
