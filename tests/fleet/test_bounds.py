"""How much is under way at a time, counted by the service: in all, and for each account in each region."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest
from support.wire_server import until

from detective_async import Credentials, DetectiveClient, DetectiveFleet, Target
from fleet.gauge import REGIONS, Gauge, accounts, gauging, place_of, places

FIRST = accounts(1)[0]


@pytest.fixture(params=["our session", "the caller's session", "a session without limits"])
async def session(request: pytest.FixtureRequest) -> AsyncIterator[aiohttp.ClientSession | None]:
    """What requests go out on; None for the fleet's own."""
    async with AsyncExitStack() as stack:
        if request.param == "our session":
            yield None
        else:
            limit = 100 if request.param == "the caller's session" else 0
            connector = aiohttp.TCPConnector(limit=limit)
            yield await stack.enter_async_context(aiohttp.ClientSession(connector=connector))


async def fan_out(client: DetectiveClient, _target: Target) -> int:
    """Ask for far more at once than one target may have."""
    return len(await asyncio.gather(*(client.list_graphs() for _ in range(12))))


async def closing(gauge: Gauge, session: aiohttp.ClientSession | None) -> None:
    """Let the connections go, so that the service can see that no other ones are left."""
    if session is not None:
        await session.close()
    await gauge.server.emptied()


async def test_never_more_than_the_two_bounds(session: aiohttp.ClientSession | None) -> None:
    """Not even where the work itself asks for many things at once; and no less, where there is enough to do."""
    async with gauging() as gauge:
        async with DetectiveFleet(
            places(4), concurrency=10, concurrency_per_target=3, endpoint_url=gauge.url, session=session
        ) as fleet:
            outcomes = [outcome async for outcome in fleet.run(fan_out)]
        assert [outcome.result() for outcome in outcomes] == [12] * 12
        assert gauge.most == 10
        assert max(gauge.most_of_a_place.values()) == 3
        await closing(gauge, session)


async def test_stss_requests_count_too(session: aiohttp.ClientSession | None) -> None:
    """Assuming roles is part of what is under way, but of no account's share: all of it goes to one STS."""
    async with gauging() as gauge:
        async with DetectiveFleet.assume_role(
            "Audit",
            accounts(18),
            REGIONS[:1],
            source=Credentials("hub", "secret"),
            concurrency=6,
            concurrency_per_target=2,
            endpoint_url=gauge.url,
            session=session,
        ) as fleet:
            outcomes = [outcome async for outcome in fleet.run(fan_out)]
        assert [outcome.result() for outcome in outcomes] == [12] * 18
        assert gauge.most == 6
        assert max(gauge.most_of_a_place.values()) == 2
        await closing(gauge, session)


async def test_roles_are_assumed_beyond_one_targets_share() -> None:
    """All roles have their keys from the same source and the same STS, which is no target."""
    async with (
        gauging(lambda request: b"AssumeRole" in request.body) as gauge,
        DetectiveFleet.assume_role(
            "Audit",
            accounts(5),
            ["eu-west-1"],
            source=Credentials("hub", "secret"),
            concurrency=5,
            concurrency_per_target=1,
            endpoint_url=gauge.url,
        ) as fleet,
    ):
        run = fleet.run(fan_out)
        first = asyncio.ensure_future(anext(run))
        await until(lambda: len(gauge.held) == 5, "all five roles are asked for")
        gauge.release()
        assert (await first).ok
        await run.aclose()


async def test_one_target_that_waits_does_not_hold_up_the_others(session: aiohttp.ClientSession | None) -> None:
    """Its requests that are beyond its share wait outside, and do not take the turns of other targets."""
    async with gauging(lambda request: place_of(request) == (FIRST, REGIONS[0])) as gauge:
        async with DetectiveFleet(
            places(5), concurrency=4, concurrency_per_target=2, endpoint_url=gauge.url, session=session
        ) as fleet:
            run = fleet.run(fan_out)
            others = [await anext(run) for _ in range(14)]
            assert len(gauge.held) == 2
            assert all(outcome.result() == 12 for outcome in others)
            gauge.release()
            (last,) = [outcome async for outcome in run]
        assert (last.target.account_id, last.target.region) == (FIRST, REGIONS[0])
        assert last.result() == 12
        await closing(gauge, session)


async def test_so_many_targets_are_worked_on_at_a_time() -> None:
    """Whether their work asks for anything or not."""
    at_work = most = 0

    async def work(_client: DetectiveClient, _target: Target) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        for _ in range(3):
            await asyncio.sleep(0)
        at_work -= 1

    async with DetectiveFleet(places(20), concurrency=7) as fleet:
        assert len([outcome async for outcome in fleet.run(work)]) == 60
    assert most == 7


async def test_two_runs_at_once_share_the_bounds() -> None:
    """They are of the fleet, and not of the run."""
    async with gauging() as gauge:
        async with DetectiveFleet(places(4), concurrency=5, concurrency_per_target=2, endpoint_url=gauge.url) as fleet:

            async def run() -> int:
                return sum([outcome.result() async for outcome in fleet.run(fan_out)])

            assert list(await asyncio.gather(run(), run())) == [144, 144]
        assert gauge.most == 5
        assert max(gauge.most_of_a_place.values()) == 2


async def test_a_share_is_of_an_account_in_a_region() -> None:
    """Targets of the same keys and region have one together; a client made for another region has one more."""
    async with gauging() as gauge:
        keys = Credentials(FIRST, "secret")
        same = [Target(one, "eu-west-1") for one in accounts(6)]

        async def both(client: DetectiveClient, target: Target) -> None:
            elsewhere = client.with_options(region="us-east-1")
            await asyncio.gather(fan_out(client, target), fan_out(elsewhere, target))

        async with DetectiveFleet(same, credentials=keys, concurrency_per_target=3, endpoint_url=gauge.url) as fleet:
            assert [outcome.ok async for outcome in fleet.run(both)] == [True] * 6
        assert gauge.most_of_a_place == {(FIRST, "eu-west-1"): 3, (FIRST, "us-east-1"): 3}
        assert gauge.most == 6


async def test_the_sessions_own_limit_holds_as_well() -> None:
    """Where it is the lower one."""
    async with gauging() as gauge:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=4)) as session,
            DetectiveFleet(places(5), concurrency=9, endpoint_url=gauge.url, session=session) as fleet,
        ):
            assert [outcome.ok async for outcome in fleet.run(fan_out)] == [True] * 15
        assert gauge.most == 4
        assert gauge.server.most_connections == 4


async def test_more_at_once_than_a_client_alone_would_have() -> None:
    """A fleet's own session has as many connections as it was told."""
    async with gauging(lambda _: True) as gauge:
        async with DetectiveFleet(places(50), concurrency=130, endpoint_url=gauge.url) as fleet:
            run = fleet.run(lambda client, _: client.list_graphs())
            first = asyncio.ensure_future(anext(run))
            await until(lambda: len(gauge.held) == 130, "130 requests are under way")
            gauge.release()
            assert (await first).ok
            assert len([outcome async for outcome in run]) == 149
        assert gauge.most == 130
