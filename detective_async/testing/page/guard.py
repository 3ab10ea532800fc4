"""Who may see the page: whoever reached this machine by its own name or address."""

import ipaddress
import re
from collections.abc import Sequence

# A name or an address, and perhaps a port: which one does not matter, since it may have been forwarded.
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::\d+)?", re.ASCII | re.IGNORECASE)


def is_ours(hosts: Sequence[str], local: str) -> bool:
    """Tell whether a request was meant for this machine.

    A web page from elsewhere can have its own name resolve to this machine, and then its scripts could read ours as if
    it were theirs. The browser still sends that name as the Host: an address, or `localhost`, cannot be had that way.

    Args:
        hosts: the values of all Host headers.
        local: the address that the connection was made to.
    """
    match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if match is None:
        return False
    name = match[1] or match[2]
    if name.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # Who listens on 0.0.0.0 is told to go there.
    return address.is_loopback or address.is_unspecified or str(address) == local
