"""One HTTP exchange over aiohttp: a response within bounds, or why there is none."""

import asyncio
import math
import re
import socket
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import aiohttp
from aiohttp import hdrs
from aiohttp.client_middlewares import ClientHandlerType, ClientMiddlewareType
from aiohttp.http import HttpProcessingError
from yarl import URL

from detective_async.errors import (
    AttemptTimeout,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    HostNotFound,
    TransportError,
)
from detective_async.http.connector import BUFFER_SIZE, Connector, read_body, send
from detective_async.http.descriptors import is_exhausted, open_files_limit
from detective_async.http.time_limits import limited, time_limit

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class RawResponse:
    """A response as it arrived, of any status; its body is None if it exceeds `MAX_RESPONSE_SIZE`.

    Without a `repr` of its own: headers and body may contain anything.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes | None) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def request_id(self) -> str | None:
        """AWS's id of the request; None if the response has none, or something that cannot be one."""
        found = self.headers.get("x-amzn-requestid") or self.headers.get("x-amz-request-id") or ""
        return found if _REQUEST_ID.fullmatch(found) else None


class NoResponse(NamedTuple):
    """Why no response arrived.

    A value and not an exception, because aiohttp's exceptions refer to the request's headers, keys included: no
    exception that the caller sees may be chained to one.

    Attributes:
        kind: the exception to raise.
        problem: what happened, for its message.
        host: the host whose name does not exist, if that is why.
        final: whether another attempt would be of no use.
    """

    kind: type[TransportError]
    problem: str
    host: str | None = None
    final: bool = False

    def error(self, *, operation: str, attempts: int, sent: bool) -> TransportError:
        """Make the exception; `sent` says whether there was a connection, to the service and not to its proxy only."""
        kind = ConnectError if self.kind is ConnectionLost and not sent else self.kind
        error = kind(self.problem, operation=operation, attempts=attempts, outcome_unknown=False)
        if isinstance(error, HostNotFound):
            error.host = self.host
        return error


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    path: str,
    *,
    headers: dict[str, str],
    body: bytes | None,
    loop: asyncio.AbstractEventLoop,
    until: float | None,
    deadline: float | None,
    timers: set[asyncio.Timeout],
    timeout: aiohttp.ClientTimeout,
    proxy: str | None,
    middlewares: Sequence[ClientMiddlewareType] | None,
) -> RawResponse | NoResponse:
    """Send a request once and read the response.

    The path is percent-encoded, with the query, and appended to the URL; the headers include the signed ones. The whole
    exchange must be over at `until`, by the event loop's clock, if that is not None; later only if the event loop was
    late, but not after `deadline`. Its timer, if it has one, is among the `timers` meanwhile, so that it can be ended.
    Without `proxy` or `middlewares`, the session's own apply, if any.

    Raises:
        ConfigurationError: the session has other credentials for the host.
    """
    connector = session.connector
    try:
        if (
            proxy is None
            and isinstance(connector, Connector)
            and (destination := connector.destination(url)) is not None
        ):
            return RawResponse(
                *await send(
                    connector,
                    destination,
                    method,
                    path,
                    headers=headers,
                    body=body,
                    timeout=timeout,
                    until=until,
                    deadline=deadline,
                    timers=timers,
                )
            )
        async with limited(loop, time_limit(loop, until, deadline), timers):
            response = await session.request(
                method,
                # Without encoded=True, yarl would decode %3A to a colon, and the signature would not match.
                URL(url + path, encoded=True),
                data=body,
                headers=headers,
                # aiohttp would add a type to a request without a body.
                skip_auto_headers=_NO_TYPE if body is None else None,
                allow_redirects=False,
                # The caller's session may have another default.
                raise_for_status=False,
                auto_decompress=True,
                read_bufsize=BUFFER_SIZE,
                proxy=proxy,
                timeout=timeout,
                middlewares=middlewares,
            )
            try:
                if response.status == _PROXY_REFUSED and proxy is not None:
                    return NoResponse(ConnectError, f"the proxy {_name(URL(proxy))} refused the request (HTTP 407)")
                content = await read_body(response.content, response.headers.get(hdrs.CONTENT_LENGTH))
                return RawResponse(response.status, response.headers, content)
            finally:
                # Closes the connection if the response was not read to its end.
                response.release()
    except (_RetryPreventedError, HttpProcessingError, aiohttp.EofStream, aiohttp.ClientError, OSError) as error:
        # The response may refer to the exception, and the traceback's frames to the response: a cycle.
        error.__traceback__ = None
        return _explain(
            error.__cause__ or error if isinstance(error, _RetryPreventedError) else error,
            URL(url + path, encoded=True),
            None if proxy is None else URL(proxy),
        )
    except RuntimeError as error:
        # aiohttp's words for a body whose connection was closed together with its session.
        if str(error) != "Connection closed.":
            raise
        return NoResponse(ConnectionLost, "the connection broke")
    except ValueError as error:
        # Anything else is of a middleware of the caller's, which may have raised it after the request was sent.
        if "Cannot combine AUTHORIZATION" not in str(error):
            raise
    # Outside of the handler, so that it is not chained to an exception that refers to the request.
    host = URL(url, encoded=True).host
    raise ConfigurationError(
        f"session: it has other credentials for {host}, from auth= or, with trust_env=True, from .netrc; they would "
        "replace AWS's signature"
    )


@lru_cache(maxsize=256)
def client_timeout(connect: float | None, read: float | None, *, own_session: bool) -> aiohttp.ClientTimeout:
    """Give the timeouts that aiohttp enforces: for a new connection, and between two pieces of a response."""
    # `connect` covers name look-up, TCP and TLS, but also the wait for aiohttp's pool. Only our own sessions have none.
    return aiohttp.ClientTimeout(
        connect=connect if own_session else None,
        sock_connect=None if own_session else connect,
        sock_read=read,
        # Exact: aiohttp would round long timeouts up to full seconds.
        ceil_threshold=math.inf,
    )


_NO_TYPE = ("Content-Type",)
#: The HTTP status of a proxy that wants a user and a password, for a request without TLS.
_PROXY_REFUSED = 407


def _explain(error: BaseException, url: URL, proxy: URL | None) -> NoResponse:
    """Describe one of aiohttp's exceptions without quoting the request, or the proxy's user and password."""
    if isinstance(error, aiohttp.ClientConnectorError) and is_exhausted(error):
        return NoResponse(ConnectError, _TOO_MANY_FILES.format(limit=open_files_limit()), final=True)
    kind, problem = next(words for exceptions, words in _WORDS if isinstance(error, exceptions))
    reason = f" ({text})" if (text := _reason(error)) else ""
    if isinstance(error, _NO_CONNECTION):
        if (error.host, error.port) != (url.raw_host, url.port):
            # Also a proxy of the caller's own session.
            return NoResponse(kind, problem.format(host=f"the proxy {error.host}:{error.port}") + reason)
        if proxy is None and isinstance(error, aiohttp.ClientConnectorDNSError) and _is_no_name(error.os_error):
            return NoResponse(HostNotFound, problem.format(host=url.host) + reason, url.raw_host)
    through = "" if proxy is None else f" through the proxy {_name(proxy)}"
    return NoResponse(kind, problem.format(host=url.host) + through + reason)


#: The exceptions that say where no connection could be made to: to the service, or to a proxy.
_NO_CONNECTION = aiohttp.ClientConnectorError, aiohttp.ClientConnectorCertificateError


def _name(proxy: URL) -> str:
    return f"{proxy.host}:{proxy.port}"


_TOO_MANY_FILES = (
    "no connection could be opened, because there are too many open files (limit: {limit}): raise the limit "
    "(`ulimit -n`), or keep fewer files and connections open"
)
# The first match applies.
_WORDS: tuple[tuple[type[BaseException], tuple[type[TransportError], str]], ...] = (
    (aiohttp.ClientHttpProxyError, (ConnectError, "cannot connect to {host}")),
    (aiohttp.ClientConnectorCertificateError, (ConnectError, "cannot trust {host}")),
    (aiohttp.ClientConnectorError, (ConnectError, "cannot connect to {host}")),
    (aiohttp.ConnectionTimeoutError, (ConnectError, "cannot connect to {host} in time")),
    (aiohttp.InvalidURL, (ConnectError, "{host} is no host that can be connected to")),
    (aiohttp.SocketTimeoutError, (AttemptTimeout, "no data arrived for too long")),
    (TimeoutError, (AttemptTimeout, "the attempt took too long")),
    (aiohttp.ClientResponseError, (ConnectionLost, "the response is malformed HTTP")),
    (HttpProcessingError, (ConnectionLost, "the response is malformed HTTP")),
    (aiohttp.ClientPayloadError, (ConnectionLost, "the response is incomplete, or malformed HTTP")),
    (aiohttp.ServerDisconnectedError, (ConnectionLost, "the server closed the connection")),
    (BaseException, (ConnectionLost, "the connection broke")),
)


def _is_no_name(error: OSError) -> bool:
    """Distinguish a host name that does not exist from a name server that does not respond."""
    if isinstance(error, socket.gaierror):
        return error.errno in _NO_NAME
    # aiodns, if it is installed, uses the error numbers of c-ares.
    cause = error.__cause__
    return type(cause).__name__ == "DNSError" and cause is not None and cause.args[:1] in ((1,), (4,))


# Some systems have a separate number for a name that exists but has no address.
_NO_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def _reason(error: BaseException) -> str:
    """Give the operating system's message; aiohttp's own may quote a response."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"it refused with HTTP {error.status}"
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if not isinstance(error, OSError) or not str(error):
        return ""
    # Some have a message, but no number.
    return f"{type(error).__name__}: {error if error.errno is not None else error.strerror or error}"


class _RetryPreventedError(Exception):
    """A connection broke after which aiohttp would have sent the request again by itself."""


async def _prevent_retry(request: aiohttp.ClientRequest, handler: ClientHandlerType) -> aiohttp.ClientResponse:
    """Hide a broken connection from aiohttp, which sends GET, PUT and DELETE again by itself.

    That attempt would not be counted, and not be signed anew.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _RetryPreventedError from error


#: The attribute of aiohttp's session that says whether it sends GET, PUT and DELETE again.
_RETRIES = "_retry_connection"


def disable_aiohttp_retries(session: aiohttp.ClientSession) -> None:
    """Switch off aiohttp's own retries for a session of ours: cheaper than a middleware for each request."""
    if _RETRIES in aiohttp.ClientSession.ATTRS:
        setattr(session, _RETRIES, False)


def retry_prevention(session: aiohttp.ClientSession | None) -> tuple[ClientMiddlewareType, ...] | None:
    """Give the middlewares that keep aiohttp from repeating requests; None where a session of ours needs none."""
    if session is None and _RETRIES in aiohttp.ClientSession.ATTRS:
        return None
    # The middlewares of a request replace those of its session, which the caller may rely on.
    return (*getattr(session, "_middlewares", ()), _prevent_retry)
