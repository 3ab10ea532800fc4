"""JSON as bytes."""

import json
import math
from typing import Any

from detective_async.api.wire.json import ENCODER


def dump_json(value: Any) -> bytes:
    """Write what `to_json` returns, or any other JSON value, on one line; NaN and infinity become null.

    Bytes are returned unchanged: JSON that was encoded before.
    """
    if isinstance(value, bytes):
        return value
    try:
        return ENCODER.encode(value).encode()
    except (TypeError, ValueError):
        # Lone surrogates are valid JSON, if they are escaped.
        return json.dumps(_with_null(value), separators=(",", ":"), allow_nan=False).encode()


def _with_null(value: Any) -> Any:
    """Replace numbers that JSON does not have."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {key: _with_null(member) for key, member in value.items()}
        case list() | tuple():
            return [_with_null(member) for member in value]
    return value
