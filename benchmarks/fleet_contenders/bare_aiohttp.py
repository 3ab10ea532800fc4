"""The measure of the others: aiohttp and json.loads, with no signature, no retries and no models."""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import aiohttp
from tally import Tally
from world import REGIONS, ROLE_NAME, role_arn

_KEY = re.compile(r"<AccessKeyId>(\w+)</AccessKeyId>")


async def run(url: str, accounts: Sequence[str], concurrency: int, tally: Tally) -> None:
    """Do the job. Each role is assumed once, all of them before anything else."""
    turns = asyncio.Semaphore(concurrency)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:

        async def assume(account_id: str) -> str:
            form = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role_arn(account_id)}
            form |= {"RoleSessionName": ROLE_NAME}
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            async with turns, session.post(url + "/", data=urlencode(form).encode(), headers=headers) as response:
                key = _KEY.search(await response.text())
                assert key is not None
                return key[1]

        async def call(path: str, request: dict[str, Any], key: str, region: str) -> Any:
            headers = {
                "Content-Type": "application/json",
                # It says who asks and signs nothing.
                "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/20250101/{region}/detective/aws4_request",
            }
            data = json.dumps(request).encode()
            async with session.post(url + path, data=data, headers=headers) as response:
                assert response.status == 200
                return json.loads(await response.read())

        async def work(account_id: str, key: str, region: str) -> None:
            async with turns:
                for graph in (await call("/graphs/list", {}, key, region))["GraphList"]:
                    request = {"GraphArn": graph["Arn"]}
                    while True:
                        page = await call("/graph/members/list", request, key, region)
                        for member in page["MemberDetails"]:
                            tally.add(account_id, region, f"{member['AccountId']} {member['GraphArn']}", member)
                        if "NextToken" not in page:
                            break
                        request["NextToken"] = page["NextToken"]

        keys = await asyncio.gather(*map(assume, accounts))
        pairs = zip(accounts, keys, strict=True)
        await asyncio.gather(*(work(account_id, key, region) for account_id, key in pairs for region in REGIONS))
