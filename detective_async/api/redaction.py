"""Redacts secrets in texts of AWS and of other libraries, which may quote requests; escapes and cuts them.

The texts may be anything and of any length, so all expressions here take time that is linear in it.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from attrs import fields, has

from detective_async.errors import printable
from detective_async.settings.expressions import expression

MASK = "***"
#: The most characters of a text from outside that a message contains; the only bound of this kind.
MAX_TEXT = 4_000
#: What is appended to a text that was cut.
_CUT = " [...]"
#: Characters of such a text that are read at all, so that no text occupies the event loop for long.
_MAX_READ = 32_768
#: Characters that are in no key, token or e-mail address, so that a text can be cut there.
#: It is searched for from the end of the text, where `;f2x#&` and `;f2x#;pma&` are no separators but escapes of HTML.
_SEPARATOR = expression(r"[\s\"<>(),:\[\]{}]|;(?!\w{0,10}#?(?:;pma){0,3}&)")
#: A shorter secret could be part of any word, so it is not searched for.
_SHORTEST_SECRET = 4
# The repetitions are bounded, so that no text makes the search slow.
_ADDRESS = expression(r"[^\s@'\"<>(),;:=/\[\]{}][^\s@\"<>(),;:=/\[\]{}]{0,63}(?:@|%40)[^\s@'\"<>(),;:=/\[\]{}]{1,255}")
_LONGEST_ADDRESS = 1 + 63 + 3 + 255
#: Text without white space that is long enough for a key or a token.
_WORD = expression(r"\S{12,}")
#: Text of the characters of keys and tokens that is at least as long as a secret key and not a path, with the parts of
#: a JSON web token that may follow it.
_LONG = r"(?<![\w/+=.~-])(?!/)(?P<long>[\w/+=%-]{40,}+)(?P<rest>(?:\.[\w-]++)*+)"
#: A secret key that begins with a slash.
_SLASHED = r"(?<![\w/+=.~-])/[A-Za-z0-9/+]{39}(?![\w/+=.-])"
#: A JSON web token, whose parts are separated by dots. It is searched for from the start of the word, which is kept,
#: because a search from each `eyJ` would not be linear.
_JWT = r"(?<![\w-])(?P<before>(?:(?!eyJ[\w-]{5})[\w-])*+)eyJ[\w-]++(?:\.[\w-]++){2,}+"
_KEY = expression(f"{_LONG}|{_JWT}")
_KEY_OR_SLASHED = expression(f"{_LONG}|{_SLASHED}|{_JWT}")
_TOKEN_PART = expression(_JWT)
#: A secret key, or a text as long as a session token, after a dot, a tilde or any other mark: `aws.secret=KEY`. Not in
#: paths: `/.name/` and `/~name/`.
_AFTER_A_MARK = r"(?<![\w/+])(?<!/[.~])[A-Za-z0-9+](?:[A-Za-z0-9/+]{99,}+|[A-Za-z0-9/+]{39}(?![\w/+]))"
#: A secret key that begins with a slash and ends a sentence; `../` and `~/` begin a path, and `.json` ends one.
_SLASHED_AT_THE_END = r"(?:(?<![\w/+.~-])|(?<=\.{3}))/[A-Za-z0-9/+]{39}(?![\w/+]|[.=-]++\w)"
_RANDOM = expression(f"{_AFTER_A_MARK}|{_SLASHED_AT_THE_END}")
#: A word in which a secret key begins with a slash has all of these; most paths do not.
_CHARACTERS_OF_KEYS = (expression(r"[a-z]"), expression(r"[A-Z]"), expression(r"\d"))
#: Escapes of URLs, of JSON and similar literals, and of HTML.
_ESCAPE = expression(
    r"%(?P<url>[0-9A-Fa-f]{2})"
    r"|\\(?:u(?P<json>[0-9A-Fa-f]{4})|x(?P<byte>[0-9A-Fa-f]{2})|(?P<letter>[\"'\\/bfnrt]))"
    r"|&(?:#[xX]0{0,4}(?P<html>[0-9A-Fa-f]{1,4})|#(?P<decimal>[0-9]{1,5})|(?P<name>[A-Za-z]{2,6}));"
)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NAMES = {
    "amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "sol": "/", "plus": "+", "equals": "=", "commat": "@"
}  # fmt: skip
#: How often escapes are decoded: `%252F` takes two times.
_MAX_DECODED = 3
#: The most characters by which a character becomes longer when it is escaped so often, as in `&amp;amp;#x002F;`.
_LONGEST_ESCAPE = 20


#: Where a part of a text begins and ends.
_Span = tuple[int, int]


class _View(NamedTuple):
    """A text that was made of another by replacements, and where its parts were in the first text."""

    text: str
    source: "_View | None" = None
    #: Where the replacements begin and end in this text, and where they began and ended in the source.
    replaced: tuple[tuple[int, int, int, int], ...] = ()

    def with_replacements(self, replacements: Iterable[tuple[int, int, str]]) -> "_View":
        """Return a view in which parts of this text, in order, are replaced."""
        parts: list[str] = []
        replaced: list[tuple[int, int, int, int]] = []
        length = end = 0
        for start, stop, new in replacements:
            parts += (self.text[end:start], new)
            length += start - end + len(new)
            replaced.append((length - len(new), length, start, stop))
            end = stop
        return _View("".join((*parts, self.text[end:])), self, tuple(replaced))

    def without(self, spans: Iterable[_Span]) -> "_View":
        """Return a view in which these parts are masked."""
        return self.with_replacements((start, stop, MASK) for start, stop in _united(spans))

    def in_first(self, spans: Iterable[_Span]) -> list[_Span]:
        """Return where parts of this text were in the first text; a replacement counts as a whole."""
        if self.source is None:
            return list(spans)
        starts = [start for start, *_ in self.replaced]
        return self.source.in_first(
            [(self._in_source(starts, a)[0], self._in_source(starts, b - 1)[1]) for a, b in spans]
        )

    def _in_source(self, starts: list[int], position: int) -> _Span:
        """Return where the character at a position begins and ends in the source."""
        index = bisect_right(starts, position) - 1
        if index < 0:
            return position, position + 1
        _, end, source_start, source_end = self.replaced[index]
        if position < end:
            return source_start, source_end
        return position - end + source_end, position - end + source_end + 1


def masked(value: str | None) -> str:
    """Return the `repr` of a sensitive value: whether it is set, but not the value."""
    return "None" if value is None else repr(MASK)


def masked_text(value: str | None) -> str:
    """Return the `repr` of a text with e-mail addresses masked."""
    return "None" if value is None else repr(mask_addresses(value))


def mask_addresses(text: str) -> str:
    """Mask everything that looks like an e-mail address."""
    return _ADDRESS.sub(MASK, text) if "@" in text or "%40" in text else text


def mask_keys(text: str) -> str:
    """Make a text one line of a message.

    E-mail addresses and everything that looks like a secret key or a token are masked, control characters are escaped,
    and what is then too long is cut.
    """
    read = text
    if len(text) > _MAX_READ:
        # A key that lies across the end could not be recognised, so the text ends before the last word.
        last = _SEPARATOR.search(text[_MAX_READ - 1 :: -1])
        read = text[: _MAX_READ - last.start()] if last else MASK
    views = _views(read)
    found = [span for view in views for span in view.in_first([*_addresses(view.text), *_keys(view.text)])]
    # What follows an address may have the form of a key only without it.
    without_addresses = views[0].without(_addresses(read))
    found += without_addresses.in_first(_keys(without_addresses.text))
    return in_one_line(_cut(_masked(read, found), incomplete=read is not text))


def mask(text: str, secrets: Iterable[str | None]) -> str:
    """Mask e-mail addresses and the given secrets, plain and escaped as in URLs, JSON or HTML; cut a long text."""
    read = text[:_MAX_READ]
    views = _views(read)
    longest = _LONGEST_ADDRESS
    known: list[_Span] = []
    found: list[_Span] = []
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET:
            for form in _forms(secret):
                longest = max(longest, len(form))
                known += _occurrences(read, form)
            longest = max(longest, len(secret) + _LONGEST_ESCAPE * len(re.sub("[A-Za-z0-9]", "", secret)))
            for view in views[1:]:
                for form in _decoded_forms(secret):
                    found += view.in_first(_occurrences(view.text, form))
    for view in views:
        found += view.in_first(_addresses(view.text))
    # A secret may be longer than an address can be, and have characters that no address has.
    without_secrets = views[0].without(known)
    found += known + without_secrets.in_first(_addresses(without_secrets.text))
    masked_whole = _masked(read, found)
    incomplete = len(text) > _MAX_READ
    # The end may be the first part of a secret, which is not recognised.
    return _cut(masked_whole[:-longest] if incomplete else masked_whole, incomplete=incomplete)


def unless_secret(text: str | None, secrets: Iterable[str | None]) -> str | None:
    """Return a text unchanged, or None if it contains an e-mail address or one of the secrets, or is too long."""
    return text if text is not None and mask(text, secrets) == text else None


def in_one_line(text: str) -> str:
    """Escape control characters and line ends for a message, and cut what has become too long by that."""
    escaped = printable(text)
    return text if escaped == text else _cut(escaped, incomplete=False)


def _cut(text: str, *, incomplete: bool) -> str:
    """Cut a text that is too long; to be called after masking, so that no part of a secret remains."""
    return text[:MAX_TEXT] + _CUT if incomplete or len(text) > MAX_TEXT else text


def _views(text: str) -> list[_View]:
    """Return a text as it is, and with its escapes decoded once, twice, and so on."""
    views = [_View(text)]
    while len(views) <= _MAX_DECODED and _ESCAPE.search(views[-1].text):
        last = views[-1]
        views.append(
            last.with_replacements((*found.span(), _unescaped(found)) for found in _ESCAPE.finditer(last.text))
        )
    return views


def _unescaped(found: re.Match[str]) -> str:
    """Return the character of an escape; of one of a URL, the byte."""
    kind, value = found.lastgroup, found[found.lastgroup or 0]
    if kind == "letter":
        return _LETTERS.get(value, value)
    if kind == "name":
        return _NAMES.get(value, found[0])
    return chr(int(value, 10 if kind == "decimal" else 16))


def _united(spans: Iterable[_Span]) -> list[_Span]:
    """Return spans in order, those that overlap as one."""
    united: list[_Span] = []
    for start, stop in sorted(spans):
        if united and start < united[-1][1]:
            united[-1] = united[-1][0], max(stop, united[-1][1])
        else:
            united.append((start, stop))
    return united


def _addresses(text: str) -> list[_Span]:
    return [found.span() for found in _ADDRESS.finditer(text)] if "@" in text or "%40" in text else []


def _occurrences(text: str, part: str) -> Iterator[_Span]:
    """Yield where a text contains a part, including occurrences that overlap."""
    start = text.find(part)
    while start >= 0:
        yield start, start + len(part)
        start = text.find(part, start + 1)


def _keys(text: str) -> Iterator[_Span]:
    """Yield the parts of a text that have the form of keys and tokens."""
    for word in _WORD.finditer(text):
        has_all = _has_all(word[0])
        for found in (_KEY_OR_SLASHED if has_all else _KEY).finditer(word[0]):
            yield from _moved(_parts_of_key(found), word.start())
        if has_all:
            random = (found for found in _RANDOM.finditer(word[0]) if _has_all(found[0]))
            yield from _moved((found.span() for found in random), word.start())


def _moved(spans: Iterable[_Span], by: int) -> Iterator[_Span]:
    return ((start + by, stop + by) for start, stop in spans)


def _has_all(word: str) -> bool:
    return all(characters.search(word) for characters in _CHARACTERS_OF_KEYS)


def _parts_of_key(found: re.Match[str]) -> Iterator[_Span]:
    if found["long"] is None:
        yield found.end("before") if found["before"] else found.start(), found.end()
    elif "eyJ" in found["long"]:
        # The first part of a web token may be as long as a key: then the other parts belong to it.
        yield found.span()
    else:
        yield found.span("long")
        for part in _TOKEN_PART.finditer(found["rest"]):
            yield found.start("rest") + part.end("before"), found.start("rest") + part.end()


def _masked(text: str, spans: Iterable[_Span]) -> str:
    return _View(text).without(spans).text


def _forms(secret: str) -> set[str]:
    """Return the forms in which a secret may be quoted: plain and as in JSON, each also percent-encoded."""
    plain = {secret, *(json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))}
    return {form for text in plain for form in (text, quote(text), quote(text, safe=""))}


def _decoded_forms(secret: str) -> set[str]:
    """Return a secret as it is found where escapes are decoded: as characters, or as the bytes of URLs."""
    return {secret, secret.encode("utf-8", "surrogatepass").decode("latin-1")}


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
