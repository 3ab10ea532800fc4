"""aiobotocore: one client, reused, and others from the same session."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from workloads import GRAPH_ARN, LIST_GRAPHS, LIST_MEMBERS
from world import KEYS, MAX_ATTEMPTS, PAGE, REGION, Keys

from contenders import Client


@asynccontextmanager
async def open_client(url: str) -> AsyncIterator[Client]:
    """Open one client and keep it."""
    session = get_session()
    config = AioConfig(retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS})
    async with AsyncExitStack() as stack:

        async def make(keys: Keys, region: str) -> Any:
            return await stack.enter_async_context(
                session.create_client(
                    "detective",
                    region_name=region,
                    endpoint_url=url,
                    aws_access_key_id=keys.access_key_id,
                    aws_secret_access_key=keys.secret_access_key,
                    aws_session_token=keys.session_token,
                    config=config,
                )
            )

        client = await make(KEYS, REGION)

        async def walk(graph_arn: str, see: Callable[[str], None]) -> None:
            request: dict[str, Any] = {"GraphArn": graph_arn, "MaxResults": PAGE}
            # It has no paginator for Detective.
            while True:
                page = await client.list_members(**request)
                for member in page["MemberDetails"]:
                    see(member["AccountId"])
                if "NextToken" not in page:
                    return
                request["NextToken"] = page["NextToken"]

        async def another(keys: Keys, region: str) -> Callable[[], Awaitable[object]]:
            list_graphs: Callable[[], Awaitable[object]] = (await make(keys, region)).list_graphs
            return list_graphs

        calls = {
            LIST_GRAPHS.name: client.list_graphs,
            LIST_MEMBERS.name: partial(client.list_members, GraphArn=GRAPH_ARN, MaxResults=PAGE),
        }
        yield Client(calls, walk, another)
