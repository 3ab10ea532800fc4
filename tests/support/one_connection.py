"""A client with a single connection, and a server that shows whether the connection stays usable."""

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
    """Respond to a request as its token says: with a failure first, a page, an error, slowly, never, or at once."""
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
class SingleConnection:
    """A client with a single connection, and a server at which the first attempt of some calls fails."""

    client: DetectiveClient
    server: WireServer
    tasks: set[asyncio.Task[Any]]
    probes: "count[int]" = field(factory=count)

    def caller(self, number: int) -> DetectiveClient:
        """Return a client of another account, with its own retry quota, on the same connection."""
        return self.client.with_options(credentials=Credentials(f"key-{number}", "secret"))

    async def is_as_before(self) -> None:
        """Check that the connection is free and usable, and that no task remains."""
        token = f"probe-{next(self.probes)}"
        async with asyncio.timeout(30):
            assert (await self.client.list_graphs(next_token=token)).next_token == token
        await until(lambda: asyncio.all_tasks() <= self.tasks, "no task is left")

    async def sweep(self, interrupt: Interrupt, start: Callable[[int], Call]) -> int:
        """Interrupt calls at every moment until one succeeds; return the number of moments."""
        for moment in count():
            if not await interrupt(start(moment), moment):
                return moment
            await self.is_as_before()
        raise AssertionError("endless")


@asynccontextmanager
async def single_connection(
    owner: str,
    clock: Clock,
    failure: str = "dropped",
    certificates: Certificates | None = None,
    timeouts: Timeouts = Timeouts(),
) -> AsyncIterator[SingleConnection]:
    """Start client and server, and check at the end that nothing remains and that asyncio has logged no error."""
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
        yield SingleConnection(await stack.enter_async_context(client), server, tasks)
    gc.collect()
    # Errors of the server about a client that left during a handshake are ignored.
    complaints = [context for context in said if not isinstance(context.get("protocol"), Connection)]
    assert not complaints, complaints
