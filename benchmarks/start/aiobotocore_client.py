"""A program from its start to its first response: aiobotocore."""

import asyncio

from aiobotocore.session import get_session


async def main() -> None:
    """Print the graphs."""
    async with get_session().create_client("detective") as detective:
        for graph in (await detective.list_graphs())["GraphList"]:
            print(graph["Arn"], graph["CreatedTime"], flush=True)


asyncio.run(main())
