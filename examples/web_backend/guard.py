"""Protects the backend from pages of other origins in a browser that can reach it."""

from collections.abc import Collection, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
#: The values of Sec-Fetch-Site for requests of this backend's page, and of its user, who has typed the URL.
_OUR_SITES = frozenset({"same-origin", "none"})

HEADERS = {
    # The page may only run, load and request files of this backend, and cannot turn text into markup.
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


def host_name(host: str) -> str:
    """Return the name in a Host header without the port, in lower case; an IPv6 address keeps its brackets."""
    name, colon, port = host.rpartition(":")
    # A port consists of digits, unlike the end of `[::1]`.
    return (name if colon and port.isascii() and port.isdigit() else host).lower()


def is_our_host(hosts: Sequence[str], names: Collection[str]) -> bool:
    """Return whether the Host header has a name of this backend.

    This prevents DNS rebinding: a page of another origin can have its own name resolve to this machine, so that its
    scripts may read the responses. The browser still sends that name in the Host header.

    Args:
        hosts: the values of all Host headers.
        names: the names of this backend.
    """
    return len(hosts) == 1 and host_name(hosts[0]) in names


def is_our_origin(origins: Sequence[str], host: str) -> bool:
    """Return whether a request that changes something comes from this backend's page, or from a program.

    Args:
        origins: the values of all Origin headers, which browsers always send with such a request.
        host: the value of the Host header.
    """
    if not origins:
        return True
    # The scheme is not compared: a proxy may terminate TLS.
    return len(origins) == 1 and origins[0].partition("://")[2].lower() == host.lower()


def is_our_site(sites: Sequence[str], path: str) -> bool:
    """Return whether a request comes from this backend's page, from its user, or from a program.

    A page of another site cannot read the response, but the request alone could start a survey of all accounts. Only
    the page itself may be opened from elsewhere, by a link.

    Args:
        sites: the values of all Sec-Fetch-Site headers; browsers send one, over HTTPS and to this machine.
        path: the path of the request.
    """
    return path == "/" or not sites or (len(sites) == 1 and sites[0] in _OUR_SITES)


def guard(names: Collection[str]) -> Middleware:
    """Make the middleware that refuses requests of other origins.

    Args:
        names: the host names of this backend, without ports.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        # A request target in absolute form names a host of its own.
        if not request.raw_path.startswith("/") or not is_our_host(request.headers.getall("Host", []), names):
            raise web.HTTPMisdirectedRequest(
                text="The Host header does not name this backend; see `hosts` in its settings."
            )
        if not is_our_site(request.headers.getall("Sec-Fetch-Site", []), request.path):
            raise web.HTTPForbidden(text="Pages of other sites may not send requests.")
        if request.method not in _READING and not is_our_origin(request.headers.getall("Origin", []), request.host):
            raise web.HTTPForbidden(text="Pages of other origins may not change anything.")
        return await handler(request)

    return check


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers to every response; for `on_response_prepare`."""
    response.headers.update(HEADERS)
    # It names versions, which help only those who look for a weakness.
    response.headers.popall("Server", None)
    response.headers.setdefault("Cache-Control", "no-store")
