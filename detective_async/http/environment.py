"""What the environment says about connections: proxies, and the authorities to trust."""

import ssl
from functools import lru_cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from detective_async.errors import ConfigurationError


@lru_cache(maxsize=8)
def ssl_context(ca_bundle: str | None) -> ssl.SSLContext | bool:
    """Give a TLS context that trusts the authorities in a file; True, aiohttp's default, without a file.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if ca_bundle is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"the CA bundle {ca_bundle} (AWS_CA_BUNDLE, or ca_bundle of the profile) cannot be used: {error}"
        ) from None


def proxy_for(url: str) -> str | None:
    """Give the proxy that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` set for a URL; None for none.

    Raises:
        ConfigurationError: the proxy is of a kind that aiohttp cannot use.
    """
    parts = urlsplit(url)
    proxy = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
    if not proxy:
        return None
    # Without a scheme it is HTTP, as for curl.
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    scheme = urlsplit(proxy).scheme
    if scheme not in ("http", "https"):
        raise ConfigurationError(f"the proxy that the environment sets is of kind {scheme!r}; use http:// or https://")
    return proxy
