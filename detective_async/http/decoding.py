"""Large responses are decoded in turn, one in each round of an event loop."""

import asyncio
from collections import deque


class DecodingTurns:
    """The turns of the large responses that arrive in one event loop.

    Many arrive in one round. Without turns, all of them are decoded before any is used: other tasks wait for that
    long, and the garbage collector goes through all of the objects, most of which could be freed one round later.

    Args:
        loop: the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_taken = False

    async def wait(self) -> None:
        """Wait until no other response is decoded in this round of the event loop."""
        if self._is_taken:
            turn = self._loop.create_future()
            self._waiting.append(turn)
            await turn
        else:
            self._is_taken = True
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        self._is_taken = False
        while self._waiting and not self._is_taken:
            turn = self._waiting.popleft()
            # Or its call was cancelled.
            if not turn.done():
                turn.set_result(None)
                self._is_taken = True
                self._loop.call_soon(self._next)
