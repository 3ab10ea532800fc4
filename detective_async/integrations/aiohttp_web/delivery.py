"""An iterator's items on their way to whoever asked for them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import hdrs, web
from attrs import define, frozen

from detective_async.integrations.aiohttp_web.connection import Gone, break_off, hold_little, taken, watched
from detective_async.integrations.aiohttp_web.deadline import DEADLINE
from detective_async.integrations.aiohttp_web.middleware import document, note
from detective_async.integrations.aiohttp_web.state import STATE

#: Items that are there already, to one who takes them at once, leave the event loop to others after so many seconds.
_SLICE = 0.005
#: Seconds for the last record, where the server goes down.
_LAST_WORDS = 1.0


@frozen(kw_only=True)
class Form:
    """How a stream is written.

    Attributes:
        content_type: what the answer is.
        encode: writes an item.
        encode_problem: writes the record of what went wrong, which is the last one.
        beginning: what is sent before the first item is there; empty to send nothing before that, so that what fails
            until then can have an answer of its own.
        end: the last record of a stream that is complete; empty for none.
        pause: what is sent while nothing comes.
        pause_after: the seconds after which it is sent; None for never.
    """

    content_type: str
    encode: Callable[[Any], bytes]
    encode_problem: Callable[[Mapping[str, object]], bytes]
    beginning: bytes = b""
    end: bytes = b""
    pause: bytes = b""
    pause_after: float | None = None


@define(eq=False)
class Delivery:
    """An answer under way, which is given its items one by one, as fast as they are taken.

    Attributes:
        request: who asked.
        response: the answer, not begun yet.
        form: how it is written.
        write_timeout: the seconds after which one who has taken nothing more counts as gone.
    """

    request: web.Request
    response: web.StreamResponse
    form: Form
    write_timeout: float
    _all_there: bool = False
    _written: float = 0.0
    _resumed: float = 0.0

    async def run(self, items: AsyncIterator[Any]) -> None:
        """Deliver what there is; whatever ends it, the iterator is closed.

        Raises:
            Exception: whatever happened before anything was sent.
        """
        try:
            try:
                await self._deliver(items)
            finally:
                # Before anything that may take long, so that nothing goes on behind it.
                if close := getattr(items, "aclose", None):
                    await close()
        except Gone:
            break_off(self.request)
        except Exception as error:
            if not self.request.writer.output_size:
                raise
            await self._conclude(error)

    async def _deliver(self, items: AsyncIterator[Any]) -> None:
        request = self.request
        hold_little(request)
        deadline = request.get(DEADLINE)
        if deadline is not None:
            deadline.take_over()
        async with watched(
            request,
            state=request.config_dict.get(STATE),
            end=None if deadline is None else deadline.end,
            write_timeout=self.write_timeout,
        ):
            if request.method == hdrs.METH_HEAD:
                self._all_there = True
                await self._write(b"")
            else:
                await self._deliver_all(items)
            await taken(request)

    async def _deliver_all(self, items: AsyncIterator[Any]) -> None:
        if self.form.beginning:
            await self._write(self.form.beginning)
        async with self._filling_pauses():
            async for item in items:
                await self._write(self.form.encode(item))
                await self._let_others_work()
        self._all_there = True
        await self._write(self.form.end)

    async def _write(self, data: bytes) -> None:
        await self.response.prepare(self.request)
        if data:
            await self.response.write(data)
        self._written = asyncio.get_running_loop().time()

    async def _let_others_work(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._resumed >= _SLICE:
            await asyncio.sleep(0)
            self._resumed = loop.time()

    @asynccontextmanager
    async def _filling_pauses(self) -> AsyncIterator[None]:
        if self.form.pause_after is None:
            yield
            return
        filling = asyncio.create_task(self._fill_pauses(self.form.pause_after))
        try:
            yield
        finally:
            filling.cancel()
            # Not awaited itself: where it failed, nobody is there any more, and that was seen.
            await asyncio.gather(filling, return_exceptions=True)

    async def _fill_pauses(self, after: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._written + after - loop.time())
            if self.request.protocol.writing_paused:
                # There is more on its way than is taken.
                self._written = loop.time()
            elif loop.time() - self._written >= after:
                await self._write(self.form.pause)

    async def _conclude(self, error: Exception) -> None:
        """Say what went wrong, unless all was there already, and wait for those who take their time."""
        problem = note(self.request, error)
        record = b"" if self._all_there else self.form.encode_problem(document(self.request, problem))
        state = self.request.config_dict.get(STATE)
        patience = _LAST_WORDS if state is not None and state.closing else self.write_timeout
        try:
            await self._write(record)
            async with asyncio.timeout(patience):
                await taken(self.request)
        except (TimeoutError, ConnectionError):
            break_off(self.request)
