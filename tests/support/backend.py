"""Access to the example's backend: its JSON, its streams, and the expected contents of the simulated world."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from attrs import frozen
from web_backend import world

from detective_async.testing import DetectiveSimulator

TARGETS = len(world.ACCOUNTS) * len(world.REGIONS)


@frozen
class Event:
    """A server-sent event."""

    name: str
    data: Any
    id: str


@frozen
class Backend:
    """A client of the backend."""

    http: aiohttp.ClientSession

    async def get(self, path: str, status: int = 200) -> Any:
        """Return the JSON of a path; errors must be problems (RFC 9457)."""
        async with self.http.get(path) as response:
            assert response.status == status, await response.text()
            assert response.content_type == ("application/json" if status < 400 else "application/problem+json")
            return await response.json(content_type=None)

    async def send(self, method: str, path: str, body: Any, status: int) -> Any:
        """Send JSON, and return the JSON of the answer."""
        async with self.http.request(method, path, json=body) as response:
            assert response.status == status, await response.text()
            return await response.json(content_type=None)

    async def records(self, path: str) -> list[Any]:
        """Return all records of an NDJSON stream."""
        async with self.http.get(path) as response:
            assert response.status == 200, await response.text()
            assert response.content_type == "application/x-ndjson"
            return [json.loads(line) async for line in response.content]

    async def ndjson(self, path: str) -> list[Any]:
        """Return the items and failures of an NDJSON stream, which must be complete."""
        begin, *lines, end = await self.records(path)
        assert set(begin) == {"Begin"}
        lines = [line for line in lines if "Progress" not in line]
        assert end["End"]["Lines"] == len(lines)
        return lines

    async def every_page(self, path: str, name: str) -> list[Any]:
        """Return the items of all pages of a list; `name` is the member that has them."""
        items, token = [], None
        while True:
            page = await self.get(f"{path}?max_results=2" + (f"&next_token={token}" if token else ""))
            items += page[name]
            token = page.get("NextToken")
            if token is None:
                return items

    @asynccontextmanager
    async def watch(
        self, path: str, last: str | None = None, *, alive: bool = False
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Open a stream of events, after the one with the id `last`; `alive` events come whenever a machine is slow."""
        async with self.http.get(path, headers={"Last-Event-ID": last} if last else {}) as response:
            assert response.status == 200, await response.text()
            assert response.content_type == "text/event-stream"
            yield (event async for event in _events(response) if alive or event.name != "alive")

    async def events(self, path: str, last: str | None = None, *, alive: bool = False) -> list[Event]:
        """Return all events of a stream."""
        async with self.watch(path, last, alive=alive) as stream:
            return [event async for event in stream]


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in response.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield Event(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id", ""))
            fields = {}


def readable_members(sim: DetectiveSimulator) -> dict[tuple[str, str], Counter[str]]:
    """Return the numbers of members by status, for each region and account that lets the operator in."""
    return {
        (region, account): Counter(graph["members"].values())
        for arn, graph in sim.snapshot().items()
        for region, account in [arn.split(":")[3:5]]
        if account != world.CLOSED
    }
