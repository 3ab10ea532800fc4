"""Writes an iterator's items to a streaming response."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import hdrs, web
from attrs import define, frozen

from detective_async.integrations.aiohttp_web.connection import (
    ClientDisconnected,
    interruptible,
    limit_unsent_bytes,
    reset_connection,
    wait_until_sent,
)
from detective_async.integrations.aiohttp_web.deadline import DEADLINE
from detective_async.integrations.aiohttp_web.middleware import log_problem, problem_document
from detective_async.integrations.aiohttp_web.state import STATE

#: Seconds of writing items that are available at once, after which other tasks get a turn.
_TIME_SLICE = 0.005
#: Seconds for sending the last record during a shutdown.
_SHUTDOWN_TIMEOUT = 1.0


@frozen(kw_only=True)
class StreamFormat:
    """The format of a stream.

    Attributes:
        encode_problem: encodes the problem that ends a stream, as its last record.
        beginning: sent before the first item is available; empty to send nothing, so that an earlier failure can have
            its own response.
        end: the last record of a complete stream; empty for none.
        heartbeat: sent if there is no item for a while.
        heartbeat_interval: the seconds after which it is sent; None for never.
    """

    content_type: str
    encode: Callable[[Any], bytes]
    encode_problem: Callable[[Mapping[str, object]], bytes]
    beginning: bytes = b""
    end: bytes = b""
    heartbeat: bytes = b""
    heartbeat_interval: float | None = None


@define(eq=False)
class StreamWriter:
    """Writes one stream, at the pace of its reader, to a response that has not started yet."""

    request: web.Request
    response: web.StreamResponse
    format: StreamFormat
    write_timeout: float
    _complete: bool = False
    _last_write: float = 0.0
    _slice_start: float = 0.0

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
            reset_connection(self.request)
        except Exception as error:
            if not self.request.writer.output_size:
                raise
            await self._end_with_problem(error)

    async def _write_stream(self, items: AsyncIterator[Any]) -> None:
        request = self.request
        limit_unsent_bytes(request)
        deadline = request.get(DEADLINE)
        if deadline is not None:
            deadline.hand_over()
        async with interruptible(
            request,
            state=request.config_dict.get(STATE),
            end=None if deadline is None else deadline.end,
            write_timeout=self.write_timeout,
        ):
            if request.method == hdrs.METH_HEAD:
                self._complete = True
                await self._write(b"")
            else:
                await self._write_items(items)
            await wait_until_sent(request)

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
        await self.response.prepare(self.request)
        if data:
            await self.response.write(data)
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
        finally:
            task.cancel()
            # Its exceptions are ignored: it fails only if the connection is lost, which `interruptible` detects.
            await asyncio.gather(task, return_exceptions=True)

    async def _send_heartbeats(self, interval: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._last_write + interval - loop.time())
            if self.request.protocol.writing_paused:
                # Earlier data is still waiting for the reader.
                self._last_write = loop.time()
            elif loop.time() - self._last_write >= interval:
                await self._write(self.format.heartbeat)

    async def _end_with_problem(self, error: Exception) -> None:
        """Send the problem as the last record, unless the stream is complete, and wait for a slow reader."""
        problem = log_problem(self.request, error)
        record = b"" if self._complete else self.format.encode_problem(problem_document(self.request, problem))
        state = self.request.config_dict.get(STATE)
        timeout = _SHUTDOWN_TIMEOUT if state is not None and state.closing else self.write_timeout
        try:
            await self._write(record)
            async with asyncio.timeout(timeout):
                await wait_until_sent(self.request)
        except (TimeoutError, ConnectionError):
            reset_connection(self.request)
