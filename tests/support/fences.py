"""The code blocks of a Markdown file."""

import re
from pathlib import Path

from attrs import field, frozen

_FENCE = re.compile(r"(?P<indent>\s*(?:[*-] +)*)(?P<ticks>`{3,})(?P<info>[^`]*)")
_INFO = re.compile(r"(?:\{(?P<directive>[\w-]+)\})?\s*(?P<argument>\S*)\s*")
_OPTION = re.compile(r":(?P<name>[\w-]+):\s*(?P<value>.*)")


@frozen
class Block:
    """A block of code.

    Attributes:
        path: the file.
        line: the line of its fence, from 1.
        directive: the MyST directive, such as `toctree`; empty for a plain block and for a `code-block`.
        language: such as `python`.
        caption: the caption, which is the name of a file, or empty.
        text: the content.
    """

    path: Path
    line: int
    directive: str
    language: str
    caption: str
    text: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}"


def read_blocks(path: Path) -> list[Block]:
    """Return the blocks of a file in order; raise if one is never closed."""
    found = []
    lines = enumerate(path.read_text().splitlines(), start=1)
    for number, line in lines:
        fence = _FENCE.fullmatch(line)
        if fence is None:
            continue
        indent, body = len(fence["indent"]), []
        for _, inner in lines:
            if inner.strip() == fence["ticks"]:
                break
            assert not inner[:indent].strip(), f"{path.name}:{number}: a line begins before its fence: {inner}"
            body.append(inner[indent:])
        else:
            raise AssertionError(f"{path.name}:{number}: the block is never closed")
        found.append(_block(path, number, fence["info"], body))
    return found


def _block(path: Path, line: int, info: str, body: list[str]) -> Block:
    parts = _INFO.fullmatch(info.strip())
    assert parts is not None, f"{path.name}:{line}: {info}"
    directive = parts["directive"] or ""
    options = {}
    while directive and body and (option := _OPTION.fullmatch(body[0])):
        options[option["name"]] = option["value"]
        body = body[1:]
    text = "".join(f"{one}\n" for one in body).removeprefix("\n" if directive else "")
    # A `code-block` is a plain block with a name.
    directive = "" if directive == "code-block" else directive
    return Block(path, line, directive, parts["argument"], options.get("caption", ""), text)
