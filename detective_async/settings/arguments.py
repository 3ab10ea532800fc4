"""Checks of what users pass to constructors, with errors that say what was given and what is wanted."""

from typing import Any

from detective_async.errors import ConfigurationError

_LONGEST_SHOWN = 60
_LONGEST_NAME = 300
#: No count is as large. Python writes no whole number of more than 4,300 digits, and no float holds one of 309.
_TOO_LARGE_FOR_COUNTS = 10**18
_TOO_LARGE_FOR_FLOATS = 2**1023


def shown(value: object) -> str:
    """Describe a value in a message: itself if it is a short plain one, else its type.

    The `repr` of other objects may be long, contain secrets, or raise.
    """
    if isinstance(value, str) and len(value) <= _LONGEST_SHOWN:
        return str.__repr__(value)
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int) and abs(value) < _TOO_LARGE_FOR_COUNTS:
        return int.__repr__(value)
    return type_name(value)


def cut(name: str) -> str:
    """Return a name or a path for a message; of a very long one, the beginning."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]} [...]"


def attribute(value: object, name: str) -> Any:
    """Return an attribute of an object of a user's; None if it has none, or raises an error when it is asked for it."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - it may be any class
        return None


def type_name(value: object) -> str:
    """Return the name of a value's type with an article, for values that may be secret."""
    return "None" if value is None else with_article(type(value).__name__)


def with_article(name: str) -> str:
    """Return a name with its indefinite article."""
    return f"an {name}" if name[:1] in "AEIOaeio" else f"a {name}"


def check_kind(value: object, kind: type, name: str, wanted: str) -> None:
    """Check that an argument is an instance of a class.

    Args:
        value: the argument.
        kind: the class.
        name: the argument's name.
        wanted: what is wanted, with an example.

    Raises:
        ConfigurationError: it is not.
    """
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name}: expected {wanted}, got {shown(value)}")


def is_positive(value: object) -> bool:
    """Return whether a value is a number above zero that a float can hold; infinity is one."""
    if isinstance(value, float):
        return value > 0
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _TOO_LARGE_FOR_FLOATS


def is_count(value: object) -> bool:
    """Return whether a value is a whole number above zero that something can be counted with."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _TOO_LARGE_FOR_COUNTS


def seconds_problem(value: object) -> str | None:
    """Return what is wrong with a time limit in seconds; None for a positive number."""
    return None if is_positive(value) else f"must be a positive number of seconds, got {shown(value)}"
