"""What a contender's process can be told to do: one module each.

Each module has `open_job(contender, url)`, a context manager that gives a callable: it takes the members of an order
and gives those of its answer.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from contenders import Client, Contender

#: Takes the members of an order, and gives those of its answer.
Do = Callable[..., dict[str, Any]]


@contextmanager
def with_client(contender: Contender, url: str, do: Callable[..., Awaitable[dict[str, Any]]]) -> Iterator[Do]:
    """Open an asynchronous contender's client, and have each order done with it, on one loop.

    Args:
        contender: whose.
        url: where the server listens.
        do: takes the client and the members of an order.
    """
    module = importlib.import_module(f"contenders.{contender.module}")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        client: Client = runner.run(stack.enter_async_context(module.open_client(url)))
        try:
            yield lambda **order: runner.run(_as_coroutine(do(client, **order)))
        finally:
            runner.run(stack.aclose())


async def _as_coroutine(doing: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return await doing
