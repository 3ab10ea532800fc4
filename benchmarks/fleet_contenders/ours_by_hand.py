"""detective-async without its fleet: a client for each account and region, made from one, and a semaphore."""

import asyncio
from collections.abc import Sequence

from tally import Tally
from world import KEYS, REGIONS, STS_REGION, role_arn

from detective_async import AssumeRole, Credentials, DetectiveClient


async def run(url: str, accounts: Sequence[str], concurrency: int, tally: Tally) -> None:
    """Do the job, region after region. Each role is assumed once, when it is first needed, for all its regions."""
    turns = asyncio.Semaphore(concurrency)
    source = Credentials(*KEYS)
    roles = {account_id: AssumeRole(role_arn(account_id), source=source, region=STS_REGION) for account_id in accounts}
    async with DetectiveClient(region=STS_REGION, endpoint_url=url, credentials=source) as base:

        async def work(account_id: str, region: str) -> None:
            client = base.with_options(region=region, credentials=roles[account_id])
            async with turns:
                async for graph in client.iter_graphs():
                    assert graph.arn is not None
                    async for member in client.iter_members(graph.arn):
                        tally.add(account_id, region, f"{member.account_id} {member.graph_arn}", member)

        await asyncio.gather(*(work(account_id, region) for region in REGIONS for account_id in accounts))
