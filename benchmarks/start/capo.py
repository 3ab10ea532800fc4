"""A program from its start to its first response: capo-detective."""

import asyncio
import os

from capo_detective import AsyncDetectiveClient


async def main() -> None:
    """Print the graphs."""
    async with AsyncDetectiveClient(endpoint=os.environ["AWS_ENDPOINT_URL_DETECTIVE"]) as detective:
        for graph in (await detective.list_graphs())["graph_list"]:
            print(graph["arn"], graph["created_time"], flush=True)


asyncio.run(main())
