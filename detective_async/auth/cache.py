"""A cache for credentials that expire: how long they are used, and when others are fetched."""

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import Coroutine
from typing import Any

from detective_async.auth.credentials import Caller, Credentials, ManagedProvider
from detective_async.auth.shared_fetch import Fetch, FetchContext, SharedFetches
from detective_async.errors import CredentialsError, code_of
from detective_async.settings.timeouts import Timeouts

_logger = logging.getLogger("detective_async.credentials")

_MINUTE = 60.0
#: Credentials that expire in fewer seconds than this are not returned while newer ones can be fetched.
_MINIMUM_LIFETIME = 10.0
#: Seconds until the next early refresh after one that failed or returned the same expiry: the first, and the maximum.
_FIRST_PAUSE = 15.0
_LONGEST_PAUSE = 5 * _MINUTE
#: Seconds between two look-ups of keys that AWS did not know; as a rule these are of a region that is not enabled.
_LOOK_AGAIN_PAUSE = _MINUTE


class _NoClient:
    """What the cache uses where no client calls the provider."""

    fetch_timeout = Timeouts().credentials

    def now(self) -> float:
        return time.time()

    def earliest_now(self) -> float:
        return time.time()

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> asyncio.Task[Credentials]:
        return asyncio.create_task(work)


_NO_CLIENT = _NoClient()


class RefreshingCache(SharedFetches):
    """Caches one set of credentials and refreshes it.

    Args:
        name: the name of the source, for messages.
        cache_permanent: whether credentials that never expire are cached, or fetched for each call.
        interactive: whether a fetch may ask a person: then none is started before a call needs it, nor a second one
            beside another, in whichever event loop that runs.
    """

    def __init__(self, name: str, *, cache_permanent: bool = True, interactive: bool = False) -> None:
        super().__init__(name, interactive=interactive)
        self._cache_permanent = cache_permanent
        self._refresh_from = 0.0
        self._pause = _FIRST_PAUSE
        self._look_again_from = 0.0

    def __reduce__(self) -> tuple[Any, ...]:
        # The cached credentials are secret, so they are not pickled; another process fetches its own.
        return _empty_cache, (self.name, self._cache_permanent, self._interactive)

    async def get(self, fetch: Fetch, context: FetchContext = _NO_CLIENT) -> Credentials:
        """Return credentials that are valid for at least ten more seconds, if the source has such.

        Args:
            fetch: fetches new credentials.
            context: AWS's time, the tasks of fetches, and their timeout.

        Raises:
            CredentialsError: no credentials could be fetched.
        """
        available = self.available(fetch, context)
        return await self._fetch_for_all(fetch, context) if available is None else available

    def available(self, fetch: Fetch, context: FetchContext) -> Credentials | None:
        """Return the cached credentials if they are valid for at least ten more seconds; parameters as for `get`."""
        cached = self._cached
        if cached is None:
            return None
        now = context.now()
        # By either clock: a correction that no request has confirmed may be wrong, the source out of order, and
        # only a response can take the correction back.
        if (
            _seconds_left(cached, now) <= _MINIMUM_LIFETIME
            and _seconds_left(cached, context.earliest_now()) <= _MINIMUM_LIFETIME
        ):
            return None
        if now >= self._refresh_from and not self._interactive and not self._is_fetching():
            self._start(fetch, context, early=cached)
        return cached

    def invalidate(self, used: Credentials) -> None:
        """Remove these credentials from the cache; others are kept."""
        if self._cached == used:
            self._cached = None
            self._discard()

    async def look_again(self, used: Credentials, fetch: Fetch, context: FetchContext) -> bool:
        """Return whether the source has other credentials than these, which AWS did not know.

        The source is asked at most once a minute; meanwhile, and if it fails, the answer is False and these stay.
        """
        if self._cached is not None and self._cached != used:
            return True
        loop_time = asyncio.get_running_loop().time()
        current = self._running()
        if current is None:
            if loop_time < self._look_again_from:
                return False
            self._look_again_from = loop_time + _LOOK_AGAIN_PAUSE
            current = self._start(fetch, context)
        try:
            fetched = await self._wait(current)
        except CredentialsError:
            return False
        return fetched not in (None, used)

    def _store(self, fetched: Credentials, context: FetchContext, early: Credentials | None) -> None:
        now = context.now()
        lifetime = _seconds_left(fetched, now)
        # Credentials that seem to have expired are used: AWS judges by its own clock, and its response corrects ours.
        _logger.log(
            logging.DEBUG if lifetime > 0 else logging.WARNING,
            "%s returned credentials that %s at %s",
            self.name,
            "expire" if lifetime > 0 else "by this machine's clock expired",
            fetched.expires_at,
            extra=self._log_fields(fetched),
        )
        if self._cache_permanent or fetched.expires_at is not None:
            self._cached = fetched
        window = _early_refresh_window(lifetime)
        self._refresh_from = now + lifetime - (min(window, lifetime / 2) if lifetime > 0 else window)
        if early is not None and fetched.expires_at == early.expires_at:
            self._postpone_refresh(context)
        else:
            self._pause = _FIRST_PAUSE

    def _early_fetch_failed(self, old: Credentials, context: FetchContext, error: BaseException) -> None:
        _logger.warning(
            "%s failed; the old credentials are used until %s: %s",
            self.name,
            old.expires_at,
            error,
            extra={**self._log_fields(old), "error_code": code_of(error)},
        )
        self._postpone_refresh(context)

    def _log_fields(self, credentials: Credentials) -> dict[str, object]:
        return {"source": self.name, "account": credentials.account_id, "expires_at": credentials.expires_at}

    def _postpone_refresh(self, context: FetchContext) -> None:
        self._refresh_from = context.earliest_now() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


def _empty_cache(name: str, cache_permanent: bool, interactive: bool) -> RefreshingCache:  # noqa: FBT001 - for unpickling
    return RefreshingCache(name, cache_permanent=cache_permanent, interactive=interactive)


class CachedProvider(ManagedProvider):
    """A provider with a cache in front of its source.

    Args:
        cache: the cache.
    """

    def __init__(self, cache: RefreshingCache) -> None:
        self._cache = cache

    @property
    def name(self) -> str:
        """The name of the source."""
        return self._cache.name

    async def get_credentials(self) -> Credentials:
        """Return valid credentials.

        Raises:
            CredentialsError: the source has no credentials, or failed.
        """
        return await self._cache.get(self._fetch_from_source)

    async def get_credentials_for(self, caller: Caller) -> Credentials:
        """Return credentials that are valid by the caller's clock."""
        return await self._cache.get(self._fetch_from_source, caller)

    def available(self, caller: Caller) -> Credentials | None:
        """Return the cached credentials, if they are valid by the caller's clock."""
        return self._cache.available(self._fetch_from_source, caller)

    def invalidate(self, used: Credentials) -> None:
        """Remove these credentials from the cache."""
        self._cache.invalidate(used)

    @abstractmethod
    async def _fetch_from_source(self) -> Credentials:
        """Fetch new credentials from the source."""


def _seconds_left(credentials: Credentials, now: float) -> float:
    return float("inf") if credentials.expires_at is None else credentials.expires_at.timestamp() - now


def _early_refresh_window(lifetime: float) -> float:
    """Return how many seconds before the expiry the background refresh starts."""
    if lifetime <= 20 * _MINUTE:
        return 5 * _MINUTE
    return 15 * _MINUTE if lifetime < 90 * _MINUTE else 60 * _MINUTE
