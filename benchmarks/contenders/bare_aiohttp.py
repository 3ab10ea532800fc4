"""The measure of all others: aiohttp and json.loads, with no signature, no retries and no models."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
from workloads import LIST_MEMBERS, WORKLOADS
from world import PAGE

from contenders import Client


@asynccontextmanager
async def open_client(url: str) -> AsyncIterator[Client]:
    """Open one session and keep it."""
    async with aiohttp.ClientSession() as session:

        async def call(path: str, request: Mapping[str, Any]) -> Any:
            data = json.dumps(request).encode()
            async with session.post(url + path, data=data, headers={"Content-Type": "application/json"}) as response:
                return json.loads(await response.read())

        async def walk(graph_arn: str, see: Callable[[str], None]) -> None:
            request: dict[str, Any] = {"GraphArn": graph_arn, "MaxResults": PAGE}
            while True:
                page = await call(LIST_MEMBERS.path, request)
                for member in page["MemberDetails"]:
                    see(member["AccountId"])
                if "NextToken" not in page:
                    return
                request["NextToken"] = page["NextToken"]

        calls = {name: partial(call, workload.path, workload.request) for name, workload in WORKLOADS.items()}
        yield Client(calls, walk)
