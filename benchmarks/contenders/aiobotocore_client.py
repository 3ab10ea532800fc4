"""aiobotocore: one client, reused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
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
    async with get_session().create_client(
        "detective",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        aws_session_token=SESSION_TOKEN,
        config=AioConfig(retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS}),
    ) as client:
        yield {
            LIST_GRAPHS.name: client.list_graphs,
            LIST_MEMBERS.name: partial(client.list_members, GraphArn=GRAPH_ARN, MaxResults=PAGE),
        }
