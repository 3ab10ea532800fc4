"""Ends the command at Ctrl-C, `kill`, and a closed terminal: what it awaits is cancelled, and says what was done."""

import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

#: What a signal must do by default to be handled: background jobs of scripts, for example, ignore SIGINT.
_DEFAULTS = {
    signal.SIGINT: signal.default_int_handler,
    # A terminal that is closed sends SIGHUP, which Windows has not; the results may go to a file.
    **{one: signal.SIG_DFL for one in signal.Signals if one.name in {"SIGTERM", "SIGHUP"}},
}

#: The signals that have come, the first one first.
_received: list[int] = []
#: Cancels what is awaited, and returns whether that has not ended yet; the last one counts.
_cancellations: list[Callable[[], bool]] = []
#: How many signals had come before what is not to be cut began.
_held: list[int] = []
#: Not empty while the process has done nothing but to import modules and to read, so that it can end at once.
_starting: list[bool] = []


def outcome() -> tuple[str, int]:
    """Return how to call what has ended the command, and the exit code for it, as shells have it."""
    number = _received[0] if _received else signal.SIGINT
    return "interrupted" if number == signal.SIGINT else "terminated", 128 + number


@contextmanager
def handled(*, at_the_end: bool) -> Iterator[None]:
    """Handle the signals, unless they are ignored, or the program has handlers of its own.

    Args:
        at_the_end: whether the process ends next, with an exit code that no signal should change any more.
    """
    _received.clear()
    _held.clear()
    _starting[:] = [True] if at_the_end else []
    is_main = threading.current_thread() is threading.main_thread()
    before = {one: signal.getsignal(one) for one in _DEFAULTS} if is_main else {}
    try:
        for number, handler in before.items():
            if handler == _DEFAULTS[number]:
                signal.signal(number, _handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if at_the_end else handler)


def begin() -> None:
    """Let signals raise exceptions from now on: there is something to end, or to say."""
    _starting.clear()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine as `asyncio.run` does; the first signal cancels it, another one ends it at once.

    Raises:
        KeyboardInterrupt: there was a signal.
    """
    import asyncio  # noqa: PLC0415 - not needed for --help

    begin()

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine has one
        loop = asyncio.get_running_loop()

        def cancel() -> bool:
            is_cancelled = task.cancel()
            # It may wait for events only.
            loop.call_soon_threadsafe(lambda: None)
            return is_cancelled

        _cancellations.append(cancel)
        try:
            return await main
        finally:
            _cancellations.pop()

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        if not _received:
            raise
        raise KeyboardInterrupt from None


@contextmanager
def at_once() -> Iterator[None]:
    """Let a signal raise a `KeyboardInterrupt` where the command waits for a person, and not for its event loop.

    Raises:
        KeyboardInterrupt: there was a signal just before.
    """
    begin()
    before = _cancellations[:]
    _cancellations.clear()
    try:
        if _received:
            raise KeyboardInterrupt
        yield
    finally:
        _cancellations[:] = before


@contextmanager
def held() -> Iterator[None]:
    """Let a signal wait until something is whole, such as a report; another one ends it, as a reader may be slow.

    Raises:
        KeyboardInterrupt: there was a signal, and nothing is awaited that could be cancelled.
    """
    begin()
    _held.append(len(_received))
    try:
        yield
    finally:
        before = _held.pop()
    if len(_received) > before:
        _end()


def _handle(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    if _starting:
        # No exception: the imports of some modules lose it, or raise another one instead.
        what, code = outcome()
        with suppress(OSError):
            os.write(2, f"detective-async: {what}\n".encode())
        os._exit(code)
    if not _held or len(_received) > _held[-1] + 1:
        _end()


def _end() -> None:
    if not (len(_received) == 1 and _cancellations and _cancellations[-1]()):
        raise KeyboardInterrupt
