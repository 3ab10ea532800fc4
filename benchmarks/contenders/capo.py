"""capo-detective: one asynchronous client that is reused, or a client for each account and region."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from capo_detective import AsyncDetectiveClient
from workloads import GRAPH_ARN, LIST_GRAPHS, LIST_MEMBERS
from world import KEYS, MAX_ATTEMPTS, PAGE, REGION, Keys

from contenders import Client


@asynccontextmanager
async def open_client(url: str) -> AsyncIterator[Client]:
    """Open one client and keep it."""
    async with AsyncExitStack() as stack:

        async def make(keys: Keys, region: str) -> Any:
            return await stack.enter_async_context(
                AsyncDetectiveClient(
                    region=region,
                    endpoint=url,
                    credentials={
                        "access_key": keys.access_key_id,
                        "secret_key": keys.secret_access_key,
                        "session_token": keys.session_token,
                    },
                    retry_max_attempts=MAX_ATTEMPTS,
                )
            )

        client = await make(KEYS, REGION)

        async def walk(graph_arn: str, see: Callable[[str], None]) -> None:
            request: dict[str, Any] = {"max_results": PAGE}
            while True:
                page = await client.list_members(graph_arn, **request)
                for member in page["member_details"]:
                    see(member["account_id"])
                if not page.get("next_token"):
                    return
                request["next_token"] = page["next_token"]

        async def derive(keys: Keys, region: str) -> Callable[[], Awaitable[object]]:
            list_graphs: Callable[[], Awaitable[object]] = (await make(keys, region)).list_graphs
            return list_graphs

        calls = {
            LIST_GRAPHS.name: client.list_graphs,
            LIST_MEMBERS.name: partial(client.list_members, GRAPH_ARN, max_results=PAGE),
        }
        yield Client(calls, walk, derive)
