"""What the environment says about connections: proxies, and the authorities to trust."""

import ipaddress
import logging
import os
import re
import ssl
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from detective_async.errors import ConfigurationError
from detective_async.settings.arguments import cut
from detective_async.settings.expressions import expression

_logger = logging.getLogger("detective_async")

#: The checks that Python 3.13 added to its default context, and that botocore's context does not have: certificates of
#: many a company's TLS-inspecting proxy fail them.
_ADDED_CHECKS = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
_HAS_ADDED_CHECKS = sys.version_info >= (3, 13)


def ssl_context(ca_bundle: str | None, *, on_demand: bool = False) -> ssl.SSLContext | bool:
    """Give a TLS context that trusts the authorities in a file, and checks certificates like botocore.

    Without a file it trusts the system's authorities; True is aiohttp's own context, where that checks the same.
    The file is read each time, since it may have been replaced; an unchanged one gives the same context.

    Args:
        ca_bundle: the file; None for none.
        on_demand: whether the authorities are loaded for the first connection with TLS: as a rule there is none if the
            endpoint has none, and loading them takes as long as a tenth of a program's start. Now it is only
            checked that there is such a file, with certificates; if one of them turns out to be malformed then, that is
            logged, and nothing is trusted.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if ca_bundle is None and not _HAS_ADDED_CHECKS:
        return True
    if on_demand and (ca_bundle is None or _BEGIN in _content(ca_bundle)):
        return _ContextOnDemand(ca_bundle)
    return _loaded(ca_bundle)


#: What a file with a certificate has.
_BEGIN = b"-----BEGIN "


class _ContextOnDemand(ssl.SSLContext):
    """A context that only knows from where to load another one, and keeps that."""

    def __new__(cls, _ca_bundle: str | None) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, ca_bundle: str | None) -> None:
        self._ca_bundle = ca_bundle
        self._context: ssl.SSLContext | None = None

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection: event loops call nothing else of a context."""
        if self._context is None:
            try:
                self._context = _loaded(self._ca_bundle)
            except ConfigurationError as error:
                # Not raised: asyncio would not close the socket. Without authorities, the handshake fails.
                _logger.warning("%s; no server is trusted", error)
                return super().wrap_bio(*arguments, **options)
        return self._context.wrap_bio(*arguments, **options)


def _loaded(ca_bundle: str | None) -> ssl.SSLContext:
    if ca_bundle is None:
        return _context(None, b"")
    content = _content(ca_bundle)
    try:
        return _context(ca_bundle, content)
    except (OSError, ValueError) as error:
        raise _unusable(ca_bundle, error) from None


def _content(ca_bundle: str) -> bytes:
    try:
        return Path(ca_bundle).read_bytes()
    except (OSError, ValueError) as error:
        raise _unusable(ca_bundle, error) from None


def _unusable(ca_bundle: str, error: OSError | ValueError) -> ConfigurationError:
    # Not the error's own text where it has a path too.
    problem = (error.strerror if isinstance(error, OSError) else None) or str(error)
    if isinstance(error, IsADirectoryError):
        problem = "it is a folder, and must be a file"
    return ConfigurationError(
        f"the CA bundle {cut(ca_bundle)} (AWS_CA_BUNDLE, ca_bundle of the profile, or REQUESTS_CA_BUNDLE) "
        f"cannot be used: {problem}"
    )


# By the content and not by time and size: a bundle that is replaced within a tick of the clock may have the same ones.
@lru_cache(maxsize=4)
def _context(ca_bundle: str | None, _content: bytes) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_bundle)
    context.verify_flags &= ~_ADDED_CHECKS
    # As in aiohttp's own context.
    context.set_alpn_protocols(["http/1.1"])
    return context


def proxy_for(url: str) -> str | None:
    """Give the proxy that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` set for a URL; None for none.

    Raises:
        ConfigurationError: the proxy is malformed, or of a kind that aiohttp cannot use.
    """
    parts = urlsplit(url)
    proxy = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
    if not proxy:
        return None
    try:
        return _checked_proxy(proxy)
    except _ProxyError as error:
        problem = str(error)
    # The value is not quoted, because it may contain a password; and the URL is not the one at fault.
    raise ConfigurationError(
        f"{_source_of_proxy(parts.scheme)} has no proxy that can be used: {problem}; expected http://HOST:PORT"
    )


class _ProxyError(Exception):
    """What is wrong with a proxy, without its user and password."""


_SCHEME = expression(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_IPV6 = expression(r"\[([^\[\]]*)\](?::(.*))?")
_LABEL = expression(r"[A-Za-z0-9_-]{1,63}")
#: A last label that makes a host an IPv4 address, or nothing, by the URL standard.
_NUMBER = expression(r"[0-9]+|0[Xx][0-9A-Fa-f]*")
_MAX_PORT = 65535
_UNENCODED = "special characters in the user name and the password must be percent-encoded"


def _checked_proxy(proxy: str) -> str:
    """Give a proxy's URL without a path."""
    if any(one.isspace() or not one.isprintable() for one in proxy):
        raise _ProxyError("it contains a space or a control character")
    match = _SCHEME.match(proxy)
    # Without a scheme it is HTTP, as for curl.
    scheme, rest = ("http", proxy.removeprefix("//")) if match is None else (match[1].lower(), proxy[match.end() :])
    if match is None and rest.lower().startswith(("http:", "https:")):
        raise _ProxyError("the two slashes after its scheme are missing")
    if scheme not in ("http", "https"):
        raise _ProxyError(f"it is of kind {scheme}://, and only http:// and https:// are supported")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    path = rest[len(authority) :]
    if "@" in path:
        raise _ProxyError(_UNENCODED)
    user, _, address = authority.rpartition("@")
    _check_address(address)
    if path.startswith("//"):
        raise _ProxyError("it has more than one pair of slashes")
    _check_user(user)
    try:
        return str(URL(f"{scheme}://{authority}"))
    except ValueError:
        # yarl's message quotes the URL.
        problem = "it is no URL"
    raise _ProxyError(problem)


def _check_address(address: str) -> None:
    if address.startswith("["):
        match = _IPV6.fullmatch(address)
        if match is None or not _is_address(match[1], ipaddress.IPv6Address):
            raise _ProxyError("its IPv6 address is malformed")
        port = match[2]
    else:
        host, _, port = address.partition(":")
        if not host:
            raise _ProxyError("it has no host")
        if ":" in port:
            raise _ProxyError(f"it has too many colons (an IPv6 address must be in brackets; {_UNENCODED})")
        _check_name(host)
    if port and not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= _MAX_PORT):
        raise _ProxyError(f"its port is no number from 1 to {_MAX_PORT}")


def _is_address(text: str, kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _check_name(host: str) -> None:
    try:
        # An international name in its ASCII form.
        name = host if host.isascii() else URL.build(scheme="http", host=host).raw_host or ""
    except ValueError:
        name = ""
    # A dot at the end says that the name is complete.
    name = name.removesuffix(".")
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise _ProxyError("its host is no host name: its parts have 1 to 63 letters, digits and hyphens")
    # Else a value that is no proxy at all, or a user and a password in the wrong place, would look like a failing one.
    if _NUMBER.fullmatch(labels[-1]) and not _is_address(name, ipaddress.IPv4Address):
        raise _ProxyError("its host ends in a number and is no IPv4 address, which has four numbers from 0 to 255")


def _check_user(user: str) -> None:
    name, _, password = user.partition(":")
    try:
        name = unquote(name, errors="strict")
        # This is how aiohttp encodes them.
        f"{name}{unquote(password, errors='strict')}".encode("latin-1")
        encodable = ":" not in name
    except UnicodeError:
        encodable = False
    if not encodable:
        raise _ProxyError("its user name has a colon, or it or the password has a character outside of Latin-1")


def _source_of_proxy(scheme: str) -> str:
    """Give the variable that sets the proxy: the one in lower case takes precedence."""
    variable = f"{scheme}_proxy"
    if os.environ.get(variable):
        return variable
    return next((one for one in os.environ if one.lower() == variable), "the proxy in the system's settings")
