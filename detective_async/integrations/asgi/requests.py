"""What handlers get from a request: clients, the fleet, and the health of the server."""

from collections.abc import Mapping
from typing import Any

from attrs import define

from detective_async.auth import CredentialsSource
from detective_async.client.client import DetectiveClient
from detective_async.fleet import DetectiveFleet
from detective_async.integrations.asgi.response import Response, header_values
from detective_async.integrations.asgi.types import ASGIApp
from detective_async.integrations.web.deadline import Deadline
from detective_async.integrations.web.json_bytes import dump_json
from detective_async.integrations.web.state import State, client_of_request, is_healthy

#: The member of the scope that has the context.
KEY = "detective_async"


@define(eq=False)
class Context:
    """What the middleware provides to a request, and whether its stream could not be completed (`broken`)."""

    state: State
    client: DetectiveClient | None
    fleet: DetectiveFleet | None
    deadline: Deadline | None = None
    broken: bool = False


def get_client(
    request: Mapping[str, Any],
    *,
    account_id: str | None = None,
    region: str | None = None,
    credentials: CredentialsSource | None = None,
) -> DetectiveClient:
    """Return the app's client for a request: for an account, in a region, and limited by the request's deadline.

    Cheap enough for every request. The client's total timeout is the time that remains when this is called: call it
    where the calls are made. Calls that reach the deadline raise `DeadlineExceeded`.

    Args:
        request: the request, or its scope.
        account_id: the account; without `credentials`, those that `account_credentials` returns are used.
        region: such as `eu-west-1`; None uses the app's.
        credentials: anything that a client accepts as `credentials`; None uses the account's, or the app's.

    Raises:
        ParameterError: the account id is malformed.
        ConfigurationError: the region or the credentials are malformed, or the middleware was given no
            `account_credentials`, or these returned none for the account.
        TimeoutError: the request's deadline has passed.
        RuntimeError: the app has no `DetectiveMiddleware`, or the server does not send lifespan events.
    """
    context = _context(request)
    if context.client is None:
        raise RuntimeError("DetectiveMiddleware was not started: the server, or the test, sends no lifespan events")
    return client_of_request(
        context.client,
        context.state,
        context.deadline,
        account_id=account_id,
        region=region,
        credentials=credentials,
    )


def get_fleet(request: Mapping[str, Any]) -> DetectiveFleet:
    """Return the app's fleet.

    Args:
        request: the request, or its scope.

    Raises:
        RuntimeError: the app has no `DetectiveMiddleware`, or it was given no fleet.
    """
    fleet = _context(request).fleet
    if fleet is None:
        raise RuntimeError("DetectiveMiddleware has no fleet: pass one as its source")
    return fleet


def _context(request: Mapping[str, Any]) -> Context:
    context = request.get(KEY)
    if not isinstance(context, Context):
        raise RuntimeError("the app has no DetectiveMiddleware: add it")  # noqa: TRY004 - no wrong type, but none
    return context


def last_event_id(request: Mapping[str, Any]) -> str | None:
    """Return the id of the last event that a reconnecting browser received; None for a new connection.

    Args:
        request: the request, or its scope.
    """
    return next(iter(header_values(request, "Last-Event-ID")), None) or None


async def health(request: Mapping[str, Any]) -> ASGIApp:
    """Handle health checks: return whether the server can work, without a request to AWS.

    The response is 200 with `{"status": "ok"}`, or 503 with `{"status": "unavailable"}` if the server is shutting down,
    or the client was closed or never opened.

    Args:
        request: the request, or its scope.
    """
    context = request.get(KEY)
    healthy = isinstance(context, Context) and is_healthy(context.client, context.state)
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Response(200 if healthy else 503, headers, dump_json({"status": "ok" if healthy else "unavailable"}))
