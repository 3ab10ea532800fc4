"""A program from its start to its first response: aiohttp alone."""

import asyncio
import json
import os

import aiohttp


async def main() -> None:
    """Print the graphs."""
    url = os.environ["AWS_ENDPOINT_URL_DETECTIVE"] + "/graphs/list"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=b"{}", headers={"Content-Type": "application/json"}) as response,
    ):
        for graph in json.loads(await response.read())["GraphList"]:
            print(graph["Arn"], graph["CreatedTime"], flush=True)


asyncio.run(main())
