"""Decodes error responses to exceptions."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from detective_async.api.models.exceptions import MODELLED_EXCEPTIONS
from detective_async.api.redaction import MAX_TEXT, in_one_line, mask, unless_secret
from detective_async.api.wire.json import MismatchError, load
from detective_async.errors import ServiceError
from detective_async.settings.expressions import expression

#: The most items of a list in an error that are read: each is searched for secrets.
_MOST_ITEMS = 200
_CODE = expression(r"[\w.-]{1,128}", re.ASCII)


def decode_error(
    operation: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    request_id: str | None = None,
    attempts: int,
    secrets: Iterable[str | None] = (),
) -> ServiceError:
    """Convert an error response to an exception; its body may be anything, such as HTML, empty or incomplete.

    Args:
        operation: the API operation.
        status: the HTTP status.
        headers: the response's headers.
        body: its body; None if it exceeded the limit.
        request_id: AWS's id of the request, or None.
        attempts: the number of attempts.
        secrets: secrets in the request, which are redacted because AWS may quote them.
    """
    try:
        document = load(body or b"")
    except MismatchError:
        document = None
    members: dict[str, Any] = document if isinstance(document, dict) else {}
    found = error_code(headers.get("x-amzn-errortype") or members.get("code") or members.get("__type"))
    code = unless_secret(found, secrets) or str(status)
    kind = MODELLED_EXCEPTIONS.get(code, ServiceError)
    return kind(
        code,
        message_text(members.get("message") or members.get("Message"), secrets),
        status=status,
        request_id=unless_secret(request_id, secrets),
        operation=operation,
        attempts=attempts,
        retry_after=_retry_after(headers),
        **_error_members(kind, members, secrets),
    )


def error_text(value: object, secrets: Iterable[str | None]) -> str | None:
    """Return a text of AWS, cut at a maximum, with secrets and e-mail addresses masked; None if it is no text."""
    return mask(value, secrets) if isinstance(value, str) else None


def message_text(value: object, secrets: Iterable[str | None]) -> str:
    """Return a text of AWS as `error_text` does, with control characters escaped; empty if it is no text."""
    return in_one_line(error_text(value, secrets) or "")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    milliseconds = headers.get("x-amz-retry-after", "")
    return int(milliseconds) / 1000 if re.fullmatch(r"[0-9]{1,18}", milliseconds) else None


def error_code(text: object) -> str | None:
    """Extract `Code` from `namespace#Code:http://more`; None if it is malformed."""
    if not isinstance(text, str):
        return None
    code = text[:MAX_TEXT].partition(":")[0].rpartition("#")[2].strip()
    return code if _CODE.fullmatch(code) else None


def _error_members(
    kind: type[ServiceError], members: Mapping[str, Any], secrets: Iterable[str | None]
) -> dict[str, Any]:
    """Return the members of an exception of the API; members of the wrong type are ignored."""
    found: dict[str, Any] = {}
    for name, (attribute, member_type) in kind.wire_members.items():
        value = members.get(name)
        if member_type is list and isinstance(value, list):
            found[attribute] = [text for item in value[:_MOST_ITEMS] if (text := error_text(item, secrets)) is not None]
        elif member_type is not list and (text := error_text(value, secrets)) is not None:
            found[attribute] = member_type(text)
    return found
