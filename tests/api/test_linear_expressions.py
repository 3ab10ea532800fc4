"""Every regular expression, and everything that masks or cuts text from outside, takes time linear in its length."""

import importlib
import itertools
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from time import thread_time
from typing import Any

import pytest

import detective_async
from detective_async.api.models import constraints
from detective_async.api.redaction import mask, mask_keys
from detective_async.settings.expressions import Expression

EXAMPLES = Path(__file__).parents[2] / "examples"
#: From these, texts are made that make a search try as many ways as it can.
_PIECES = (
    "a",
    "A",
    "0",
    "-",
    ".",
    "/",
    ":",
    "%",
    " ",
    '"',
    "eyJ",
    "a.",
    "/A1b",
    "'/A",
    " /",
    "a@",
    "%40",
    "a-",
    "~eyJ",
    "<title>a",
    "%25",
    "\\u002f",
    "&#47;",
    ".A1b",
    "...",
)
_STARTS = ("", "~", "[", "us-", "111122223333,", "arn:aws:iam::111122223333:role/", "AWS4-HMAC-SHA256 ")
_ENDS = ("", "!", "\n", "@")
_LENGTH = 500
#: CPU seconds below which nothing is measured again: a quadratic search takes far longer.
_NOTHING = 0.004


def _texts(length: int, starts: tuple[str, ...], ends: tuple[str, ...]) -> Iterator[str]:
    for start, piece, end in itertools.product(starts, _PIECES, ends):
        yield start + piece * (length // len(piece)) + end


def _modules() -> Iterator[object]:
    for module in pkgutil.walk_packages(detective_async.__path__, "detective_async."):
        if not module.name.endswith(("__main__", "pytest_plugin")):
            yield importlib.import_module(module.name)


def _expressions() -> dict[str, Any]:
    """Return the expressions of the package's modules, and of parameters without a limit."""
    found = {
        f"{module.__name__}.{name}": value  # type: ignore[attr-defined]
        for module in _modules()
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern | Expression)
    }
    rules = vars(constraints).items()
    found |= {
        name: constraints._compiled(rule.pattern)
        for name, rule in rules
        if isinstance(rule, constraints.Text) and rule.pattern and rule.max_length is None
    }
    return found


EXPRESSIONS = _expressions()


def _cpu_time(work: Callable[[str], object], text: str) -> float:
    began = thread_time()
    work(text)
    return thread_time() - began


def _assert_linear(
    work: Callable[[str], object], starts: tuple[str, ...] = _STARTS, ends: tuple[str, ...] = _ENDS
) -> None:
    for text, longer in zip(_texts(_LENGTH, starts, ends), _texts(8 * _LENGTH, starts, ends), strict=True):
        if _cpu_time(work, longer) < _NOTHING:
            continue
        short = min(_cpu_time(work, text) for _ in range(5))
        long = min(_cpu_time(work, longer) for _ in range(5))
        # Of a linear search, eight times as much; of a quadratic one, 64 times.
        assert long < max(24 * short, _NOTHING), f"{longer[:40]!r}... of {len(longer)} characters"


def _of_text(expression: re.Pattern[Any], method: str) -> Callable[[str], object]:
    work: Callable[[Any], object] = getattr(expression, method)
    return (lambda text: work(text.encode())) if isinstance(expression.pattern, bytes) else work


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_are_linear(name: str) -> None:
    """For eight times the text, an expression takes about eight times as long, whatever the text."""
    _assert_linear(_of_text(EXPRESSIONS[name], "fullmatch"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("function", [mask_keys, lambda text: mask(text, ["a" * 100, "aaaa"])])
def test_masking_is_linear(function: Callable[[str], str]) -> None:
    """So is masking, which searches; and more than 32 KiB are not read at all."""
    _assert_linear(function, ("", "~"), ("", "@"))


@pytest.mark.parametrize("name", ["auth.credentials._INVALID_CHARACTERS", "api.sts._NAMESPACE", "api.sts._TITLE"])
def test_searches_are_linear(name: str) -> None:
    """So are the other expressions that search in text from outside."""
    _assert_linear(_of_text(EXPRESSIONS[f"detective_async.{name}"], "search"), ("", "{", "<title>"))
