"""The three clients that the page on moving from boto3 compares."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import boto3
from aiobotocore.session import get_session
from support.contract.conversion import as_plain

from detective_async import DetectiveClient


@asynccontextmanager
async def _boto3() -> AsyncIterator[Any]:
    client = boto3.client("detective")
    try:
        yield client
    finally:
        client.close()


@asynccontextmanager
async def _aiobotocore() -> AsyncIterator[Any]:
    async with get_session().create_client("detective") as client:
        yield client


@asynccontextmanager
async def _ours() -> AsyncIterator[Any]:
    async with DetectiveClient() as client:
        yield client


#: In the order of the columns: the heading, and a function that opens a client with settings from the environment.
PEERS: dict[str, Callable[[], AbstractAsyncContextManager[Any]]] = {
    "boto3": _boto3,
    "aiobotocore": _aiobotocore,
    "detective-async": _ours,
}


def plain(response: Any) -> Any:
    """Return a response of any of the clients in the same form, without empty members."""
    if isinstance(response, dict):
        return {name: value for name, value in response.items() if name != "ResponseMetadata" and value not in ([], {})}
    return as_plain(response)
