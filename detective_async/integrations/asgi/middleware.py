"""The middleware: opens the app's client, turns exceptions into problem responses, and enforces deadlines."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from attrs import evolve

from detective_async.auth import CredentialsSource
from detective_async.client.client import DetectiveClient
from detective_async.errors import DetectiveError
from detective_async.fleet import DetectiveFleet
from detective_async.integrations.asgi.connection import INCOMPLETE
from detective_async.integrations.asgi.lifespan import Lifespan
from detective_async.integrations.asgi.problem import ProblemError, problem_response
from detective_async.integrations.asgi.requests import KEY, Context
from detective_async.integrations.asgi.response import header_values
from detective_async.integrations.asgi.types import ASGIApp, Message, Receive, Scope, Send
from detective_async.integrations.web.deadline import limited, read_seconds
from detective_async.integrations.web.state import State


class DetectiveMiddleware:
    """ASGI middleware that provides a client or a fleet to an app, from its startup to its shutdown.

        app = Starlette(routes=routes)
        app.add_middleware(DetectiveMiddleware, deadline=30)

    For other frameworks, wrap the app: `app = DetectiveMiddleware(app)`. The server must send lifespan events. It has
    no effect in an app that is mounted in another one with this middleware.

    The library's errors, `ProblemError` and `TimeoutError` become problem responses (RFC 9457), with the status that
    fits the client's request; those of 500 and above are logged on the logger `detective_async.asgi`. All other
    exceptions are the framework's. An exception after the response has started is raised again, so that the server
    breaks the connection off; the streams of this package send the problem as their last record instead.

    Args:
        app: the app.
        source: a client or a fleet, which is closed with the app. None creates a client at startup, configured by the
            environment only.
        account_credentials: returns anything that a client accepts as `credentials`, for an account id: `lambda
            account_id: AssumeRole(f"arn:aws:iam::{account_id}:role/SecurityAudit")`. The result is cached unless it is
            plain `Credentials`, so that a role is not assumed again for each request.
        deadline: the time limit of a request in seconds, until its response is complete: background tasks that
            follow have none. None for no limit.
        deadline_header: the request header that can lower the limit, in seconds; None for no such header.

    Raises:
        ParameterError: the deadline is not a positive number, the header is not the name of one, or
            `account_credentials` is not a plain callable.
    """

    def __init__(
        self,
        app: ASGIApp,
        source: DetectiveClient | DetectiveFleet | None = None,
        *,
        account_credentials: Callable[[str], CredentialsSource] | None = None,
        deadline: float | None = None,
        deadline_header: str | None = "X-Request-Timeout",
    ) -> None:
        self._app = app
        self._source = source
        self._state = State.of(account_credentials, deadline, deadline_header)
        self._context = Context(self._state, None, None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app."""
        if scope["type"] == "lifespan":
            await Lifespan(self._state, receive, send).run(self._app, scope, self._open())
        elif KEY in scope:
            # Frameworks send the apps that they mount no lifespan events: the middleware of the outer app is used.
            await self._app(scope, receive, send)
        else:
            scope[KEY] = evolve(self._context)
            await (self._respond if scope["type"] == "http" else self._app)(scope, receive, send)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        async with DetectiveClient() if self._source is None else self._source as opened:
            fleet = opened if isinstance(opened, DetectiveFleet) else None
            client = opened.client if isinstance(opened, DetectiveFleet) else opened
            self._state.closing = False
            self._context = Context(self._state, client, fleet)
            yield

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: Context = scope[KEY]
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            if context.broken:
                # Some middlewares complete a response whose application has raised.
                raise ConnectionAbortedError(INCOMPLETE)
            await send(message)
            if context.deadline is not None and _is_last(message):
                # Background tasks follow, which the client does not wait for.
                context.deadline.disarm()
                context.deadline = None

        try:
            async with self._deadline(scope, context):
                await self._app(scope, receive, watch)
        except (DetectiveError, ProblemError, TimeoutError) as error:
            if started:
                raise
            await problem_response(scope, error)(scope, receive, send)

    @asynccontextmanager
    async def _deadline(self, scope: Scope, context: Context) -> AsyncIterator[None]:
        name = self._state.deadline_header
        seconds = read_seconds(name, header_values(scope, name) if name else [], self._state.deadline)
        if seconds is None:
            yield
            return
        async with limited(seconds) as context.deadline:
            yield


def _is_last(message: Message) -> bool:
    return message["type"] == "http.response.body" and not message.get("more_body")
