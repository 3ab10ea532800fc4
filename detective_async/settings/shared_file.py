"""The form of the shared config and credentials files, read as botocore reads it, in time linear in the text.

`configparser`, which botocore uses, takes quadratic time for some malformed files; here the first error ends it.
"""

import shlex
from collections import ChainMap
from collections.abc import Mapping

#: The section whose keys all others inherit.
_INHERITED = "DEFAULT"
#: The sections whose names have two parts: what they are, and a name, in quotes if it has a space.
_KINDS = "profile", "services"
_PARTS = 2
_QUOTES = frozenset("\"'\\")

Section = Mapping[str, str]


class SharedFileError(Exception):
    """What is wrong in which line; without the line's text, which may be a secret."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line} {problem}")


def parse_shared_file(text: str) -> Mapping[str, Section]:
    """Return the sections of a file by their names: `default`, `profile NAME`, `services NAME`; others as they are.

    They are in the order of the file.

    The value of a key that has indented lines below it contains these, each after a line feed.

    Raises:
        SharedFileError: the text is malformed, or a section or key is there twice.
    """
    inherited: dict[str, list[str]] = {}
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] | None = None
    value: list[str] | None = None
    indent = 0
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped.startswith(("#", ";")):
            continue
        if not stripped:
            if value is not None:
                value.append("")
            continue
        own_indent = len(line) - len(line.lstrip())
        if value is not None and own_indent > indent:
            _append(value, stripped, number)
            continue
        indent = own_indent
        header = _header(stripped)
        if header is not None:
            if header in sections:
                raise SharedFileError(number, "begins a section that is there already")
            section = inherited if header == _INHERITED else sections.setdefault(header, {})
            value = None
            continue
        if section is None:
            raise SharedFileError(number, "is in no section")
        key, text_of_value = _pair(stripped, number)
        if key in section:
            raise SharedFileError(number, "sets a key that is set already")
        value = section[key] = [text_of_value]
    defaults = _joined(inherited)
    return _by_name({header: ChainMap(_joined(keys), defaults) for header, keys in sections.items()})


def _by_name(sections: Mapping[str, Section]) -> Mapping[str, Section]:
    named: dict[str, Section] = {}
    for header, section in sections.items():
        if (name := _name(header)) is not None:
            # With quotes and without, one name may be there twice: it stands where the last one does.
            named.pop(name, None)
            named[name] = section
    return named


def _header(line: str) -> str | None:
    """Return the name of the section that a line begins; None if it begins none."""
    return line[1 : line.rindex("]")] or None if line.startswith("[") and "]" in line else None


def _append(value: list[str], line: str, number: int) -> None:
    if not value[0] and "=" not in line:
        raise SharedFileError(number, "is below a key without a value, and is not of the form NAME = VALUE")
    value.append(line)


def _pair(line: str, number: int) -> tuple[str, str]:
    ends = [end for end in (line.find("="), line.find(":")) if end >= 0]
    key = line[: min(ends)].rstrip().lower() if ends else ""
    if not key:
        raise SharedFileError(number, "is neither a section nor of the form NAME = VALUE")
    return key, line[min(ends) + 1 :].strip()


def _joined(keys: Mapping[str, list[str]]) -> dict[str, str]:
    return {key: "\n".join(lines).rstrip() for key, lines in keys.items()}


def _name(header: str) -> str | None:
    """Return the name of a section without its quotes; None if it has too many parts, or a quote is not closed."""
    if not header.startswith(_KINDS):
        return header
    try:
        # The quotes of a shell are rare, and reading them is slow.
        parts = shlex.split(header) if _QUOTES & set(header) else header.split()
    except ValueError:
        return None
    return " ".join(parts) if len(parts) <= _PARTS else None
