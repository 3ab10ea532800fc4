"""Asking botocore, which blocks: in a thread of its own, and with a gag."""

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

#: Whether what is running now was begun by us, in whatever thread.
_ours: ContextVar[bool] = ContextVar("_ours", default=False)


async def run_in_thread(function: Callable[[], T]) -> T:
    """Call a function in a new thread, which nobody waits for any longer once the caller is cancelled.

    Not `asyncio.to_thread`: its few threads also look up names for every connection, and one that is stuck would keep
    the program from ending.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: Callable[[], None]) -> None:
        # A loop that is closed by now has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if outcome.done() else result())

    def run() -> None:
        try:
            result = function()
        except StopIteration as error:
            # The one exception that no future takes.
            failure = RuntimeError(f"StopIteration: {error}")
            settle(lambda: outcome.set_exception(failure))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            settle(functools.partial(outcome.set_exception, error))
        else:
            settle(lambda: outcome.set_result(result))

    threading.Thread(target=copy_context().run, args=(run,), name="detective_async.credentials", daemon=True).start()
    return await outcome


def describe(error: Exception) -> str:
    """Say what went wrong, without the secrets that programs and servers have said, which botocore quotes.

    For the same reason nothing that is raised may be chained to botocore's exceptions.
    """
    speaks_for_itself = isinstance(error, OSError) or type(error).__module__.startswith(("aiobotocore.", "botocore."))
    return mask_keys(str(error) if speaks_for_itself else f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def redacted_botocore_logs() -> Iterator[None]:
    """Keep the secrets out of what botocore logs meanwhile, here and in the threads that are begun here.

    Its debug messages hold whole requests and answers, keys and tokens included; its warnings quote what programs and
    servers have said.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("aiobotocore", "boto3", "botocore", "urllib3"):
            # Adding it twice adds it once.
            logging.getLogger(name).addFilter(_censor)
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)


def _censor(record: logging.LogRecord) -> bool:
    if not _ours.get():
        return True
    error = record.exc_info[1] if record.exc_info else None
    reason = f" ({describe(error)})" if isinstance(error, Exception) else ""
    record.msg, record.args, record.exc_info = mask_keys(record.getMessage()) + reason, None, None
    return record.levelno > logging.DEBUG
