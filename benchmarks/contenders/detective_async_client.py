"""detective-async: one client, reused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

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
from detective_async import Credentials, DetectiveClient, RetryPolicy


@asynccontextmanager
async def open_calls(url: str) -> AsyncIterator[AsyncCalls]:
    """Open one client and keep it."""
    async with DetectiveClient(
        region=REGION,
        endpoint_url=url,
        credentials=Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN),
        retry=RetryPolicy(max_attempts=MAX_ATTEMPTS),
    ) as client:
        yield {
            LIST_GRAPHS.name: client.list_graphs,
            LIST_MEMBERS.name: partial(client.list_members, GRAPH_ARN, max_results=PAGE),
        }
