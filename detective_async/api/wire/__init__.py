"""Between models and the wire."""

from detective_async.api.wire.answers import decode
from detective_async.api.wire.errors import decode_error, request_id
from detective_async.api.wire.names import wire_name
from detective_async.api.wire.requests import EncodedRequest, encode

__all__ = ["EncodedRequest", "decode", "decode_error", "encode", "request_id", "wire_name"]
