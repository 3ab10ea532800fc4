"""What all routes share: the keys of the app, and how requests are read."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from aiohttp import web

from detective_async import DetectiveClient, Graph
from detective_async.integrations.aiohttp_web import ProblemError, get_client
from web_backend import inputs
from web_backend.changes import Changes
from web_backend.jobs import Jobs
from web_backend.once import Once
from web_backend.settings import Settings
from web_backend.surveys import Surveys

SETTINGS = web.AppKey("SETTINGS", Settings)
SURVEYS = web.AppKey("SURVEYS", Surveys)
JOBS = web.AppKey("JOBS", Jobs)
CHANGES = web.AppKey("CHANGES", Changes)
ONCE = web.AppKey("ONCE", Once)
#: Set when the server begins to shut down.
CLOSING = web.AppKey("CLOSING", asyncio.Event)

#: Seconds between looks for a client that has hung up, of which handlers are not notified.
_LOOK_INTERVAL = 0.2

Result = TypeVar("Result")


def read_query(request: web.Request, readers: Mapping[str, inputs.Reader] | None = None) -> dict[str, Any]:
    """Read the query; see `inputs.values`. Without readers it must be empty."""
    return inputs.values(request.query.items(), readers or {})


def read_path(request: web.Request, **readers: inputs.Reader) -> dict[str, Any]:
    """Read the variables of the path."""
    return inputs.values(((name, request.match_info[name]) for name in readers), readers)


async def read_body(request: web.Request, readers: Mapping[str, inputs.Reader], *required: str) -> dict[str, Any]:
    """Read a body, which must be a JSON object; see `inputs.values`.

    Raises:
        HTTPUnsupportedMediaType: it is not JSON in UTF-8, or is compressed.
        HTTPRequestEntityTooLarge: it exceeds the app's limit.
        HTTPRequestTimeout: it did not arrive in time.
    """
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise web.HTTPUnsupportedMediaType(text="The body must be application/json, in UTF-8.")
    # A compressed body of a few bytes can become very large.
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="The body must not be compressed.")
    try:
        async with asyncio.timeout(request.config_dict[SETTINGS].body_timeout):
            body = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="The body did not arrive in time.") from None
    return inputs.values(inputs.json_object(body), readers, *required)


async def while_wanted(request: web.Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Do work for a response, and cancel it once nobody waits for it.

    Raises:
        ConnectionResetError: the client has hung up.
        ProblemError: the server is shutting down.
    """
    task = asyncio.create_task(work, name="work for a response")
    try:
        while not (await asyncio.wait([task], timeout=_LOOK_INTERVAL))[0]:
            if request.transport is None or request.transport.is_closing():
                raise ConnectionResetError("the client has hung up")
            if request.config_dict[CLOSING].is_set():
                raise ProblemError(503, None, "The server is going down.", headers={"Retry-After": "5"})
        return task.result()
    finally:
        if task.cancel():
            await asyncio.wait([task])


def check_account(settings: Settings, account_id: str) -> None:
    """Check that an account is in the settings.

    Raises:
        HTTPNotFound: it is not.
    """
    if account_id not in settings.accounts:
        raise web.HTTPNotFound(text=f"Account {account_id} is not in the settings of this backend.")


def check_region(settings: Settings, region: str) -> None:
    """Check that a region is in the settings.

    Raises:
        HTTPNotFound: it is not.
    """
    if region not in settings.regions:
        raise web.HTTPNotFound(text=f"Region {region} is not in the settings of this backend.")


def client_for(request: web.Request) -> DetectiveClient:
    """Return the client for the account and the region in the path."""
    settings = request.config_dict[SETTINGS]
    place = read_path(request, account_id=inputs.account_id, region=inputs.region)
    check_account(settings, place["account_id"])
    check_region(settings, place["region"])
    return get_client(request, account_id=place["account_id"], region=place["region"])


async def find_graph(client: DetectiveClient) -> Graph:
    """Return the account's graph in the region; there is at most one.

    Raises:
        HTTPNotFound: there is none.
    """
    graph = await client.iter_graphs().first()
    if graph is None:
        raise web.HTTPNotFound(text=f"The account has no behavior graph in {client.region}.")
    return graph


async def find_graph_arn(client: DetectiveClient) -> str:
    """Return the ARN of the account's graph in the region; see `find_graph`."""
    return (await find_graph(client)).arn


def identity(value: Any) -> Any:
    """Return the value; the `to_json` of streams whose items are JSON already."""
    return value
