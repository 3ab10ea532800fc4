"""A client or a fleet that lives as long as the app, and what a request takes of it."""

from collections.abc import AsyncIterator, Callable

from aiohttp import hdrs, web
from attrs import evolve

from detective_async.api.models.constraints import ACCOUNT_ID
from detective_async.auth import CredentialsSource
from detective_async.client.client import DetectiveClient
from detective_async.errors import ConfigurationError, ParameterError
from detective_async.fleet import DetectiveFleet
from detective_async.integrations.aiohttp_web.accounts import Accounts
from detective_async.integrations.aiohttp_web.deadline import DEADLINE
from detective_async.integrations.aiohttp_web.middleware import problems
from detective_async.integrations.aiohttp_web.state import STATE, State
from detective_async.integrations.aiohttp_web.text import dump
from detective_async.settings.timeouts import Timeouts

#: The app's client; where `setup` was given a fleet, that fleet's.
CLIENT = web.AppKey("CLIENT", DetectiveClient)
#: The app's fleet, where `setup` was given one.
FLEET = web.AppKey("FLEET", DetectiveFleet)


def setup(
    app: web.Application,
    source: DetectiveClient | DetectiveFleet | None = None,
    *,
    account_credentials: Callable[[str], CredentialsSource] | None = None,
    deadline: float | None = None,
    deadline_header: str | None = "X-Request-Timeout",
) -> None:
    """Give an app a client or a fleet from its start to its end, and have it answer errors with problems.

    The middleware `problems` becomes the app's outermost. Handlers of apps within this one find the client too. When
    the server goes down, the streams that are under way end with a record that says so.

    Args:
        app: an app that was neither started nor made part of another one.
        source: a client or a fleet, which is closed with the app. None makes a client when the app starts, with
            nothing but the environment's settings.
        account_credentials: gives whatever a client takes as `credentials`, for an account id: `lambda account_id:
            AssumeRole(f"arn:aws:iam::{account_id}:role/SecurityAudit")`. What it gave is kept, unless it is plain
            `Credentials`, so that a role is not assumed for each request.
        deadline: the seconds that a request may take; None for no limit.
        deadline_header: the header by which a request may ask for less, in seconds; None for none.

    Raises:
        ParameterError: the deadline is not a positive number.
        RuntimeError: the app was set up already, or it was started or made part of another one.
    """
    if deadline is not None and not deadline > 0:
        raise ParameterError("deadline", f"must be a positive number of seconds, got {deadline!r}")
    if STATE in app or app.pre_frozen:
        raise RuntimeError("setup() is for an app that it has not seen yet, and that nobody has started")
    accounts = None if account_credentials is None else Accounts(account_credentials)
    state = State(accounts=accounts, deadline=deadline, deadline_header=deadline_header)

    async def lend(app: web.Application) -> AsyncIterator[None]:
        async with DetectiveClient() if source is None else source as opened:
            if isinstance(opened, DetectiveFleet):
                app[FLEET] = opened
                app[CLIENT] = opened.client
            else:
                app[CLIENT] = opened
            yield

    async def close(_app: web.Application) -> None:
        state.closing = True

    app[STATE] = state
    app.middlewares.insert(0, problems)
    app.cleanup_ctx.append(lend)
    app.on_shutdown.append(close)


def get_client(
    request: web.Request,
    *,
    account_id: str | None = None,
    region: str | None = None,
    credentials: CredentialsSource | None = None,
) -> DetectiveClient:
    """Give the app's client as a request needs it: of an account, in a region, and for no longer than the request has.

    Cheap enough for every request. What is left of the request's time is counted from here: take the client where the
    calls are made. Those that run into it raise `DeadlineExceeded`.

    Args:
        request: whose app, and whose deadline.
        account_id: whose account; without `credentials`, those that `account_credentials` gives are used.
        region: such as `eu-west-1`; None for the app's.
        credentials: whatever a client takes as `credentials`; None for the account's, or the app's.

    Raises:
        ParameterError: the account id is malformed.
        ConfigurationError: the region or the credentials are malformed, or nobody gives credentials for accounts.
        TimeoutError: the request's time is up.
        KeyError: there was no `setup`.
    """
    client = request.config_dict[CLIENT]
    if account_id is not None:
        ACCOUNT_ID(account_id, "account_id")
        if credentials is None:
            credentials = _credentials(request, account_id)
    return client.with_options(
        region=region, credentials=credentials, account_id=account_id, timeouts=_timeouts(request, client)
    )


def _credentials(request: web.Request, account_id: str) -> CredentialsSource:
    accounts = request.config_dict[STATE].accounts
    if accounts is None:
        # The app's own would be another account's.
        raise ConfigurationError("setup: no account_credentials were given, and an account was asked for")
    return accounts.credentials(account_id)


def _timeouts(request: web.Request, client: DetectiveClient) -> Timeouts | None:
    deadline = request.get(DEADLINE)
    if deadline is None:
        return None
    own = client._transport.timeouts  # noqa: SLF001 - of our own class
    rest = deadline.rest()
    return evolve(own, total=rest if own.total is None else min(own.total, rest))


def get_fleet(request: web.Request) -> DetectiveFleet:
    """Give the app's fleet.

    Raises:
        KeyError: there was no `setup`, or not with a fleet.
    """
    return request.config_dict[FLEET]


async def health(request: web.Request) -> web.Response:
    """Tell whether the server can work, and ask nothing of AWS: a handler.

    It answers 200 with `{"status": "ok"}`, or 503 with `{"status": "unavailable"}` where the server goes down, or the
    client was closed or never opened.
    """
    state = request.config_dict.get(STATE)
    client = request.config_dict.get(CLIENT)
    closed = client is None or client._transport.pool.closed  # noqa: SLF001 - of our own class
    fit = state is not None and not state.closing and not closed
    return web.Response(
        status=200 if fit else 503,
        body=dump({"status": "ok" if fit else "unavailable"}),
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )
