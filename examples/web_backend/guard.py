"""Who may ask: pages of this backend, and programs; no page from elsewhere in a browser that can reach it."""

from collections.abc import Collection, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_READING = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS = {
    # Only what comes with the page may run, be loaded or be asked; and text never becomes markup.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def name_of(host: str) -> str:
    """Give the name in a Host header, without the port: in lower case, an IPv6 address in its brackets."""
    name, colon, port = host.rpartition(":")
    # A port has digits and nothing else, which the end of `[::1]` has not.
    return (name if colon and port.isascii() and port.isdigit() else host).lower()


def is_meant_for_us(hosts: Sequence[str], names: Collection[str]) -> bool:
    """Tell whether a request names a host that is ours.

    A page from elsewhere can have its own name resolve to this machine, and then its scripts may read our answers as
    if they were theirs. The browser still sends that name.

    Args:
        hosts: the values of all Host headers.
        names: our names.
    """
    return len(hosts) == 1 and name_of(hosts[0]) in names


def is_from_us(origins: Sequence[str], host: str) -> bool:
    """Tell whether a request that changes something comes from a page of ours, or from no page at all.

    Args:
        origins: the values of all Origin headers, which browsers always send with such a request.
        host: the value of the Host header.
    """
    if not origins:
        return True
    # The scheme may have been changed on the way, by a proxy that speaks TLS.
    return len(origins) == 1 and origins[0].partition("://")[2].lower() == host.lower()


def guard(names: Collection[str]) -> Middleware:
    """Make the middleware that refuses what comes from elsewhere.

    Args:
        names: under which this backend is reached, without ports.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        # A whole URL in the place of the path names a host of its own.
        if not request.raw_path.startswith("/") or not is_meant_for_us(request.headers.getall("Host", []), names):
            raise web.HTTPMisdirectedRequest(text="The request does not name this backend.")
        if request.method not in _READING and not is_from_us(request.headers.getall("Origin", []), request.host):
            raise web.HTTPForbidden(text="Pages from elsewhere may change nothing here.")
        return await handler(request)

    return check


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Have every answer say what a browser may do with it; for `on_response_prepare`."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
