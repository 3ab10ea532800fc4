"""The concurrency limits, measured by the service: in total, and per account and region."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest
from support.wire_server import until

from detective_async import Credentials, DetectiveClient, DetectiveFleet, Target
from fleet.counting_server import REGIONS, CountingServer, accounts, counting_server, list_graphs, place_of, places

FIRST = accounts(1)[0]


@pytest.fixture(params=["our session", "the caller's session", "a session without limits"])
async def session(request: pytest.FixtureRequest) -> AsyncIterator[aiohttp.ClientSession | None]:
    """The session for the requests; None for the fleet's own."""
    async with AsyncExitStack() as stack:
        if request.param == "our session":
            yield None
        else:
            limit = 100 if request.param == "the caller's session" else 0
            connector = aiohttp.TCPConnector(limit=limit)
            yield await stack.enter_async_context(aiohttp.ClientSession(connector=connector))


async def fan_out(client: DetectiveClient, _target: Target) -> int:
    """Send more concurrent requests than a target may."""
    return len(await asyncio.gather(*(client.list_graphs() for _ in range(12))))


async def closing(server: CountingServer, session: aiohttp.ClientSession | None) -> None:
    """Close the caller's session, and check that no connection is left."""
    if session is not None:
        await session.close()
    await server.wire_server.emptied()


async def test_requests_keep_within_both_limits(session: aiohttp.ClientSession | None) -> None:
    """Both limits are reached and never exceeded, even if the work itself is concurrent."""
    async with counting_server() as server:
        async with DetectiveFleet(
            places(4), concurrency=10, concurrency_per_target=3, endpoint_url=server.url, session=session
        ) as fleet:
            outcomes = [outcome async for outcome in fleet.run(fan_out)]
        assert [outcome.result() for outcome in outcomes] == [12] * 12
        assert server.most == 10
        assert max(server.most_of_a_place.values()) == 3
        await closing(server, session)


async def test_sts_requests_count_towards_the_total(session: aiohttp.ClientSession | None) -> None:
    """AssumeRole counts towards the total, but not towards a target's limit."""
    async with counting_server() as server:
        async with DetectiveFleet.assume_role(
            "Audit",
            accounts(18),
            REGIONS[:1],
            source=Credentials("hub", "secret"),
            concurrency=6,
            concurrency_per_target=2,
            endpoint_url=server.url,
            session=session,
        ) as fleet:
            outcomes = [outcome async for outcome in fleet.run(fan_out)]
        assert [outcome.result() for outcome in outcomes] == [12] * 18
        assert server.most == 6
        assert max(server.most_of_a_place.values()) == 2
        await closing(server, session)


async def test_assume_role_is_not_limited_per_target() -> None:
    """All roles share one source and STS, which the limit per target must not serialize."""
    async with (
        counting_server(lambda request: b"AssumeRole" in request.body) as server,
        DetectiveFleet.assume_role(
            "Audit",
            accounts(5),
            ["eu-west-1"],
            source=Credentials("hub", "secret"),
            concurrency=5,
            concurrency_per_target=1,
            endpoint_url=server.url,
        ) as fleet,
    ):
        run = fleet.run(fan_out)
        first = asyncio.ensure_future(anext(run))
        await until(lambda: len(server.held) == 5, "all five roles are asked for")
        server.release()
        assert (await first).ok
        await run.aclose()


async def test_waiting_target_does_not_block_others(session: aiohttp.ClientSession | None) -> None:
    """Requests above a target's limit do not occupy slots of the total."""
    async with counting_server(lambda request: place_of(request) == (FIRST, REGIONS[0])) as server:
        async with DetectiveFleet(
            places(5), concurrency=4, concurrency_per_target=2, endpoint_url=server.url, session=session
        ) as fleet:
            run = fleet.run(fan_out)
            others = [await anext(run) for _ in range(14)]
            assert len(server.held) == 2
            assert all(outcome.result() == 12 for outcome in others)
            server.release()
            (last,) = [outcome async for outcome in run]
        assert (last.target.account_id, last.target.region) == (FIRST, REGIONS[0])
        assert last.result() == 12
        await closing(server, session)


async def test_two_runs_share_the_limits() -> None:
    """The limits apply to the fleet, not to a run."""
    async with counting_server() as server:
        async with DetectiveFleet(places(4), concurrency=5, concurrency_per_target=2, endpoint_url=server.url) as fleet:

            async def run() -> int:
                return sum([outcome.result() async for outcome in fleet.run(fan_out)])

            assert list(await asyncio.gather(run(), run())) == [144, 144]
        assert server.most == 5
        assert max(server.most_of_a_place.values()) == 2


async def test_limit_is_per_account_and_region() -> None:
    """Targets with equal keys and region share a limit; a client for a different region has its own."""
    async with counting_server() as server:
        keys = Credentials(FIRST, "secret")
        same = [Target(one, "eu-west-1") for one in accounts(6)]

        async def both(client: DetectiveClient, target: Target) -> None:
            elsewhere = client.with_options(region="us-east-1")
            await asyncio.gather(fan_out(client, target), fan_out(elsewhere, target))

        async with DetectiveFleet(same, credentials=keys, concurrency_per_target=3, endpoint_url=server.url) as fleet:
            assert [outcome.ok async for outcome in fleet.run(both)] == [True] * 6
        assert server.most_of_a_place == {(FIRST, "eu-west-1"): 3, (FIRST, "us-east-1"): 3}
        assert server.most == 6


async def test_connector_limit_of_the_callers_session() -> None:
    """The lower limit applies."""
    async with counting_server() as server:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=4)) as session,
            DetectiveFleet(places(5), concurrency=9, endpoint_url=server.url, session=session) as fleet,
        ):
            assert [outcome.ok async for outcome in fleet.run(fan_out)] == [True] * 15
        assert server.most == 4
        assert server.wire_server.most_connections == 4


async def test_more_connections_than_a_client() -> None:
    """A fleet's own session allows as many connections as its concurrency."""
    async with counting_server(lambda _: True) as server:
        async with DetectiveFleet(places(50), concurrency=130, endpoint_url=server.url) as fleet:
            run = fleet.run(list_graphs)
            first = asyncio.ensure_future(anext(run))
            await until(lambda: len(server.held) == 130, "130 requests are under way")
            server.release()
            assert (await first).ok
            assert len([outcome async for outcome in run]) == 149
        assert server.most == 130
