"""Objects of the library as tables of HTML, for notebooks; what `repr` masks is masked."""

import enum
from collections.abc import Iterator, Mapping
from html import escape
from itertools import islice
from typing import Any

from attrs import fields, has

from detective_async.api.redaction import MASK, mask_addresses, mask_keys, masked
from detective_async.errors import printable

#: The most rows of a table; the others are counted.
MAX_ROWS = 20
#: The most characters of a cell.
_MAX_TEXT = 200
_NOTHING = ""

Row = Mapping[str, str]


def tables_of(value: Any, **rows: list[dict[str, str]]) -> str:
    """Return an attrs object as HTML: its class, its fields that are no collections, and a table for each that is one.

    Args:
        value: the object.
        **rows: field -> rows to show instead of its items.
    """
    facts: list[str] = []
    tables: list[str] = []
    for name, item in _shown(value):
        if isinstance(item, list | tuple | Mapping):
            if item:
                tables.append(_table(name, rows.get(name, item)))
        elif has(type(item)):
            facts += [f"{key}: {text}" for key, text in _cells(item).items() if text]
        elif text := _text(item):
            facts.append(f"{name}: {text}")
    return f"<div><p><b>{_html(type(value).__name__)}</b> {_html('; '.join(facts))}</p>{''.join(tables)}</div>"


def _table(name: str, items: Any) -> str:
    pairs = items.items() if isinstance(items, Mapping) else None
    shown = list(islice(items if pairs is None else pairs, MAX_ROWS))
    found = [_cells(item) if pairs is None else {"key": _text(item[0]), **_cells(item[1])} for item in shown]
    # A column in which no row has anything says nothing.
    columns = list(dict.fromkeys(column for row in found for column, text in row.items() if text))
    head = "".join(f"<th>{_html(column)}</th>" for column in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{_html(text)}</td>' for text in (row.get(column) or _NOTHING for column in columns))}</tr>"
        for row in found
    )
    more = f"<p>and {len(items) - MAX_ROWS} more</p>" if len(items) > MAX_ROWS else ""
    caption = f"<caption>{_html(name)}: {len(items)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cells(item: Any) -> Row:
    """Return an item as a row: column -> text."""
    if isinstance(item, dict):
        return {str(key): _text(value) for key, value in item.items()}
    if has(type(item)):
        return {name: _text(value) for name, value in _shown(item)}
    return {"value": _text(item)}


def _shown(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an object that its `repr` shows, and a mask in place of the values that it masks."""
    for attribute in fields(type(value)):
        if attribute.repr is not False:
            item = getattr(value, attribute.name)
            is_masked = callable(attribute.repr) and item is not None
            yield attribute.name, _masked(attribute.repr, item) if is_masked else item


def _masked(shown: Any, item: Any) -> str:
    return MASK if shown is masked else str(shown(item)).strip("'\"")


def _text(item: Any) -> str:
    """Return a value as plain text, with addresses masked."""
    match item:
        case None:
            return ""
        case enum.Enum():
            text = str(item.value)
        case BaseException():
            text = mask_keys(f"{type(item).__name__}: {item}")
        case Mapping():
            text = ", ".join(f"{_text(key)}: {_text(value)}" for key, value in islice(item.items(), MAX_ROWS))
        case list() | tuple():
            text = ", ".join(_text(one) for one in islice(item, MAX_ROWS))
        case _ if has(type(item)):
            text = ", ".join(f"{key}: {value}" for key, value in _cells(item).items() if value)
        case _:
            text = str(item)
    return mask_addresses(text)


def _html(text: str) -> str:
    """Escape a text, and cut a long one."""
    return escape(printable(text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}..."))
