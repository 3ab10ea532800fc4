"""One HTTP exchange over aiohttp: an answer within bounds, or why there is none."""

import asyncio
import socket
from collections.abc import Mapping

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType, ClientMiddlewareType
from attrs import field, frozen
from yarl import URL

from detective_async.api import wire
from detective_async.errors import AttemptTimeout, ConnectError, ConnectionLost, HostNotFound, TransportError

#: Bytes of an answer that are taken in, after decompression: fifty times the largest that the API has.
MAX_ANSWER_SIZE = 16 * 2**20


@frozen
class RawAnswer:
    """An answer as it came in, whatever it says.

    Attributes:
        status: the HTTP status.
        headers: its headers.
        body: its body; None where that was too large to be taken in.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether it says yes."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own numbers

    @property
    def request_id(self) -> str | None:
        """AWS's id of the request, or None where the answer had none."""
        return wire.request_id(self.headers)


@frozen
class NoAnswer:
    """Why no answer came.

    A value and not an exception, because aiohttp's exceptions hold the request's headers, keys included: nothing that
    the caller sees may be chained to one.

    Attributes:
        kind: what to raise.
        problem: what happened, in words.
    """

    kind: type[TransportError]
    problem: str


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    until: float | None,
    aiohttp_timeout: aiohttp.ClientTimeout,
    proxy: str | None,
) -> RawAnswer | NoAnswer:
    """Send a request once and take in what comes back.

    Args:
        session: what to send it on.
        method: the HTTP method.
        url: percent-encoded.
        headers: the signed ones and all others.
        body: the request's body; None for none.
        until: when the whole exchange must be over, by the event loop's clock; None for no limit.
        aiohttp_timeout: what aiohttp itself is to watch.
        proxy: the URL of a proxy; None for none, or for the session's own.
    """
    try:
        async with asyncio.timeout_at(until):
            response = await session.request(
                method,
                # encoded=True, because yarl would turn %3A back into a colon, which is not what was signed.
                URL(url, encoded=True),
                data=body,
                headers=headers,
                # A request without a body has no type, whatever aiohttp would make of it.
                skip_auto_headers=_NO_TYPE if body is None else None,
                allow_redirects=False,
                # A session that was passed in may have been set otherwise.
                raise_for_status=False,
                auto_decompress=True,
                read_bufsize=_BUFFER,
                proxy=proxy,
                timeout=aiohttp_timeout,
                middlewares=_with_resend_prevented(session),
            )
            try:
                return RawAnswer(response.status, response.headers, await _read(response))
            finally:
                # Where the answer was not read to its end, this closes the connection.
                response.release()
    except (_ResendPreventedError, aiohttp.ClientError, OSError) as error:
        # The answer may keep it, and the frames of the traceback the answer.
        error.__traceback__ = None
        return _explain(error.__cause__ or error if isinstance(error, _ResendPreventedError) else error, url)


#: Bytes that are taken in before aiohttp stops listening until they were looked at: as a rule, the whole answer.
_BUFFER = 2**20
_NO_TYPE = ("Content-Type",)


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    if response.content_length is not None and response.content_length > MAX_ANSWER_SIZE:
        response.close()
        return None
    if response.content.is_eof():
        # All there at once, as small answers are.
        whole = response.content.read_nowait()
        return whole if len(whole) <= MAX_ANSWER_SIZE else None
    size = 0
    pieces: list[bytes] = []
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > MAX_ANSWER_SIZE:
            response.close()
            return None
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _explain(error: BaseException, url: str) -> NoAnswer:
    """Put one of aiohttp's exceptions into words, of which none is of the request."""
    kind, problem = next(words for exceptions, words in _WORDS if isinstance(error, exceptions))
    if isinstance(error, aiohttp.ClientConnectorDNSError) and _is_no_name(error.os_error):
        kind = HostNotFound
    reason = _reason(error)
    return NoAnswer(kind, problem.format(host=URL(url).host) + (f" ({reason})" if reason else ""))


# The first that fits counts.
_WORDS: tuple[tuple[type[BaseException], tuple[type[TransportError], str]], ...] = (
    (aiohttp.ClientHttpProxyError, (ConnectError, "the proxy refused to connect to {host}")),
    (aiohttp.ClientProxyConnectionError, (ConnectError, "cannot connect to the proxy")),
    (aiohttp.ClientConnectorCertificateError, (ConnectError, "cannot trust {host}")),
    (aiohttp.ClientConnectorError, (ConnectError, "cannot connect to {host}")),
    (aiohttp.ConnectionTimeoutError, (ConnectError, "cannot connect to {host} in time")),
    (aiohttp.InvalidURL, (ConnectError, "{host} is no host that can be connected to")),
    (aiohttp.SocketTimeoutError, (AttemptTimeout, "nothing came for too long")),
    (TimeoutError, (AttemptTimeout, "the attempt took too long")),
    (aiohttp.ClientResponseError, (ConnectionLost, "the answer is malformed HTTP")),
    (aiohttp.ClientPayloadError, (ConnectionLost, "the answer broke off, or is malformed HTTP")),
    (aiohttp.ServerDisconnectedError, (ConnectionLost, "the server closed the connection")),
    (BaseException, (ConnectionLost, "the connection broke")),
)


def _is_no_name(error: OSError) -> bool:
    """Tell a name that does not exist from a name server that does not answer."""
    if isinstance(error, socket.gaierror):
        return error.errno in _NO_NAME
    # aiodns, where it is installed, has the numbers of c-ares.
    cause = error.__cause__
    return type(cause).__name__ == "DNSError" and cause is not None and cause.args[:1] in ((1,), (4,))


# Where a name exists, but has no address of any kind, some systems have a number of its own.
_NO_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def _reason(error: BaseException) -> str:
    """Give the system's words; aiohttp's own may quote an answer."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"HTTP {error.status}"
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if not isinstance(error, OSError) or not str(error):
        return ""
    # Some have words, but no number.
    return f"{type(error).__name__}: {error if error.errno is not None else error.strerror or error}"


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


#: What aiohttp's own session calls whether it sends GET, PUT and DELETE again.
_RESENDS = "_retry_connection"


def have_nothing_resent(session: aiohttp.ClientSession) -> None:
    """Tell a session of our own to send nothing again by itself, which costs less than to prevent it each time."""
    if _RESENDS in aiohttp.ClientSession.ATTRS:
        setattr(session, _RESENDS, False)


def _with_resend_prevented(session: aiohttp.ClientSession) -> tuple[ClientMiddlewareType, ...] | None:
    if getattr(session, _RESENDS, True) is False:
        return None
    # A request's middlewares replace its session's, and the caller's session may have some that matter.
    return (*getattr(session, "_middlewares", ()), _prevent_resend)
