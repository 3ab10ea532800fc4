"""What is public: the names that the modules for users export, and the examples in their docstrings."""

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

MODULES = (
    "detective_async",
    "detective_async.integrations.aiohttp_web",
    "detective_async.integrations.opentelemetry",
    "detective_async.membership",
    "detective_async.integrations.progress",
    "detective_async.testing",
)

_SECTION = re.compile(r"^(?:Args|Attributes|Raises|Returns):$", re.MULTILINE)
_EXAMPLE = re.compile(r"(?<=\n\n)(?: {4}.*\n+)+(?=\S|\Z)")


def public_names() -> Iterator[str]:
    """Return each public name with its module, dunder names excepted."""
    for module in MODULES:
        for name in importlib.import_module(module).__all__:
            if not name.startswith("__"):
                yield f"{module}.{name}"


def examples() -> dict[str, str]:
    """Return the examples in docstrings, by the full name of what has them: those of modules, classes and functions."""
    found = {}
    for name in (*MODULES, *public_names()):
        doc = _SECTION.split(inspect.getdoc(resolve(name)) or "")[0]
        for example in _EXAMPLE.findall(f"{doc}\n"):
            assert name not in found, f"{name} has two examples: give each a name"
            found[name] = textwrap.dedent(example).rstrip("\n") + "\n"
    return found


def resolve(name: str) -> Any:
    """Return what a full name stands for."""
    if name in MODULES:
        return importlib.import_module(name)
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)
