"""The listening port."""

from aiohttp import web

from detective_async.testing.server.http import Handler, Server

# How long running requests may take to finish when the port is closed, in seconds.
_SHUTDOWN = 0.2


class Listener:
    """A port whose requests a handler answers."""

    def __init__(self, handler: Handler, host: str, port: int) -> None:
        self._handler = handler
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self.url: str | None = None

    async def open(self) -> None:
        """Start listening; an `OSError` says that the address is not available."""
        if self._runner is not None:
            raise RuntimeError("the simulator has been started already")
        runner = web.ServerRunner(Server(self._handler), shutdown_timeout=_SHUTDOWN)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        port = runner.addresses[0][1]
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{shown}:{port}"

    async def close(self) -> None:
        """Stop listening and close every connection; closing it again has no effect."""
        runner, self._runner, self.url = self._runner, None, None
        if runner is not None:
            await runner.cleanup()
