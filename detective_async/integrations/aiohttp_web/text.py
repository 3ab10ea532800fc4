"""JSON as text."""

import json
from typing import Any

import orjson


def dump(value: Any) -> bytes:
    """Write JSON on one line; what `to_json` gives, and whatever else JSON can hold."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # Half a surrogate pair, and whole numbers of more than 64 bits: JSON has them all the same.
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
