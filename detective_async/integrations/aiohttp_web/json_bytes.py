"""JSON as bytes."""

import json
from typing import Any

import orjson


def dump_json(value: Any) -> bytes:
    """Write what `to_json` returns, or any other JSON value, on one line."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # orjson refuses lone surrogates and integers of more than 64 bits, which are valid JSON.
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
