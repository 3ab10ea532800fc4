"""Redacts secrets in texts of AWS and of other libraries, which may quote requests."""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from attrs import fields, has

MASK = "***"
#: A shorter secret could be part of any word, so it is not searched for.
_SHORTEST_SECRET = 4
# All repetitions are bounded, so that no text makes the search slow.
_ADDRESS = re.compile(r"[^\s@'\"<>(),;:=/\[\]{}][^\s@\"<>(),;:=/\[\]{}]{0,63}(?:@|%40)[^\s@'\"<>(),;:=/\[\]{}]{1,255}")
#: Text of the characters of keys and tokens that is at least as long as a secret key and not a path; a secret key that
#: begins with a slash; and a JSON web token, whose parts are separated by dots.
_KEY = re.compile(
    r"(?<![\w/+=.~-])(?!/)[\w/+=%-]{40,}"
    r"|(?<![\w/+=.~-])(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)/[A-Za-z0-9/+]{39}(?![\w/+=.-])"
    r"|eyJ[\w-]{5,}\.[\w-]+\.[\w-]+"
)


def masked(value: str | None) -> str:
    """Return the `repr` of a sensitive value: whether it is set, but not the value."""
    return "None" if value is None else repr(MASK)


def masked_text(value: str | None) -> str:
    """Return the `repr` of a text with e-mail addresses masked."""
    return "None" if value is None else repr(mask_addresses(value))


def masked_key_id(value: object) -> str:
    """Return the `repr` of an access key id: its last characters, enough to tell keys apart."""
    return repr(f"{MASK}{value[-4:]}") if isinstance(value, str) else MASK


def mask_addresses(text: str) -> str:
    """Mask everything that looks like an e-mail address."""
    return _ADDRESS.sub(MASK, text) if "@" in text or "%40" in text else text


def mask_keys(text: str) -> str:
    """Mask e-mail addresses and everything that looks like a secret key or a token."""
    return _KEY.sub(MASK, mask_addresses(text))


def mask(text: str, secrets: Iterable[str | None]) -> str:
    """Mask e-mail addresses and the given secrets, plain, percent-encoded, and JSON-encoded."""
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET:
            for form in _forms(secret):
                text = text.replace(form, MASK)
    return mask_addresses(text)


def unless_secret(text: str | None, secrets: Iterable[str | None]) -> str | None:
    """Return a text unchanged, or None if it contains an e-mail address or one of the secrets."""
    return text if text is not None and mask(text, secrets) == text else None


def _forms(secret: str) -> set[str]:
    """Return the forms in which a secret may be quoted: plain and as in JSON, each also percent-encoded."""
    plain = {secret, *(json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))}
    return {form for text in plain for form in (text, quote(text), quote(text, safe=""))}


def sensitive_values(value: Any) -> list[str]:
    """Return the values that the `repr` of a request masks, including nested ones."""
    if isinstance(value, list):
        return [found for item in value for found in sensitive_values(item)]
    if not has(type(value)):
        return []
    found: list[str] = []
    for attribute in fields(type(value)):
        member = getattr(value, attribute.name)
        if attribute.repr is masked:
            found += [member] if isinstance(member, str) else []
        else:
            found += sensitive_values(member)
    return found
