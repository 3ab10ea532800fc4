"""detective-async: one client, reused, and others made from it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from workloads import GRAPH_ARN, LIST_GRAPHS, LIST_MEMBERS
from world import KEYS, MAX_ATTEMPTS, PAGE, REGION, Keys

from contenders import AsyncCalls, Client
from detective_async import Credentials, DetectiveClient, RetryPolicy


@asynccontextmanager
async def open_client(url: str) -> AsyncIterator[Client]:
    """Open one client and keep it."""
    async with DetectiveClient(
        region=REGION,
        endpoint_url=url,
        credentials=Credentials(*KEYS),
        retry=RetryPolicy(max_attempts=MAX_ATTEMPTS),
    ) as client:

        async def walk(graph_arn: str, see: Callable[[str], None]) -> None:
            async for member in client.iter_members(graph_arn, page_size=PAGE):
                assert member.account_id is not None
                see(member.account_id)

        async def another(keys: Keys, region: str) -> Callable[[], Awaitable[object]]:
            return client.with_options(region=region, credentials=Credentials(*keys)).list_graphs

        calls: AsyncCalls = {
            LIST_GRAPHS.name: client.list_graphs,
            LIST_MEMBERS.name: partial(client.list_members, GRAPH_ARN, max_results=PAGE),
        }
        yield Client(calls, walk, another)
