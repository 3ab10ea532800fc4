"""The connection of a streaming response: what ASGI shows of its reader."""

import asyncio
from collections.abc import Mapping

from attrs import define

from detective_async.integrations.asgi.response import encode_headers
from detective_async.integrations.asgi.types import Message, Receive, Send
from detective_async.integrations.web.interruption import ClientDisconnected

INCOMPLETE = "the stream cannot be completed: its reader has stalled, or its time is up"
#: After this many records, the event loop gets to know that the connection is lost: asyncio logs a warning for each
#: record from the sixth on that a server writes to a lost one.
_WRITES_AT_ONCE = 3


@define(eq=False)
class AsgiConnection:
    """The connection of a streaming response; see `Connection` of the stream writer.

    A server shows a slow reader by the time that `send` takes, and a disconnect by an event that has to be received, or
    by an `OSError`. It can only be asked to break a connection off by an exception.

    Attributes:
        headers: the headers of the response.
        write_timeout: the seconds after which a `send` that has not ended shows a stalled reader.
        disconnected: whether the client has disconnected.
        broken: whether the response cannot be completed.
        started: whether anything was sent.
    """

    headers: Mapping[str, str]
    write_timeout: float
    _receive: Receive
    _send: Send
    disconnected: bool = False
    broken: bool = False
    started: bool = False
    _finished: bool = False
    _writes: int = 0
    _sending_since: float | None = None

    async def listen(self) -> None:
        """Receive events until the client has disconnected; what is left of the request's body is discarded."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.disconnected = True

    @property
    def busy(self) -> bool:
        """Whether earlier data still waits for the reader."""
        return self._sending_since is not None

    @property
    def lost(self) -> bool:
        """Whether the client has disconnected, or has stopped reading."""
        since = self._sending_since
        stalled = since is not None and asyncio.get_running_loop().time() - since >= self.write_timeout
        return self.disconnected or stalled

    async def write(self, data: bytes) -> None:
        """Send a record."""
        if not self.started:
            self.started = True
            headers = encode_headers(self.headers)
            await self._checked_send({"type": "http.response.start", "status": 200, "headers": headers})
        if data:
            await self._checked_send({"type": "http.response.body", "body": data, "more_body": True})
            self._writes += 1
            if self._writes % _WRITES_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def finish(self) -> None:
        """Complete the response; most servers wait here until they have sent what came before."""
        if not self._finished:
            await self._checked_send({"type": "http.response.body", "body": b"", "more_body": False})
            self._finished = True

    def reset(self) -> None:
        """Break the connection off, by an exception of the response."""
        self.broken = True

    async def _checked_send(self, message: Message) -> None:
        if self.disconnected:
            raise ClientDisconnected
        if self.broken:
            # A part may have been sent.
            raise ConnectionAbortedError
        self._sending_since = asyncio.get_running_loop().time()
        try:
            await self._send(message)
        except OSError:
            self.disconnected = True
            raise ClientDisconnected from None
        except asyncio.CancelledError:
            self.broken = True
            raise
        finally:
            self._sending_since = None
