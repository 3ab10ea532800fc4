"""The list of what AWS always sends, from the documentation."""

import json
import re
from functools import cache
from pathlib import Path

from botocore.model import StructureShape

from detective_async.api.wire import wire_name

_PAGE = Path(__file__).parents[3] / "docs" / "design" / "api.md"
_ROW = re.compile(r"^\| `(\w+)\.(\w+)` \| (.+) \|$", re.MULTILINE)


@cache
def always_sent() -> dict[tuple[str, str], str]:
    """Return (class, attribute) -> the reason, in the order of the list."""
    rows = _ROW.findall(_PAGE.read_text().partition("## What AWS always sends")[2])
    assert len(rows) == len({row[:2] for row in rows}), "a row is there twice"
    return {(name, attribute): reason for name, attribute, reason in rows}


def members_always_sent(shape_name: str) -> set[str]:
    """Return the wire names of the members of a shape that AWS always sends."""
    return {wire_name(attribute) for name, attribute in always_sent() if name == shape_name}


def smallest_body(shape: StructureShape | None) -> bytes:
    """Return the body of a response that has nothing but what AWS always sends."""
    if shape is None:
        return b"{}"
    values = {name: shape.members[name].type_name == "boolean" or "text" for name in members_always_sent(shape.name)}
    return json.dumps(values).encode()
