"""The port: opened, told where it is, and closed."""

from aiohttp import web

from detective_async.testing.http import Front, Server
from detective_async.testing.service import Service

# How long requests that are being answered may take to finish when it closes, in seconds.
_SHUTDOWN = 0.2


class Listener:
    """A port on which a service answers."""

    def __init__(self, service: Service, host: str, port: int) -> None:
        self._service = service
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self.url: str | None = None

    async def open(self) -> None:
        """Start to listen.

        Raises:
            RuntimeError: it does so already.
            OSError: the address is not to be had.
        """
        if self._runner is not None:
            raise RuntimeError("the simulator has been started already")
        runner = web.ServerRunner(Server(Front(self._service)), shutdown_timeout=_SHUTDOWN)
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
        """Stop listening and close every connection; doing so again changes nothing."""
        runner, self._runner, self.url = self._runner, None, None
        if runner is not None:
            await runner.cleanup()
