"""The contender's half of each measurement, which runs in the contender's process: one module each.

Each module has `open_job(contender, url)`, a context manager that yields a callable. The callable takes the parameters
of a run as keyword arguments, and returns the results as JSON has them. `measurements/` has the other half.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from contenders import Client, Contender

#: Takes the parameters of a run, and returns its results.
Do = Callable[..., dict[str, Any]]


@contextmanager
def with_client(contender: Contender, url: str, do: Callable[..., Awaitable[dict[str, Any]]]) -> Iterator[Do]:
    """Open an asynchronous contender's client once, and use it for all runs, in one event loop.

    Args:
        contender: the contender.
        url: the URL of the server.
        do: takes the client and the parameters of a run.
    """
    module = importlib.import_module(f"contenders.{contender.module}")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        client: Client = runner.run(stack.enter_async_context(module.open_client(url)))
        try:
            yield lambda **parameters: runner.run(_as_coroutine(do(client, **parameters)))
        finally:
            runner.run(stack.aclose())


async def _as_coroutine(awaitable: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return await awaitable
