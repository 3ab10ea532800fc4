"""The public names of the package, and the examples in their docstrings."""

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

MODULES = (
    "detective_async",
    "detective_async.coverage",
    "detective_async.integrations.aiohttp_web",
    "detective_async.integrations.asgi",
    "detective_async.integrations.opentelemetry",
    "detective_async.investigation",
    "detective_async.membership",
    "detective_async.organization",
    "detective_async.integrations.progress",
    "detective_async.testing",
    "detective_async.testing.mocks",
)

_SECTION = re.compile(r"^(?:Args|Attributes|Raises|Returns):$", re.MULTILINE)
_EXAMPLE = re.compile(r"(?<=\n\n)(?: {4}.*\n+)+(?=\S|\Z)")


def public_names() -> Iterator[str]:
    """Yield each public name with its module, except for dunder names."""
    for module in MODULES:
        for name in importlib.import_module(module).__all__:
            if not name.startswith("__"):
                yield f"{module}.{name}"


def examples() -> dict[str, str]:
    """Return the examples in docstrings of modules, classes and functions, by full name."""
    found = {}
    for name in (*MODULES, *public_names()):
        doc = _SECTION.split(inspect.getdoc(resolve(name)) or "")[0]
        for example in _EXAMPLE.findall(f"{doc}\n"):
            assert name not in found, f"{name} has two examples; only one is supported"
            found[name] = textwrap.dedent(example).rstrip("\n") + "\n"
    return found


def resolve(name: str) -> Any:
    """Return the object with a full name."""
    if name in MODULES:
        return importlib.import_module(name)
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)
