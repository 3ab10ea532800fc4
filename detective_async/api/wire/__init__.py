"""Detective's models to and from HTTP requests and responses."""

from detective_async.api.wire.error_responses import decode_error
from detective_async.api.wire.names import wire_name
from detective_async.api.wire.requests import encode
from detective_async.api.wire.responses import decode

__all__ = ["decode", "decode_error", "encode", "wire_name"]
