"""An event loop with virtual time: its clock stands still during activity, and jumps to the next timer otherwise.

Sockets are real. Timeouts and sleeps take no real time and have exact durations, so that a test can compare
`loop.time()` with expected values on a busy machine.
"""

import asyncio
import functools
import selectors
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

from support.asyncio_debug import ASYNCIO_DEBUG

# How long bytes may travel from one local socket to another, in real seconds, on a machine that is not busy.
_GRACE = 0.005
# A wait that ends this many times later than asked shows a busy machine, on which bytes need longer as well.
_LATE = 2
# More waits than this have no use: a machine can be busy for hours.
_WAITS = 20
# Without events, timers and threads for this many real seconds, a test is stuck.
_STUCK = 10.0
# No test waits longer than this, in virtual seconds, unless timers are set without end.
_TOO_LONG = 100_000.0

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that starts at time 0."""

    def __init__(self) -> None:
        self._now = 0.0
        self._threads_at_work = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._now

    def pass_time(self, seconds: float) -> None:
        """Advance the virtual time."""
        self._now += seconds
        if self._now > _TOO_LONG:
            raise RuntimeError("the test is stuck: timers fire without end")

    @property
    def may_jump(self) -> bool:
        """Whether no thread is working, which the selector does not see."""
        return self._threads_at_work == 0

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], Result], *args: *Arguments
    ) -> "asyncio.Future[Result]":
        """Run a function in a thread, during which no virtual time passes."""
        future: asyncio.Future[Result] = super().run_in_executor(executor, func, *args)
        self._threads_at_work += 1
        future.add_done_callback(self._thread_ended)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002
        """Wait for the executor's threads, without limit; asyncio does it in a thread that no executor knows."""
        self._threads_at_work += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._thread_ended(None)

    def _thread_ended(self, _: object) -> None:
        self._threads_at_work -= 1


class _Selector(selectors.DefaultSelector):
    """Polls the real sockets; without events, advances virtual time instead of waiting."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None or not self._loop.may_jump:
            events = super().select(_STUCK)
            if not events:
                raise RuntimeError("the test is stuck: no event can happen any more")
            return events
        for _ in range(_WAITS):
            began = time.monotonic()
            events = super().select(_GRACE)
            if events:
                return events
            if time.monotonic() - began < _LATE * _GRACE:
                break
        self._loop.pass_time(timeout)
        return []


def in_virtual_time(test: Callable[Parameters, Coroutine[Any, Any, None]]) -> Callable[Parameters, None]:
    """Run an async test in virtual time; it may use fixtures, but no async ones."""

    @functools.wraps(test)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        with asyncio.Runner(debug=ASYNCIO_DEBUG, loop_factory=VirtualTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
