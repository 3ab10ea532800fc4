"""Asking botocore, which blocks: in a thread of its own, and with a gag."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[[], T]) -> T:
    """Call a function in a new thread, which nobody waits for any longer once the caller is cancelled.

    Not `asyncio.to_thread`: its few threads also look up names for every connection, and one that is stuck would keep
    the program from ending.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        _gagged.add(threading.get_ident())
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            settle, value = outcome.set_exception, error
        else:
            settle, value = outcome.set_result, result  # type: ignore[assignment]
        finally:
            _gagged.discard(threading.get_ident())
        # A loop that is closed by now has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if outcome.done() else settle(value))

    threading.Thread(target=run, name="detective_async.credentials", daemon=True).start()
    return await outcome


#: The threads that are ours.
_gagged: set[int] = set()


def gag_botocore() -> None:
    """Keep botocore's debug messages from being logged when they come from a thread of ours.

    They hold whole requests and answers, keys and tokens included.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("botocore", "urllib3"):
            # Adding it twice adds it once.
            logging.getLogger(name).addFilter(_is_not_ours)


def _is_not_ours(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG or record.thread not in _gagged
