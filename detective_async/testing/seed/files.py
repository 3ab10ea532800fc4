"""Seed files: TOML or JSON, by the extension of the name."""

import contextlib
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from detective_async.testing.seed import toml
from detective_async.testing.seed.schema import SeedError

_READERS = {".json": json.loads, ".toml": tomllib.loads}


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a seed file; a `SeedError` says that it is not valid TOML or JSON."""
    load = _READERS[check_name(path)]
    try:
        content: dict[str, Any] = load(Path(path).read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SeedError(f"{os.fspath(path)}: cannot be read: {error}") from error
    return content


def write(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a seed file atomically: on failure, the existing file remains unchanged."""
    text = toml.dumps(content) if check_name(path) == ".toml" else json.dumps(content, indent=2) + "\n"
    target = Path(os.path.realpath(path))
    # In the target's folder, because a rename is atomic only within one file system.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123  a Path cannot open a descriptor
            file.write(text)
        os.replace(name, target)  # noqa: PTH105  `mkstemp` returns a string
    except BaseException:
        os.unlink(name)  # noqa: PTH108  see above
        raise


def check_name(path: str | os.PathLike[str]) -> str:
    """Return the extension of a file's name, which must be .toml or .json."""
    extension = Path(path).suffix.lower()
    if extension not in _READERS:
        raise SeedError(f"{os.fspath(path)}: the name must end in .toml or .json")
    return extension


@contextlib.contextmanager
def errors_name(path: str | os.PathLike[str]) -> Iterator[None]:
    """Prefix the errors of a block with the file's name."""
    try:
        yield
    except SeedError as error:
        raise SeedError(f"{os.fspath(path)}: {error}") from None
