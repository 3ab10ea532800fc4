"""Writes an iterator's items to a streaming response."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from attrs import define, field

from detective_async.integrations.web.deadline import Deadline
from detective_async.integrations.web.formats import StreamFormat
from detective_async.integrations.web.interruption import ClientDisconnected, interruptible
from detective_async.integrations.web.problem import ShuttingDown
from detective_async.integrations.web.state import State

#: Seconds of writing items that are available at once, after which other tasks get a turn.
_TIME_SLICE = 0.005
#: Seconds for sending the last record during a shutdown.
_SHUTDOWN_TIMEOUT = 1.0


class Connection(Protocol):
    """A response that has not started yet, and the connection that it is sent on."""

    @property
    def started(self) -> bool:
        """Whether anything was sent."""
        ...

    @property
    def busy(self) -> bool:
        """Whether earlier data still waits for the reader."""
        ...

    @property
    def lost(self) -> bool:
        """Whether the client has disconnected, or has stopped reading; asked every 0.1 s."""
        ...

    async def write(self, data: bytes) -> None:
        """Send a record; the first call, whose record may be empty, starts the response."""
        ...

    async def finish(self) -> None:
        """Wait until everything is sent; called once more if it was interrupted."""
        ...

    def reset(self) -> None:
        """Break the connection off, so that the response does not look complete."""
        ...


@define(eq=False)
class StreamWriter:
    """Writes one stream, at the pace of its reader.

    Attributes:
        explain: returns the problem document of an exception, and logs it.
        state: indicates a shutdown of the server; None if the integration is not set up.
        deadline: that of the request; None for none.
        head: whether only the headers are wanted.
    """

    connection: Connection
    format: StreamFormat
    explain: Callable[[Exception], Mapping[str, object]]
    state: State | None
    deadline: Deadline | None
    head: bool
    _complete: bool = False
    _last_write: float = 0.0
    _slice_start: float = 0.0
    #: Held while a record is sent.
    _writing: asyncio.Lock = field(init=False, factory=asyncio.Lock)

    async def run(self, items: AsyncIterator[Any]) -> None:
        """Write all items, and close the iterator in any case.

        Raises:
            Exception: what was raised before anything was sent.
        """
        try:
            try:
                await self._write_stream(items)
            finally:
                # Before anything slow, so that the iterator's work does not continue meanwhile.
                if close := getattr(items, "aclose", None):
                    await close()
        except ClientDisconnected:
            self.connection.reset()
        except Exception as error:
            if not self.connection.started:
                raise
            await self._end_with_problem(error)

    async def _write_stream(self, items: AsyncIterator[Any]) -> None:
        if self.deadline is not None:
            self.deadline.hand_over()
        async with interruptible(self._interruption, None if self.deadline is None else self.deadline.end):
            if self.head:
                self._complete = True
                await self._write(b"")
            else:
                await self._write_items(items)
            await self.connection.finish()

    def _interruption(self) -> Exception | None:
        if self.connection.lost:
            return ClientDisconnected()
        return ShuttingDown() if self._closing else None

    @property
    def _closing(self) -> bool:
        return self.state is not None and self.state.closing

    async def _write_items(self, items: AsyncIterator[Any]) -> None:
        if self.format.beginning:
            await self._write(self.format.beginning)
        async with self._heartbeats():
            async for item in items:
                await self._write(self.format.encode(item))
                await self._yield_to_other_tasks()
        self._complete = True
        await self._write(self.format.end)

    async def _write(self, data: bytes) -> None:
        async with self._writing:
            await self.connection.write(data)
            self._last_write = asyncio.get_running_loop().time()

    async def _yield_to_other_tasks(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._slice_start >= _TIME_SLICE:
            await asyncio.sleep(0)
            self._slice_start = loop.time()

    @asynccontextmanager
    async def _heartbeats(self) -> AsyncIterator[None]:
        if self.format.heartbeat_interval is None:
            yield
            return
        task = asyncio.create_task(self._send_heartbeats(self.format.heartbeat_interval))
        try:
            yield
            # Not while it sends: a server may have sent a part when its `send` is cancelled.
            async with self._writing:
                task.cancel()
        finally:
            task.cancel()
            # Its exceptions are ignored: it fails only if the connection is lost, which `interruptible` detects.
            await asyncio.gather(task, return_exceptions=True)

    async def _send_heartbeats(self, interval: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._last_write + interval - loop.time())
            if self.connection.busy:
                self._last_write = loop.time()
            elif loop.time() - self._last_write >= interval:
                await self._write(self.format.heartbeat)

    async def _end_with_problem(self, error: Exception) -> None:
        """Send the problem as the last record, unless the stream is complete, and wait for a slow reader."""
        problem = self.explain(error)
        record = b"" if self._complete else self.format.encode_problem(problem)
        try:
            async with asyncio.timeout(_SHUTDOWN_TIMEOUT if self._closing else self.format.write_timeout):
                await self._write(record)
                await self.connection.finish()
        except (TimeoutError, ConnectionError, ClientDisconnected):
            self.connection.reset()
