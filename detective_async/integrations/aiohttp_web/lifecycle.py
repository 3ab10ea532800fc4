"""The app's client or fleet: opened at startup, closed at cleanup, and provided to requests."""

from collections.abc import AsyncIterator, Callable

from aiohttp import hdrs, web

from detective_async.auth import CredentialsSource
from detective_async.client.client import DetectiveClient
from detective_async.fleet import DetectiveFleet
from detective_async.integrations.aiohttp_web.middleware import DEADLINE, STATE, problems
from detective_async.integrations.aiohttp_web.refusals import answer_refusals
from detective_async.integrations.web.json_bytes import dump_json
from detective_async.integrations.web.state import State, client_of_request, is_healthy

#: The app's client; if `setup` was given a fleet, the fleet's client.
CLIENT = web.AppKey("CLIENT", DetectiveClient)
#: The app's fleet, if `setup` was given one.
FLEET = web.AppKey("FLEET", DetectiveFleet)


def setup(
    app: web.Application,
    source: DetectiveClient | DetectiveFleet | None = None,
    *,
    account_credentials: Callable[[str], CredentialsSource] | None = None,
    deadline: float | None = None,
    deadline_header: str | None = "X-Request-Timeout",
) -> None:
    """Add a client or a fleet to an app, from its startup to its cleanup, and the middleware for problem responses.

    The middleware `problems` becomes the app's outermost. What aiohttp refuses before any middleware, such as malformed
    requests, is answered with a problem too, if the app is the one that is served. Handlers of sub-apps use the client
    too. When the server shuts down, streams in progress end with a record that says so.

    Args:
        app: an app that was neither started nor added to another app.
        source: a client or a fleet, which is closed with the app. None creates a client at startup, configured by the
            environment only.
        account_credentials: returns anything that a client accepts as `credentials`, for an account id: `lambda
            account_id: AssumeRole(f"arn:aws:iam::{account_id}:role/SecurityAudit")`. The result is cached unless it is
            plain `Credentials`, so that a role is not assumed again for each request.
        deadline: the time limit of a request in seconds; None for no limit.
        deadline_header: the request header that can lower the limit, in seconds; None for no such header.

    Raises:
        ParameterError: the deadline is not a positive number, the header is not the name of one, or
            `account_credentials` is not a plain callable.
        RuntimeError: the app was set up already, or was started or added to another app.
    """
    state = State.of(account_credentials, deadline, deadline_header)
    if STATE in app or app.pre_frozen:
        raise RuntimeError("setup() must be called once per app, before the app is started or added to another app")

    async def open_source(app: web.Application) -> AsyncIterator[None]:
        async with DetectiveClient() if source is None else source as opened:
            if isinstance(opened, DetectiveFleet):
                app[FLEET] = opened
                app[CLIENT] = opened.client
            else:
                app[CLIENT] = opened
            yield

    async def mark_closing(_app: web.Application) -> None:
        state.closing = True

    app[STATE] = state
    app.middlewares.insert(0, problems)
    answer_refusals(app)
    app.cleanup_ctx.append(open_source)
    app.on_shutdown.append(mark_closing)


def get_client(
    request: web.Request,
    *,
    account_id: str | None = None,
    region: str | None = None,
    credentials: CredentialsSource | None = None,
) -> DetectiveClient:
    """Return the app's client for a request: for an account, in a region, and limited by the request's deadline.

    Cheap enough for every request. The client's total timeout is the time that remains when this is called: call it
    where the calls are made. Calls that reach the deadline raise `DeadlineExceeded`.

    Args:
        request: the request.
        account_id: the account; without `credentials`, those that `account_credentials` returns are used.
        region: such as `eu-west-1`; None uses the app's.
        credentials: anything that a client accepts as `credentials`; None uses the account's, or the app's.

    Raises:
        ParameterError: the account id is malformed.
        ConfigurationError: the region or the credentials are malformed, or `setup` was given no `account_credentials`,
            or these returned none for the account.
        TimeoutError: the request's deadline has passed.
        KeyError: `setup` was not called.
    """
    return client_of_request(
        request.config_dict[CLIENT],
        request.config_dict[STATE],
        request.get(DEADLINE),
        account_id=account_id,
        region=region,
        credentials=credentials,
    )


def get_fleet(request: web.Request) -> DetectiveFleet:
    """Return the app's fleet.

    Raises:
        KeyError: `setup` was not called, or not with a fleet.
    """
    return request.config_dict[FLEET]


async def health(request: web.Request) -> web.Response:
    """Handle health checks: return whether the server can work, without a request to AWS.

    The response is 200 with `{"status": "ok"}`, or 503 with `{"status": "unavailable"}` if the server is shutting down,
    or the client was closed or never opened.
    """
    healthy = is_healthy(request.config_dict.get(CLIENT), request.config_dict.get(STATE))
    return web.Response(
        status=200 if healthy else 503,
        body=dump_json({"status": "ok" if healthy else "unavailable"}),
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )
