"""Answers that say no: whatever came back, to the exception that fits it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from detective_async.api.models.exceptions import MODELLED_EXCEPTIONS
from detective_async.api.redaction import mask
from detective_async.api.wire.json import MismatchError, load
from detective_async.api.wire.responses import request_id
from detective_async.errors import ServiceError

_CODE = re.compile(r"[\w.-]{1,128}", re.ASCII)
#: Characters of AWS's words that are kept.
_MAX_TEXT = 10_000


def decode_error(
    operation: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    attempts: int,
    secrets: Iterable[str | None] = (),
) -> ServiceError:
    """Read an answer that says no; anything goes, for such a body may be HTML, empty or cut short.

    Args:
        operation: the API operation.
        status: the HTTP status.
        headers: the answer's headers.
        body: its body; None where that was too large to be taken in.
        attempts: how many attempts were made.
        secrets: what the request held that must not show; AWS may quote it.
    """
    try:
        document = load(body or b"")
    except MismatchError:
        document = None
    members: dict[str, Any] = document if isinstance(document, dict) else {}
    found = _error_code(headers.get("x-amzn-errortype") or members.get("code") or members.get("__type"))
    code = _unless_secret(found, secrets) or str(status)
    kind = MODELLED_EXCEPTIONS.get(code, ServiceError)
    return kind(
        code,
        _text(members.get("message") or members.get("Message"), secrets) or "",
        status=status,
        request_id=_unless_secret(request_id(headers), secrets),
        operation=operation,
        attempts=attempts,
        retry_after=_retry_after(headers),
        **_error_members(kind, members, secrets),
    )


def _unless_secret(text: str | None, secrets: Iterable[str | None]) -> str | None:
    return text if text is not None and mask(text, secrets) == text else None


def _text(value: object, secrets: Iterable[str | None]) -> str | None:
    return mask(value[:_MAX_TEXT], secrets) if isinstance(value, str) else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    milliseconds = headers.get("x-amz-retry-after", "")
    return int(milliseconds) / 1000 if re.fullmatch(r"[0-9]{1,18}", milliseconds) else None


def _error_code(text: object) -> str | None:
    """Cut `namespace#Code:http://more` down to `Code`; what could not be one is None."""
    if not isinstance(text, str):
        return None
    code = text[:_MAX_TEXT].partition(":")[0].rpartition("#")[2].strip()
    return code if _CODE.fullmatch(code) else None


def _error_members(
    kind: type[ServiceError], members: Mapping[str, Any], secrets: Iterable[str | None]
) -> dict[str, Any]:
    """Pick out an exception's own members; one of the wrong type is left out, for the error matters more."""
    found: dict[str, Any] = {}
    for name, (attribute, member_type) in kind.wire_members.items():
        value = members.get(name)
        if member_type is list and isinstance(value, list):
            found[attribute] = [text for item in value if (text := _text(item, secrets)) is not None]
        elif member_type is not list and (text := _text(value, secrets)) is not None:
            found[attribute] = member_type(text)
    return found
