"""What hooks and callbacks receive: calls, attempts, retries, and the progress of a large job.

The classes are imported when they are first used: most programs have no hooks.
"""

import inspect
import logging
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from detective_async.errors import ConfigurationError

if TYPE_CHECKING:
    from detective_async.events.calls import AttemptEvent, CallEvent, CallStart, Event, Hook, RetryEvent
    from detective_async.events.progress import ProgressCallback, ProgressCounter, ProgressEvent

__all__ = [
    "AttemptEvent",
    "CallEvent",
    "CallStart",
    "Event",
    "Hook",
    "ProgressCallback",
    "ProgressCounter",
    "ProgressEvent",
    "RetryEvent",
    "call_logger",
    "emit",
    "emit_start",
    "is_hook",
    "is_plain_callable",
    "retry_logger",
]

#: Calls and attempts, at level DEBUG.
call_logger = logging.getLogger("detective_async")
#: Retries, at level INFO: each of them is something that the service did not do at once.
retry_logger = logging.getLogger("detective_async.retry")

T = TypeVar("T")


def emit(hooks: Iterable[Callable[[T], object]], event: T) -> None:
    """Call every hook with an event; an exception from a hook is logged and not raised."""
    for hook in hooks:
        try:
            hook(event)
        except Exception:
            call_logger.exception("a hook failed on %s", type(event).__name__)


def emit_start(hooks: "Iterable[Hook]", start: "CallStart") -> None:
    """Call the `on_start` of every hook that has one."""
    emit([on_start for hook in hooks if (on_start := getattr(hook, "on_start", None)) is not None], start)


def is_plain_callable(value: object) -> bool:
    """Return whether a value is callable and not asynchronous: then its result would never be awaited."""
    try:
        return callable(value) and not any(map(_is_async, (value, getattr(value, "__call__", None))))  # noqa: B004
    except Exception:  # noqa: BLE001 - an object of a user's may raise when it is asked for an attribute
        return False


def is_hook(value: object) -> bool:
    """Return whether a value is a plain callable, and its `on_start`, if it has one, too.

    A class whose instances are callable is not one: calling it would only make an instance.

    Raises:
        ConfigurationError: the value raises an error when it is asked for an attribute, as each call would ask it.
    """
    if isinstance(value, type) and any("__call__" in vars(base) for base in value.__mro__):
        return False
    try:
        on_start = getattr(value, "on_start", None)
    except Exception:  # noqa: BLE001 - it may be any class
        problem = f"hooks: expected plain callables, got {type(value).__name__}, which raises when asked for on_start"
    else:
        return is_plain_callable(value) and (on_start is None or is_plain_callable(on_start))
    raise ConfigurationError(problem)


def _is_async(value: object) -> bool:
    return inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value)


if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any misspelt name for an Any.
    def __getattr__(name: str) -> object:
        module = _MODULES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value

    _MODULES = {
        **dict.fromkeys(("AttemptEvent", "CallEvent", "CallStart", "Event", "Hook", "RetryEvent"), "calls"),
        **dict.fromkeys(("ProgressCallback", "ProgressCounter", "ProgressEvent"), "progress"),
    }


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
