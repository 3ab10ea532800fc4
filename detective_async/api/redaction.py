"""Redacts secrets in texts of AWS and of other libraries, which may quote requests, and cuts long ones.

The texts may be anything and of any length, so all expressions here take time that is linear in it.
"""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from attrs import fields, has

MASK = "***"
#: The most characters of a text from outside that a message contains; the only bound of this kind.
MAX_TEXT = 4_000
#: What is appended to a text that was cut.
_CUT = " [...]"
#: Characters of such a text that are read at all, so that no text occupies the event loop for long.
_MAX_READ = 32_768
#: Characters that are in no key, token or e-mail address, so that a text can be cut there.
_SEPARATOR = re.compile(r"[\s\"<>(),;:\[\]{}]")
#: A shorter secret could be part of any word, so it is not searched for.
_SHORTEST_SECRET = 4
# The repetitions are bounded, so that no text makes the search slow.
_ADDRESS = re.compile(r"[^\s@'\"<>(),;:=/\[\]{}][^\s@\"<>(),;:=/\[\]{}]{0,63}(?:@|%40)[^\s@'\"<>(),;:=/\[\]{}]{1,255}")
_LONGEST_ADDRESS = 1 + 63 + 3 + 255
#: Text without white space that is long enough for a key or a token.
_WORD = re.compile(r"\S{12,}")
#: Text of the characters of keys and tokens that is at least as long as a secret key and not a path, with the parts of
#: a JSON web token that may follow it.
_LONG = r"(?<![\w/+=.~-])(?!/)(?P<long>[\w/+=%-]{40,}+)(?P<rest>(?:\.[\w-]++)*+)"
#: A secret key that begins with a slash.
_SLASHED = r"(?<![\w/+=.~-])/[A-Za-z0-9/+]{39}(?![\w/+=.-])"
#: A JSON web token, whose parts are separated by dots. It is searched for from the start of the word, which is kept,
#: because a search from each `eyJ` would not be linear.
_JWT = r"(?<![\w-])(?P<before>(?:(?!eyJ[\w-]{5})[\w-])*+)eyJ[\w-]++(?:\.[\w-]++){2,}+"
_KEY = re.compile(f"{_LONG}|{_JWT}")
_KEY_OR_SLASHED = re.compile(f"{_LONG}|{_SLASHED}|{_JWT}")
_TOKEN_PART = re.compile(_JWT)
#: A word in which a secret key begins with a slash has all of these; most paths do not.
_CHARACTERS_OF_KEYS = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"\d"))


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
    """Mask e-mail addresses and everything that looks like a secret key or a token; cut a long text."""
    read = text
    if len(text) > _MAX_READ:
        # A key that lies across the end could not be recognised, so the text ends before the last word.
        last = _SEPARATOR.search(text[_MAX_READ - 1 :: -1])
        read = text[: _MAX_READ - last.start()] if last else MASK
    return _cut(_WORD.sub(_mask_word, mask_addresses(read)), incomplete=read is not text)


def mask(text: str, secrets: Iterable[str | None]) -> str:
    """Mask e-mail addresses and the given secrets, plain, percent-encoded, and JSON-encoded; cut a long text."""
    read = text[:_MAX_READ]
    longest = _LONGEST_ADDRESS
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET:
            for form in _forms(secret):
                longest = max(longest, len(form))
                read = read.replace(form, MASK)
    incomplete = len(text) > _MAX_READ
    if incomplete:
        # The end may be the first part of a secret, which is not recognised.
        read = read[:-longest]
    return _cut(mask_addresses(read), incomplete=incomplete)


def unless_secret(text: str | None, secrets: Iterable[str | None]) -> str | None:
    """Return a text unchanged, or None if it contains an e-mail address or one of the secrets, or is too long."""
    return text if text is not None and mask(text, secrets) == text else None


def _cut(text: str, *, incomplete: bool) -> str:
    """Cut a text that is too long; to be called after masking, so that no part of a secret remains."""
    return text[:MAX_TEXT] + _CUT if incomplete or len(text) > MAX_TEXT else text


def _mask_word(found: re.Match[str]) -> str:
    word = found[0]
    has_all = all(characters.search(word) for characters in _CHARACTERS_OF_KEYS)
    return (_KEY_OR_SLASHED if has_all else _KEY).sub(_mask_key, word)


def _mask_key(found: re.Match[str]) -> str:
    if found["long"] is None:
        return f"{found['before'] or ''}{MASK}"
    # The first part of a web token may be as long as a key: then the other parts belong to it.
    return MASK if "eyJ" in found["long"] else MASK + _TOKEN_PART.sub(_keep_before, found["rest"])


def _keep_before(found: re.Match[str]) -> str:
    return f"{found['before']}{MASK}"


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
