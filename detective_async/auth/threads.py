"""Runs blocking calls of botocore in a thread, with botocore's logging redacted."""

import asyncio
import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from typing import TypeVar

from detective_async.api.redaction import mask_keys

T = TypeVar("T")

#: Whether the current context is inside `redacted_botocore_logs`; threads inherit it.
_redacting: ContextVar[bool] = ContextVar("_redacting", default=False)


async def run_in_thread(function: Callable[[], T]) -> T:
    """Call a function in a new daemon thread; cancelling the caller does not wait for the thread.

    Not `asyncio.to_thread`: its few threads also resolve host names, and a blocked one would keep the program from
    exiting.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: Callable[[], None]) -> None:
        # If the event loop is closed, no caller waits for the result.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if outcome.done() else result())

    def run() -> None:
        try:
            result = function()
        except StopIteration as error:
            # A future does not accept StopIteration.
            failure = RuntimeError(f"StopIteration: {error}")
            settle(lambda: outcome.set_exception(failure))
        except BaseException as error:  # noqa: BLE001 - it is raised in the caller
            settle(functools.partial(outcome.set_exception, error))
        else:
            settle(lambda: outcome.set_result(result))

    threading.Thread(target=copy_context().run, args=(run,), name="detective_async.credentials", daemon=True).start()
    return await outcome


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
