"""State that clients share: for each account and region, and for all clients that were derived from one."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import Factory, define, field

from detective_async.api.service import Service
from detective_async.auth import CredentialsProvider, ManagedProvider, provider_key
from detective_async.retry.host_health import HostHealth
from detective_async.retry.policy import RetryQuota
from detective_async.settings.endpoints import Endpoint

if TYPE_CHECKING:
    from detective_async.retry.rate_limiter import Pace

#: How many accounts and regions, and how many providers, are kept; the least recently used is dropped first.
_MAX_ENTRIES = 16_384

T = TypeVar("T")


@define(eq=False)
class Limits:
    """The limits that the calls of one account share, in one region and for one service.

    Attributes:
        quota: what retries draw on.
        semaphore: bounds the requests in flight; None for no bound.
        health: whether the host answers; None outside of fleets.
    """

    quota: RetryQuota = Factory(RetryQuota)
    semaphore: asyncio.Semaphore | None = None
    health: HostHealth | None = None
    _pace: "Pace | None" = field(default=None, init=False)

    @property
    def pace(self) -> "Pace":
        """The rate limiter of `adaptive` mode."""
        if self._pace is None:
            # Made at first use: most clients never use it, and there may be thousands of these objects.
            from detective_async.retry.rate_limiter import Pace  # noqa: PLC0415

            self._pace = Pace()
        return self._pace


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


@define(eq=False)
class SharedState:
    """What all clients share that were derived from one, beside their connections.

    Attributes:
        default_credentials: the credentials of a client that was given none.
        resolve: finds the endpoint of a service in a region, by the settings of the first client.
        clock_offset: the seconds by which the local clock is behind AWS's.
    """

    default_credentials: CredentialsProvider
    resolve: Callable[[Service, str], Endpoint]
    clock_offset: float = 0.0
    _max_requests: int | None = None
    _hosts: dict[tuple[str, str], HostHealth] | None = None
    _limits: _RecentlyUsed[Limits] = Factory(_RecentlyUsed)
    _providers: _RecentlyUsed[CredentialsProvider] = Factory(_RecentlyUsed)

    def limits(self, provider: CredentialsProvider, region: str, service: str, *, gated: bool = True) -> Limits:
        """Give the limits of an account in a region, the same object each time.

        Args:
            provider: stands for the account.
            region: the region.
            service: the service's name.
            gated: whether the bound on requests in flight applies. It does not to STS: all accounts of a fleet assume
                their roles there.
        """
        bound = self._max_requests if gated else None
        return self._limits.get(
            (provider_key(provider), region, service),
            lambda: Limits(
                semaphore=None if bound is None else asyncio.Semaphore(bound),
                health=None if self._hosts is None else self.health(service, region),
            ),
        )

    def track_hosts(self) -> None:
        """Record for each service and region whether its host answers; to be called before the first request."""
        self._hosts = {}
        self._limits = _RecentlyUsed()

    def health(self, service: str, region: str) -> HostHealth:
        """Give what is known of a host, the same object each time; hosts must be tracked.

        By region and not by name, because all regions of a custom endpoint have one name.
        """
        assert self._hosts is not None  # noqa: S101 - a fleet tracks them
        return self._hosts.setdefault((service, region), HostHealth())

    def forget_hosts(self) -> None:
        """Forget whether the hosts answered."""
        for health in (self._hosts or {}).values():
            health.reset()

    def limit_requests(self, requests: int) -> None:
        """Bound the requests in flight of each account in a region; to be called before the first request."""
        self._max_requests = requests
        self._limits = _RecentlyUsed()

    def provider(self, provider: CredentialsProvider) -> CredentialsProvider:
        """Give the first provider that is equal to this one: that one has the credentials already."""
        if not isinstance(provider, ManagedProvider):
            return provider
        return self._providers.get(provider_key(provider), lambda: provider)
