"""Credentials that expire: fetched once for all who ask, and anew before they stop working."""

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
#: Seconds before their expiry at which credentials are no longer handed out.
_MANDATORY = _MINUTE
#: Seconds until the next try after early ones that brought nothing new: the first, and the longest.
_FIRST_PAUSE = 15.0
_LONGEST_PAUSE = 5 * _MINUTE

Fetch = Callable[[], Coroutine[Any, Any, Credentials]]
Spawn = Callable[[Coroutine[Any, Any, Credentials]], asyncio.Task[Credentials]]


class RefreshingCache:
    """One set of credentials, kept fresh.

    However many ask, one fetch is under way; who is cancelled waits no more and takes it from nobody.

    Args:
        name: of the source, for messages.
        keep_lasting: whether those that never expire are kept too, or asked for each time.
    """

    def __init__(self, name: str, *, keep_lasting: bool = True) -> None:
        self._name = name
        self._keep_lasting = keep_lasting
        self._cached: Credentials | None = None
        self._early_from = 0.0
        self._pause = _FIRST_PAUSE
        self._refresh: asyncio.Task[Credentials] | None = None
        self._generation = 0

    def __reduce__(self) -> tuple[Any, ...]:
        # What is kept is secret and of this process; another one fetches its own.
        return _empty, (self._name, self._keep_lasting)

    async def get(
        self, fetch: Fetch, *, now: Callable[[], float] = time.time, spawn: Spawn = asyncio.create_task
    ) -> Credentials:
        """Give credentials that work for another minute at least.

        Args:
            fetch: gets new ones.
            now: AWS's time, in seconds since the epoch.
            spawn: runs the fetch, on behalf of all who wait for it.

        Raises:
            CredentialsError: there are none, and none could be fetched.
        """
        cached = self._cached
        if cached is not None and _lasts(cached, now()) > _MANDATORY:
            if now() >= self._early_from and not self._is_under_way():
                self._begin(self._fetch_early(fetch, now, cached), spawn)
            return cached
        while True:
            refresh = self._refresh if self._is_under_way() else self._begin(self._fetch(fetch, now), spawn)
            assert refresh is not None  # noqa: S101 - as one is under way
            try:
                # Shielded: one caller that gives up must not take the credentials from all the others.
                return await asyncio.shield(refresh)
            except asyncio.CancelledError:
                if not refresh.cancelled() or _is_being_cancelled():
                    raise
                # The client that ran it was closed. This one was not.
                continue
            except CredentialsError as error:
                # To each their own: an exception that is raised twice mixes its tracebacks up.
                failure = copy.copy(error)
                failure.__cause__ = error.__cause__
                error.__traceback__ = None
            try:
                raise failure
            finally:
                # Its traceback holds this frame, which must not hold it in turn.
                del failure

    def invalidate(self, used: Credentials) -> None:
        """Forget these credentials, and only these."""
        if self._cached == used:
            self._cached = None
            # Nor is a refresh wanted any more that may bring the same.
            self._refresh = None
            self._generation += 1

    def _is_under_way(self) -> bool:
        # One that another event loop runs is of no use to this one.
        return (
            self._refresh is not None
            and not self._refresh.done()
            and self._refresh.get_loop() is asyncio.get_running_loop()
        )

    def _begin(self, work: Coroutine[Any, Any, Credentials], spawn: Spawn) -> asyncio.Task[Credentials]:
        self._refresh = spawn(work)
        self._refresh.add_done_callback(self._end)
        return self._refresh

    def _end(self, refresh: asyncio.Task[Credentials]) -> None:
        if not refresh.cancelled():
            # Whoever waits gets the exception; where nobody does, nobody misses it.
            refresh.exception()
        if self._refresh is refresh:
            self._refresh = None

    async def _fetch(self, fetch: Fetch, now: Callable[[], float]) -> Credentials:
        generation = self._generation
        fetched = await fetch()
        lasts = _lasts(fetched, now())
        if lasts <= 0:
            raise CredentialsError(f"{self._name} gave credentials that have expired already, at {fetched.expires_at}")
        _logger.debug("%s gave credentials, good until %s", self._name, fetched.expires_at, extra=self._facts(fetched))
        if generation != self._generation:
            return fetched
        if self._keep_lasting or fetched.expires_at is not None:
            self._cached = fetched
        self._early_from = now() + lasts - min(_window(lasts), lasts / 2)
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
                extra={**self._facts(old), "error_code": code_of(error)},
            )
            self._put_off(now)
            # For those who had to wait for it, because meanwhile the old ones are too old.
            raise
        if fetched.expires_at == old.expires_at:
            self._put_off(now)
        else:
            self._pause = _FIRST_PAUSE
        return fetched

    def _facts(self, credentials: Credentials) -> dict[str, object]:
        return {"source": self._name, "account": credentials.account_id, "expires_at": credentials.expires_at}

    def _put_off(self, now: Callable[[], float]) -> None:
        self._early_from = now() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


def _empty(name: str, keep_lasting: bool) -> RefreshingCache:  # noqa: FBT001 - for unpickling
    return RefreshingCache(name, keep_lasting=keep_lasting)


class CachedProvider(ManagedProvider):
    """A provider that asks its source through a cache.

    Args:
        cache: what keeps the credentials.
    """

    def __init__(self, cache: RefreshingCache) -> None:
        self._cache = cache

    async def get_credentials(self) -> Credentials:
        """Give credentials that work now.

        Raises:
            CredentialsError: the source has none, or failed.
        """
        return await self._cache.get(self._ask)

    async def get_credentials_for(self, caller: Caller) -> Credentials:
        """Give credentials that work now, by the caller's clock."""
        return await self._cache.get(self._ask, now=caller.now, spawn=caller.spawn)

    def invalidate(self, used: Credentials) -> None:
        """Forget these credentials; whether there are others is the source's affair."""
        self._cache.invalidate(used)

    @abstractmethod
    async def _ask(self) -> Credentials:
        """Get new ones from the source."""


def _lasts(credentials: Credentials, now: float) -> float:
    return float("inf") if credentials.expires_at is None else credentials.expires_at.timestamp() - now


def _window(lifetime: float) -> float:
    """Give how long before the expiry to fetch new ones, in the background; in seconds."""
    if lifetime <= 20 * _MINUTE:
        return 5 * _MINUTE
    return 15 * _MINUTE if lifetime < 90 * _MINUTE else 60 * _MINUTE


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
