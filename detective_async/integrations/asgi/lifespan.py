"""The lifespan of an app, with something that is open meanwhile."""

import logging
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from attrs import define, field

from detective_async.integrations.asgi.types import ASGIApp, Message, Receive, Scope, Send
from detective_async.integrations.web.state import State

_logger = logging.getLogger("detective_async.asgi")


@define(eq=False)
class Lifespan:
    """Enters a context before an app starts, and leaves it before the server learns that the app has ended.

    The server may stop the event loop as soon as it knows.
    """

    state: State
    _receive: Receive
    _send: Send
    _stack: AsyncExitStack = field(init=False, factory=AsyncExitStack)
    _begun: bool = field(init=False, default=False)
    _answered: bool = field(init=False, default=False)

    async def run(self, app: ASGIApp, scope: Scope, context: AbstractAsyncContextManager[Any]) -> None:
        """Run the app from its startup to its shutdown.

        An app that raises before it has received its startup event is taken as one that supports no lifespans.

        Raises:
            Exception: the context could not be entered, or was raised by the app.
        """
        async with self._stack:
            try:
                await self._stack.enter_async_context(context)
            except Exception as error:
                await self.receive()
                # A server that only saw the exception would take it that lifespans are not supported, and go on.
                await self._send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
            try:
                await app(scope, self.receive, self.send)
            except Exception as error:
                if self._answered:
                    raise
                if self._begun:
                    # A server that only saw the exception would go on, with an app that may not work.
                    await self.send({"type": "lifespan.startup.failed", "message": str(error)})
                    raise
                _logger.warning("The app supports no lifespans, or failed before its startup: %r", error)
            if not self._answered:
                await self._stand_in()

    async def _stand_in(self) -> None:
        """Answer for an app that does not support lifespans, such as Django's."""
        if not self._begun:
            await self.receive()
        await self.send({"type": "lifespan.startup.complete"})
        await self.receive()
        await self.send({"type": "lifespan.shutdown.complete"})

    async def receive(self) -> Message:
        """Pass an event on to the app."""
        message = await self._receive()
        self._begun = True
        if message["type"] == "lifespan.shutdown":
            self.state.closing = True
        return message

    async def send(self, message: Message) -> None:
        """Pass an answer of the app's on."""
        self._answered = True
        if message["type"] != "lifespan.startup.complete":
            await self._stack.aclose()
        await self._send(message)
