"""The retry loop around one signed exchange."""

import asyncio
import platform
from collections.abc import Coroutine, Iterable, Mapping
from os import urandom
from typing import Any, Protocol

import aiohttp
from attrs import AttrsInstance, Factory, define, evolve, field, frozen

from detective_async._version import __version__
from detective_async.api import wire
from detective_async.api.models.base import ResponseMetadata
from detective_async.api.operations import Answer, Operation
from detective_async.api.redaction import sensitive_values
from detective_async.api.wire import EncodedRequest
from detective_async.auth import Credentials, CredentialsProvider, FixedCredentials, ManagedProvider, failed
from detective_async.auth.signing import sign, unsigned
from detective_async.errors import DeadlineExceeded, DetectiveError, ServiceError, TransportError, code_of
from detective_async.events import AttemptEvent, CallEvent, CallStart, Hook, RetryEvent, emit, emit_start
from detective_async.http.exchange import NoAnswer, RawAnswer, exchange
from detective_async.http.logs import with_logs
from detective_async.http.pool import CLOSED, Connections, nobody, on_connection
from detective_async.http.state import Pair, Shared
from detective_async.retry.clock_skew import correction
from detective_async.retry.policy import Attempts, Kind, kind_of
from detective_async.settings.clock import Clock
from detective_async.settings.endpoints import Endpoint, resolve_sts
from detective_async.settings.timeouts import Timeouts

#: What AWS says of a token that has outlived its time.
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
_USER_AGENT = f"detective-async/{__version__} python/{platform.python_version()} aiohttp/{aiohttp.__version__}"


@frozen(kw_only=True, eq=False)
class Transport:
    """Everything that a call needs, fixed for one account and region.

    Attributes:
        connections: where requests go out; shared.
        endpoint: the region's URL.
        credentials: asked before every attempt.
        max_attempts: how many attempts a call may take.
        adaptive: whether requests are slowed down to what the service takes.
        pair: what all calls of the account in the region share.
        shared: what all clients share that were made from one.
        timeouts: how long to wait for what.
        hooks: who is told of calls, attempts and waits.
        clock: time and chance.
        account_id: in whose name calls are made, for events; None for what the credentials say.
    """

    connections: Connections
    endpoint: Endpoint
    credentials: CredentialsProvider = field(repr=False)
    max_attempts: int
    adaptive: bool
    pair: Pair
    shared: Shared
    timeouts: Timeouts
    hooks: tuple[Hook, ...]
    clock: Clock
    account_id: str | None = None

    async def call(self, operation: Operation[Answer], request: AttrsInstance | None) -> Answer:
        """Send a request until it succeeds or fails for good.

        Raises:
            ParameterError: a member of the request is invalid; nothing was sent.
            CredentialsError: no usable credentials.
            TransportError: no answer came.
            ServiceError: AWS said no.
            DecodeError: the answer is not what the API promises.
        """
        encoded = wire.encode(operation, request)
        call = self._begin(operation.name, encoded, request, wire.decode_error, repeatable=operation.repeatable)
        try:
            answer = await call.run()
            metadata = ResponseMetadata(
                request_id=answer.request_id,
                http_status=answer.status,
                attempts=call.attempts.count,
                repeated=call.attempts.outcome_unknown,
            )
            decoded = wire.decode(operation, answer.body, metadata)
        except BaseException as error:
            call.end(error)
            raise
        call.end()
        return decoded

    async def call_sts(
        self,
        action: str,
        parameters: Mapping[str, str],
        *,
        source: CredentialsProvider,
        region: str | None,
        endpoint_url: str | None,
    ) -> bytes:
        """Call STS in the name of a source, by default in the own region; gives the answer's body.

        Raises:
            CredentialsError: the source has no credentials.
            TransportError: no answer came.
            ServiceError: STS said no.
        """
        # Imported by those who assume roles: it reads XML.
        from detective_async.api import sts  # noqa: PLC0415

        region = region or self.endpoint.region
        endpoint = resolve_sts(region, endpoint_url) if endpoint_url else self.shared.sts_endpoint(region)
        source = self.shared.provider(source)
        transport = evolve(
            self, endpoint=endpoint, credentials=source, pair=self.shared.pair(source, region, "sts"), account_id=None
        )
        # What is in the request may be found in any log of AWS's.
        call = transport._begin(action, sts.encode(action, parameters), None, sts.read_error, repeatable=True)  # noqa: SLF001
        try:
            answer = await call.run()
        except BaseException as error:
            call.end(error)
            raise
        call.end()
        return answer.body or b""

    @property
    def default_credentials(self) -> CredentialsProvider:
        """What the client takes where nobody said anything."""
        return self.shared.default_credentials

    def now(self) -> float:
        """Give AWS's time, in seconds since the epoch."""
        return self.clock.time() + self.shared.clock_offset

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> asyncio.Task[Credentials]:
        """Run something that may outlast the call that began it, and ends with the connections at the latest."""
        return self.connections.spawn(work)

    def _begin(
        self,
        operation: str,
        encoded: EncodedRequest,
        request: AttrsInstance | None,
        read_error: "_ReadError",
        *,
        repeatable: bool,
    ) -> "_Call":
        total = self.timeouts.total
        deadline = None if total is None else asyncio.get_running_loop().time() + total
        attempts = Attempts(self.max_attempts, self.pair.quota, repeatable=repeatable)
        hooks = with_logs(self.hooks)
        began = self.clock.monotonic() if hooks else 0.0
        return _Call(self, operation, encoded, attempts, request, read_error, deadline, hooks, began, self.account_id)


class _ReadError(Protocol):
    """Make an exception of an answer that says no."""

    def __call__(
        self,
        operation: str,
        status: int,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        attempts: int,
        secrets: Iterable[str | None],
    ) -> ServiceError: ...


def _new_id() -> str:
    """Give a random UUID (version 4), in a third of the time that `uuid.uuid4` takes."""
    digits = urandom(16).hex()
    return (
        f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[int(digits[16], 16) & 3]}{digits[17:20]}-{digits[20:]}"
    )


@define(eq=False)
class _Call:
    """One call on its way through its attempts.

    Whatever may take long is given the deadline itself, and raises `TimeoutError` then. One timer around all of it
    would be simpler, but each attempt needs its own as well, and a timer costs as much as a signature.
    """

    transport: Transport
    operation: str
    encoded: EncodedRequest
    attempts: Attempts
    request: AttrsInstance | None = field(repr=False)
    read_error: _ReadError
    deadline: float | None
    hooks: tuple[Hook, ...]
    began: float
    account_id: str | None
    invocation_id: str = Factory(_new_id)
    unsigned_headers: Mapping[str, str] | None = field(default=None, repr=False)
    started: float = 0.0
    delay: float = 0.0
    waited: float = 0.0
    last: AttemptEvent | None = None
    clock_offset: float = 0.0
    authorization: str = field(default="", repr=False)

    async def run(self) -> RawAnswer:
        """Attempt it until it succeeds or fails for good."""
        if self.hooks:
            self._start()
        try:
            return await self._attempt_until_final()
        except TimeoutError:
            # The deadline's: what an attempt or a provider times out with has become one of our errors by now.
            attempts = self.attempts
            raise DeadlineExceeded(
                f"no answer within {self.transport.timeouts.total} s",
                operation=self.operation,
                attempts=attempts.count,
                outcome_unknown=attempts.outcome_unknown or attempts.sent,
            ) from None

    def end(self, error: BaseException | None = None) -> None:
        """Tell the hooks how it ended."""
        if not self.hooks:
            return
        transport, last = self.transport, self.last
        event = CallEvent(
            operation=self.operation,
            account=self.account_id,
            region=transport.endpoint.region,
            invocation_id=self.invocation_id,
            attempts=self.attempts.count,
            elapsed=transport.clock.monotonic() - self.began,
            waited=self.waited,
            status=last.status if last else None,
            request_id=last.request_id if last else None,
            error_code=None if error is None else code_of(error),
            request_bytes=len(self.encoded.body or b""),
            response_bytes=last.response_bytes if last else None,
            retry_quota=transport.pair.quota.available,
        )
        # The other way round, so that what several hooks set at the start and reset at the end is nested.
        emit(self.hooks[::-1], event)

    def _start(self) -> None:
        endpoint = self.transport.endpoint
        start = CallStart(
            operation=self.operation,
            service=endpoint.service,
            account=self.account_id,
            region=endpoint.region,
            endpoint_url=endpoint.url,
            invocation_id=self.invocation_id,
        )
        emit_start(self.hooks, start)
        self.unsigned_headers = unsigned(start.headers)

    async def _attempt_until_final(self) -> RawAnswer:
        transport = self.transport
        clock_corrected = False
        expired: tuple[Credentials, ServiceError | TransportError] | None = None
        while True:
            credentials = await self._get_credentials()
            if expired is not None and expired[0] == credentials:
                error = expired[1]
                break
            if transport.adaptive:
                async with asyncio.timeout_at(self.deadline):
                    await transport.pair.pace.wait(transport.clock)
            self.last = None
            self.account_id = transport.account_id or credentials.account_id
            answer = await self._attempt(credentials)
            if isinstance(answer, RawAnswer) and answer.succeeded:
                self._note(answer)
                return answer
            error = self._error_of(answer, credentials)
            self._note(answer, error)
            # The next two are no retries, so no rule of retries forbids them: the request was refused unread.
            if not clock_corrected and self._correct_clock(answer, error):
                clock_corrected = True
                continue
            if expired is None and code_of(error) in _EXPIRED:
                expired = credentials, error
                self._invalidate(credentials)
                continue
            delay = self.attempts.wait_after(error, transport.clock.random())
            if delay is None:
                break
            self._emit_retry(delay, error)
            self.delay = delay
            self.waited += delay
            async with asyncio.timeout_at(self.deadline):
                await transport.clock.sleep(delay)
        try:
            raise error
        finally:
            # Its traceback holds this frame, which must not hold it in turn: only the garbage collector frees such.
            del error, expired

    async def _get_credentials(self) -> Credentials:
        provider = self.transport.credentials
        if isinstance(provider, FixedCredentials):
            return provider.credentials
        async with asyncio.timeout_at(self.deadline):
            return await self._ask(provider)

    async def _ask(self, provider: CredentialsProvider) -> Credentials:
        try:
            if isinstance(provider, ManagedProvider):
                return await provider.get_credentials_for(self.transport)
            return await provider.get_credentials()
        except DetectiveError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a provider raises
            problem = RuntimeError(CLOSED) if self.transport.connections.closed else failed(provider, error)
        try:
            # Out here, so that it is not chained to what the provider raised, whose text may hold secrets.
            raise problem
        finally:
            del problem

    def _invalidate(self, credentials: Credentials) -> None:
        provider = self.transport.credentials
        if isinstance(provider, ManagedProvider):
            provider.invalidate(credentials)

    async def _attempt(self, credentials: Credentials) -> RawAnswer | NoAnswer:
        transport, attempts, encoded = self.transport, self.attempts, self.encoded
        connections, endpoint, timeouts = transport.connections, transport.endpoint, transport.timeouts
        async with connections.turn(endpoint.host, transport.pair.gate, self.deadline):
            session = connections.session(fresh=not attempts.repeatable)
            attempts.begin()
            self.started = transport.clock.monotonic()
            on_connection.set(attempts.connection)
            try:
                answer = await exchange(
                    session,
                    encoded.method,
                    f"{endpoint.url}{encoded.path}{'?' if encoded.query else ''}{encoded.query}",
                    headers=self._headers(credentials),
                    body=encoded.body,
                    until=self._end_of_attempt(),
                    aiohttp_timeout=connections.timeout(timeouts.connect, timeouts.read),
                    proxy=connections.proxy_for(endpoint.url),
                )
            finally:
                # Not reset by a token: a coroutine that its event loop left behind is closed in whatever context.
                on_connection.set(nobody)
        if isinstance(answer, NoAnswer):
            self._check_deadline()
        return answer

    def _check_deadline(self) -> None:
        if self.deadline is not None and asyncio.get_running_loop().time() >= self.deadline:
            raise TimeoutError

    def _end_of_attempt(self) -> float | None:
        """Tell when the attempt that begins now must be over, by the event loop's clock."""
        attempt = self.transport.timeouts.attempt
        if attempt is None:
            return self.deadline
        end = asyncio.get_running_loop().time() + attempt
        return end if self.deadline is None else min(end, self.deadline)

    def _headers(self, credentials: Credentials) -> dict[str, str]:
        endpoint, encoded = self.transport.endpoint, self.encoded
        self.clock_offset = self.transport.shared.clock_offset
        headers = sign(
            method=encoded.method,
            host=endpoint.host,
            path=endpoint.path + encoded.path,
            query=encoded.query,
            body=encoded.body,
            region=endpoint.region,
            service=endpoint.service,
            credentials=credentials,
            time=self.transport.now(),
        )
        self.authorization = headers["Authorization"]
        headers["Host"] = endpoint.host
        headers["User-Agent"] = _USER_AGENT
        headers["amz-sdk-invocation-id"] = self.invocation_id
        headers["amz-sdk-request"] = (
            f"attempt={self.attempts.count}; max={max(self.attempts.max_attempts, self.attempts.count)}"
        )
        if encoded.body is not None:
            headers["Content-Type"] = encoded.content_type
        if self.unsigned_headers:
            headers.update(self.unsigned_headers)
        return headers

    def _error_of(self, answer: RawAnswer | NoAnswer, credentials: Credentials) -> ServiceError | TransportError:
        if isinstance(answer, NoAnswer):
            return answer.kind(
                answer.problem, operation=self.operation, attempts=self.attempts.count, outcome_unknown=False
            )
        return self.read_error(
            self.operation,
            answer.status,
            answer.headers,
            answer.body,
            attempts=self.attempts.count,
            secrets=(
                credentials.secret_access_key,
                credentials.session_token,
                credentials.access_key_id,
                self.authorization.rpartition("=")[2],
                *sensitive_values(self.request),
            ),
        )

    def _note(self, answer: RawAnswer | NoAnswer, error: ServiceError | TransportError | None = None) -> None:
        """Let the quota, the pace and the hooks know how an attempt ended."""
        kind = None if error is None else kind_of(error)
        if error is None:
            self.attempts.succeeded()
        else:
            self.attempts.failed(error)
        transport = self.transport
        if transport.adaptive:
            transport.pair.pace.limiter.record(transport.clock.monotonic(), throttled=kind is Kind.THROTTLING)
        if self.hooks:
            self.last = AttemptEvent(
                operation=self.operation,
                account=self.account_id,
                region=transport.endpoint.region,
                invocation_id=self.invocation_id,
                attempt=self.attempts.count,
                max_attempts=self.attempts.max_attempts,
                waited=self.delay,
                elapsed=transport.clock.monotonic() - self.started,
                status=answer.status if isinstance(answer, RawAnswer) else None,
                request_id=_request_id(answer, error),
                error_code=None if error is None else code_of(error),
                throttled=kind is Kind.THROTTLING,
                request_bytes=len(self.encoded.body or b""),
                response_bytes=_size(answer),
            )
            self.delay = 0.0
            emit(self.hooks, self.last)

    def _correct_clock(self, answer: RawAnswer | NoAnswer, error: ServiceError | TransportError) -> bool:
        if not isinstance(answer, RawAnswer):
            return False
        # By the clock that it was signed by: another call may have corrected it since.
        now = self.transport.clock.time() + self.clock_offset
        offset = correction(answer.status, code_of(error), answer.headers, now)
        if offset is None:
            return False
        self.transport.shared.clock_offset = self.clock_offset + offset
        return True

    def _emit_retry(self, delay: float, error: ServiceError | TransportError) -> None:
        transport = self.transport
        if not self.hooks:
            return
        event = RetryEvent(
            operation=self.operation,
            account=self.account_id,
            region=transport.endpoint.region,
            invocation_id=self.invocation_id,
            attempt=self.attempts.count,
            max_attempts=self.attempts.max_attempts,
            delay=delay,
            error_code=code_of(error),
        )
        emit(self.hooks, event)


def _size(answer: RawAnswer | NoAnswer) -> int | None:
    return len(answer.body) if isinstance(answer, RawAnswer) and answer.body is not None else None


def _request_id(answer: RawAnswer | NoAnswer, error: ServiceError | TransportError | None) -> str | None:
    # What an error says went through a filter of secrets, which servers may echo.
    if isinstance(error, ServiceError):
        return error.request_id
    return answer.request_id if isinstance(answer, RawAnswer) else None
