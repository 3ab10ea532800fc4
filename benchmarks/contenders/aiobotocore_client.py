"""aiobotocore: one session; one client that is reused, or a client for each account and region."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from tally import Tally
from workloads import GRAPH_ARN, LIST_GRAPHS, LIST_MEMBERS
from world import KEYS, MAX_ATTEMPTS, MOST_IN_FLIGHT, PAGE, REGION, REGIONS, ROLE_NAME, STS_REGION, Keys, role_arn

from contenders import Client, pages

_RETRIES = {"mode": "standard", "total_max_attempts": MAX_ATTEMPTS}


def _settings(keys: Keys, region: str) -> dict[str, str]:
    return {
        "region_name": region,
        "aws_access_key_id": keys.access_key_id,
        "aws_secret_access_key": keys.secret_access_key,
        "aws_session_token": keys.session_token,
    }


@asynccontextmanager
async def open_client(url: str) -> AsyncIterator[Client]:
    """Open one client and keep it."""
    config = AioConfig(max_pool_connections=MOST_IN_FLIGHT, retries=_RETRIES)
    make = partial(get_session().create_client, "detective", endpoint_url=url, config=config)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(make(**_settings(KEYS, REGION)))

        async def walk(graph_arn: str, see: Callable[[str], None]) -> None:
            async for page in pages(client.list_members, GraphArn=graph_arn, MaxResults=PAGE):
                for member in page["MemberDetails"]:
                    see(member["AccountId"])

        async def derive(keys: Keys, region: str) -> Callable[[], Awaitable[object]]:
            derived = await stack.enter_async_context(make(**_settings(keys, region)))
            list_graphs: Callable[[], Awaitable[object]] = derived.list_graphs
            return list_graphs

        calls = {
            LIST_GRAPHS.name: client.list_graphs,
            LIST_MEMBERS.name: partial(client.list_members, GraphArn=GRAPH_ARN, MaxResults=PAGE),
        }
        yield Client(calls, walk, derive)


async def run_fleet(url: str, accounts: Sequence[str], concurrency: int, tally: Tally) -> None:
    """List all members; all roles are assumed first, each once."""
    semaphore = asyncio.Semaphore(concurrency)
    config = AioConfig(max_pool_connections=concurrency, retries=_RETRIES)
    make = partial(get_session().create_client, endpoint_url=url, config=config)

    async def assume(sts: Any, account_id: str) -> Keys:
        async with semaphore:
            answer = await sts.assume_role(RoleArn=role_arn(account_id), RoleSessionName=ROLE_NAME)
        found = answer["Credentials"]
        return Keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    async def work(account_id: str, keys: Keys, region: str) -> None:
        async with semaphore, make("detective", **_settings(keys, region)) as client:
            for graph in (await client.list_graphs())["GraphList"]:
                async for page in pages(client.list_members, GraphArn=graph["Arn"]):
                    for member in page["MemberDetails"]:
                        tally.add(account_id, region, f"{member['AccountId']} {member['GraphArn']}", member)

    async with make("sts", **_settings(KEYS, STS_REGION)) as sts:
        roles = await asyncio.gather(*(assume(sts, account_id) for account_id in accounts))
    pairs = zip(accounts, roles, strict=True)
    await asyncio.gather(*(work(account_id, role, region) for account_id, role in pairs for region in REGIONS))
