"""A call: one signed request, attempted until it succeeds or fails for good."""

import asyncio
import logging
import platform
from collections.abc import Coroutine
from typing import Any, Self, TypeVar
from uuid import uuid4

import aiohttp
from attrs import define, evolve, field, frozen

from detective_async._version import __version__
from detective_async.api.models.base import ResponseMetadata
from detective_async.api.service import EncodedRequest, Service, ServiceOperation
from detective_async.auth import Credentials, CredentialsProvider, FixedCredentials, ManagedProvider, provider_failure
from detective_async.auth.signing import sign
from detective_async.errors import DeadlineExceeded, DetectiveError, ServiceError, TransportError, code_of
from detective_async.events import Hook
from detective_async.http.exchange import NoResponse, RawResponse, client_timeout, exchange
from detective_async.http.pool import CLOSED, ConnectionPool, Turn, ignore_connection_events, on_connection
from detective_async.http.state import Limits, SharedState
from detective_async.http.telemetry import CallRecorder, call_logger, log, retry_logger
from detective_async.retry.clock_skew import correction
from detective_async.retry.policy import Attempts, FailureKind, Schedule, failure_kind
from detective_async.settings.clock import Clock
from detective_async.settings.endpoints import Endpoint
from detective_async.settings.timeouts import Timeouts, shortened

#: AWS's codes for a session token whose lifetime is over.
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
_SUCCESS = range(200, 300)
_USER_AGENT = f"detective-async/{__version__} python/{platform.python_version()} aiohttp/{aiohttp.__version__}"

Response = TypeVar("Response")


@define(eq=False)
class _Call:
    """What the attempts of one call have in common.

    Every wait is given the deadline, and raises `TimeoutError` then. One timer around the whole call would
    be simpler, but each attempt needs its own as well, and a timer costs as much as a signature.
    """

    operation: str
    request: object = field(repr=False)
    encoded: EncodedRequest
    attempts: Attempts
    deadline: float | None
    invocation_id: str
    recorder: CallRecorder | None
    # Of the last attempt: the clock's correction that it was signed with, and its signature.
    clock_offset: float = 0.0
    authorization: str = field(default="", repr=False)


@frozen(kw_only=True, eq=False)
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
        account_id: the account in the events of calls; None for what the credentials say.
    """

    service: Service
    pool: ConnectionPool
    endpoint: Endpoint
    credentials: CredentialsProvider = field(repr=False)
    max_attempts: int
    adaptive: bool
    schedule: Schedule
    limits: Limits
    shared: SharedState
    timeouts: Timeouts
    hooks: tuple[Hook, ...]
    clock: Clock
    account_id: str | None = None

    async def call(self, operation: ServiceOperation[Response], request: object) -> Response:
        """Send a request until it succeeds or fails for good.

        Raises:
            ParameterError: a member of the request is invalid; nothing was sent.
            CredentialsError: no usable credentials.
            TransportError: no response arrived.
            ServiceError: the service refused.
            DecodeError: the response is not what the API promises.
        """
        encoded = self.service.encode(operation, request)
        total = self.timeouts.total
        deadline = None if total is None else asyncio.get_running_loop().time() + total
        limits = self.limits
        attempts = Attempts(self.max_attempts, limits.quota, operation.repeatable, self.schedule, limits.health)
        invocation_id = str(uuid4())
        hooks = self.hooks
        if retry_logger.isEnabledFor(logging.INFO) or call_logger.isEnabledFor(logging.DEBUG):
            hooks = (*hooks, log)
        recorder = None
        if hooks:
            recorder = CallRecorder(
                operation=operation.name,
                service=self.service.name,
                endpoint=self.endpoint,
                account_id=self.account_id,
                invocation_id=invocation_id,
                attempts=attempts,
                request_bytes=len(encoded.body or b""),
                hooks=hooks,
                clock=self.clock,
            )
        call = _Call(operation.name, request, encoded, attempts, deadline, invocation_id, recorder)
        try:
            if recorder:
                recorder.start()
            raw = await self._attempt_until_final(call)
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

    def for_service(
        self, service: Service, *, credentials: CredentialsProvider, region: str | None, endpoint_url: str | None
    ) -> Self:
        """Give the transport to another service, by default in the same region, over the same connections."""
        region = region or self.endpoint.region
        provider = self.shared.provider(credentials)
        return evolve(
            self,
            service=service,
            endpoint=service.resolve(region, endpoint_url) if endpoint_url else self.shared.resolve(service, region),
            credentials=provider,
            limits=self.shared.limits(provider, region, service.name, gated=False),
            account_id=None,
        )

    @property
    def default_credentials(self) -> CredentialsProvider:
        """The credentials of a client that was given none."""
        return self.shared.default_credentials

    def now(self) -> float:
        """Give AWS's time, in seconds since the epoch."""
        return self.clock.time() + self.shared.clock_offset

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> asyncio.Task[Credentials]:
        """Run a coroutine that may outlast the call that started it; it ends with the connections at the latest."""
        return self.pool.spawn(work)

    async def _attempt_until_final(self, call: _Call) -> RawResponse:
        """Get credentials, wait for a turn, sign, exchange, judge, wait, and start over."""
        attempts = call.attempts
        clock_corrected = False
        expired: tuple[Credentials, ServiceError | TransportError] | None = None
        error: ServiceError | TransportError | None = None
        try:
            while True:
                credentials = await self._get_credentials(call.deadline)
                if expired is not None and credentials == expired[0]:
                    raise expired[1]
                raw = await self._attempt(call, credentials)
                if isinstance(raw, RawResponse) and raw.status in _SUCCESS:
                    self._note_success(call, raw)
                    return raw
                error = self._error_of(call, raw, credentials)
                self._note_failure(call, raw, error)
                # The next two are no retries, and no rule of retries applies: the request was refused unread.
                if not clock_corrected and self._correct_clock(call, raw, error):
                    clock_corrected = True
                elif expired is None and code_of(error) in _EXPIRED:
                    expired = credentials, error
                    if isinstance(self.credentials, ManagedProvider):
                        self.credentials.invalidate(credentials)
                else:
                    delay = attempts.wait_after(error, self.clock.random())
                    if delay is None:
                        raise error
                    if call.recorder:
                        call.recorder.retry(error, delay)
                    async with asyncio.timeout_at(call.deadline):
                        await self.clock.sleep(delay)
        except TimeoutError:
            # The deadline's: the timeouts of attempts and providers have become errors of this library by now.
            raise DeadlineExceeded(
                f"no response within {self.timeouts.total} s",
                operation=call.operation,
                attempts=attempts.count,
                outcome_unknown=attempts.outcome_unknown or attempts.sent,
            ) from None
        finally:
            # Their tracebacks refer to this frame: a reference back is a cycle, left to the garbage collector.
            del error, expired

    async def _get_credentials(self, deadline: float | None) -> Credentials:
        provider = self.credentials
        if isinstance(provider, FixedCredentials):
            return provider.credentials
        async with asyncio.timeout_at(deadline):
            try:
                if isinstance(provider, ManagedProvider):
                    return await provider.get_credentials_for(self)
                return await provider.get_credentials()
            except DetectiveError:
                raise
            except Exception as error:  # noqa: BLE001 - a provider may raise anything
                problem = RuntimeError(CLOSED) if self.pool.closed else provider_failure(provider, error)
            try:
                # Outside of the handler, so that it is not chained to the provider's exception, which may hold secrets.
                raise problem
            finally:
                del problem

    async def _attempt(self, call: _Call, credentials: Credentials) -> RawResponse | NoResponse:
        encoded, endpoint, attempts, timeouts = call.encoded, self.endpoint, call.attempts, self.timeouts
        if attempts.health is not None and attempts.health.dead:
            timeouts = shortened(timeouts)
        if self.adaptive:
            async with asyncio.timeout_at(call.deadline):
                await self.limits.pace.wait(self.clock)
        if call.recorder:
            call.recorder.attempt_prepared(credentials)
        async with Turn(self.pool, endpoint.host, self.limits.semaphore, call.deadline):
            session = self.pool.session(fresh=not attempts.repeatable)
            attempts.begin()
            if call.recorder:
                call.recorder.attempt_started()
            until = call.deadline
            if timeouts.attempt is not None:
                end = asyncio.get_running_loop().time() + timeouts.attempt
                until = end if until is None else min(until, end)
            on_connection.set(attempts.connection)
            try:
                raw = await exchange(
                    session,
                    encoded.method,
                    f"{endpoint.url}{encoded.path}{'?' if encoded.query else ''}{encoded.query}",
                    headers=self._headers(call, credentials),
                    body=encoded.body,
                    until=until,
                    timeout=client_timeout(timeouts.connect, timeouts.read, own_session=self.pool.owns_sessions),
                    proxy=self.pool.proxy_for(endpoint.url),
                    middlewares=self.pool.middlewares,
                )
            finally:
                # Not reset by a token: a coroutine that an event loop left behind may be closed in another context.
                on_connection.set(ignore_connection_events)
        if isinstance(raw, NoResponse):
            # An attempt that fails after the deadline has failed because of it.
            _raise_if_past(call.deadline)
        return raw

    def _headers(self, call: _Call, credentials: Credentials) -> dict[str, str]:
        encoded, endpoint, attempts = call.encoded, self.endpoint, call.attempts
        call.clock_offset = self.shared.clock_offset
        headers = sign(
            method=encoded.method,
            host=endpoint.host,
            path=endpoint.path + encoded.path,
            query=encoded.query,
            body=encoded.body,
            region=endpoint.region,
            service=self.service.name,
            credentials=credentials,
            time=self.clock.time() + call.clock_offset,
        )
        call.authorization = headers["Authorization"]
        headers["Host"] = endpoint.host
        headers["User-Agent"] = _USER_AGENT
        headers["amz-sdk-invocation-id"] = call.invocation_id
        headers["amz-sdk-request"] = f"attempt={attempts.count}; max={max(attempts.max_attempts, attempts.count)}"
        if encoded.body is not None:
            headers["Content-Type"] = encoded.content_type
        if call.recorder:
            headers.update(call.recorder.headers)
        return headers

    def _error_of(
        self, call: _Call, raw: RawResponse | NoResponse, credentials: Credentials
    ) -> ServiceError | TransportError:
        attempts = call.attempts.count
        if isinstance(raw, NoResponse):
            return raw.kind(raw.problem, operation=call.operation, attempts=attempts, outcome_unknown=False)
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

    def _note_success(self, call: _Call, raw: RawResponse) -> None:
        call.attempts.succeeded()
        health = self.limits.health
        if health is not None and not health.clear:
            health.note_answer()
        if self.adaptive:
            self.limits.pace.record(self.clock.monotonic(), throttled=False)
        if call.recorder:
            call.recorder.attempt_ended(raw)

    def _note_failure(self, call: _Call, raw: RawResponse | NoResponse, error: ServiceError | TransportError) -> None:
        call.attempts.failed(error)
        health = self.limits.health
        if health is not None:
            if isinstance(raw, NoResponse):
                health.note_failure(self.clock.monotonic())
            elif not health.clear:
                health.note_answer()
        if self.adaptive:
            throttled = failure_kind(error) is FailureKind.THROTTLING
            self.limits.pace.record(self.clock.monotonic(), throttled=throttled)
        if call.recorder:
            call.recorder.attempt_ended(raw, error)

    def _correct_clock(self, call: _Call, raw: RawResponse | NoResponse, error: ServiceError | TransportError) -> bool:
        if not isinstance(raw, RawResponse):
            return False
        # By the clock that the attempt was signed with: another call may have corrected it since.
        offset = correction(raw.status, code_of(error), raw.headers, self.clock.time() + call.clock_offset)
        if offset is None:
            return False
        self.shared.clock_offset = call.clock_offset + offset
        return True


def _raise_if_past(deadline: float | None) -> None:
    if deadline is not None and asyncio.get_running_loop().time() >= deadline:
        raise TimeoutError
