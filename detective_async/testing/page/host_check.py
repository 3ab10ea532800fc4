"""Protection of the page against DNS rebinding: the Host header must name this machine."""

import ipaddress
import re
from collections.abc import Sequence

# A name or an address, and optionally a port: any port is allowed, since it may have been forwarded.
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::\d+)?", re.ASCII | re.IGNORECASE)


def is_local(hosts: Sequence[str], address: str) -> bool:
    """Return whether the Host headers of a request name this machine, by the local address of its connection.

    A malicious website can let its domain name resolve to this machine; the browser then allows its scripts to read
    our responses. But the Host header still has that domain name, never `localhost` or an IP address.
    """
    match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if match is None:
        return False
    name = match[1] or match[2]
    if name.lower() == "localhost":
        return True
    try:
        host = ipaddress.ip_address(name)
    except ValueError:
        return False
    # A simulator that listens on 0.0.0.0 prints that as its address.
    return host.is_loopback or host.is_unspecified or str(host) == address
