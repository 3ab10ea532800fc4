"""Keeping secrets out of what others write: AWS's messages quote requests, and exceptions whatever they like."""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from attrs import fields, has

MASK = "***"
#: A known value that is shorter could be part of any word.
_SHORTEST_SECRET = 4
# Bounded, so that no text makes the search long.
_ADDRESS = re.compile(r"[^\s@'\"<>(),;:=/\[\]{}][^\s@\"<>(),;:=/\[\]{}]{0,63}(?:@|%40)[^\s@'\"<>(),;:=/\[\]{}]{1,255}")
#: What is as long as a secret key or longer, and of the letters that keys and tokens are made of, but no file's path;
#: a key that begins as a path does; and a web token, whose parts have dots between them.
_KEY = re.compile(
    r"(?<![\w/+=.~-])(?!/)[\w/+=%-]{40,}"
    r"|(?<![\w/+=.~-])(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)/[A-Za-z0-9/+]{39}(?![\w/+=.-])"
    r"|eyJ[\w-]{5,}\.[\w-]+\.[\w-]+"
)


def masked(value: str | None) -> str:
    """Show in a `repr` that a sensitive member is there, and not what it is."""
    return "None" if value is None else repr(MASK)


def masked_text(value: str | None) -> str:
    """Show in a `repr` a text that may quote e-mail addresses."""
    return "None" if value is None else repr(mask_addresses(value))


def masked_key_id(value: object) -> str:
    """Show in a `repr` the end of an access key id: enough to tell one from another."""
    return repr(f"{MASK}{value[-4:]}") if isinstance(value, str) else MASK


def mask_addresses(text: str) -> str:
    """Mask what looks like an e-mail address."""
    return _ADDRESS.sub(MASK, text) if "@" in text or "%40" in text else text


def mask_keys(text: str) -> str:
    """Mask e-mail addresses and what looks like a secret key or a token, in a text of unknown origin."""
    return _KEY.sub(MASK, mask_addresses(text))


def mask(text: str, secrets: Iterable[str | None]) -> str:
    """Mask e-mail addresses and the secrets given, as they are, percent-encoded, and as in JSON."""
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET:
            for form in _forms(secret):
                text = text.replace(form, MASK)
    return mask_addresses(text)


def _forms(secret: str) -> set[str]:
    """Give a secret as it may be quoted: as it is or as in a JSON body, and each of these percent-encoded too."""
    plain = {secret, *(json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))}
    return {form for text in plain for form in (text, quote(text), quote(text, safe=""))}


def sensitive_values(value: Any) -> list[str]:
    """Give the members of a request that its `repr` masks, the nested ones too."""
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
