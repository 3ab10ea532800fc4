"""Runs blocking calls in threads: those of botocore with its logging redacted, and those that ask a person."""

import asyncio
import atexit
import contextlib
import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from typing import Any, Generic, TypeVar

from detective_async.api.redaction import mask_keys
from detective_async.auth.processes import one_look_up

T = TypeVar("T")
#: Sets a future's result or exception.
_Result = Callable[[asyncio.Future[T]], None]

#: Whether the current context is inside `redacted_botocore_logs`; threads inherit it.
_redacting: ContextVar[bool] = ContextVar("_redacting", default=False)


async def run_in_thread(function: Callable[[], T]) -> T:
    """Call a function in a new daemon thread; cancelling the caller does not wait for the thread.

    The credential processes that botocore has started in the thread are killed then.

    Not `asyncio.to_thread`: its few threads also resolve host names, and a blocked one would keep the program from
    exiting.
    """
    outcome = _Outcome[T]()
    with one_look_up():
        _start(function, outcome.settle, daemon=True)
        return await outcome.future


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Enclose an import in a daemon thread: the program does not end in the middle of it.

    A daemon thread never runs again once Python ends. If it is importing a module then, it holds locks that the main
    thread may need: from 3.15 on, asyncio imports `traceback` when it logs an exception that nobody has retrieved.
    """
    with _importing:
        yield


def _await_imports() -> None:
    # Not released: another thread might begin.
    _importing.acquire(timeout=_LONGEST_IMPORT)


#: Held by the thread that imports.
_importing = threading.Lock()
#: For how many seconds the end of the program waits for an import, which may read from a file system that hangs.
_LONGEST_IMPORT = 10.0
atexit.register(_await_imports)
if hasattr(os, "register_at_fork"):
    # A forked process has no thread that would release it.
    os.register_at_fork(after_in_child=lambda: globals().update(_importing=threading.Lock()))


class SharedCall(Generic[T]):
    """Calls a blocking function that may ask a person, in a thread.

    Until the function has returned, it is not called again: further calls wait for the same result, in whichever event
    loop. The thread is not a daemon, so that a program does not end before the function has returned: Python crashes if
    it ends while a thread reads from standard input, and `getpass` would leave the terminal without an echo.

    Args:
        function: the function, without arguments.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._waiting: list[_Outcome[T]] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # A call that is under way stays in this process.
        return SharedCall, (self._function,)

    async def result(self) -> T:
        """Return the function's result, or raise its exception; cancelling this does not stop the function."""
        outcome = _Outcome[T]()
        with self._lock:
            if self._waiting is None:
                _start(self._function, self._settle, daemon=False)
                self._waiting = []
            waiting = self._waiting
            waiting.append(outcome)
        try:
            return await outcome.future
        finally:
            waiting.remove(outcome)

    def _settle(self, result: _Result[T]) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting or [], None
        for outcome in waiting.copy():
            outcome.settle(result)


class _Outcome(Generic[T]):
    """A future of the current event loop, for the result of a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self._loop.create_future()

    def settle(self, result: _Result[T]) -> None:
        """Set the result from another thread."""
        # If the event loop is closed, no caller waits for the result.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(lambda: None if self.future.done() else result(self.future))


def _start(function: Callable[[], T], settle: Callable[[_Result[T]], None], *, daemon: bool) -> None:
    """Call a function in a new thread, and hand over its result or exception there."""

    def run() -> None:
        try:
            result = function()
        except StopIteration as error:
            # A future does not accept StopIteration.
            failure = RuntimeError(f"StopIteration: {error}")
            settle(lambda future: future.set_exception(failure))
        except BaseException as error:  # noqa: BLE001 - it is raised in the caller
            settle(functools.partial(_set_exception, error))
        else:
            settle(lambda future: future.set_result(result))

    threading.Thread(target=copy_context().run, args=(run,), name="detective_async.credentials", daemon=daemon).start()


def _set_exception(error: BaseException, future: asyncio.Future[Any]) -> None:
    future.set_exception(error)


def describe(error: Exception) -> str:
    """Describe an exception with secrets redacted: botocore's messages quote output of programs and servers.

    For the same reason, exceptions must not be chained to botocore's.
    """
    is_self_explanatory = isinstance(error, OSError) or type(error).__module__.startswith(("aiobotocore.", "botocore."))
    return mask_keys(str(error) if is_self_explanatory else f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def redacted_botocore_logs() -> Iterator[None]:
    """Redact secrets in what botocore logs in this context, and in threads that are started in it.

    Its debug messages contain whole requests and responses with keys and tokens; its warnings quote output of programs
    and servers.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("aiobotocore", "boto3", "botocore", "urllib3"):
            # Adding the same filter again has no effect.
            logging.getLogger(name).addFilter(_redact)
    token = _redacting.set(True)
    try:
        yield
    finally:
        _redacting.reset(token)


def in_redacted_context() -> bool:
    """Return whether this library calls botocore in this context."""
    return _redacting.get()


def _redact(record: logging.LogRecord) -> bool:
    if not _redacting.get():
        return True
    error = record.exc_info[1] if record.exc_info else None
    reason = f" ({describe(error)})" if isinstance(error, Exception) else ""
    record.msg, record.args, record.exc_info = mask_keys(record.getMessage()) + reason, None, None
    return record.levelno > logging.DEBUG
