"""Compares the public API with that of the latest release, and both with what CHANGELOG.md says."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from public_api.changelog import changed_names, sections

ROOT = Path(__file__).parents[2]
CHANGELOG = ROOT / "CHANGELOG.md"
RELEASED = Path(__file__).parent / "released.txt"
_HEADING = "# The public API of detective-async {}: `make api` writes this file when a version is released.\n"


def to_text(version: str, api: Mapping[str, str]) -> str:
    """Return the file for an API."""
    return _HEADING.format(version) + "".join(f"{path}: {description}\n" for path, description in api.items())


def from_text(text: str) -> tuple[str, dict[str, str]]:
    """Return the version and the API of a file."""
    heading, *lines = text.splitlines()
    before, after = _HEADING.strip().split("{}")
    version = heading.removeprefix(before).removesuffix(after)
    return version, dict(line.split(": ", maxsplit=1) for line in lines)


def unexplained(released: Mapping[str, str], current: Mapping[str, str], changelog: str) -> list[str]:
    """Return what was removed or changed since the release without an entry under Unreleased that names it.

    An entry under Changed or Removed names `Class.member` or, for what a module exports, the name alone; dotted paths
    in front are optional. A removed class stands for its members, and an entry about a changed member explains the
    constructor of its class too.
    """
    names = changed_names(sections(changelog)["Unreleased"])
    differing = {path for path in released.keys() | current.keys() if released.get(path) != current.get(path)}
    explained = {path for path in differing if _is_named(path, names)}
    removed = released.keys() - current.keys()
    explained |= {_parent(path) for path in explained} | {path for path in removed if _parent(path) in removed}
    return [
        f"{path}\n  released: {released[path]}\n  now:      {current.get(path, 'removed')}"
        for path in released
        if path in differing - explained
    ]


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _is_named(path: str, names: AbstractSet[str]) -> bool:
    *_, owner, last = path.split(".")
    shortest = f"{owner}.{last}" if owner[0].isupper() else last
    return any(f".{path}".endswith(f".{name}") and f".{name}".endswith(f".{shortest}") for name in names)
