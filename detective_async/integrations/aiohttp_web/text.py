"""JSON as text."""

import json
import math
from typing import Any

from detective_async.api.wire.json import dump as dump_fast


def dump(value: Any) -> bytes:
    """Write JSON on one line; what `to_json` gives, and whatever else JSON can hold. NaN and infinity become null.

    Bytes are JSON that was written already.
    """
    if isinstance(value, bytes):
        return value
    try:
        return dump_fast(value)
    except (TypeError, ValueError):
        # Half a surrogate pair, whole numbers of more than 64 bits, and NaN: not every JSON library writes them.
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
