"""The measure of all others: aiohttp and json.loads, with no signature, no retries and no models."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
from workloads import WORKLOADS, Workload

from contenders import AsyncCalls


@asynccontextmanager
async def open_calls(url: str) -> AsyncIterator[AsyncCalls]:
    """Open one session and keep it."""
    async with aiohttp.ClientSession() as session:
        yield {workload.name: partial(_call, session, url + workload.path, workload) for workload in WORKLOADS}


async def _call(session: aiohttp.ClientSession, url: str, workload: Workload) -> object:
    data = json.dumps(workload.request).encode()
    async with session.post(url, data=data, headers={"Content-Type": "application/json"}) as response:
        return json.loads(await response.read())
