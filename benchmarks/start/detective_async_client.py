"""A program from its start to its first response: detective-async."""

import asyncio

from detective_async import DetectiveClient


async def main() -> None:
    """Print the graphs."""
    async with DetectiveClient() as detective:
        for graph in (await detective.list_graphs()).graph_list:
            print(graph.arn, graph.created_time, flush=True)


asyncio.run(main())
