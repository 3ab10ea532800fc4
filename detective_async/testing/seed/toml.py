"""A writer of TOML, since the standard library has only a reader."""

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[\w-]+", re.ASCII)


def dumps(content: Mapping[str, Any]) -> str:
    """Return plain data as TOML: lists of tables at the top as `[[name]]`, all else as one entry for each key."""
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
    # A JSON string is a TOML string, except that TOML requires DEL to be escaped as well.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
