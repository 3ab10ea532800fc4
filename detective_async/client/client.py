"""The client: its settings and lifecycle; the operations are inherited."""

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
from detective_async.retry.policy import RetryPolicy, RetryRules, retry_rules
from detective_async.settings.clock import Clock
from detective_async.settings.config import read_settings, region_sources
from detective_async.settings.endpoints import Endpoint
from detective_async.settings.timeouts import Timeouts

if TYPE_CHECKING:
    from detective_async.client.bulk import Bulk


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of `DetectiveClient`, for code that passes them on."""

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

    Every method sends one request, with retries; an `iter_...` method sends one for each page, the `wait_for_...`
    methods and those of `bulk` send as many as needed. All of them may raise:

    - `ParameterError`: a parameter is invalid; nothing was sent.
    - `CredentialsError`: there are no usable credentials.
    - `ServiceError`, or a subclass of it under the API's name: AWS sent an error response.
    - `TransportError`: no response arrived.
    - `DecodeError`: the response does not have the form that the API documents.

    Each error's `outcome_unknown` says whether the service may have carried out the request anyway.

    Safe to share between tasks. Without `async with`, the session is opened by the first call; then call
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
        """Read the settings; sends nothing.

        Args:
            region: such as `eu-west-1`. None reads `AWS_REGION`, `AWS_DEFAULT_REGION`, then the profile.
            credentials: credentials, a provider, or an async callable that returns credentials. None uses the same
                credentials as the AWS CLI.
            endpoint_url: a URL to use instead of the region's own. None reads `AWS_ENDPOINT_URL_DETECTIVE`,
                `AWS_ENDPOINT_URL`, then the profile.
            session: an aiohttp session to use; the client does not close it. Its connector determines connection
                limits, proxies and TLS. None opens a session with at most 100 connections, the environment's proxy, and
                the certificate authorities of `AWS_CA_BUNDLE`, then of the profile, else the system's.
            retry: the number of attempts, and whether to limit the request rate when the service throttles.
            timeouts: the limits of each phase of a call.
            hooks: callables that receive an `AttemptEvent` after each attempt, a `RetryEvent` before each wait and a
                `CallEvent` after each call, in order. If a hook has a method `on_start`, it receives a `CallStart`
                before each call.
            use_fips: whether to use FIPS endpoints. None reads `AWS_USE_FIPS_ENDPOINT`, then the profile; else False.
            use_dualstack: whether to use endpoints that have IPv6 addresses too. None reads
                `AWS_USE_DUALSTACK_ENDPOINT`, then the profile; else False.
            profile: a profile of the shared config files. None reads `AWS_PROFILE`, then takes `default`.
            clock: time, sleep and randomness; for tests.

        Raises:
            ConfigurationError: no region was found, or a setting is malformed or contradicts another.
        """
        settings = read_settings(profile)
        region = region or settings.region
        if not region:
            raise ConfigurationError(f"no region: set {region_sources(profile)}")
        self._settings = settings
        self._retry = retry
        self._is_patient = False
        self._endpoint_url = endpoint_url or settings.endpoint_url
        self._use_fips = (settings.use_fips or False) if use_fips is None else use_fips
        self._use_dualstack = (settings.use_dualstack or False) if use_dualstack is None else use_dualstack
        self._owns_connections = True
        default = DefaultCredentials(profile, region=region)
        provider = default if credentials is None else as_provider(credentials)
        shared = SharedState(default, self._resolve_service)
        rules = self._rules(retry)
        self._transport = Transport(
            service=DETECTIVE,
            pool=ConnectionPool(session, settings.ca_bundle),
            endpoint=self._resolve(region),
            credentials=shared.provider(provider),
            max_attempts=rules.max_attempts,
            adaptive=rules.adaptive,
            schedule=rules.schedule,
            limits=shared.limits(provider, region, DETECTIVE.name),
            shared=shared,
            timeouts=timeouts,
            hooks=_checked_hooks(hooks),
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
        # Imported on first use: few programs use it, and the import would delay the start of all others.
        from detective_async.client.bulk import Bulk  # noqa: PLC0415

        return Bulk(self._patient()._transport)  # noqa: SLF001 - of our own class

    def with_options(
        self,
        *,
        region: str | None = None,
        credentials: CredentialsSource | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
        account_id: str | None = None,
    ) -> Self:
        """Return a client with other options that shares this client's connections.

        Cheap enough for thousands of derived clients. A derived client can be used until the original client is closed,
        which closes the connections. Options that are not given keep their values, and so does an endpoint URL that was
        set. Clients with the same credentials and region share the retry quota and, in `adaptive` mode, the rate
        limiter.

        Args:
            region: such as `eu-west-1`.
            credentials: credentials, a provider, or an async callable that returns credentials.
            retry: the number of attempts and the retry mode.
            timeouts: the limits of each phase of a call.
            account_id: the account in events and logs. None uses the account id of the credentials, which those of a
                role have.

        Raises:
            ConfigurationError: the region or the credentials are malformed.
        """
        current = self._transport
        if account_id is None and credentials is None:
            account_id = current.account_id
        endpoint = current.endpoint if region is None else self._resolve(region)
        provider = current.credentials if credentials is None else current.shared.provider(as_provider(credentials))
        rules = current if retry is None else self._rules(retry)
        derived = object.__new__(type(self))
        vars(derived).update(vars(self))
        derived._retry = retry or self._retry
        derived._owns_connections = False
        derived._transport = evolve(
            current,
            endpoint=endpoint,
            credentials=provider,
            max_attempts=rules.max_attempts,
            adaptive=rules.adaptive,
            schedule=rules.schedule,
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
        """Return the client itself."""
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Close the client, as `aclose` does."""
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._transport.pool.closed else "open"
        return f"<DetectiveClient {self.endpoint_url} [{self.region}, {state}]>"

    def _patient(self) -> Self:
        """Return this client, on the same connections, with the policy of jobs where nothing else sets a field.

        The clients that are derived from it have that policy too.
        """
        if self._is_patient:
            return self
        patient = object.__new__(type(self))
        vars(patient).update(vars(self))
        patient._owns_connections = False
        patient._is_patient = True
        rules = patient._rules(self._retry)
        patient._transport = evolve(self._transport, max_attempts=rules.max_attempts, schedule=rules.schedule)
        return patient

    def _rules(self, retry: RetryPolicy) -> RetryRules:
        return retry_rules(retry, self._settings, patient=self._is_patient)

    def _resolve(self, region: str) -> Endpoint:
        return DETECTIVE.resolve(region, self._endpoint_url, use_fips=self._use_fips, use_dualstack=self._use_dualstack)

    def _resolve_service(self, service: Service, region: str) -> Endpoint:
        url = self._settings.service_urls.get(service.name)
        if url is None and self._transport.endpoint.is_on_this_machine:
            # Most likely a simulator, which serves these services too.
            url = self._endpoint_url
        return service.resolve(region, url, use_fips=self._use_fips, use_dualstack=self._use_dualstack)


def _checked_hooks(hooks: Iterable[Hook]) -> tuple[Hook, ...]:
    hooks = tuple(hooks)
    for hook in hooks:
        if not is_plain_callable(hook):
            raise ConfigurationError(f"hooks: expected plain callables (not coroutine functions), got {hook!r}")
    return hooks
