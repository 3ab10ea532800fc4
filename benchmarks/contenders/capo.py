"""capo-detective: one asynchronous client, reused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from capo_detective import AsyncDetectiveClient
from workloads import (
    ACCESS_KEY_ID,
    GRAPH_ARN,
    LIST_GRAPHS,
    LIST_MEMBERS,
    MAX_ATTEMPTS,
    PAGE,
    REGION,
    SECRET_ACCESS_KEY,
    SESSION_TOKEN,
)

from contenders import AsyncCalls


@asynccontextmanager
async def open_calls(url: str) -> AsyncIterator[AsyncCalls]:
    """Open one client and keep it."""
    async with AsyncDetectiveClient(
        region=REGION,
        endpoint=url,
        credentials={
            "access_key": ACCESS_KEY_ID,
            "secret_key": SECRET_ACCESS_KEY,
            "session_token": SESSION_TOKEN,
        },
        retry_max_attempts=MAX_ATTEMPTS,
    ) as client:
        yield {
            LIST_GRAPHS.name: client.list_graphs,
            LIST_MEMBERS.name: partial(client.list_members, GRAPH_ARN, max_results=PAGE),
        }
