"""One signed attempt, and the retry loop around it: the one place that sends anything."""

import asyncio
import platform
import uuid
from collections.abc import Mapping

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType, ClientMiddlewareType
from attrs import AttrsInstance, frozen
from yarl import URL

from detective_async import wire
from detective_async._version import __version__
from detective_async.clock import Clock
from detective_async.connections import Connections
from detective_async.credentials import Credentials, CredentialsProvider
from detective_async.endpoints import Endpoint
from detective_async.errors import (
    AttemptTimeout,
    ConnectError,
    ConnectionLost,
    CredentialsError,
    DeadlineExceeded,
    DetectiveError,
    ServiceError,
    TransportError,
)
from detective_async.events import AttemptEvent, Hook, RetryEvent, emit
from detective_async.models.base import ResponseMetadata
from detective_async.operations import Answer, Operation
from detective_async.retry import Attempts, RetryQuota, kind_of
from detective_async.signing import sign
from detective_async.timeouts import Timeouts
from detective_async.wire import EncodedRequest

_USER_AGENT = f"detective-async/{__version__} python/{platform.python_version()} aiohttp/{aiohttp.__version__}"


@frozen
class _RawAnswer:
    """An answer as it came in, whatever it says."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        """AWS's id of the request, or None where the answer had none."""
        return wire.request_id(self.headers)


@frozen(kw_only=True, eq=False)
class Transport:
    """Everything that a call needs, fixed for one account and region.

    Attributes:
        connections: where requests go out; shared.
        endpoint: the region's URL.
        credentials: asked before every attempt.
        max_attempts: how many attempts a call may take.
        quota: what retries draw on; shared.
        timeouts: how long to wait for what.
        hooks: who is told of attempts and waits.
        clock: time and chance.
    """

    connections: Connections
    endpoint: Endpoint
    credentials: CredentialsProvider
    max_attempts: int
    quota: RetryQuota
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
        encoded = wire.encode(operation, request)
        attempts = Attempts(self.max_attempts, self.quota, repeatable=operation.repeatable)
        try:
            async with asyncio.timeout(self.timeouts.total):
                answer = await self._attempt_until_final(operation.name, encoded, attempts)
        except TimeoutError:
            # Nobody else's: what an attempt or a provider times out with has become one of our errors by now.
            raise DeadlineExceeded(
                f"no answer within {self.timeouts.total} s",
                operation=operation.name,
                attempts=attempts.count,
                outcome_unknown=attempts.outcome_unknown or attempts.in_flight,
            ) from None
        metadata = ResponseMetadata(request_id=answer.request_id, http_status=answer.status, attempts=attempts.count)
        return wire.decode(operation, answer.body, metadata)

    async def _attempt_until_final(self, operation: str, request: EncodedRequest, attempts: Attempts) -> _RawAnswer:
        invocation_id = str(uuid.uuid4())
        while True:
            credentials = await self._get_credentials()
            try:
                async with self.connections as session:
                    attempts.begin()
                    headers = self._headers(request, credentials, invocation_id, attempts.count)
                    return await self._attempt(session, operation, request, headers, attempts)
            except (ServiceError, TransportError) as error:
                delay = attempts.wait_after(error, self.clock.random())
                if delay is None:
                    raise
                self._emit_retry(operation, attempts, delay, error)
            await self.clock.sleep(delay)

    async def _attempt(
        self,
        session: aiohttp.ClientSession,
        operation: str,
        request: EncodedRequest,
        headers: dict[str, str],
        attempts: Attempts,
    ) -> _RawAnswer:
        started = self.clock.monotonic()
        try:
            answer = await self._send(session, operation, request, headers, attempts)
            if not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's own numbers
                raise _service_error(operation, answer, attempts)
        except (ServiceError, TransportError) as error:
            attempts.failed(error)
            self._emit_attempt(operation, attempts, started, error)
            raise
        attempts.succeeded()
        self._emit_attempt(operation, attempts, started, answer)
        return answer

    async def _get_credentials(self) -> Credentials:
        try:
            return await self.credentials.get_credentials()
        except DetectiveError:
            raise
        except Exception as error:
            raise CredentialsError(f"{self.credentials!r} failed: {type(error).__name__}: {error}") from error

    def _headers(
        self, request: EncodedRequest, credentials: Credentials, invocation_id: str, attempt: int
    ) -> dict[str, str]:
        headers = sign(
            method=request.method,
            host=self.endpoint.host,
            path=self.endpoint.path + request.path,
            query=request.query,
            body=request.body,
            region=self.endpoint.region,
            credentials=credentials,
            time=self.clock.time(),
        )
        headers["Host"] = self.endpoint.host
        headers["User-Agent"] = _USER_AGENT
        headers["amz-sdk-invocation-id"] = invocation_id
        headers["amz-sdk-request"] = f"attempt={attempt}; max={self.max_attempts}"
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        return headers

    async def _send(
        self,
        session: aiohttp.ClientSession,
        operation: str,
        request: EncodedRequest,
        headers: dict[str, str],
        attempts: Attempts,
    ) -> _RawAnswer:
        # encoded=True, because yarl would turn %3A back into a colon, which is not what was signed.
        query = f"?{request.query}" if request.query else ""
        url = URL(f"{self.endpoint.url}{request.path}{query}", encoded=True)
        try:
            async with (
                asyncio.timeout(self.timeouts.attempt),
                session.request(
                    request.method,
                    url,
                    data=request.body,
                    headers=headers,
                    # A request without a body has no type, whatever aiohttp would make of it.
                    skip_auto_headers=("Content-Type",),
                    allow_redirects=False,
                    # A session that was passed in may have been set otherwise.
                    raise_for_status=False,
                    auto_decompress=True,
                    proxy=self.connections.proxy_for(self.endpoint.url),
                    timeout=aiohttp.ClientTimeout(sock_connect=self.timeouts.connect, sock_read=self.timeouts.read),
                    middlewares=_with_resend_prevented(session),
                ) as response,
            ):
                return _RawAnswer(response.status, response.headers, await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            problem = f"cannot connect to {self.endpoint.host}"
            raise _no_answer(ConnectError, problem, error, operation, attempts) from error
        except TimeoutError as error:
            raise _no_answer(AttemptTimeout, "the attempt took too long", error, operation, attempts) from error
        except (_ResendPreventedError, aiohttp.ClientError, OSError) as error:
            cause = error.__cause__ or error
            raise _no_answer(ConnectionLost, "the connection broke", cause, operation, attempts) from cause

    def _emit_attempt(
        self, operation: str, attempts: Attempts, started: float, outcome: _RawAnswer | ServiceError | TransportError
    ) -> None:
        if not self.hooks:
            return
        event = AttemptEvent(
            operation=operation,
            region=self.endpoint.region,
            attempt=attempts.count,
            max_attempts=self.max_attempts,
            elapsed=self.clock.monotonic() - started,
            status=None if isinstance(outcome, TransportError) else outcome.status,
            request_id=None if isinstance(outcome, TransportError) else outcome.request_id,
            error_code=None if isinstance(outcome, _RawAnswer) else _code(outcome),
        )
        emit(self.hooks, event)

    def _emit_retry(
        self, operation: str, attempts: Attempts, delay: float, error: ServiceError | TransportError
    ) -> None:
        if not self.hooks:
            return
        event = RetryEvent(
            operation=operation,
            region=self.endpoint.region,
            attempt=attempts.count,
            max_attempts=self.max_attempts,
            delay=delay,
            error_code=_code(error),
        )
        emit(self.hooks, event)


def _code(error: ServiceError | TransportError) -> str:
    return error.code if isinstance(error, ServiceError) else type(error).__name__


def _service_error(operation: str, answer: _RawAnswer, attempts: Attempts) -> ServiceError:
    error = wire.decode_error(operation, answer.status, answer.headers, answer.body, attempts.count)
    error.retryable = kind_of(error) is not None
    return error


def _no_answer(
    kind: type[TransportError], problem: str, cause: BaseException, operation: str, attempts: Attempts
) -> TransportError:
    reason = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    return kind(
        f"{problem} ({reason})",
        operation=operation,
        attempts=attempts.count,
        outcome_unknown=attempts.outcome_unknown or kind is not ConnectError,
    )


class _ResendPreventedError(Exception):
    """A connection broke that aiohttp would have replaced without telling anybody."""


async def _prevent_resend(request: aiohttp.ClientRequest, handler: ClientHandlerType) -> aiohttp.ClientResponse:
    """Hide a broken connection from aiohttp, which sends GET, PUT and DELETE again by itself.

    Such an attempt would be counted by nobody, and would not be signed anew.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _ResendPreventedError from error


def _with_resend_prevented(session: aiohttp.ClientSession) -> tuple[ClientMiddlewareType, ...]:
    # A request's middlewares replace its session's, and the caller's session may have some that matter.
    return (*getattr(session, "_middlewares", ()), _prevent_resend)
