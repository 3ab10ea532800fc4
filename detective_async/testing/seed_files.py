"""Seeds as files: TOML or JSON, by how the name ends."""

import contextlib
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from detective_async.testing import toml
from detective_async.testing.seed_schema import SeedError

_READERS = {".json": json.loads, ".toml": tomllib.loads}


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a file.

    Raises:
        SeedError: it is not TOML or JSON.
        OSError: it cannot be read.
    """
    load = _READERS[check_name(path)]
    try:
        content: dict[str, Any] = load(Path(path).read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SeedError(f"{os.fspath(path)}: cannot be read: {error}") from error
    return content


def write(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a file: all of it, or on failure none, in which case the one that was there stays.

    Raises:
        SeedError: its name does not end in .toml or .json.
        OSError: it cannot be written.
    """
    text = toml.dumps(content) if check_name(path) == ".toml" else json.dumps(content, indent=2) + "\n"
    target = Path(os.path.realpath(path))
    # Beside the target, because only within one file system is renaming at once.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123  it is open already
            file.write(text)
        os.replace(name, target)  # noqa: PTH105  its twin takes a Path, which is of no use here
    except BaseException:
        os.unlink(name)  # noqa: PTH108  likewise
        raise


def check_name(path: str | os.PathLike[str]) -> str:
    """Return the ending of a file's name.

    Raises:
        SeedError: it tells of no format that is known.
    """
    ending = Path(path).suffix.lower()
    if ending not in _READERS:
        raise SeedError(f"{os.fspath(path)}: the name must end in .toml or .json")
    return ending


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Have an error that is raised in here name the file."""
    try:
        yield
    except SeedError as error:
        raise SeedError(f"{os.fspath(path)}: {error}") from None
