"""A server in a thread with its own event loop, for tests of several event loops."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from support.wire_server import Request, WireServer, serving


def no_graphs(request: Request) -> None:
    """Respond to ListGraphs."""
    request.answer(b'{"GraphList": []}')


@contextmanager
def server_thread(
    react: Callable[[Request], None] = no_graphs, tls: ssl.SSLContext | None = None
) -> Iterator[WireServer]:
    """Run a server in a thread."""
    loop = asyncio.new_event_loop()
    started: asyncio.Future[WireServer] = loop.create_future()
    ready, stopping = threading.Event(), asyncio.Event()

    async def main() -> None:
        async with serving(react, tls) as server:
            started.set_result(server)
            ready.set()
            await stopping.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30)
        yield started.result()
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
