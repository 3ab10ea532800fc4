"""The operating system's limit on open files, which bounds the number of connections."""

import errno
import socket

try:
    import resource
except ImportError:  # pragma: no cover - not on Windows, which has no such limit
    resource = None  # type: ignore[assignment]

_EXHAUSTED = (errno.EMFILE, errno.ENFILE)
#: Files that are left to the rest of a program that may open many.
_RESERVE = 512


def open_files_limit() -> int | None:
    """Return how many files this process may have open; None for any number."""
    if resource is None:  # pragma: no cover - see above
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def affordable(connections: int) -> int:
    """Return how many of that many connections may be open: a quarter of the limit on open files, or all but 512.

    The rest is for the program, such as the server's side of connections in a web backend.
    """
    limit = open_files_limit()
    return connections if limit is None else max(1, min(connections, max(limit // 4, limit - _RESERVE)))


def is_exhausted(error: OSError) -> bool:
    """Tell whether a connection failed because this process, or the machine, has too many open files.

    Tries to open a socket, because the error may not say it: name look-ups then report a host that does not exist.
    """
    if error.errno in _EXHAUSTED:
        return True
    try:
        socket.socket().close()
    except OSError as another:
        return another.errno in _EXHAUSTED
    return False
