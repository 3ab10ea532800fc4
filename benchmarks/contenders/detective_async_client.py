"""detective-async: one client that is reused, and clients derived from it for other accounts and regions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from tally import Tally
from workloads import GRAPH_ARN, LIST_GRAPHS, LIST_MEMBERS
from world import MAX_ATTEMPTS, PAGE, REGION, REGIONS, STS_REGION, Keys, role_arn

from contenders import AsyncCalls, Client
from detective_async import AssumeRole, Credentials, DetectiveClient, RetryPolicy


@asynccontextmanager
async def open_client(url: str, credentials: AssumeRole | None = None) -> AsyncIterator[Client]:
    """Open one client and keep it; without a role, its keys come from the environment, at each call."""
    async with DetectiveClient(
        region=REGION,
        endpoint_url=url,
        credentials=credentials,
        retry=RetryPolicy(max_attempts=MAX_ATTEMPTS),
    ) as client:

        async def walk(graph_arn: str, see: Callable[[str], None]) -> None:
            async for member in client.iter_members(graph_arn, page_size=PAGE):
                see(member.account_id)

        async def derive(keys: Keys, region: str) -> Callable[[], Awaitable[object]]:
            return client.with_options(region=region, credentials=Credentials(*keys)).list_graphs

        calls: AsyncCalls = {
            LIST_GRAPHS.name: client.list_graphs,
            LIST_MEMBERS.name: partial(client.list_members, GRAPH_ARN, max_results=PAGE),
        }
        yield Client(calls, walk, derive)


async def run_fleet(url: str, accounts: Sequence[str], concurrency: int, tally: Tally) -> None:
    """List all members without DetectiveFleet, region after region; each role is assumed once, at its first use."""
    semaphore = asyncio.Semaphore(concurrency)
    roles = {account_id: AssumeRole(role_arn(account_id), region=STS_REGION) for account_id in accounts}
    async with DetectiveClient(region=STS_REGION, endpoint_url=url) as base:

        async def work(account_id: str, region: str) -> None:
            client = base.with_options(region=region, credentials=roles[account_id])
            async with semaphore:
                async for graph in client.iter_graphs():
                    async for member in client.iter_members(graph.arn):
                        tally.add(account_id, region, f"{member.account_id} {member.graph_arn}", member)

        await asyncio.gather(*(work(account_id, region) for region in REGIONS for account_id in accounts))
