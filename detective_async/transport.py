"""The retry loop around one signed exchange."""

import asyncio
import platform
import uuid
from typing import Any

import aiohttp
from attrs import AttrsInstance, Factory, define, field, frozen

from detective_async import wire
from detective_async._version import __version__
from detective_async.clock import Clock
from detective_async.connections import Connections, on_connection
from detective_async.credentials import Credentials, CredentialsProvider, name_of
from detective_async.endpoints import Endpoint
from detective_async.errors import CredentialsError, DeadlineExceeded, DetectiveError, ServiceError, TransportError
from detective_async.events import AttemptEvent, Hook, RetryEvent, emit
from detective_async.exchange import NoAnswer, RawAnswer, exchange
from detective_async.masking import mask_keys, sensitive_values
from detective_async.models.base import ResponseMetadata
from detective_async.operations import Answer, Operation
from detective_async.retry import Attempts, Kind, kind_of
from detective_async.shared import Pair, Shared
from detective_async.signing import sign
from detective_async.skew import correction
from detective_async.timeouts import Timeouts
from detective_async.wire import EncodedRequest

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
        hooks: who is told of attempts and waits.
        clock: time and chance.
    """

    connections: Connections
    endpoint: Endpoint
    credentials: CredentialsProvider
    max_attempts: int
    adaptive: bool
    pair: Pair
    shared: Shared
    timeouts: Timeouts
    hooks: tuple[Hook, ...]
    clock: Clock

    async def call(self, operation: Operation[Answer], request: AttrsInstance | None) -> Answer:
        """Send a request until it succeeds or fails for good.

        Raises:
            ParameterError: a member of the request is invalid; nothing was sent.
            CredentialsError: no usable credentials.
            TransportError: no answer came.
            ServiceError: AWS said no.
            DecodeError: the answer is not what the API promises.
        """
        call = _Call(
            self,
            operation,
            request,
            wire.encode(operation, request),
            Attempts(self.max_attempts, self.pair.quota, repeatable=operation.repeatable),
        )
        try:
            async with asyncio.timeout(self.timeouts.total):
                answer = await call.attempt_until_final()
        except TimeoutError:
            # Nobody else's: what an attempt or a provider times out with has become one of our errors by now.
            raise DeadlineExceeded(
                f"no answer within {self.timeouts.total} s",
                operation=operation.name,
                attempts=call.attempts.count,
                outcome_unknown=call.attempts.outcome_unknown or call.attempts.sent,
            ) from None
        metadata = ResponseMetadata(
            request_id=answer.request_id,
            http_status=answer.status,
            attempts=call.attempts.count,
            repeated=call.attempts.outcome_unknown,
        )
        return wire.decode(operation, answer.body, metadata)


@define(eq=False)
class _Call:
    """One call on its way through its attempts."""

    transport: Transport
    operation: Operation[Any]
    request: AttrsInstance | None
    encoded: EncodedRequest
    attempts: Attempts
    invocation_id: str = Factory(lambda: str(uuid.uuid4()))
    started: float = 0.0
    authorization: str = field(default="", repr=False)

    async def attempt_until_final(self) -> RawAnswer:
        transport = self.transport
        clock_corrected = False
        while True:
            credentials = await self._get_credentials()
            if transport.adaptive:
                await transport.pair.pace.wait(transport.clock)
            answer = await self._attempt(credentials)
            if isinstance(answer, RawAnswer) and answer.succeeded:
                self._note(answer)
                return answer
            error = self._error_of(answer, credentials)
            self._note(answer, error)
            if not clock_corrected and self._correct_clock(answer, error):
                # Not a retry, so no rule of retries forbids it: the request was refused for its date, unread.
                clock_corrected = True
                continue
            delay = self.attempts.wait_after(error, transport.clock.random())
            if delay is None:
                raise error
            self._emit_retry(delay, error)
            await transport.clock.sleep(delay)

    async def _get_credentials(self) -> Credentials:
        provider = self.transport.credentials
        try:
            return await provider.get_credentials()
        except DetectiveError:
            raise
        except Exception as error:
            reason = mask_keys(f"{type(error).__name__}: {error}")
            raise CredentialsError(f"{name_of(provider)} failed: {reason}") from error

    async def _attempt(self, credentials: Credentials) -> RawAnswer | NoAnswer:
        transport, attempts, encoded = self.transport, self.attempts, self.encoded
        connections, endpoint, timeouts = transport.connections, transport.endpoint, transport.timeouts
        async with connections.turn(endpoint.host, fresh=not self.operation.repeatable) as session:
            attempts.begin()
            self.started = transport.clock.monotonic()
            token = on_connection.set(attempts.connection)
            try:
                return await exchange(
                    session,
                    encoded.method,
                    f"{endpoint.url}{encoded.path}{'?' if encoded.query else ''}{encoded.query}",
                    headers=self._headers(credentials),
                    body=encoded.body,
                    timeout=timeouts.attempt,
                    aiohttp_timeout=connections.timeout(timeouts.connect, timeouts.read),
                    proxy=connections.proxy_for(endpoint.url),
                )
            finally:
                on_connection.reset(token)

    def _headers(self, credentials: Credentials) -> dict[str, str]:
        endpoint, encoded = self.transport.endpoint, self.encoded
        headers = sign(
            method=encoded.method,
            host=endpoint.host,
            path=endpoint.path + encoded.path,
            query=encoded.query,
            body=encoded.body,
            region=endpoint.region,
            credentials=credentials,
            time=self._aws_time(),
        )
        self.authorization = headers["Authorization"]
        headers["Host"] = endpoint.host
        headers["User-Agent"] = _USER_AGENT
        headers["amz-sdk-invocation-id"] = self.invocation_id
        headers["amz-sdk-request"] = (
            f"attempt={self.attempts.count}; max={max(self.attempts.max_attempts, self.attempts.count)}"
        )
        if encoded.body is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def _aws_time(self) -> float:
        return self.transport.clock.time() + self.transport.shared.clock_offset

    def _error_of(self, answer: RawAnswer | NoAnswer, credentials: Credentials) -> ServiceError | TransportError:
        if isinstance(answer, NoAnswer):
            return answer.kind(
                answer.problem, operation=self.operation.name, attempts=self.attempts.count, outcome_unknown=False
            )
        return wire.decode_error(
            self.operation.name,
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
        if transport.hooks:
            event = AttemptEvent(
                operation=self.operation.name,
                region=transport.endpoint.region,
                attempt=self.attempts.count,
                max_attempts=self.attempts.max_attempts,
                elapsed=transport.clock.monotonic() - self.started,
                status=answer.status if isinstance(answer, RawAnswer) else None,
                request_id=answer.request_id if isinstance(answer, RawAnswer) else None,
                error_code=None if error is None else _code(error),
            )
            emit(transport.hooks, event)

    def _correct_clock(self, answer: RawAnswer | NoAnswer, error: ServiceError | TransportError) -> bool:
        if not isinstance(answer, RawAnswer):
            return False
        offset = correction(answer.status, _code(error), answer.headers, self._aws_time())
        if offset is None:
            return False
        self.transport.shared.clock_offset += offset
        return True

    def _emit_retry(self, delay: float, error: ServiceError | TransportError) -> None:
        transport = self.transport
        if not transport.hooks:
            return
        event = RetryEvent(
            operation=self.operation.name,
            region=transport.endpoint.region,
            attempt=self.attempts.count,
            max_attempts=self.attempts.max_attempts,
            delay=delay,
            error_code=_code(error),
        )
        emit(transport.hooks, event)


def _code(error: ServiceError | TransportError) -> str:
    return error.code if isinstance(error, ServiceError) else type(error).__name__
