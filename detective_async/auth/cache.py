"""A cache for credentials that expire: one fetch for all waiting callers, repeated before they expire."""

import asyncio
import copy
import logging
import time
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

from detective_async.auth.credentials import Caller, Credentials, ManagedProvider
from detective_async.errors import CredentialsError, code_of

_logger = logging.getLogger("detective_async.credentials")

_MINUTE = 60.0
#: Credentials that expire in fewer seconds than this are not returned.
_MINIMUM_LIFETIME = _MINUTE
#: Seconds until the next early refresh after one that failed or returned the same expiry: the first, and the maximum.
_FIRST_PAUSE = 15.0
_LONGEST_PAUSE = 5 * _MINUTE

Fetch = Callable[[], Coroutine[Any, Any, Credentials]]
Spawn = Callable[[Coroutine[Any, Any, Credentials]], asyncio.Task[Credentials]]


class RefreshingCache:
    """Caches one set of credentials and refreshes it.

    At most one fetch runs at a time. Cancelling one waiting caller does not cancel the fetch for the others.

    Args:
        name: the name of the source, for messages.
        cache_permanent: whether credentials that never expire are cached, or fetched for each call.
    """

    def __init__(self, name: str, *, cache_permanent: bool = True) -> None:
        self._name = name
        self._cache_permanent = cache_permanent
        self._cached: Credentials | None = None
        self._refresh_from = 0.0
        self._pause = _FIRST_PAUSE
        self._refresh: asyncio.Task[Credentials] | None = None
        self._generation = 0

    def __reduce__(self) -> tuple[Any, ...]:
        # The cached credentials are secret, so they are not pickled; another process fetches its own.
        return _empty_cache, (self._name, self._cache_permanent)

    async def get(
        self, fetch: Fetch, *, now: Callable[[], float] = time.time, spawn: Spawn = asyncio.create_task
    ) -> Credentials:
        """Return credentials that are valid for at least one more minute.

        Args:
            fetch: fetches new credentials.
            now: returns AWS's time, in seconds since the epoch.
            spawn: creates the task that fetches for all waiting callers.

        Raises:
            CredentialsError: no credentials could be fetched.
        """
        cached = self._cached
        if cached is not None and _seconds_left(cached, now()) > _MINIMUM_LIFETIME:
            if now() >= self._refresh_from and not self._is_refreshing():
                self._start_refresh(self._fetch_early(fetch, now, cached), spawn)
            return cached
        while True:
            refresh = self._refresh if self._is_refreshing() else self._start_refresh(self._fetch(fetch, now), spawn)
            assert refresh is not None  # noqa: S101 - a refresh is running
            try:
                # Shielded: cancelling one caller must not cancel the fetch for all the others.
                return await asyncio.shield(refresh)
            except asyncio.CancelledError:
                if not refresh.cancelled() or _is_cancelling():
                    raise
                # The client that ran the fetch was closed; this one was not, so it fetches itself.
                continue
            except CredentialsError as error:
                # A copy for each caller: re-raising one instance would merge tracebacks.
                failure = copy.copy(error)
                failure.__cause__ = error.__cause__
                error.__traceback__ = None
            try:
                raise failure
            finally:
                # Its traceback refers to this frame: a reference back would be a cycle.
                del failure

    def invalidate(self, used: Credentials) -> None:
        """Remove these credentials from the cache; others are kept."""
        if self._cached == used:
            self._cached = None
            # A running refresh may return the same credentials: ignore its result, too.
            self._refresh = None
            self._generation += 1

    def _is_refreshing(self) -> bool:
        # A task of another event loop cannot be awaited in this one.
        return (
            self._refresh is not None
            and not self._refresh.done()
            and self._refresh.get_loop() is asyncio.get_running_loop()
        )

    def _start_refresh(self, work: Coroutine[Any, Any, Credentials], spawn: Spawn) -> asyncio.Task[Credentials]:
        self._refresh = spawn(work)
        self._refresh.add_done_callback(self._refresh_done)
        return self._refresh

    def _refresh_done(self, refresh: asyncio.Task[Credentials]) -> None:
        if not refresh.cancelled():
            # Marks the exception as retrieved, so that asyncio does not log it if no caller waits.
            refresh.exception()
        if self._refresh is refresh:
            self._refresh = None

    async def _fetch(self, fetch: Fetch, now: Callable[[], float]) -> Credentials:
        generation = self._generation
        fetched = await fetch()
        lifetime = _seconds_left(fetched, now())
        if lifetime <= 0:
            raise CredentialsError(
                f"{self._name} returned credentials that expired at {fetched.expires_at}; check this machine's clock"
            )
        _logger.debug(
            "%s returned credentials that expire at %s", self._name, fetched.expires_at, extra=self._log_fields(fetched)
        )
        if generation != self._generation:
            return fetched
        if self._cache_permanent or fetched.expires_at is not None:
            self._cached = fetched
        self._refresh_from = now() + lifetime - min(_early_refresh_window(lifetime), lifetime / 2)
        return fetched

    async def _fetch_early(self, fetch: Fetch, now: Callable[[], float], old: Credentials) -> Credentials:
        try:
            fetched = await self._fetch(fetch, now)
        except Exception as error:
            _logger.warning(
                "%s failed; the old credentials are used until %s: %s",
                self._name,
                old.expires_at,
                error,
                extra={**self._log_fields(old), "error_code": code_of(error)},
            )
            self._postpone_refresh(now)
            # For callers that wait for this refresh because the old credentials have become too old.
            raise
        if fetched.expires_at == old.expires_at:
            self._postpone_refresh(now)
        else:
            self._pause = _FIRST_PAUSE
        return fetched

    def _log_fields(self, credentials: Credentials) -> dict[str, object]:
        return {"source": self._name, "account": credentials.account_id, "expires_at": credentials.expires_at}

    def _postpone_refresh(self, now: Callable[[], float]) -> None:
        self._refresh_from = now() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


def _empty_cache(name: str, cache_permanent: bool) -> RefreshingCache:  # noqa: FBT001 - for unpickling
    return RefreshingCache(name, cache_permanent=cache_permanent)


class CachedProvider(ManagedProvider):
    """A provider with a cache in front of its source.

    Args:
        cache: the cache.
    """

    def __init__(self, cache: RefreshingCache) -> None:
        self._cache = cache

    async def get_credentials(self) -> Credentials:
        """Return valid credentials.

        Raises:
            CredentialsError: the source has no credentials, or failed.
        """
        return await self._cache.get(self._fetch_from_source)

    async def get_credentials_for(self, caller: Caller) -> Credentials:
        """Return credentials that are valid by the caller's clock."""
        return await self._cache.get(self._fetch_from_source, now=caller.now, spawn=caller.spawn)

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


def _is_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
