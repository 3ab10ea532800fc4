"""What all routes share: where things are kept, and how a request is taken apart."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from detective_async import DetectiveClient, Graph
from detective_async.integrations.aiohttp_web import get_client
from web_backend import inputs
from web_backend.jobs import Jobs
from web_backend.settings import Settings
from web_backend.surveys import Surveys

SETTINGS = web.AppKey("SETTINGS", Settings)
SURVEYS = web.AppKey("SURVEYS", Surveys)
JOBS = web.AppKey("JOBS", Jobs)


def query_of(request: web.Request, readers: Mapping[str, inputs.Reader] | None = None) -> dict[str, Any]:
    """Read the query; see `inputs.values`. Without readers it must be empty."""
    return inputs.values(request.query.items(), readers or {})


def path_of(request: web.Request, **readers: inputs.Reader) -> dict[str, Any]:
    """Read the variable parts of the path."""
    return inputs.values(((name, request.match_info[name]) for name in readers), readers)


async def body_of(request: web.Request, readers: Mapping[str, inputs.Reader], *required: str) -> dict[str, Any]:
    """Read a body, which is a JSON object; see `inputs.values`.

    Raises:
        HTTPUnsupportedMediaType: it is something else, or compressed.
        HTTPRequestEntityTooLarge: it is larger than the app takes.
        HTTPRequestTimeout: it did not arrive in time.
    """
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise web.HTTPUnsupportedMediaType(text="The body must be application/json, in UTF-8.")
    # Not unpacked: a few bytes can become many.
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="The body must not be compressed.")
    try:
        async with asyncio.timeout(request.config_dict[SETTINGS].body_timeout):
            body = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="The body did not arrive in time.") from None
    return inputs.values(inputs.json_object(body), readers, *required)


def check_account(settings: Settings, account_id: str) -> None:
    """Refuse an account that is none of ours.

    Raises:
        HTTPNotFound: it is not.
    """
    if account_id not in settings.accounts:
        raise web.HTTPNotFound(text=f"Account {account_id} is not one of those that are worked in here.")


def check_region(settings: Settings, region: str) -> None:
    """Refuse a region that is none of ours.

    Raises:
        HTTPNotFound: it is not.
    """
    if region not in settings.regions:
        raise web.HTTPNotFound(text=f"Region {region} is not one of those that are worked in here.")


def client_of(request: web.Request) -> DetectiveClient:
    """Give the client for the account and the region in the path."""
    settings = request.config_dict[SETTINGS]
    place = path_of(request, account_id=inputs.account_id, region=inputs.region)
    check_account(settings, place["account_id"])
    check_region(settings, place["region"])
    return get_client(request, account_id=place["account_id"], region=place["region"])


async def graph_of(client: DetectiveClient) -> Graph:
    """Find the account's graph in the region, of which there is one at most.

    Raises:
        HTTPNotFound: there is none.
    """
    graph = await client.iter_graphs().first()
    if graph is None:
        raise web.HTTPNotFound(text=f"The account has no behavior graph in {client.region}.")
    return graph


async def graph_arn_of(client: DetectiveClient) -> str:
    """Give the ARN of that graph; see `graph_of`."""
    # The API promises one.
    return (await graph_of(client)).arn or ""


def as_it_is(value: Any) -> Any:
    """Give what is JSON already; for streams of such."""
    return value
