"""Protection against foreign websites: Host must name this machine, and Origin, if there is one, this server."""

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence

# A name or an address, and optionally a port: any port is allowed, since it may have been forwarded.
_NAME = re.compile(r"[\w.-]+", re.ASCII)
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::\d+)?", re.ASCII | re.IGNORECASE)


def checked_hosts(hosts: Iterable[str]) -> frozenset[str]:
    """Check names that this machine has for others, and return them in lower case."""
    if isinstance(hosts, str):
        raise TypeError(f"allowed_hosts: must be a list of names, got {hosts!r}")
    names = list(hosts)
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"allowed_hosts: must be names without a port, such as 'simulator', got {name!r}")
    return frozenset(name.lower() for name in names)


def is_local(hosts: Sequence[str], address: str, allowed: Collection[str] = ()) -> bool:
    """Return whether the Host headers of a request name this machine, by the local address of its connection.

    `allowed` has further names of it, in lower case.

    A malicious website can let its domain name resolve to this machine; the browser then allows its scripts to read
    our responses. But the Host header still has that domain name, never `localhost` or an IP address.
    """
    match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if match is None:
        return False
    name = match[1] or match[2]
    if name.lower() == "localhost" or name.lower() in allowed:
        return True
    try:
        host = ipaddress.ip_address(name)
    except ValueError:
        return False
    # A simulator that listens on 0.0.0.0 prints that as its address.
    return host.is_loopback or host.is_unspecified or str(host) == address


def is_allowed_origin(origins: Sequence[str], host: str) -> bool:
    """Return whether a request comes from no web page, or from one of this server; `host` is its Host header."""
    return not origins or (len(origins) == 1 and origins[0].lower() == f"http://{host}".lower())
