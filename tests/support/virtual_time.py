"""An event loop whose clock stands still while anything is going on, and jumps to the next timer when nothing is.

Sockets are real. Timeouts and sleeps take no time, and last exactly as long as they say: a test may compare
`loop.time()` with what it expects, however busy the machine is.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

# How long bytes may be under way from one socket of this machine to another, in seconds of real time.
_GRACE = 0.005
# Nothing is ready, no timer runs, and no thread is at work: after so many real seconds a test is stuck.
_STUCK = 10.0
# No test means to wait longer than this, in virtual seconds: something keeps setting timers and gets nowhere.
_TOO_LONG = 100_000.0

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop that begins at time 0."""

    def __init__(self) -> None:
        self._now = 0.0
        self._threads_at_work = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._now

    def pass_time(self, seconds: float) -> None:
        """Jump ahead."""
        self._now += seconds
        if self._now > _TOO_LONG:
            raise RuntimeError("the test is stuck: timers go off for ever")

    @property
    def may_jump(self) -> bool:
        """Whether nothing is going on that the selector does not see."""
        return self._threads_at_work == 0

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], Result], *args: *Arguments
    ) -> "asyncio.Future[Result]":
        """Run a function in a thread, and let no time pass meanwhile."""
        future: asyncio.Future[Result] = super().run_in_executor(executor, func, *args)
        self._threads_at_work += 1
        future.add_done_callback(self._thread_ended)
        return future

    def _thread_ended(self, _: object) -> None:
        self._threads_at_work -= 1


class _Selector(selectors.DefaultSelector):
    """Looks at the sockets for real; where they are silent, lets virtual time pass in place of real time."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        wait_for_real = timeout is None or not self._loop.may_jump
        events = super().select(_STUCK if wait_for_real else _GRACE)
        if events:
            return events
        if timeout is None or wait_for_real:
            raise RuntimeError("the test is stuck: nothing will ever happen")
        self._loop.pass_time(timeout)
        return []


def in_virtual_time(test: Callable[Parameters, Coroutine[Any, Any, None]]) -> Callable[Parameters, None]:
    """Make an async test one that runs in virtual time; it may take fixtures, except async ones."""

    @functools.wraps(test)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        with asyncio.Runner(debug=True, loop_factory=VirtualTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
