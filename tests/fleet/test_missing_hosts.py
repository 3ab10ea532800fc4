"""A region is unavailable only where that is known: its host does not exist while another region's responds."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from support.fakes import FakeTime
from support.interruptions import passes
from support.wire_server import until

from detective_async import (
    AssumeRole,
    AssumeRoleError,
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    HostNotFound,
    OutcomeKind,
    ParameterError,
    ProgressEvent,
    RetryPolicy,
    Target,
)
from detective_async.fleet import undecided
from fleet.counting_server import accounts

HERE, THERE, NOWHERE, BEYOND = "eu-west-1", "us-east-1", "me-north-1", "me-north-2"
KEYS = Credentials("a", "b")
SUCCEEDED, FAILED, UNAVAILABLE = OutcomeKind.SUCCEEDED, OutcomeKind.FAILED, OutcomeKind.REGION_UNAVAILABLE
ONCE = RetryPolicy(max_attempts=1)


def host_of(region: str, *, fips: bool = False) -> str:
    return f"api.detective{'-fips' * fips}.{region}.amazonaws.com"


def no_host(host: str) -> aiohttp.ClientConnectorDNSError:
    key = ConnectionKey(host, 443, True, True, None, None, None, None)
    return aiohttp.ClientConnectorDNSError(key, socket.gaierror(socket.EAI_NONAME, "no such name"))


def answers(mock_aws: Any, host: str, **options: Any) -> None:
    mock_aws.post(f"https://{host}/graphs/list", **{"payload": {"GraphList": []}, "repeat": True, **options})


def is_missing(mock_aws: Any, *hosts: str) -> None:
    for host in hosts:
        answers(mock_aws, host, exception=no_host(host))


def targets(*regions: str, count: int = 1) -> list[Target]:
    return [Target(one, region, KEYS) for region in regions for one in accounts(count)]


async def list_graphs(client: DetectiveClient, _: Target) -> object:
    return await client.list_graphs()


async def list_and_hang(client: DetectiveClient, target: Target) -> object:
    """List the graphs; in an existing region, never end."""
    if target.region == HERE:
        await asyncio.Event().wait()
    return await client.list_graphs()


async def first_ended(fleet: DetectiveFleet) -> None:
    """Wait until both targets were taken, and one of them has ended."""
    (run,) = fleet._runs
    await until(lambda: len(run._tasks) == 2, "both targets are in progress")
    await until(lambda: len(run._tasks) == 1, "the first target has ended")


async def outcomes_of(
    given: Iterable[Target], work: Callable[..., Any] = list_graphs, **options: Any
) -> list[tuple[str, OutcomeKind]]:
    """Run one target after the other, and return the regions and kinds."""
    async with DetectiveFleet(given, concurrency=1, retry=ONCE, **options) as fleet:
        return [(one.target.region, one.kind) async for one in fleet.run(work)]


@pytest.mark.parametrize("status", [200, 403, 500])
@pytest.mark.parametrize("first", [True, False])
async def test_another_host_responds(mock_aws: Any, status: int, first: bool) -> None:
    """Whether that comes before or after, and whatever it responds, the region is unavailable."""
    answers(mock_aws, host_of(HERE), status=status)
    is_missing(mock_aws, host_of(NOWHERE), host_of(BEYOND))
    given = targets(HERE, NOWHERE, BEYOND) if first else targets(NOWHERE, BEYOND, HERE)
    kinds = dict(await outcomes_of(given))
    assert kinds == {HERE: SUCCEEDED if status == 200 else FAILED, NOWHERE: UNAVAILABLE, BEYOND: UNAVAILABLE}


async def test_a_missing_host_of_a_region_with_detective(mock_aws: Any) -> None:
    """Its host exists, so that the resolver fails: no missing host is believed in for the rest of the run."""
    answers(mock_aws, host_of(HERE))
    is_missing(mock_aws, host_of(THERE), host_of(NOWHERE))
    assert dict(await outcomes_of(targets(HERE, THERE, NOWHERE))) == {HERE: SUCCEEDED, THERE: FAILED, NOWHERE: FAILED}


async def test_no_host_responds(mock_aws: Any) -> None:
    """A resolver that knows no names, or one region alone, says nothing: each target has failed, in its order."""
    is_missing(mock_aws, host_of(HERE), host_of(NOWHERE))
    given = targets(HERE, NOWHERE, count=3)
    assert await outcomes_of(given) == [(HERE, FAILED)] * 3 + [(NOWHERE, FAILED)] * 3
    async with DetectiveFleet(given, retry=ONCE) as fleet:
        stream = fleet.iter_members()
        assert [pair async for pair in stream] == []
    assert len(stream.failures) == 6
    assert {one.error.host for one in stream.failures if isinstance(one.error, HostNotFound)} == {
        host_of(HERE),
        host_of(NOWHERE),
    }


async def test_work_without_a_response(mock_aws: Any) -> None:
    """Work that succeeds without a call, or is refused a connection, has reached no host."""
    is_missing(mock_aws, host_of(NOWHERE))
    answers(mock_aws, host_of(HERE), exception=aiohttp.ServerDisconnectedError())

    async def work(client: DetectiveClient, target: Target) -> object:
        return [] if target.region == THERE else await client.list_graphs()

    assert dict(await outcomes_of(targets(THERE, HERE, NOWHERE), work)) == {
        THERE: SUCCEEDED,
        HERE: FAILED,
        NOWHERE: FAILED,
    }


async def test_a_resolver_that_contradicts_itself(mock_aws: Any) -> None:
    """If a host that responded before is missing, no missing host is believed in for the rest of the run."""
    answers(mock_aws, host_of(HERE), repeat=False)
    is_missing(mock_aws, host_of(HERE), host_of(NOWHERE), host_of(BEYOND))
    given = [*targets(HERE, NOWHERE), *targets(HERE, BEYOND)]
    assert await outcomes_of(given) == [(HERE, SUCCEEDED), (NOWHERE, UNAVAILABLE), (HERE, FAILED), (BEYOND, FAILED)]


async def test_each_run_decides_for_itself(mock_aws: Any) -> None:
    """What responded in an earlier run is not known to exist now."""
    answers(mock_aws, host_of(HERE), repeat=False)
    is_missing(mock_aws, host_of(HERE), host_of(NOWHERE))
    async with DetectiveFleet(targets(HERE, NOWHERE), concurrency=1, retry=ONCE) as fleet:
        kinds = [[one.kind async for one in fleet.run(list_graphs)] for _ in range(2)]
    assert kinds == [[SUCCEEDED, UNAVAILABLE], [FAILED, FAILED]]


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"use_fips": True}, host_of(NOWHERE, fips=True)),
        ({"endpoint_url": "https://detective.example.com"}, "detective.example.com"),
    ],
)
async def test_hosts_that_say_nothing_of_a_region(mock_aws: Any, options: dict[str, Any], missing: str) -> None:
    """FIPS endpoints exist in a few regions only, and a custom endpoint may be mistyped."""
    is_missing(mock_aws, missing)
    answers(mock_aws, host_of(HERE, fips=True))
    given = targets(NOWHERE) if "endpoint_url" in options else targets(HERE, NOWHERE)
    assert dict(await outcomes_of(given, **options))[NOWHERE] is FAILED


async def test_the_host_of_something_else(mock_aws: Any) -> None:
    """A host that the work asks beside the target's own, such as a client of its own or an STS, is not the region's."""
    is_missing(mock_aws, host_of(NOWHERE), "mistyped.example.com")
    mock_aws.post("https://sts.me-north-1.amazonaws.com/", exception=no_host("sts.me-north-1.amazonaws.com"))
    answers(mock_aws, host_of(HERE))
    role = AssumeRole("arn:aws:iam::111122223333:role/Audit", source=KEYS)

    async def work(client: DetectiveClient, target: Target) -> object:
        if target.region == THERE:
            async with DetectiveClient(
                region=THERE, credentials=KEYS, endpoint_url="https://mistyped.example.com", retry=ONCE
            ) as other:
                return await other.list_graphs()
        return await client.list_graphs()

    given = [*targets(HERE, THERE), Target("111122223333", NOWHERE, role)]
    async with DetectiveFleet(given, concurrency=1, retry=ONCE) as fleet:
        found = {one.target.region: one async for one in fleet.run(work)}
    assert {region: one.kind for region, one in found.items()} == {HERE: SUCCEEDED, THERE: FAILED, NOWHERE: FAILED}
    assert isinstance(found[THERE].error, HostNotFound)
    assert isinstance(found[NOWHERE].error, AssumeRoleError)


async def test_sts_is_no_host_of_detective(mock_aws: Any) -> None:
    """A network may know an STS, and none of Detective's hosts."""
    names = {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c", "Expiration": "2099-01-01T00:00:00Z"}
    keys = "".join(f"<{name}>{value}</{name}>" for name, value in names.items())
    response = f"<AssumeRoleResponse><Credentials>{keys}</Credentials></AssumeRoleResponse>"
    mock_aws.post("https://sts.eu-west-1.amazonaws.com/", body=response, repeat=True)
    is_missing(mock_aws, host_of(HERE), host_of(THERE))
    async with DetectiveFleet.assume_role("Audit", accounts(2), [HERE, THERE], source=KEYS, retry=ONCE) as fleet:
        found = [one async for one in fleet.run(list_graphs)]
    assert [one.kind for one in found] == [FAILED] * 4
    assert {type(one.error) for one in found} == {HostNotFound}


async def test_held_outcomes_do_not_wait_for_the_work(mock_aws: Any) -> None:
    """They come as soon as another host responds, also if its own work goes on for long."""
    is_missing(mock_aws, host_of(NOWHERE))
    answers(mock_aws, host_of(HERE))
    may_end = asyncio.Event()

    async def work(client: DetectiveClient, target: Target) -> None:
        await client.list_graphs()
        if target.region == HERE:
            await may_end.wait()

    async with DetectiveFleet(targets(NOWHERE, HERE, count=2), concurrency=2, retry=ONCE) as fleet:
        run = fleet.run(work)
        assert [(await anext(run)).kind for _ in range(2)] == [UNAVAILABLE] * 2
        may_end.set()
        assert [one.kind async for one in run] == [SUCCEEDED] * 2


async def test_items_do_not_wait(mock_aws: Any) -> None:
    """A merged stream hands out its items, while the outcome of a missing host is held; in the end it has all."""
    is_missing(mock_aws, host_of(NOWHERE), host_of(BEYOND))
    answers(mock_aws, host_of(HERE), payload={"GraphList": [{"Arn": "arn:1"}, {"Arn": "arn:2"}]})
    async with DetectiveFleet(targets(NOWHERE, HERE, BEYOND, count=3), concurrency=2, retry=ONCE) as fleet:
        stream = fleet.iter_graphs()
        found = [target.region async for target, _ in stream]
    assert found == [HERE] * 6
    assert stream.failures == []
    kinds = sorted((one.target.region, one.kind) for one in stream.outcomes)
    assert kinds == [(HERE, SUCCEEDED)] * 3 + [(NOWHERE, UNAVAILABLE)] * 3 + [(BEYOND, UNAVAILABLE)] * 3


async def test_the_number_of_held_outcomes_is_bounded(mock_aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it the oldest ones are failures; none is lost or doubled, and progress counts each once."""
    assert f"At most {undecided._MAX_HELD:,} outcomes are held" in (DetectiveFleet.run.__doc__ or "")
    monkeypatch.setattr(undecided, "_MAX_HELD", 2)
    is_missing(mock_aws, host_of(NOWHERE))
    answers(mock_aws, host_of(HERE))
    events: list[ProgressEvent] = []
    async with DetectiveFleet([*targets(NOWHERE, count=5), *targets(HERE)], concurrency=1, retry=ONCE) as fleet:
        found = [(one.target.account_id, one.kind) async for one in fleet.run(list_graphs, progress=events.append)]
    kinds = [FAILED] * 3 + [UNAVAILABLE] * 2
    assert found == [*zip(accounts(5), kinds, strict=True), (accounts(1)[0], SUCCEEDED)]
    assert [(one.done, one.failed) for one in events] == [(1, 1), (2, 2), (3, 3), (4, 3), (5, 3), (6, 3)]


async def test_a_run_that_ends_with_an_error(mock_aws: Any) -> None:
    """What is held comes before the error of the targets' iterator, or of a fleet that was closed."""
    is_missing(mock_aws, host_of(NOWHERE))
    given: Any = iter([*targets(NOWHERE), "no target"])
    async with DetectiveFleet(given, retry=ONCE) as fleet:
        run = fleet.run(list_graphs)
        assert (await anext(run)).kind is FAILED
        with pytest.raises(ParameterError, match="expected a Target"):
            await anext(run)
    async with DetectiveFleet(targets(NOWHERE, HERE), retry=ONCE) as fleet:
        run = fleet.run(list_and_hang)
        first = asyncio.ensure_future(anext(run))
        await passes(1)
        await first_ended(fleet)
        await fleet.aclose()
        assert (await first).kind is FAILED
        with pytest.raises(RuntimeError, match="closed"):
            await anext(run)


async def test_leaving_a_run(mock_aws: Any) -> None:
    """Nothing is published to a consumer that has left."""
    is_missing(mock_aws, host_of(NOWHERE))
    events: list[ProgressEvent] = []
    async with DetectiveFleet(targets(NOWHERE, HERE), retry=ONCE) as fleet:
        run = fleet.run(list_and_hang, progress=events.append)
        first = asyncio.ensure_future(anext(run))
        await passes(1)
        await first_ended(fleet)
        first.cancel()
        await asyncio.wait([first])
        await run.aclose()
    assert events == []


async def test_dual_stack_hosts(mock_aws: Any, fake_time: FakeTime) -> None:
    """Each region has one, so that a missing one says the same as a missing standard host."""
    is_missing(mock_aws, f"detective.{NOWHERE}.api.aws")
    answers(mock_aws, f"detective.{HERE}.api.aws")
    found = await outcomes_of(targets(NOWHERE, HERE), use_dualstack=True, clock=fake_time.clock())
    assert found == [(NOWHERE, UNAVAILABLE), (HERE, SUCCEEDED)]
