"""Serves the app."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

#: Seconds after which a connection is closed that is idle, or has not sent a complete head of a request.
_IDLE_TIMEOUT = 30.0
#: The thresholds of the garbage collector's three generations.
_GC_THRESHOLDS = (1_000, 5, 2)


def tune_garbage_collector() -> None:
    """Prevent garbage collections that block the event loop for tens of milliseconds; called once when serving starts.

    The objects that exist by now are excluded from all later collections, and newer ones are collected more often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


@asynccontextmanager
async def serving(app: web.Application, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve an app until the end of the block, and yield its URL.

    Args:
        app: the app.
        host: the address to listen on.
        port: the port to listen on; 0 for a free one.

    Raises:
        OSError: the address or the port is not available.
    """
    # Bodies are not decompressed: a few bytes can become very large.
    runner = web.AppRunner(app, shutdown_timeout=5.0, keepalive_timeout=_IDLE_TIMEOUT, auto_decompress=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield f"http://{host}:{site.port}"
    finally:
        await runner.cleanup()
