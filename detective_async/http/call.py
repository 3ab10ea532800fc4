"""A call: one signed request, attempted until it succeeds or fails for good."""

import asyncio
import logging
import os
from collections.abc import Coroutine
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from attrs import evolve, frozen

from detective_async import events
from detective_async.api.models.base import ResponseMetadata
from detective_async.api.service import EncodedRequest, Service, ServiceOperation
from detective_async.auth import (
    Credentials,
    CredentialsProvider,
    FixedCredentials,
    ManagedProvider,
    credentials_from,
    provider_name,
)
from detective_async.auth.credentials import EXPIRED_KEYS
from detective_async.auth.signing import sign
from detective_async.errors import (
    ClientClosed,
    ConnectError,
    DeadlineExceeded,
    DetectiveError,
    ServiceError,
    TransportError,
    code_of,
)
from detective_async.events import call_logger, retry_logger
from detective_async.http.connector import ConnectionUse, ignore_connection_events, on_connection
from detective_async.http.exchange import NoResponse, RawResponse, client_timeout, exchange
from detective_async.http.pool import CLOSED_MEANWHILE, ConnectionPool, LoopConnections, Turn
from detective_async.http.state import Limits, SharedState
from detective_async.http.user_agent import lambda_trace
from detective_async.retry.policy import Attempts, FailureKind, Schedule, failure_kind
from detective_async.settings.clock import Clock
from detective_async.settings.endpoints import Endpoint
from detective_async.settings.timeouts import Timeouts, shortened

if TYPE_CHECKING:
    from detective_async.http.telemetry import CallRecorder
    from detective_async.retry.rate_limiter import Pace

#: AWS's codes for a key that it does not know: it was deleted, or the region is not enabled for its account.
_UNKNOWN_KEY = frozenset({"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"})
_SUCCESS = range(200, 300)
#: Bytes of a response that take about as long to decode as a small call takes as a whole.
_LARGE = 16 * 2**10

Response = TypeVar("Response")
_random = Random()  # noqa: S311 - nothing depends on it that ids cannot be guessed
if hasattr(os, "fork"):
    # The ids of a child process must not be those of its parent.
    os.register_at_fork(after_in_child=_random.seed)


def _random_id() -> str:
    """Return a random UUID (version 4), without asking the operating system for each."""
    digits = f"{_random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class _Call:
    """What the attempts of one call have in common.

    Every wait is given the deadline, and raises `TimeoutError` then. One timer around the whole call would
    be simpler, but each attempt needs its own as well, and a timer costs as much as a signature.
    """

    # The bound on the account's requests in flight, and the rate limiter of `adaptive` mode.
    semaphore: asyncio.Semaphore | None = None
    pace: "Pace | None" = None
    # Of the last attempt: its date, the clock's correction in that, and its signature.
    signed_at = 0.0
    clock_offset = 0.0
    authorization = ""
    # The connection that the last attempt was given, and whether the next one needs a new one.
    connection: ConnectionUse | None = None
    fresh = False

    def __init__(
        self,
        *,
        operation: str,
        request: object,
        encoded: EncodedRequest,
        connections: LoopConnections,
        attempts: Attempts,
        deadline: float | None,
        invocation_id: str,
        recorder: "CallRecorder | None",
    ) -> None:
        self.operation = operation
        self.request = request
        self.encoded = encoded
        self.connections = connections
        self.attempts = attempts
        self.deadline = deadline
        self.invocation_id = invocation_id
        self.recorder = recorder

    def on_connection(self, use: ConnectionUse | None) -> None:
        """Note that an attempt waits for a connection, or has one; without one, nothing can have been sent."""
        self.connection = use
        self.attempts.sent = use is not None


class ResponseListener(Protocol):
    """Records which hosts respond, and which keys they accept.

    Attributes:
        responding_hosts: the hosts that have responded.
    """

    responding_hosts: set[str]

    def note_response(self, host: str) -> None:
        """Record a response of any kind; called for hosts that are not among `responding_hosts`."""
        ...

    def note_keys(
        self, region: str, account_id: str | None, credentials: Credentials, error: ServiceError | None
    ) -> None:
        """Record the response to a request that was signed with these keys; `error` is None for a success."""
        ...


@frozen(kw_only=True, eq=False, repr=False)
class Transport:
    """Everything that a call needs, fixed for one service, account and region.

    Attributes:
        service: the API that is called.
        pool: the connections; shared.
        endpoint: the region's URL.
        credentials: the provider, called before every attempt.
        max_attempts: how many attempts a call may take.
        schedule: the delays and costs of retries.
        adaptive: whether a rate limiter slows requests down to what the service accepts.
        limits: the state that all calls of the account in the region share.
        shared: the state of all clients that were derived from one.
        timeouts: how long to wait for what.
        hooks: called with the events of calls, attempts and retries.
        clock: time, sleep and randomness.
        user_agent: the header of that name.
        in_lambda: whether the trace of the Lambda invocation that runs now is to be passed on.
        account_id: the account in the events of calls; None for what the credentials say.
        listener: records what responses say of hosts and keys; None if nothing depends on that.
    """

    service: Service
    pool: ConnectionPool
    endpoint: Endpoint
    credentials: CredentialsProvider
    max_attempts: int
    adaptive: bool
    schedule: Schedule
    limits: Limits
    shared: SharedState
    timeouts: Timeouts
    hooks: "tuple[events.Hook, ...]"
    clock: Clock
    user_agent: str
    in_lambda: bool
    account_id: str | None = None
    listener: ResponseListener | None = None

    async def call(self, operation: ServiceOperation[Response], request: object) -> Response:
        """Send a request until it succeeds or fails for good.

        Raises:
            ParameterError: a member of the request is invalid; nothing was sent.
            ClientClosed: the client was closed.
            ConfigurationError: the caller's session belongs to another event loop; nothing was sent.
            CredentialsError: no usable credentials.
            TransportError: no response arrived.
            ServiceError: the service refused.
            DecodeError: the response is not what the API promises.
        """
        encoded = self.service.encode(operation, request)
        total = self.timeouts.total
        # Asked once per call: up to Python 3.11, this is a system call.
        loop = asyncio.get_running_loop()
        connections = self.pool.connections(loop)
        deadline = None if total is None else loop.time() + total
        limits = self.limits
        attempts = Attempts(self.max_attempts, limits.quota, operation.repeatable, self.schedule)
        invocation_id = _random_id()
        is_logged = retry_logger.isEnabledFor(logging.INFO) or call_logger.isEnabledFor(logging.DEBUG)
        recorder = None
        if self.hooks or is_logged:
            recorder = self._recorder(operation, encoded, attempts, invocation_id, is_logged=is_logged)
        call = _Call(
            operation=operation.name,
            request=request,
            encoded=encoded,
            connections=connections,
            attempts=attempts,
            deadline=deadline,
            invocation_id=invocation_id,
            recorder=recorder,
        )
        # Most clients have nothing but the quota.
        if self.adaptive or limits.host is not None or limits.max_requests is not None:
            of_loop = self.shared.in_loop(loop).limits_of(limits)
            attempts.health, call.semaphore = of_loop.health, of_loop.semaphore
            call.pace = of_loop.pace if self.adaptive else None
        try:
            if recorder:
                recorder.start()
            raw = await self._attempt_until_final(call)
            if raw.body is not None and len(raw.body) > _LARGE:
                await connections.decoding.wait()
            metadata = ResponseMetadata(
                request_id=raw.request_id,
                http_status=raw.status,
                attempts=attempts.count,
                repeated=attempts.outcome_unknown,
            )
            response: Response = self.service.decode(operation, raw.body, metadata)
        except BaseException as error:
            attempts.cut_off(error, self.clock.monotonic())
            if recorder:
                recorder.end(error)
            raise
        if recorder:
            recorder.end()
        return response

    def _recorder(
        self,
        operation: ServiceOperation[Any],
        encoded: EncodedRequest,
        attempts: Attempts,
        invocation_id: str,
        *,
        is_logged: bool,
    ) -> "CallRecorder":
        # Imported on first use: most programs have no hooks, and no log lines of calls.
        from detective_async.http.telemetry import CallRecorder, log  # noqa: PLC0415

        return CallRecorder(
            operation=operation.name,
            service=self.service.name,
            endpoint=self.endpoint,
            account_id=self.account_id,
            invocation_id=invocation_id,
            attempts=attempts,
            request_bytes=len(encoded.body or b""),
            hooks=(*self.hooks, log) if is_logged else self.hooks,
            clock=self.clock,
        )

    def for_service(
        self, service: Service, *, credentials: CredentialsProvider, region: str | None, endpoint_url: str | None
    ) -> Self:
        """Give the transport to another service, by default in the same region, over the same connections.

        The calls are made for all clients that wait for their result, so that the settings of the first client apply,
        whichever client needs it first.
        """
        region = region or self.endpoint.region
        shared = self.shared
        provider = shared.provider(credentials)
        return evolve(
            self,
            service=service,
            endpoint=service.resolve(region, endpoint_url) if endpoint_url else shared.resolve(service, region),
            credentials=provider,
            max_attempts=shared.rules.max_attempts,
            adaptive=shared.rules.adaptive,
            schedule=shared.rules.schedule,
            limits=shared.limits(provider, region, service.name, gated=False),
            timeouts=evolve(shared.timeouts, total=shared.timeouts.credentials),
            account_id=None,
            listener=None,
        )

    def __repr__(self) -> str:
        # Not the fields: the user's own provider may have secrets in its repr.
        return f"<Transport of {self.service.name} to {self.endpoint.url}>"

    @property
    def region(self) -> str:
        """The region that is called."""
        return self.endpoint.region

    @property
    def fetch_timeout(self) -> float | None:
        """How many seconds one fetch of credentials may take; None for any."""
        return self.shared.timeouts.credentials

    @property
    def default_credentials(self) -> CredentialsProvider:
        """The credentials of a client that was given none."""
        return self.shared.default_credentials

    @property
    def client_credentials(self) -> CredentialsProvider:
        """The credentials of the client from which all others were derived."""
        return self.shared.client_credentials

    def now(self) -> float:
        """Give AWS's time, in seconds since the epoch."""
        wall = self.clock.time()
        correction = self.shared.clock
        # Most clocks are right, and then the monotonic time need not be read.
        return wall + (correction.offset and correction.current(wall, self.clock.monotonic()))

    def earliest_now(self) -> float:
        """Give AWS's time or, while nothing has confirmed the correction, the local time if that is less."""
        now = self.now()
        return now if self.shared.clock.confirmed else min(now, self.clock.time())

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> asyncio.Task[Credentials]:
        """Run a coroutine that may outlast the call that started it; it ends with the connections at the latest."""
        return self.pool.spawn(work)

    async def _attempt_until_final(self, call: _Call) -> RawResponse:
        """Get credentials, wait for a turn, sign, exchange, judge, wait, and start over."""
        attempts = call.attempts
        dated_anew = False
        replaced: tuple[Credentials, ServiceError | TransportError] | None = None
        error: ServiceError | TransportError | None = None
        try:
            while True:
                credentials = await self._get_credentials(call)
                if replaced is not None and credentials == replaced[0]:
                    raise replaced[1]
                raw = await self._attempt(call, credentials)
                if isinstance(raw, RawResponse) and raw.status in _SUCCESS:
                    self._note_success(call, raw, credentials)
                    return raw
                error = self._error_of(call, raw, credentials)
                self._note_failure(call, raw, error, credentials)
                # The next two are no retries, and no rule of retries applies: the request was refused unread.
                if self._correct_clock(call, raw, error) and not dated_anew:
                    dated_anew = True
                elif replaced is None and await self.may_have_other_keys(credentials, error, call.deadline):
                    replaced = credentials, error
                else:
                    delay = self._delay_before_retry(call, raw, error)
                    if delay is None:
                        raise error
                    await call.connections.wait(self.clock.sleep(delay), call.deadline)
        except TimeoutError:
            # The timeouts of attempts and providers have become errors of this library by now.
            raise self._out_of_time(call) from None
        finally:
            if attempts.reserved:
                # Cancelled, or out of time, before the retry.
                attempts.give_back()
            # Their tracebacks refer to this frame: a reference back is a cycle, left to the garbage collector.
            del error, replaced

    async def _get_credentials(self, call: _Call) -> Credentials:
        provider = self.credentials
        if isinstance(provider, FixedCredentials):
            return provider.credentials
        if isinstance(provider, ManagedProvider) and (available := provider.available(self)) is not None:
            return available
        try:
            return await call.connections.wait(self._fetch_credentials(provider), call.deadline)
        except TimeoutError:
            raise self._out_of_time(
                call, f"; it was still waiting for credentials from {provider_name(provider)}"
            ) from None

    async def _fetch_credentials(self, provider: CredentialsProvider) -> Credentials:
        if isinstance(provider, ManagedProvider):
            return await provider.get_credentials_for(self)
        return await credentials_from(provider, self)

    def _out_of_time(self, call: _Call, detail: str = "") -> DetectiveError:
        """Make the error of a wait that was ended: by the deadline, or because the client was closed."""
        attempts, connections = call.attempts, call.connections
        if connections.closed and (call.deadline is None or connections.loop.time() < call.deadline):
            return ClientClosed(CLOSED_MEANWHILE)
        return DeadlineExceeded(
            f"no response within {self.timeouts.total} s{detail}",
            operation=call.operation,
            attempts=attempts.count,
            outcome_unknown=attempts.outcome_unknown or attempts.sent,
        )

    async def may_have_other_keys(
        self, used: Credentials, error: ServiceError | TransportError, deadline: float | None
    ) -> bool:
        """Return whether to get credentials again, after AWS refused these as expired or unknown."""
        code = code_of(error)
        provider = self.credentials
        if code in EXPIRED_KEYS:
            if isinstance(provider, ManagedProvider):
                provider.invalidate(used)
            return True
        if code not in _UNKNOWN_KEY or not isinstance(provider, ManagedProvider):
            return False
        try:
            async with asyncio.timeout_at(deadline):
                return await provider.look_again(used, self)
        except TimeoutError:
            # The refusal says more than the deadline.
            return False

    async def _attempt(self, call: _Call, credentials: Credentials) -> RawResponse | NoResponse:
        encoded, endpoint, attempts, timeouts = call.encoded, self.endpoint, call.attempts, self.timeouts
        connections = call.connections
        loop = connections.loop
        if attempts.health is not None and attempts.health.dead:
            timeouts = shortened(timeouts)
        if call.pace is not None:
            await connections.wait(call.pace.wait(self.clock), call.deadline)
        if call.recorder:
            call.recorder.attempt_prepared(credentials)
        async with Turn(connections, endpoint.host, call.semaphore, call.deadline):
            session = connections.session(fresh=call.fresh or not attempts.repeatable)
            attempts.begin()
            if call.recorder:
                call.recorder.attempt_started()
            until = call.deadline
            if timeouts.attempt is not None:
                end = loop.time() + timeouts.attempt
                until = end if until is None else min(until, end)
            on_connection.set(call.on_connection)
            try:
                raw = await exchange(
                    session,
                    encoded.method,
                    endpoint.url,
                    f"{encoded.path}?{encoded.query}" if encoded.query else encoded.path,
                    headers=self._headers(call, credentials),
                    body=encoded.body,
                    loop=loop,
                    until=until,
                    deadline=call.deadline,
                    timers=connections.exchanges,
                    timeout=client_timeout(timeouts.connect, timeouts.read, own_session=self.pool.owns_sessions),
                    proxy=self.pool.proxies[endpoint.url] if self.pool.owns_sessions else None,
                    middlewares=self.pool.middlewares,
                )
            finally:
                # Not reset by a token: a coroutine that an event loop left behind may be closed in another context.
                on_connection.set(ignore_connection_events)
        if isinstance(raw, NoResponse):
            # An attempt that fails after the deadline has failed because of it.
            if call.deadline is not None and loop.time() >= call.deadline:
                raise TimeoutError
            attempts.sent = attempts.sent and not issubclass(raw.kind, ConnectError)
            connections.check_not_ended()
            if call.connection is not None and call.connection.reused:
                # It may have been cut off while it was idle, without a sign of it, and others with it.
                call.fresh = True
                connections.distrust(call.connection)
        elif self.listener is not None and endpoint.host not in self.listener.responding_hosts:
            self.listener.note_response(endpoint.host)
        return raw

    def _headers(self, call: _Call, credentials: Credentials) -> dict[str, str]:
        encoded, endpoint, attempts = call.encoded, self.endpoint, call.attempts
        wall = self.clock.time()
        correction = self.shared.clock
        call.clock_offset = correction.offset and correction.current(wall, self.clock.monotonic())
        call.signed_at = wall + call.clock_offset
        headers = sign(
            method=encoded.method,
            host=endpoint.host,
            path=endpoint.path + encoded.path,
            query=encoded.query,
            body=encoded.body,
            region=endpoint.region,
            service=self.service.name,
            credentials=credentials,
            time=call.signed_at,
            target=encoded.target,
        )
        call.authorization = headers["Authorization"]
        headers["Host"] = endpoint.host
        headers["User-Agent"] = self.user_agent
        headers["amz-sdk-invocation-id"] = call.invocation_id
        headers["amz-sdk-request"] = f"attempt={attempts.count}; max={max(attempts.max_attempts, attempts.count)}"
        if encoded.body is not None:
            headers["Content-Type"] = encoded.content_type
        if self.in_lambda and (trace := lambda_trace()) is not None:
            headers["X-Amzn-Trace-Id"] = trace
        if call.recorder:
            headers.update(call.recorder.headers)
        return headers

    def _error_of(
        self, call: _Call, raw: RawResponse | NoResponse, credentials: Credentials
    ) -> ServiceError | TransportError:
        attempts = call.attempts.count
        if isinstance(raw, NoResponse):
            return raw.error(operation=call.operation, attempts=attempts, sent=call.attempts.sent)
        return self.service.read_error(
            call.operation,
            raw.status,
            raw.headers,
            raw.body,
            request_id=raw.request_id,
            attempts=attempts,
            secrets=(
                credentials.secret_access_key,
                credentials.session_token,
                credentials.access_key_id,
                call.authorization.rpartition("=")[2],
                *self.service.secrets(call.request),
            ),
        )

    def _note_success(self, call: _Call, raw: RawResponse, credentials: Credentials) -> None:
        call.attempts.succeeded()
        if self.listener is not None:
            self.listener.note_keys(self.region, self.account_id, credentials, None)
        if call.clock_offset:
            self.shared.clock.accepted(call.clock_offset)
        health = call.attempts.health
        if health is not None and not health.clear:
            health.note_response()
        if call.pace is not None:
            call.pace.record(self.clock.monotonic(), throttled=False)
        if call.recorder:
            call.recorder.attempt_ended(raw)

    def _note_failure(
        self,
        call: _Call,
        raw: RawResponse | NoResponse,
        error: ServiceError | TransportError,
        credentials: Credentials,
    ) -> None:
        call.attempts.failed(error)
        if self.listener is not None and isinstance(error, ServiceError):
            self.listener.note_keys(self.region, self.account_id, credentials, error)
        health = call.attempts.health
        if health is not None:
            if isinstance(raw, NoResponse):
                if not raw.final:
                    health.note_failure(self.clock.monotonic())
            elif not health.clear:
                health.note_response()
        if call.pace is not None:
            throttled = failure_kind(error) is FailureKind.THROTTLING
            call.pace.record(self.clock.monotonic(), throttled=throttled)
        if call.recorder:
            call.recorder.attempt_ended(raw, error)

    def _delay_before_retry(
        self, call: _Call, raw: RawResponse | NoResponse, error: ServiceError | TransportError
    ) -> float | None:
        if isinstance(raw, NoResponse) and raw.final:
            return None
        delay = call.attempts.wait_after(error, self.clock.random())
        if call.recorder and delay is not None:
            call.recorder.retry(error, delay)
        return delay

    def _correct_clock(self, call: _Call, raw: RawResponse | NoResponse, error: ServiceError | TransportError) -> bool:
        if not isinstance(raw, RawResponse):
            return False
        return self.shared.clock.refused(
            raw.status,
            code_of(error),
            raw.headers,
            signed_at=call.signed_at,
            wall=self.clock.time(),
            monotonic=self.clock.monotonic(),
        )
