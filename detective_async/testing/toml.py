"""Write plain data as TOML; the standard library only reads it."""

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[\w-]+", re.ASCII)


def dumps(content: Mapping[str, Any]) -> str:
    """Write tables, lists, texts, numbers and truths: lists of tables as `[[name]]`, the rest on lines of their own."""
    plain = {key: value for key, value in content.items() if not _is_tables(value)}
    lines = _lines(plain)
    for key, value in content.items():
        for item in value if key not in plain else ():
            lines += ["", f"[[{_key(key)}]]", *_lines(item)]
    return "\n".join(lines) + "\n"


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(_lines(value))} }}"
    if _is_tables(value):
        return "[\n" + "".join(f"  {_value(item)},\n" for item in value) + "]"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _key(text: str) -> str:
    return text if _BARE.fullmatch(text) else _text(text)


def _text(text: str) -> str:
    # JSON's quotes and escapes are TOML's too, which wants one more character to be escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
