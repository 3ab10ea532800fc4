"""Connections that were not closed: after a fork, at the end of an event loop, and when a client is dropped.

The connections of each event loop are registered here from the moment at which they are opened. The registry also keeps
them alive, so that aiohttp's finalizers, which know neither the client nor the line that made it, do not run first.
"""

import asyncio
import atexit
import contextlib
import os
import sys
import warnings
from typing import Any, Protocol

_PACKAGE = __name__.partition(".")[0]


class Origin:
    """Where connections come from, for the warning that they were not closed.

    Attributes:
        name: the class whose `aclose` should have been called.
        filename: the file that made its instance.
        line: the line of that file.
        opened: whether there may be connections.
    """

    def __init__(self, name: str, filename: str, line: int) -> None:
        self.name = name
        self.filename = filename
        self.line = line
        self.opened = False


class Registered(Protocol):
    """The connections of one event loop."""

    loop: asyncio.AbstractEventLoop
    origin: Origin

    def abandon(self, *, forked: bool = False) -> None:
        """Forget the sessions and close their sockets, without the event loop."""
        ...

    def close_idle(self) -> None:
        """Close the connections that no request has."""
        ...


registered: set[Registered] = set()


def origin_of(name: str) -> Origin:
    """Find the line outside of this package that is making an object."""
    frame = sys._getframe(1)  # noqa: SLF001 - inspect's functions read the source files, which takes milliseconds
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
    return Origin(name, frame.f_code.co_filename, frame.f_lineno)


def warn_unclosed(origin: Origin) -> None:
    """Issue a `ResourceWarning` for the line that made a client, once, if the client has opened connections."""
    if not origin.opened:
        return
    origin.opened = False
    warnings.warn_explicit(
        f"unclosed {origin.name}, made at {origin.filename}:{origin.line}: use `async with`, or await its aclose()",
        ResourceWarning,
        origin.filename,
        origin.line,
    )


def close_idle(loop: asyncio.AbstractEventLoop) -> None:
    """Close the connections that no request has, of all clients in this event loop, and those of ended event loops."""
    # A copy: threads that still run may open and close connections.
    for connections in list(registered):
        if connections.loop is loop:
            connections.close_idle()
        elif connections.loop.is_closed():
            connections.abandon()


def close_socket(transport: Any, loop: asyncio.AbstractEventLoop, *, forked: bool) -> None:
    """Close the socket of a transport without its event loop, and without asyncio's warning.

    Nothing in asyncio's public interface closes a transport whose loop is closed, or belongs to the parent process.

    Args:
        transport: an idle transport, perhaps one that is wrapped in TLS.
        loop: its event loop: not running, or running in this thread.
        forked: whether the parent process goes on using the connection. Its event loop must not be touched then: both
            processes have the same epoll object.
    """
    while (tls := getattr(transport, "_ssl_protocol", None)) is not None:
        transport._closed = True  # noqa: SLF001 - see above
        transport = tls._transport  # noqa: SLF001 - see above
    sock = getattr(transport, "_sock", None)
    if sock is None:
        # Of another kind of event loop, or closed.
        return
    if not forked:
        if transport.is_closing() and not loop.is_closed():
            # The event loop closes the socket in its next round.
            return
        transport.pause_reading()
    # No shutdown(): that would end the parent's connection, too.
    sock.close()
    transport._sock = None  # noqa: SLF001 - see above
    # The event loop would take the next socket with the same number for this one.
    transport._closing = True  # noqa: SLF001 - see above


def _forget_after_fork() -> None:
    for connections in list(registered):
        connections.abandon(forked=True)
        # The parent goes on using its own ones, and is warned if it does not close them.
        connections.origin.opened = False


def _abandon_at_exit() -> None:
    # A copy: threads that still run may open and close connections.
    left = [connections for connections in list(registered) if not connections.loop.is_running()]
    for connections in left:
        connections.abandon()
    for connections in left:
        try:
            warn_unclosed(connections.origin)
        except ResourceWarning as warning:
            # Warnings are errors. No code could catch it here, and a traceback would only show this function.
            if sys.stderr is not None:
                sys.stderr.write(f"ResourceWarning: {warning}\n")


with contextlib.suppress(AttributeError):
    # Windows has no forks.
    os.register_at_fork(after_in_child=_forget_after_fork)
atexit.register(_abandon_at_exit)
