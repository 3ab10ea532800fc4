"""The simulator for all other code: it runs in a thread, with its own event loop."""

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack

from detective_async.testing.controls import Controls, Settings
from detective_async.testing.faults import CALLER, caller

P = ParamSpec("P")
R = TypeVar("R")


class SimulatorThread(Controls):
    """A `DetectiveSimulator` for code without an event loop, or with one that the simulator must not share.

    It has the same arguments and the same methods and properties. Any thread may call them: they are carried out in
    the simulator's thread, between two requests, before they return. `advance` is an ordinary method here, and a
    coroutine of `DetectiveSimulator`.
    """

    def __init__(self, **settings: Unpack[Settings]) -> None:
        super().__init__(**settings)
        # Held by a caller while it waits for the thread, so that another caller cannot stop the thread meanwhile.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()

    def __enter__(self) -> Self:
        """Start listening."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening and end the thread; without an error, warn of faults that no request has matched."""
        self.stop()
        if error is None:
            self._warn_of_unused_faults()

    def start(self) -> None:
        """Start the thread and listen; the state is kept when the simulator is stopped and started again."""
        with self._lock:
            if self._thread is not None:
                raise RuntimeError("the simulator has been started already")
            ready: Future[asyncio.AbstractEventLoop] = Future()
            # A daemon: a simulator that is not stopped must not prevent the interpreter from exiting.
            thread = threading.Thread(target=self._run, args=(ready,), name="detective-simulator", daemon=True)
            # Set before it listens: requests may use the controls from then on, and must not wait for this method.
            self._thread = thread
            thread.start()
            try:
                self._loop = ready.result()
            except BaseException:
                self._thread = None
                raise

    def stop(self) -> None:
        """Stop listening and end the thread; stopping again has no effect."""
        with self._lock:
            thread, loop, self._thread, self._loop = self._thread, self._loop, None, None
            if thread is not None and loop is not None:
                loop.call_soon_threadsafe(self._end.set)
                thread.join()

    def advance(self, seconds: float) -> None:
        """Advance the virtual time, and complete what is due by then, before returning.

        Signatures are checked against the wall clock, which does not change: clients keep working.
        """
        self._call(self._advance, seconds)

    def _run(self, ready: Future[asyncio.AbstractEventLoop]) -> None:
        async def serve() -> None:
            self._end = asyncio.Event()
            await self._listener.open()
            ready.set_result(asyncio.get_running_loop())
            await self._end.wait()
            await self._listener.close()

        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001  `start` raises it in the caller's thread
            ready.set_exception(error)

    def _call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function in the simulator's thread, the only one that may use its state while it is running."""
        where = caller()

        async def call() -> R:
            CALLER.set(where)
            return function(*args, **kwargs)

        # A control that uses another one is in the simulator's thread already.
        if threading.current_thread() is self._thread:
            return function(*args, **kwargs)
        with self._lock:
            if self._loop is None:
                return function(*args, **kwargs)
            return asyncio.run_coroutine_threadsafe(call(), self._loop).result()


def _in_thread(control: Any) -> Any:
    """Wrap a method or property of `Controls`, so that it is carried out in the simulator's thread."""
    if isinstance(control, property):
        return property(_in_thread(control.fget))

    @functools.wraps(control)
    def call(self: SimulatorThread, *args: Any, **kwargs: Any) -> Any:
        return self._call(control, self, *args, **kwargs)

    return call


# Type checkers use the inherited signatures, which the wrappers keep.
for _name, _control in vars(Controls).items():
    if not _name.startswith("_"):
        setattr(SimulatorThread, _name, _in_thread(_control))
