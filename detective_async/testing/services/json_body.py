"""The bodies of requests in JSON, as all protocols with JSON read them."""

import json
from typing import Any

from detective_async.testing.services.errors import invalid


def read_object(body: bytes) -> dict[str, Any]:
    """Return the members of a JSON object; an empty body has none.

    Raises:
        ApiError: a ValidationException, since it is something else.
    """
    if not body:
        return {}
    try:
        members = json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise invalid("The request body is not a JSON object") from None
    if not isinstance(members, dict):
        raise invalid("The request body is not a JSON object")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(name)
