"""The client: its settings and lifecycle; the operations are inherited."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypedDict, Unpack

import aiohttp
from attrs import evolve, fields

from detective_async import events
from detective_async.api.detective import DETECTIVE
from detective_async.api.service import Service
from detective_async.auth import CredentialsSource, DefaultCredentials, account_id_or_none, as_provider
from detective_async.auth.signing import breaks_signature
from detective_async.client.waiters import Waiters
from detective_async.errors import ClientClosed, ConfigurationError, ParameterError
from detective_async.events import is_hook
from detective_async.http.call import Transport
from detective_async.http.pool import CLOSED, ConnectionPool
from detective_async.http.state import SharedState
from detective_async.http.user_agent import user_agent
from detective_async.retry.policy import RetryPolicy, RetryRules, retry_rules
from detective_async.settings.arguments import check_kind, shown
from detective_async.settings.clock import Clock, check_clock
from detective_async.settings.config import Settings, read_settings, region_sources
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
    hooks: "events.Hook | Iterable[events.Hook]"
    use_fips: bool | None
    use_dualstack: bool | None
    profile: str | None
    clock: Clock
    user_agent_suffix: str | None


class _NoOptions(TypedDict):
    """The type of keyword arguments that do not exist: type checkers report them, and the client refuses them."""


class ClientSetup(NamedTuple):
    """What a client has beside its public options: those of a fleet differ.

    Attributes:
        owner: the class that the user has made an instance of, for errors and warnings.
        max_requests: how many requests may be in flight in an event loop; None for the default.
        max_requests_per_account: how many of one account in one region; None for any number.
        tracks_hosts: whether it is recorded which hosts respond.
        patient_lookups: whether the calls for credentials are retried as by `RetryPolicy.patient()`.
    """

    owner: str = "DetectiveClient"
    max_requests: int | None = None
    max_requests_per_account: int | None = None
    tracks_hosts: bool = False
    patient_lookups: bool = False


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

    Safe to share between tasks, and between event loops, one after the other or in several threads: each of them has
    its own connections. After a fork, the child opens its own. Without `async with`, the session is opened by the first
    call; then call `await client.aclose()` at the end, or a `ResourceWarning` names the line that made the client.
    """

    _setup = ClientSetup()

    def __init__(
        self,
        *,
        region: str | None = None,
        credentials: CredentialsSource | None = None,
        endpoint_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        retry: RetryPolicy = RetryPolicy(),
        timeouts: Timeouts = Timeouts(),
        hooks: "events.Hook | Iterable[events.Hook]" = (),
        use_fips: bool | None = None,
        use_dualstack: bool | None = None,
        profile: str | None = None,
        clock: Clock = Clock(),
        user_agent_suffix: str | None = None,
        **unknown: Unpack[_NoOptions],
    ) -> None:
        """Read the settings; sends nothing.

        Args:
            region: such as `eu-west-1`. None reads `AWS_REGION`, `AWS_DEFAULT_REGION`, then the profile.
            credentials: credentials, a provider, or an async callable that returns credentials. None uses the same
                credentials as the AWS CLI.
            endpoint_url: a URL to use instead of the region's own. None reads `AWS_ENDPOINT_URL_DETECTIVE`,
                `AWS_ENDPOINT_URL`, then the profile.
            session: an aiohttp session to use, in its own event loop only; the client does not close it. Its connector
                determines connection limits, proxies and TLS. It must not have settings that break AWS's signature:
                `auth`, or default headers such as `Content-Encoding` or `X-Amz-...`. None opens a session with at most
                100 connections (fewer if the process may not open many files), the environment's proxy, and the
                certificate authorities of `AWS_CA_BUNDLE`, then of the profile, then of `REQUESTS_CA_BUNDLE`, else the
                system's.
            retry: the number of attempts, and whether to limit the request rate when the service throttles.
            timeouts: the limits of each phase of a call.
            hooks: one callable or several that receive an `AttemptEvent` after each attempt, a `RetryEvent` before each
                wait and a `CallEvent` after each call, in order. If a hook has a method `on_start`, it receives a
                `CallStart` before each call.
            use_fips: whether to use FIPS endpoints. None reads `AWS_USE_FIPS_ENDPOINT`, then the profile; else False.
            use_dualstack: whether to use endpoints that have IPv6 addresses too. None reads
                `AWS_USE_DUALSTACK_ENDPOINT`, then the profile; else False.
            profile: a profile of the shared config files. None reads `AWS_PROFILE`, then takes `default`.
            clock: time, sleep and randomness; for tests.
            user_agent_suffix: text for the end of the user agent, such as `my-tool/1.0`: printable ASCII. The name of
                the application, `AWS_SDK_UA_APP_ID` or `sdk_ua_app_id` of the profile, comes before it.
            **unknown: none. For boto3's names of these arguments, the error says what they are called here.

        Raises:
            ConfigurationError: no region was found, an argument is of the wrong type or malformed, or a setting
                contradicts another.
            TypeError: there is no argument of this name.
        """
        setup = self._setup
        _refuse_unknown(unknown, f"{setup.owner}()", ClientOptions.__annotations__)
        _check_session(session)
        _check_retry(retry)
        _check_timeouts(timeouts)
        check_clock(clock)
        for name, flag in (("use_fips", use_fips), ("use_dualstack", use_dualstack)):
            if flag is not None:
                check_kind(flag, bool, name, "True, False or None")
        settings = read_settings(profile)
        region = settings.region if _is_missing(region) else region
        if region is None:
            raise ConfigurationError(f"no region: set {region_sources(profile)}")
        self._settings = settings
        self._retry = retry
        self._is_patient = False
        if _is_missing(endpoint_url):
            endpoint_url = settings.endpoint_urls.find(DETECTIVE.settings_name)
        self._endpoint_url = endpoint_url
        self._use_fips = (settings.use_fips or False) if use_fips is None else use_fips
        self._use_dualstack = (settings.use_dualstack or False) if use_dualstack is None else use_dualstack
        self._owns_connections = True
        default = DefaultCredentials(profile, region=region)
        provider = default if credentials is None else as_provider(credentials)
        endpoint = self._resolve(region)
        # A server on this machine is most likely a simulator, which serves the other services too.
        local_url = self._endpoint_url if endpoint.is_on_this_machine else None
        rules = self._rules(retry)
        shared = SharedState(
            default,
            # Not a method: the client would be part of a reference cycle, and freed late.
            partial(_resolve_service, settings, local_url, (self._use_fips, self._use_dualstack)),
            retry_rules(retry, settings, patient=True) if setup.patient_lookups else rules,
            timeouts,
            client_credentials=provider,
            max_requests=setup.max_requests_per_account,
            tracks_hosts=setup.tracks_hosts,
        )
        self._transport = Transport(
            service=DETECTIVE,
            # A session of the caller's has its own authorities.
            pool=ConnectionPool(
                session,
                settings.ca_bundle if session is None else None,
                setup.max_requests,
                needs_tls=session is None and endpoint.url.startswith("https:"),
                owner=setup.owner,
            ),
            endpoint=endpoint,
            credentials=shared.provider(provider),
            max_attempts=rules.max_attempts,
            adaptive=rules.adaptive,
            schedule=rules.schedule,
            limits=shared.limits(provider, region, DETECTIVE.name),
            shared=shared,
            timeouts=timeouts,
            hooks=_checked_hooks(hooks),
            clock=clock,
            user_agent=user_agent(settings.app_id, user_agent_suffix),
            in_lambda=settings.in_lambda,
        )

    @classmethod
    def _with_setup(cls, setup: ClientSetup, **options: Unpack[ClientOptions]) -> Self:
        """Make a client with another setup than that of `DetectiveClient(...)`."""
        client = object.__new__(cls)
        client._setup = setup
        DetectiveClient.__init__(client, **options)
        return client

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
        hooks: "events.Hook | Iterable[events.Hook] | None" = None,
        **unknown: Unpack[_NoOptions],
    ) -> Self:
        """Return a client with other options that shares this client's connections.

        Cheap enough for thousands of derived clients. A derived client can be used until the original client is closed,
        which closes the connections. Options that are not given keep their values, and so does an endpoint URL that was
        set. Clients with the same credentials and region share the retry quota and, in `adaptive` mode, the rate
        limiter.

        Args:
            region: such as `eu-west-1`.
            credentials: credentials, a provider, or an async callable that returns credentials. An `AssumeRole` without
                a `source` is assumed by the client that was made with `DetectiveClient(...)`.
            retry: the number of attempts and the retry mode.
            timeouts: the limits of each phase of a call.
            account_id: the account in events and logs, in 12 digits: a label, which does not change the account that is
                called. None uses the account id of the credentials, which
                those of a role have.
            hooks: one callable or several that take the place of the client's; `[]` for none.
            **unknown: none. All other options are those of the client that this is called on.

        Raises:
            ConfigurationError: an argument is of the wrong type or malformed.
            TypeError: there is no option of this name.
        """
        if unknown:
            _refuse_unknown(unknown, "with_options()", DetectiveClient.with_options.__kwdefaults__ or ())
        current = self._transport
        if retry is not None:
            _check_retry(retry)
        if timeouts is not None:
            _check_timeouts(timeouts)
        if account_id is not None:
            if account_id_or_none(account_id) is None:
                raise ConfigurationError(f"account_id must be 12 digits, got {shown(account_id)}")
        elif credentials is None:
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
            hooks=current.hooks if hooks is None else _checked_hooks(hooks),
            account_id=account_id,
        )
        return derived

    async def aclose(self) -> None:
        """Close the connections, unless they belong to a session that was passed in or to another client.

        Connections of event loops that run in other threads are closed there soon after this returns.
        """
        if self._owns_connections:
            await self._transport.pool.aclose()

    async def __aenter__(self) -> Self:
        """Return the client itself.

        Raises:
            ClientClosed: the client, or the one that it was derived from, was closed.
        """
        if self._transport.pool.closed:
            raise ClientClosed(CLOSED)
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Close the client, as `aclose` does."""
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._transport.pool.closed else "open"
        return f"<DetectiveClient {self.endpoint_url} [{self.region}, {state}]>"

    def _patient(self, *, max_backoff: float | None = None, max_attempts: bool = True) -> Self:
        """Return this client, on the same connections, with the policy of jobs where nothing else sets a field.

        The clients that are derived from it have that policy too.

        Args:
            max_backoff: the policy's bound of the waits in seconds, for jobs that try calls again themselves; None for
                that of `RetryPolicy.patient()`.
            max_attempts: False keeps the client's own number of attempts, for the same jobs.
        """
        if self._is_patient and max_backoff is None:
            return self
        patient = object.__new__(type(self))
        vars(patient).update(vars(self))
        patient._owns_connections = False
        patient._is_patient = True
        rules = patient._rules(self._retry)
        schedule = rules.schedule
        if max_backoff is not None and self._retry.max_backoff is None:
            schedule = schedule._replace(max_backoff=min(schedule.max_backoff, max_backoff))
        attempts = rules.max_attempts if max_attempts else self._transport.max_attempts
        patient._transport = evolve(self._transport, max_attempts=attempts, schedule=schedule)
        return patient

    def _rules(self, retry: RetryPolicy) -> RetryRules:
        return retry_rules(retry, self._settings, patient=self._is_patient)

    def _resolve(self, region: str) -> Endpoint:
        return DETECTIVE.resolve(region, self._endpoint_url, use_fips=self._use_fips, use_dualstack=self._use_dualstack)


def _resolve_service(
    settings: Settings, local_url: str | None, variants: tuple[bool, bool], service: Service, region: str
) -> Endpoint:
    url = settings.endpoint_urls.find(service.settings_name, local_url)
    use_fips, use_dualstack = variants
    return service.resolve(region, url, use_fips=use_fips, use_dualstack=use_dualstack)


def _is_missing(value: object) -> bool:
    # As in the environment, an empty text counts as none.
    return value is None or (isinstance(value, str) and not value)


def _checked_hooks(hooks: "events.Hook | Iterable[events.Hook]") -> "tuple[events.Hook, ...]":
    # One that can be called is a hook, even if it can be iterated over too.
    found: tuple[Any, ...] = (hooks,) if callable(hooks) or not isinstance(hooks, Iterable) else tuple(hooks)
    for hook in found:
        if not is_hook(hook):
            # Not its `repr`, which may be long or raise.
            raise ConfigurationError(
                "hooks: expected plain callables (not coroutine functions, and instances instead of classes), "
                f"got {getattr(hook, '__qualname__', None) or shown(hook)}"
            )
    return found


def _check_retry(retry: object) -> None:
    check_kind(retry, RetryPolicy, "retry", "a RetryPolicy, such as RetryPolicy(max_attempts=1) for no retries")


def _check_timeouts(timeouts: object) -> None:
    check_kind(timeouts, Timeouts, "timeouts", "Timeouts, such as Timeouts(total=30)")


def _check_session(session: object) -> None:
    """Check that requests with AWS's signature can be sent on a session of the caller's.

    Raises:
        ConfigurationError: they cannot.
    """
    if session is None:
        return
    if not isinstance(session, aiohttp.ClientSession):
        module = type(session).__module__.partition(".")[0]
        hint = f"; pass a session of {module} as credentials" if module in _OTHER_SESSIONS else ""
        raise ConfigurationError(f"session: expected an aiohttp.ClientSession, got {shown(session)}{hint}")
    if session.closed is True:
        raise ConfigurationError("session: the aiohttp session is closed")
    # With a base URL, it is for that server only; should it be the same one, the call says so.
    if isinstance(session.auth, aiohttp.BasicAuth) and not getattr(session, "_base_url", None):
        raise ConfigurationError("session: it has auth=, which would replace AWS's signature: use one without")
    breaking = sorted(name for name in session.headers if breaks_signature(name))
    if breaking:
        raise ConfigurationError(
            f"session: its default headers {', '.join(breaking)} would break signed requests: use one without them"
        )


_OTHER_SESSIONS = ("aiobotocore", "boto3", "botocore")
#: Names that boto3's clients and sessions have for arguments -> what to write here.
_NAMES_IN_BOTO3 = {
    "aws_access_key_id": "credentials=Credentials(access_key_id, secret_access_key)",
    "aws_secret_access_key": "credentials=Credentials(access_key_id, secret_access_key)",
    "aws_session_token": "credentials=Credentials(access_key_id, secret_access_key, session_token)",
    "aws_account_id": "credentials=Credentials(..., account_id=...)",
    "api_version": "nothing: Detective has one version",
    "boto3_session": "credentials=session",
    "botocore_session": "credentials=session",
    "config": "retry=RetryPolicy(...), timeouts=Timeouts(...), use_fips=... or use_dualstack=...",
    "profile_name": "profile",
    "region_name": "region",
    "service_name": "nothing: the only service is Detective",
    "use_ssl": "endpoint_url with http:// or https://",
    "verify": "AWS_CA_BUNDLE in the environment, or session=aiohttp.ClientSession(...) with a connector of its own",
}


def _refuse_unknown(unknown: Mapping[str, object], name: str, known: Iterable[str]) -> None:
    """Refuse keyword arguments that do not exist.

    Raises:
        ConfigurationError: boto3 has an argument of this name.
        TypeError: there is none, as Python itself says, with the name that may be meant.
    """
    for keyword in unknown:
        if keyword in _NAMES_IN_BOTO3:
            raise ConfigurationError(f"{name} has no {keyword}, as boto3 has; use {_NAMES_IN_BOTO3[keyword]}")
        hint = _hint_for(keyword, list(known))
        raise TypeError(f"{name} got an unexpected keyword argument {keyword!r}{hint}")


def check_client(value: object) -> None:
    """Check that a parameter is a client.

    Raises:
        ParameterError: it is not.
    """
    if not isinstance(value, DetectiveClient):
        what = "the class DetectiveClient" if value is DetectiveClient else type(value).__name__
        raise ParameterError("client", f"expected the client of `async with DetectiveClient() as client`, got {what}")


def _hint_for(keyword: str, known: Sequence[str]) -> str:
    """Return the end of an error about an unknown argument: which one may be meant, or nothing."""
    import difflib  # noqa: PLC0415 - only for errors

    within = (("retry", RetryPolicy), ("timeouts", Timeouts))
    for argument, kind in within:
        if keyword in (one.name for one in fields(kind)):
            return f"; use {argument}={kind.__name__}({keyword}=...)"
    # A beginning, such as `endpoint`, is less like the whole name than a typing error is.
    near = [one for one in known if one.startswith(keyword)] or difflib.get_close_matches(keyword, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
