"""The client: settings, lifecycle, and the operations that it inherits."""

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypedDict

import aiohttp
from attrs import evolve

from detective_async.api.detective import DETECTIVE
from detective_async.api.service import Service
from detective_async.auth import CredentialsSource, DefaultCredentials, as_provider
from detective_async.client.waiters import Waiters
from detective_async.errors import ConfigurationError
from detective_async.events import Hook, is_plain_callable
from detective_async.http.call import Transport
from detective_async.http.pool import ConnectionPool
from detective_async.http.state import SharedState
from detective_async.retry.policy import DEFAULT_MAX_ATTEMPTS, RetryPolicy
from detective_async.settings.clock import Clock
from detective_async.settings.config import Settings, read_settings, where_the_region_is_looked_for
from detective_async.settings.endpoints import Endpoint
from detective_async.settings.timeouts import Timeouts

if TYPE_CHECKING:
    from detective_async.client.bulk import Bulk


class ClientOptions(TypedDict, total=False):
    """What a `DetectiveClient` takes, for those who make them."""

    region: str | None
    credentials: CredentialsSource | None
    endpoint_url: str | None
    session: aiohttp.ClientSession | None
    retry: RetryPolicy
    timeouts: Timeouts
    hooks: Iterable[Hook]
    use_fips: bool | None
    use_dualstack: bool | None
    profile: str | None
    clock: Clock


class DetectiveClient(Waiters):
    """A client of Amazon Detective in one region, for one set of credentials.

        async with DetectiveClient(region="eu-west-1") as detective:
            async for member in detective.iter_members(graph_arn):
                print(member.account_id, member.status)

    Every method is one request, with retries; the `iter_...` methods are as many as there are pages, the `wait_for_...`
    methods and those of `bulk` as many as it takes. Any of them may raise:

    - `ParameterError`: a parameter is invalid; nothing was sent.
    - `CredentialsError`: there are no usable credentials.
    - `ServiceError`, or a subclass of it under the API's name: AWS said no.
    - `TransportError`: no answer came.
    - `DecodeError`: an answer came that is not what the API promises.

    The `outcome_unknown` of each says whether the service may have acted all the same.

    Safe to share between tasks. One that is not used with `async with` opens its session at its first call and wants
    `await client.aclose()` at the end.
    """

    def __init__(
        self,
        *,
        region: str | None = None,
        credentials: CredentialsSource | None = None,
        endpoint_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        retry: RetryPolicy = RetryPolicy(),
        timeouts: Timeouts = Timeouts(),
        hooks: Iterable[Hook] = (),
        use_fips: bool | None = None,
        use_dualstack: bool | None = None,
        profile: str | None = None,
        clock: Clock = Clock(),
    ) -> None:
        """Settle where to send requests and in whose name; sends nothing.

        Args:
            region: such as `eu-west-1`. None reads `AWS_REGION`, `AWS_DEFAULT_REGION`, then the profile.
            credentials: keys, a provider of them, or an async callable that returns them. None takes what the AWS
                CLI would use.
            endpoint_url: a URL to use instead of the region's own. None reads `AWS_ENDPOINT_URL_DETECTIVE`,
                `AWS_ENDPOINT_URL`, then the profile.
            session: an aiohttp session to use, which is not closed; its connector decides on limits, proxies and TLS.
                None opens one with at most 100 connections, with the environment's proxy, and with the authorities of
                `AWS_CA_BUNDLE`, then of the profile, else the system's.
            retry: how often to try, and whether to slow down for a service that is too busy.
            timeouts: how long to wait for what.
            hooks: callables that are told of each attempt (`AttemptEvent`), each wait (`RetryEvent`) and each call
                (`CallEvent`) once it has ended, in order. One that has a method `on_start` is told of the beginnings of
                calls too (`CallStart`).
            use_fips: whether to use FIPS endpoints. None reads `AWS_USE_FIPS_ENDPOINT`, then the profile; else False.
            use_dualstack: whether to use endpoints that have IPv6 addresses too. None reads
                `AWS_USE_DUALSTACK_ENDPOINT`, then the profile; else False.
            profile: a profile of the shared config files. None reads `AWS_PROFILE`, then takes `default`.
            clock: time, sleep and chance; for tests.

        Raises:
            ConfigurationError: no region was found, or a setting is malformed or contradicts another.
        """
        settings = read_settings(profile)
        region = region or settings.region
        if not region:
            raise ConfigurationError(f"no region: looked at {where_the_region_is_looked_for(profile)}")
        self._settings = settings
        self._endpoint_url = endpoint_url or settings.endpoint_url
        self._use_fips = (settings.use_fips or False) if use_fips is None else use_fips
        self._use_dualstack = (settings.use_dualstack or False) if use_dualstack is None else use_dualstack
        self._owns_connections = True
        default = DefaultCredentials(profile, region=region)
        provider = default if credentials is None else as_provider(credentials)
        shared = SharedState(default, self._resolve_service)
        self._transport = Transport(
            service=DETECTIVE,
            pool=ConnectionPool(session, settings.ca_bundle),
            endpoint=self._resolve(region),
            credentials=shared.provider(provider),
            max_attempts=_max_attempts(retry, settings),
            adaptive=_is_adaptive(retry, settings),
            limits=shared.limits(provider, region, DETECTIVE.name),
            shared=shared,
            timeouts=timeouts,
            hooks=_checked(hooks),
            clock=clock,
        )

    @property
    def region(self) -> str:
        """The region that requests go to and are signed for."""
        return self._transport.endpoint.region

    @property
    def endpoint_url(self) -> str:
        """The URL that requests go to."""
        return self._transport.endpoint.url

    @property
    def bulk(self) -> "Bulk":
        """The operations that take a list of accounts or graphs, for lists of any length."""
        # Imported where it is wanted: few programs do, and a start has no time for it.
        from detective_async.client.bulk import Bulk  # noqa: PLC0415

        return Bulk(self._transport)

    def with_options(
        self,
        *,
        region: str | None = None,
        credentials: CredentialsSource | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
        account_id: str | None = None,
    ) -> Self:
        """Give another client on the same connections, for another region, account or patience.

        Cheap: thousands of them are fine. It lives as long as the client it was made from, which alone closes the
        connections. What is not given stays as it is; an endpoint URL that was set stays too. All that are made for
        the same credentials and region share what they know of the service there: the quota of retries, and in
        `adaptive` mode the pace.

        Args:
            region: such as `eu-west-1`.
            credentials: keys, a provider of them, or an async callable that returns them.
            retry: how often to try.
            timeouts: how long to wait for what.
            account_id: whose account that is, for events and logs. None takes what the credentials say, which those of
                a role do.

        Raises:
            ConfigurationError: the region or the credentials are malformed.
        """
        current = self._transport
        if account_id is None and credentials is None:
            account_id = current.account_id
        endpoint = current.endpoint if region is None else self._resolve(region)
        provider = current.credentials if credentials is None else current.shared.provider(as_provider(credentials))
        derived = object.__new__(type(self))
        vars(derived).update(vars(self))
        derived._owns_connections = False
        derived._transport = evolve(
            current,
            endpoint=endpoint,
            credentials=provider,
            max_attempts=current.max_attempts if retry is None else _max_attempts(retry, self._settings),
            adaptive=current.adaptive if retry is None else _is_adaptive(retry, self._settings),
            limits=current.shared.limits(provider, endpoint.region, DETECTIVE.name),
            timeouts=timeouts or current.timeouts,
            account_id=account_id,
        )
        return derived

    async def aclose(self) -> None:
        """Close the connections, unless they belong to a session that was passed in or to another client."""
        if self._owns_connections:
            await self._transport.pool.aclose()

    async def __aenter__(self) -> Self:
        """Give the client itself."""
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Close it, as `aclose` does."""
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._transport.pool.closed else "open"
        return f"<DetectiveClient {self.endpoint_url} [{self.region}, {state}]>"

    def _resolve(self, region: str) -> Endpoint:
        return DETECTIVE.resolve(region, self._endpoint_url, use_fips=self._use_fips, use_dualstack=self._use_dualstack)

    def _resolve_service(self, service: Service, region: str) -> Endpoint:
        url = self._settings.service_urls.get(service.name)
        if url is None and self._transport.endpoint.is_on_this_machine:
            # A simulator, which has these services too.
            url = self._endpoint_url
        return service.resolve(region, url, use_fips=self._use_fips, use_dualstack=self._use_dualstack)


def _max_attempts(retry: RetryPolicy, settings: Settings) -> int:
    return retry.max_attempts or settings.max_attempts or DEFAULT_MAX_ATTEMPTS


def _is_adaptive(retry: RetryPolicy, settings: Settings) -> bool:
    return (retry.mode or settings.retry_mode) == "adaptive"


def _checked(hooks: Iterable[Hook]) -> tuple[Hook, ...]:
    checked = tuple(hooks)
    for hook in checked:
        if not is_plain_callable(hook):
            raise ConfigurationError(f"hooks must be plain callables, and {hook!r} is not one")
    return checked
