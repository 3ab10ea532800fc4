"""State that clients share: for each account and region, and for all clients that were derived from one."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

from detective_async.api.service import Service
from detective_async.auth import CredentialsProvider, ManagedProvider, provider_key
from detective_async.retry.clock_skew import ClockCorrection
from detective_async.retry.policy import RetryQuota, RetryRules
from detective_async.settings.endpoints import Endpoint
from detective_async.settings.timeouts import Timeouts

if TYPE_CHECKING:
    from detective_async.retry.host_health import HostHealth, ServiceHealth
    from detective_async.retry.rate_limiter import Pace

#: How many accounts and regions, and how many providers, are kept; the least recently used is dropped first.
_MAX_ENTRIES = 16_384

T = TypeVar("T")


def pop_closed(values: dict[asyncio.AbstractEventLoop, T]) -> list[T]:
    """Remove and return the values of event loops that were closed."""
    # Other threads may do the same at this moment.
    found = [values.pop(loop, None) for loop in list(values) if loop.is_closed()]
    return [value for value in found if value is not None]


class LoopLimits:
    """The limits of one account in a region that belong to one event loop.

    Attributes:
        semaphore: bounds the requests in flight; None for no bound.
        health: whether the host responds; None outside of fleets.
    """

    __slots__ = ("_pace", "health", "semaphore")

    def __init__(self, semaphore: asyncio.Semaphore | None, health: "HostHealth | None") -> None:
        self.semaphore = semaphore
        self.health = health
        self._pace: Pace | None = None

    @property
    def pace(self) -> "Pace":
        """The rate limiter of `adaptive` mode."""
        if self._pace is None:
            # Made at first use: most clients never use it, and there may be thousands of these objects.
            from detective_async.retry.rate_limiter import Pace  # noqa: PLC0415

            self._pace = Pace()
        return self._pace


class Limits:
    """The limits that the calls of one account share, in one region and for one service.

    Attributes:
        quota: what retries draw on, in all event loops.
        max_requests: how many requests may be in flight in an event loop; None for any number.
        host: the service and the region whose host is tracked; None outside of fleets.
    """

    __slots__ = ("__weakref__", "host", "max_requests", "quota")

    def __init__(self, *, max_requests: int | None = None, host: tuple[str, str] | None = None) -> None:
        self.quota = RetryQuota()
        self.max_requests = max_requests
        self.host = host


class LoopState:
    """What clients share within one event loop; used in its thread only.

    Attributes:
        loop: the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._services: dict[str, ServiceHealth] = {}
        self._hosts: dict[tuple[str, str], HostHealth] = {}
        # Nothing here outlasts the limits, which the shared state drops when there are too many.
        self._limits: WeakKeyDictionary[Limits, LoopLimits] = WeakKeyDictionary()

    def limits_of(self, limits: Limits) -> LoopLimits:
        """Give the part of an account's limits that belongs to this event loop, the same object each time."""
        found = self._limits.get(limits)
        if found is None:
            found = self._limits[limits] = LoopLimits(
                None if limits.max_requests is None else asyncio.Semaphore(limits.max_requests),
                None if limits.host is None else self.health(*limits.host),
            )
        return found

    def health(self, service: str, region: str) -> "HostHealth":
        """Give what is known of a host, the same object each time.

        By region and not by name, because all regions of a custom endpoint have one name.
        """
        health = self._hosts.get((service, region))
        if health is None:
            # Imported on first use: only fleets track hosts.
            from detective_async.retry.host_health import HostHealth, ServiceHealth  # noqa: PLC0415

            health = HostHealth(self._services.setdefault(service, ServiceHealth()))
            self._hosts[service, region] = health
        return health

    def forget_hosts(self) -> None:
        """Forget whether the hosts responded."""
        for service in self._services.values():
            service.reset()
        for health in self._hosts.values():
            health.reset()


class _RecentlyUsed(Generic[T]):
    """A cache by key that drops what was not used for the longest time."""

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = make()
        if len(self._values) > _MAX_ENTRIES:
            self._values.popitem(last=False)
        return value


class SharedState:
    """What all clients share that were derived from one, beside their connections.

    Attributes:
        default_credentials: the credentials of a client that was given none.
        client_credentials: those of the first client, which assume roles that have no `source`; None for the same.
        resolve: finds the endpoint of a service in a region, by the settings of the first client.
        rules: how calls to other services are retried: those are made for all clients, so the settings of the first
            client apply.
        timeouts: their timeouts; likewise.
        max_requests: how many requests of an account in a region may be in flight in an event loop; None for any.
        tracks_hosts: whether it is recorded which hosts respond.
        clock: the correction of the local clock.
    """

    def __init__(
        self,
        default_credentials: CredentialsProvider,
        resolve: Callable[[Service, str], Endpoint],
        rules: RetryRules,
        timeouts: Timeouts = Timeouts(),
        *,
        client_credentials: CredentialsProvider | None = None,
        max_requests: int | None = None,
        tracks_hosts: bool = False,
    ) -> None:
        self.default_credentials = default_credentials
        self.client_credentials = client_credentials or default_credentials
        self.resolve = resolve
        self.rules = rules
        self.timeouts = timeouts
        self.max_requests = max_requests
        self.tracks_hosts = tracks_hosts
        self.clock = ClockCorrection()
        self._limits = _RecentlyUsed[Limits]()
        self._providers = _RecentlyUsed[CredentialsProvider]()
        self._of_loops: dict[asyncio.AbstractEventLoop, LoopState] = {}
        # That of the last call: as a rule there is only one.
        self._current: LoopState | None = None

    def in_loop(self, loop: asyncio.AbstractEventLoop) -> LoopState:
        """Give the state that belongs to the running event loop; those of closed ones are dropped."""
        current = self._current
        if current is None or current.loop is not loop:
            if loop not in self._of_loops:
                pop_closed(self._of_loops)
                self._of_loops[loop] = LoopState(loop)
            current = self._current = self._of_loops[loop]
        return current

    def limits(self, provider: CredentialsProvider, region: str, service: str, *, gated: bool = True) -> Limits:
        """Give the limits of an account in a region, the same object each time.

        Args:
            provider: stands for the account.
            region: the region.
            service: the service's name.
            gated: whether the bound on requests in flight applies. It does not to STS: all accounts of a fleet assume
                their roles there.
        """
        return self._limits.get(
            (provider_key(provider), region, service),
            lambda: Limits(
                max_requests=self.max_requests if gated else None,
                host=(service, region) if self.tracks_hosts else None,
            ),
        )

    def provider(self, provider: CredentialsProvider) -> CredentialsProvider:
        """Give the first provider that is equal to this one: that one has the credentials already."""
        if not isinstance(provider, ManagedProvider):
            return provider
        return self._providers.get(provider_key(provider), lambda: provider)
