"""Reads what CHANGELOG.md says about releases and about changes of public names."""

import re

_SECTION = re.compile(
    r"^## \[?(?P<version>[\w.]+)\]?(?: - (?P<date>\d{4}-\d{2}-\d{2}))?\n(?P<body>.*?)(?=^## |\Z)",
    re.MULTILINE | re.DOTALL,
)
_KIND = re.compile(r"^### (?P<kind>\w+)\n(?P<body>.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_NAME = re.compile(r"[A-Za-z_][\w.]*")


def sections(changelog: str) -> dict[str, str]:
    """Return the text below each heading of a version, `Unreleased` included, in the order of the file."""
    return {found["version"]: found["body"].strip() for found in _SECTION.finditer(changelog)}


def changed_names(section: str) -> set[str]:
    """Return the names that the entries under Changed and Removed have in backticks."""
    kinds = {found["kind"]: found["body"] for found in _KIND.finditer(section)}
    entries = kinds.get("Changed", "") + kinds.get("Removed", "")
    return {name for code in _CODE.findall(entries) for name in _NAME.findall(code)}
