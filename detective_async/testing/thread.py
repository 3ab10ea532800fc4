"""The simulator for everybody else: it runs in a thread with an event loop of its own."""

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack

from detective_async.testing.controls import Controls, Settings

P = ParamSpec("P")
R = TypeVar("R")


class SimulatorThread(Controls):
    """A `DetectiveSimulator` for code without an event loop, or with one that is not to be shared.

    It takes the same arguments and has the same controls, as plain methods that any thread may call: each is carried
    out in the simulator's thread, between two requests, and is done when it returns. So is `advance`, which blocks
    here and is awaited there.
    """

    def __init__(self, **settings: Unpack[Settings]) -> None:
        super().__init__(**settings)
        # Held by whoever makes the thread do something, so that it does not end meanwhile.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()

    def __enter__(self) -> Self:
        """Start to listen."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening and end the thread."""
        self.stop()

    def start(self) -> None:
        """Start the thread and listen; the state is kept from one start to the next."""
        with self._lock:
            if self._thread is not None:
                raise RuntimeError("the simulator has been started already")
            ready: Future[asyncio.AbstractEventLoop] = Future()
            # One that nobody stops does not keep the interpreter from ending.
            thread = threading.Thread(target=self._run, args=(ready,), name="detective-simulator", daemon=True)
            thread.start()
            self._loop = ready.result()
            self._thread = thread

    def stop(self) -> None:
        """Stop listening and end the thread; doing so again changes nothing."""
        with self._lock:
            thread, loop, self._thread, self._loop = self._thread, self._loop, None, None
            if thread is not None and loop is not None:
                loop.call_soon_threadsafe(self._end.set)
                thread.join()

    def advance(self, seconds: float) -> None:
        """Push the virtual time forward, and let happen what is due by then; it is over when this returns.

        Signatures are judged by the wall clock, which stays: clients go on working.
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
        except BaseException as error:  # noqa: BLE001  it is raised where the thread was started
            ready.set_exception(error)

    def _call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Have a function called in the simulator's thread, as its state is touched nowhere else."""

        async def call() -> R:
            return function(*args, **kwargs)

        # A control may use another one, and is in the right thread already.
        if threading.current_thread() is self._thread:
            return function(*args, **kwargs)
        with self._lock:
            if self._loop is None:
                return function(*args, **kwargs)
            return asyncio.run_coroutine_threadsafe(call(), self._loop).result()


def _handed_over(control: Any) -> Any:
    """Return a control of `Controls` as `SimulatorThread` has it: carried out in the simulator's thread."""
    if isinstance(control, property):
        return property(_handed_over(control.fget))

    @functools.wraps(control)
    def call(self: SimulatorThread, *args: Any, **kwargs: Any) -> Any:
        return self._call(control, self, *args, **kwargs)

    return call


# Type checkers read the controls where they are written; here they get their detour through the thread, each and all.
for _name, _control in vars(Controls).items():
    if not _name.startswith("_"):
        setattr(SimulatorThread, _name, _handed_over(_control))
