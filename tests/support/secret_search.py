"""Finds secrets in texts, in all encodings, and collects all texts of exceptions."""

import html
import json
import logging
import pickle
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

#: A part of a long secret with this length counts as the secret.
_PART = 24


def find(texts: Iterable[tuple[str, str]], secrets: Mapping[str, str]) -> list[str]:
    """Return which secrets are in which texts.

    Args:
        texts: pairs of source and text.
        secrets: name -> secret.
    """
    texts = list(texts)
    everything = "\n".join(text for _, text in texts)
    wanted = {form: name for name, secret in secrets.items() for form in forms(secret) if form in everything}
    return [
        f"{name} in {where}: {text[max(0, text.find(form) - 80) :][:240]!r}"
        for form, name in wanted.items()
        for where, text in texts
        if form in text
    ]


def forms(secret: str) -> set[str]:
    """Return the forms in which a secret, or a long part of it, may be written."""
    starts = range(0, len(secret) - _PART, _PART // 2) if len(secret) >= 2 * _PART else ()
    return {*_forms_of(secret), *(secret[start : start + _PART] for start in starts)}


def _forms_of(secret: str) -> Iterator[str]:
    plain = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
    yield from (secret, *plain, *(json.dumps(form)[1:-1] for form in plain))
    yield from (repr(secret)[1:-1], repr(secret.encode())[2:-1], html.escape(secret))
    for percent_encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield from (percent_encoded, percent_encoded.lower())
    for encode in (b64encode, urlsafe_b64encode):
        for start in range(3):
            # Base64 of data that contains the secret, without the characters that depend on the adjacent bytes.
            encoded = encode(b"\0" * start + secret.encode()).decode().rstrip("=")
            yield encoded[(start * 4 + 2) // 3 : -1]


def texts_of(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield all texts of an exception: its traceback, `repr`, attributes and pickle."""
    yield "a traceback", "".join(traceback.format_exception(error))
    for one in chain(error):
        name = type(one).__name__
        yield f"{name}'s str", str(one)
        yield f"{name}'s repr", repr(one)
        for attribute, value in {**vars(one), "args": one.args}.items():
            yield f"{name}.{attribute}", f"{value!r} {value!s} {getattr(value, '__dict__', None)!r}"
    if isinstance(error, Exception):
        pickled = pickle.dumps(error)
        yield "a pickle", pickled.decode("utf-8", "backslashreplace")
        yield "an unpickled error", f"{pickle.loads(pickled)!r} {vars(pickle.loads(pickled))!r}"


def chain(error: BaseException) -> list[BaseException]:
    """Return an exception with its causes, contexts (also suppressed ones) and members of groups."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in found:
            continue
        found.append(one)
        waiting += [one.__cause__, one.__context__]
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
    return found


#: The attributes of every formatted record; others were passed as `extra`.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message"}


class Listener(logging.Handler):
    """Passes on all texts of log records: formatted, arguments and fields."""

    def __init__(self, take: Callable[[str, str], object]) -> None:
        super().__init__(logging.DEBUG)
        self.take = take

    def emit(self, record: logging.LogRecord) -> None:
        where = f"the log of {record.name}"
        self.take(where, logging.Formatter("%(message)s").format(record))
        self.take(where, f"{record.msg!r} {record.args!r}")
        self.take(where, repr({name: value for name, value in vars(record).items() if name not in _USUAL}))
        if record.exc_info and record.exc_info[1] is not None:
            for inner, text in texts_of(record.exc_info[1]):
                self.take(f"{where}, {inner}", text)
