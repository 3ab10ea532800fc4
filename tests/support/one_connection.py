"""A client that has one connection and no more, and a server that shows whether it is lost or soiled."""

import asyncio
import gc
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any

import aiohttp
import pytest
from attrs import define, field
from support.certificates import Certificates
from support.interruptions import Call, Interrupt
from support.wire_server import Connection, Request, WireServer, after_passes, serving, until

from detective_async import Clock, Credentials, DetectiveClient, Timeouts
from detective_async.http import pool as connections

#: How the first attempt of some calls fails.
FAILURES: dict[str, Callable[[Request], None]] = {
    "dropped": Request.drop,
    "500": lambda request: request.answer(b"{}", "500 Internal Server Error"),
}


def answer(request: Request, failure: Callable[[Request], None]) -> None:
    """Answer a request as its token says: its first attempt not at all, a page, an error, slowly, never, or at once."""
    token = request.token
    if token.startswith("page"):
        following = str(int(token[-1]) + 1)
        page = {"GraphList": [{"Arn": token}], **({"NextToken": f"page-{following}"} if following < "4" else {})}
        if token == "page-2" and request.attempt == 1:
            failure(request)
        else:
            request.answer(json.dumps(page).encode())
    elif token == "refused":
        request.answer(b'{"Message":"no"}', "400 Bad Request", "x-amzn-errortype: ValidationException")
    elif token == "slow":
        after_passes(20, request.echo)
    elif token == "swept" and request.attempt == 1:
        failure(request)
    elif token != "held":
        request.echo()


@define
class Scene:
    """A client that has one connection and no more, and a server that lets the first attempt of some calls fail."""

    client: DetectiveClient
    server: WireServer
    tasks: set[asyncio.Task[Any]]
    probes: "count[int]" = field(factory=count)

    def caller(self, number: int) -> DetectiveClient:
        """Another account on the same connection, with a quota of its own for retries."""
        return self.client.with_options(credentials=Credentials(f"key-{number}", "secret"))

    async def is_as_before(self) -> None:
        """Check that the connection is free and clean, and that nothing is running any more."""
        token = f"probe-{next(self.probes)}"
        async with asyncio.timeout(30):
            assert (await self.client.list_graphs(next_token=token)).next_token == token
        await until(lambda: asyncio.all_tasks() <= self.tasks, "no task is left")

    async def sweep(self, interrupt: Interrupt, start: Callable[[int], Call]) -> int:
        """Interrupt calls at every moment, until one gets through; how many moments were there?"""
        for moment in count():
            if not await interrupt(start(moment), moment):
                return moment
            await self.is_as_before()
        raise AssertionError("endless")


@asynccontextmanager
async def setting(
    owner: str,
    clock: Clock,
    failure: str = "dropped",
    certificates: Certificates | None = None,
    timeouts: Timeouts = Timeouts(),
) -> AsyncIterator[Scene]:
    """Set it up, and check at the end that nothing of it is left and that asyncio has nothing to complain of."""
    tasks = asyncio.all_tasks()
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(connections, "MAX_CONNECTIONS", 1)
        server = await stack.enter_async_context(
            serving(lambda request: answer(request, FAILURES[failure]), certificates.good if certificates else None)
        )
        stack.push_async_callback(server.emptied)
        session = None
        if certificates is not None:
            patch.setenv("AWS_CA_BUNDLE", str(certificates.bundle))
        if owner == "the caller's session":
            trust = ssl.create_default_context(cafile=certificates.bundle if certificates else None)
            connector = aiohttp.TCPConnector(limit=1, ssl=trust)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        client = DetectiveClient(
            region="eu-west-1",
            credentials=Credentials("a", "b"),
            endpoint_url=server.url,
            session=session,
            clock=clock,
            timeouts=timeouts,
        )
        yield Scene(await stack.enter_async_context(client), server, tasks)
    gc.collect()
    # What the server has to say about a client that went away in the middle of a handshake is no concern of ours.
    warnings_in = [context for context in said if not isinstance(context.get("protocol"), Connection)]
    assert not warnings_in, warnings_in
