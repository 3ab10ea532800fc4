"""The headers of responses."""

from collections.abc import Mapping


def with_defaults(headers: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    """Return headers with defaults for those that are missing; the case of names does not matter."""
    names = {name.lower() for name in headers}
    return {**{name: value for name, value in defaults.items() if name.lower() not in names}, **headers}
