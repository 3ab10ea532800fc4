"""The aiohttp session: opened at the first call, shared by every client made from one, closed once."""

import asyncio
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

#: Connections at once, and therefore requests at once, of a session of our own.
MAX_CONNECTIONS = 100
#: AWS closes idle connections after about 20 s: ours go first, so that none is reused while it is being closed.
_KEEPALIVE = 15.0


class Connections:
    """A session and the right to use it.

    Args:
        session: the caller's session, which is used and never closed; None opens one at the first call.
    """

    def __init__(self, session: aiohttp.ClientSession | None = None) -> None:
        self._session = session
        self._owned = session is None
        self._closed = False
        self._proxies: dict[str, str | None] = {}
        # The pool itself has no limit: waiting for a turn here keeps that wait out of the connect timeout.
        self._turns = asyncio.Semaphore(MAX_CONNECTIONS) if self._owned else None

    def proxy_for(self, url: str) -> str | None:
        """Give the proxy that the environment (`HTTPS_PROXY`, `NO_PROXY`, ...) sets for a URL; looked up once per URL.

        A session of the caller's own decides for itself. aiohttp's `trust_env` is not used, because it also reads
        `.netrc`, in a thread and for every request, and refuses a signed request to a host that it finds there.
        """
        if not self._owned:
            return None
        if url not in self._proxies:
            parts = urlsplit(url)
            bypass = proxy_bypass(parts.netloc)
            self._proxies[url] = None if bypass else getproxies().get(parts.scheme)
        return self._proxies[url]

    @property
    def closed(self) -> bool:
        """Whether no further request can be made."""
        return self._closed

    async def __aenter__(self) -> aiohttp.ClientSession:
        """Wait for a turn and give the session.

        Raises:
            RuntimeError: the connections were closed.
        """
        if self._turns is not None:
            await self._turns.acquire()
        if self._closed:
            self._release()
            raise RuntimeError("the client is closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def __aexit__(self, *_: object) -> None:
        """Let the next one have a turn."""
        self._release()

    def _release(self) -> None:
        if self._turns is not None:
            self._turns.release()

    async def aclose(self) -> None:
        """Close the session, if it is ours; closing twice is harmless."""
        self._closed = True
        if self._owned and self._session is not None:
            await self._session.close()
