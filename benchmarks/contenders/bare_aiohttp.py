"""The baseline of the comparison: aiohttp and json.loads, without signatures, retries or models."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode

import aiohttp
from tally import Tally
from workloads import LIST_GRAPHS, LIST_MEMBERS, WORKLOADS
from world import PAGE, REGIONS, ROLE_NAME, role_arn

from contenders import Client, pages

_KEY = re.compile(r"<AccessKeyId>(\w+)</AccessKeyId>")
_HEADERS = {"Content-Type": "application/json"}


@asynccontextmanager
async def open_client(url: str) -> AsyncIterator[Client]:
    """Open one session and keep it."""
    async with aiohttp.ClientSession() as session:

        async def call(path: str, **request: Any) -> Any:
            data = json.dumps(request).encode()
            async with session.post(url + path, data=data, headers=_HEADERS) as response:
                return json.loads(await response.read())

        async def walk(graph_arn: str, see: Callable[[str], None]) -> None:
            list_members = partial(call, LIST_MEMBERS.path)
            async for page in pages(list_members, GraphArn=graph_arn, MaxResults=PAGE):
                for member in page["MemberDetails"]:
                    see(member["AccountId"])

        calls = {name: partial(call, workload.path, **workload.request) for name, workload in WORKLOADS.items()}
        yield Client(calls, walk)


async def run_fleet(url: str, accounts: Sequence[str], concurrency: int, tally: Tally) -> None:
    """List all members; all roles are assumed first, each once."""
    semaphore = asyncio.Semaphore(concurrency)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:

        async def assume(account_id: str) -> str:
            form = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role_arn(account_id)}
            form |= {"RoleSessionName": ROLE_NAME}
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            async with semaphore, session.post(url + "/", data=urlencode(form).encode(), headers=headers) as response:
                key = _KEY.search(await response.text())
                assert key is not None
                return key[1]

        async def call(path: str, key: str, region: str, **request: Any) -> Any:
            # Names the caller for the server, without a signature.
            credential = f"AWS4-HMAC-SHA256 Credential={key}/20250101/{region}/detective/aws4_request"
            headers = {**_HEADERS, "Authorization": credential}
            data = json.dumps(request).encode()
            async with session.post(url + path, data=data, headers=headers) as response:
                assert response.status == 200
                return json.loads(await response.read())

        async def work(account_id: str, key: str, region: str) -> None:
            async with semaphore:
                for graph in (await call(LIST_GRAPHS.path, key, region))["GraphList"]:
                    list_members = partial(call, LIST_MEMBERS.path, key, region)
                    async for page in pages(list_members, GraphArn=graph["Arn"]):
                        for member in page["MemberDetails"]:
                            tally.add(account_id, region, f"{member['AccountId']} {member['GraphArn']}", member)

        keys = await asyncio.gather(*map(assume, accounts))
        pairs = zip(accounts, keys, strict=True)
        await asyncio.gather(*(work(account_id, key, region) for account_id, key in pairs for region in REGIONS))
