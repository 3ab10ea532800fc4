"""What the clients that were made from one another have in common, beside their connections."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import Factory, define, field

from detective_async.auth import CredentialsProvider, ManagedProvider, account_of
from detective_async.retry.policy import RetryQuota
from detective_async.settings.endpoints import Endpoint

if TYPE_CHECKING:
    from detective_async.retry.rate_limiter import Pace

#: The pairs of account and region, and the providers, that are kept; the one not asked for the longest goes first.
_MOST = 16_384

T = TypeVar("T")


@define(eq=False)
class Pair:
    """What the calls of one account in one region share.

    Attributes:
        quota: what retries draw on.
        gate: passed by each request, where there is a limit to how many there may be at once.
    """

    quota: RetryQuota = Factory(RetryQuota)
    gate: asyncio.Semaphore | None = None
    _pace: "Pace | None" = field(default=None, init=False)

    @property
    def pace(self) -> "Pace":
        """How fast requests may go out, in `adaptive` mode."""
        if self._pace is None:
            # Most clients never ask, and there may be thousands of pairs.
            from detective_async.retry.rate_limiter import Pace  # noqa: PLC0415

            self._pace = Pace()
        return self._pace


class _Recent(Generic[T]):
    """The things that were asked for lately, by key."""

    def __init__(self) -> None:
        self._things: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        if key in self._things:
            self._things.move_to_end(key)
            return self._things[key]
        thing = self._things[key] = make()
        if len(self._things) > _MOST:
            self._things.popitem(last=False)
        return thing


@define(eq=False)
class Shared:
    """What all the clients share that were made from one.

    Attributes:
        default_credentials: what they take where nobody said anything.
        sts_endpoint: finds where STS is for a region.
        clock_offset: the seconds by which the local clock is behind AWS's.
    """

    default_credentials: CredentialsProvider
    sts_endpoint: Callable[[str], Endpoint]
    clock_offset: float = 0.0
    _limit: int | None = None
    _pairs: _Recent[Pair] = Factory(_Recent)
    _providers: _Recent[CredentialsProvider] = Factory(_Recent)

    def pair(self, provider: CredentialsProvider, region: str, service: str = "detective") -> Pair:
        """Give the state of an account in a region, the same one each time."""
        # Only requests to Detective: all accounts of a fleet have their roles from the same STS.
        limit = self._limit if service == "detective" else None
        return self._pairs.get(
            (account_of(provider), region, service),
            Pair if limit is None else lambda: Pair(gate=asyncio.Semaphore(limit)),
        )

    def limit(self, requests: int) -> None:
        """Let no account have more than so many requests at once in a region; to be said before the first one."""
        self._limit = requests
        self._pairs = _Recent()

    def provider(self, provider: CredentialsProvider) -> CredentialsProvider:
        """Give the provider that was the first of its equals, for that one has the credentials already."""
        if not isinstance(provider, ManagedProvider):
            return provider
        return self._providers.get(account_of(provider), lambda: provider)
