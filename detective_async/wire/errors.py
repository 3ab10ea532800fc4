"""Answers that say no: whatever came back, to the exception that fits it."""

import re
from collections.abc import Mapping
from typing import Any

from detective_async.errors import ServiceError
from detective_async.models.exceptions import MODELLED_EXCEPTIONS
from detective_async.wire.json import MismatchError, load


def decode_error(operation: str, status: int, headers: Mapping[str, str], body: bytes, attempts: int) -> ServiceError:
    """Read an answer that says no; anything goes, for such a body may be HTML, empty or cut short."""
    try:
        document = load(body)
    except MismatchError:
        document = None
    members: dict[str, Any] = document if isinstance(document, dict) else {}
    code = _error_code(headers.get("x-amzn-errortype") or members.get("code") or members.get("__type")) or str(status)
    message = members.get("message") or members.get("Message")
    kind = MODELLED_EXCEPTIONS.get(code, ServiceError)
    return kind(
        code,
        message if isinstance(message, str) else "",
        status=status,
        request_id=request_id(headers),
        operation=operation,
        attempts=attempts,
        retry_after=_retry_after(headers),
        **_error_members(kind, members),
    )


def request_id(headers: Mapping[str, str]) -> str | None:
    """Find the request id among the headers of an answer."""
    return headers.get("x-amzn-requestid") or headers.get("x-amz-request-id")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    milliseconds = headers.get("x-amz-retry-after", "")
    return int(milliseconds) / 1000 if re.fullmatch(r"[0-9]{1,18}", milliseconds) else None


def _error_code(text: object) -> str | None:
    """Cut `namespace#Code:http://more` down to `Code`."""
    if not isinstance(text, str):
        return None
    return text.partition(":")[0].rpartition("#")[2].strip() or None


def _error_members(kind: type[ServiceError], members: Mapping[str, Any]) -> dict[str, Any]:
    """Pick out an exception's own members; one of the wrong type is left out, for the error matters more."""
    found: dict[str, Any] = {}
    for name, (attribute, member_type) in kind.wire_members.items():
        value = members.get(name)
        if member_type is list and isinstance(value, list):
            found[attribute] = [item for item in value if isinstance(item, str)]
        elif member_type is not list and isinstance(value, str):
            found[attribute] = member_type(value)
    return found
