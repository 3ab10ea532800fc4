"""The three kinds of client that the page on moving compares, as the pieces on it expect them."""

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


#: In the order of the columns: the name at their head, and what gives a client with settings from the environment.
PEERS: dict[str, Callable[[], AbstractAsyncContextManager[Any]]] = {
    "boto3": _boto3,
    "aiobotocore": _aiobotocore,
    "detective-async": _ours,
}


def plain(answer: Any) -> Any:
    """Return an answer of any of them as the same plain data; what is empty is left out."""
    if isinstance(answer, dict):
        return {name: value for name, value in answer.items() if name != "ResponseMetadata" and value not in ([], {})}
    return as_plain(answer)
