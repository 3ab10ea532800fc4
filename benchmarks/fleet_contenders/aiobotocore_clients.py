"""aiobotocore: one session, AssumeRole by hand, and a client for each account and region."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from tally import Tally
from world import KEYS, MAX_ATTEMPTS, REGIONS, ROLE_NAME, STS_REGION, role_arn


async def run(url: str, accounts: Sequence[str], concurrency: int, tally: Tally) -> None:
    """Do the job. Each role is assumed once, all of them before anything else."""
    turns = asyncio.Semaphore(concurrency)
    session = get_session()
    config = AioConfig(
        max_pool_connections=concurrency, retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS}
    )

    async def assume(sts: Any, account_id: str) -> dict[str, Any]:
        async with turns:
            answer = await sts.assume_role(RoleArn=role_arn(account_id), RoleSessionName=ROLE_NAME)
        credentials: dict[str, Any] = answer["Credentials"]
        return credentials

    async def work(account_id: str, credentials: dict[str, Any], region: str) -> None:
        async with (
            turns,
            session.create_client(
                "detective",
                region_name=region,
                endpoint_url=url,
                aws_access_key_id=credentials["AccessKeyId"],
                aws_secret_access_key=credentials["SecretAccessKey"],
                aws_session_token=credentials["SessionToken"],
                config=config,
            ) as client,
        ):
            for graph in (await client.list_graphs())["GraphList"]:
                request = {"GraphArn": graph["Arn"]}
                # It has no paginator for Detective.
                while True:
                    page = await client.list_members(**request)
                    for member in page["MemberDetails"]:
                        tally.add(account_id, region, f"{member['AccountId']} {member['GraphArn']}", member)
                    if "NextToken" not in page:
                        break
                    request["NextToken"] = page["NextToken"]

    async with session.create_client(
        "sts",
        region_name=STS_REGION,
        endpoint_url=url,
        aws_access_key_id=KEYS.access_key_id,
        aws_secret_access_key=KEYS.secret_access_key,
        aws_session_token=KEYS.session_token,
        config=config,
    ) as sts:
        roles = await asyncio.gather(*(assume(sts, account_id) for account_id in accounts))
    pairs = zip(accounts, roles, strict=True)
    await asyncio.gather(*(work(account_id, role, region) for account_id, role in pairs for region in REGIONS))
