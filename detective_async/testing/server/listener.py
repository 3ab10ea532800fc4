"""The listening port."""

import asyncio
import errno
import ipaddress
import os
import socket
from contextlib import AsyncExitStack

from aiohttp import web

from detective_async.testing.server.http import Handler, Server

# How long running requests may take to finish when the port is closed, in seconds.
_SHUTDOWN = 0.2
# How often to look for a port that is free at all addresses of a name.
_TRIES = 20
_BACKLOG = 128
# Errors of an address that a name has, and this machine has not: often ::1.
_NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}

_Address = tuple[socket.AddressFamily, str]


class Listener:
    """A port whose requests a handler answers, at all addresses that a name has."""

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
        sockets = _bind(await _addresses(self._host), self._port)
        runner = web.ServerRunner(Server(self._handler), shutdown_timeout=_SHUTDOWN)
        async with AsyncExitStack() as on_failure:
            on_failure.callback(_close, sockets)
            on_failure.push_async_callback(runner.cleanup)
            await runner.setup()
            for one in sockets:
                await web.SockSite(runner, one).start()
            on_failure.pop_all()
        self._runner = runner
        # Started again, it has the same URL.
        self._port = sockets[0].getsockname()[1]
        host = _reachable(self._host, sockets[0].family)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._port}"

    async def close(self) -> None:
        """Stop listening and close every connection; closing it again has no effect."""
        runner, self._runner, self.url = self._runner, None, None
        if runner is not None:
            await runner.cleanup()


async def _addresses(host: str) -> list[_Address]:
    """Return the addresses of a host, each once."""
    if host.lower() == "localhost":
        # Whatever this machine's resolver says, that of a client may have either.
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _bind(addresses: list[_Address], port: int) -> list[socket.socket]:
    """Bind one port at all addresses; if it is to be any, one that is free at all of them."""
    left = _TRIES if port == 0 else 1
    while True:
        left -= 1
        try:
            return _bind_once(addresses, port)
        except OSError as error:
            if not left or error.errno != errno.EADDRINUSE:
                raise


def _bind_once(addresses: list[_Address], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in addresses:
            try:
                one = _bound(family, address, port)
            except OSError as error:
                if error.errno not in _NO_SUCH_ADDRESS:
                    raise
                missing = error
                continue
            sockets.append(one)
            port = one.getsockname()[1]
    except BaseException:
        _close(sockets)
        raise
    if missing is not None and not sockets:
        raise missing
    return sockets


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port that was in use a moment ago is free; on Windows, the option would share one that is in use.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
        if family == socket.AF_INET6:
            # Otherwise :: would take the port of 0.0.0.0 as well.
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        one.listen(_BACKLOG)
    except OSError as error:
        one.close()
        raise OSError(error.errno, f"{error.strerror}: address {address}, port {port}") from error
    return one


def _close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def _reachable(host: str, family: socket.AddressFamily) -> str:
    """Return a host under which others reach this machine, for one that stands for all addresses."""
    if not is_unspecified(host):
        return host
    return _outward_address(family) or ("::1" if family == socket.AF_INET6 else "127.0.0.1")


def is_unspecified(host: str) -> bool:
    """Return whether a host stands for all addresses of this machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        pass
    try:
        # Short forms, such as 0.
        return socket.inet_aton(host) == bytes(4)
    except OSError:
        return False


def _outward_address(family: socket.AddressFamily) -> str | None:
    """Return the address from which this machine would reach others; None if it is in no network."""
    elsewhere = "2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1"
    # Nothing is sent: connecting a datagram socket only chooses a route.
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((elsewhere, 9))
            address = str(probe.getsockname()[0])
        except OSError:
            return None
    return None if ipaddress.ip_address(address).is_unspecified else address
