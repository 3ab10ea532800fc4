"""Detective's models to and from HTTP requests and responses; `error_responses` is imported by the first error."""

from detective_async.api.wire.names import wire_name
from detective_async.api.wire.requests import encode
from detective_async.api.wire.responses import decode

__all__ = ["decode", "encode", "wire_name"]
