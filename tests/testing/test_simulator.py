"""Starting and stopping a simulator, its accounts, its time, and the requests that it records."""

import asyncio
import inspect
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from botocore.exceptions import ClientError
from support.strict_mode import warnings_in

import detective_async.testing.services.detective
from detective_async.auth import Credentials
from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency, SimulatorThread
from detective_async.testing.server.requests import RequestLog
from detective_async.testing.world import membership

ASKED = "444455556666"
LEAVES_NOTHING = """
    import asyncio, gc, warnings
    from detective_async.testing import DetectiveSimulator, Fault, Latency

    async def main():
        async with DetectiveSimulator() as sim:
            host, port = sim.url[7:].split(":")
            idle = await asyncio.open_connection(host, int(port))
            half = await asyncio.open_connection(host, int(port))
            half[1].write(b"POST /graph HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 9\\r\\n\\r\\n{")
            used = await asyncio.open_connection(host, int(port))
            used[1].write(b"POST /graph HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
            assert b"MissingAuthenticationTokenException" in await used[0].readuntil(b"}")
        for _, writer in (idle, half, used):
            writer.close()
            try:
                await writer.wait_closed()
            except ConnectionError:
                pass
        assert asyncio.all_tasks() == {asyncio.current_task()}, asyncio.all_tasks()

    asyncio.run(main(), debug=True)
    gc.collect()
    print("clean")
"""
LEAVES_NO_THREAD = """
    import gc, threading
    from detective_async.testing import SimulatorThread

    for _ in range(3):
        with SimulatorThread() as sim:
            sim.account("111122223333")
    assert threading.active_count() == 1
    unstopped = SimulatorThread()
    unstopped.start()
    print("clean")
"""


@pytest.mark.parametrize("program", [LEAVES_NOTHING, LEAVES_NO_THREAD])
def test_it_leaves_no_resources_behind(program: str) -> None:
    """In development mode with warnings as errors; with clients that are idle or in the middle of a request.

    A thread that is never stopped does not block the interpreter's exit.
    """
    found = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (found.returncode, found.stdout.strip(), warnings_in(found.stderr)) == (0, "clean", "")


async def test_stopping_does_not_wait_for_a_slow_answer(sim: DetectiveSimulator, raw: Any) -> None:
    """A delayed request does not delay `stop`."""
    sim.inject(Fault(Latency(3600)))
    waiting = asyncio.create_task(raw.ask("POST", "/graphs/list", b"{}"))
    while sim.faults:  # noqa: ASYNC110  the simulator has no event for it
        await asyncio.sleep(0.01)
    async with asyncio.timeout(60):
        await sim.stop()
    with pytest.raises(OSError, match=r".*"):
        await waiting


async def call(method: Callable[..., Any], *arguments: Any) -> None:
    """Call a method of either kind of simulator; those of the thread block."""
    if inspect.isawaitable(result := method(*arguments)):
        await result


@pytest.mark.parametrize("kind", [DetectiveSimulator, SimulatorThread])
async def test_it_can_be_stopped_and_started_again(raw: Any, kind: Any) -> None:
    """Starting a running one and a port in use are errors, stopping a stopped one is not; the state is kept."""
    raw.sim = sim = kind(seed=3)
    assert "not started" in repr(sim)
    with pytest.raises(RuntimeError, match="not running"):
        _ = sim.url
    await call(sim.stop)
    await call(sim.start)
    with pytest.raises(RuntimeError, match="started already"):
        await call(sim.start)
    second = kind(port=int(sim.url.rpartition(":")[2]))
    for _ in range(2):
        with pytest.raises(OSError, match="in use"):
            await call(second.start)
    assert (await raw.ask("POST", "/graph", b"{}")).status == 200
    await call(sim.stop)
    await call(sim.stop)
    assert len(sim.snapshot()) == 1
    await call(sim.start)
    assert (await raw.ask("POST", "/graphs/list", b"{}")).status == 200
    assert repr(sim) == f"<{kind.__name__} {sim.url} [1 accounts, 1 graphs]>"
    await call(sim.stop)


async def test_a_bug_of_the_simulator_is_an_internal_failure(raw: Any, monkeypatch: Any, caplog: Any) -> None:
    """If an operation raises, the client gets InternalFailure, and the log has the traceback."""
    monkeypatch.setitem(detective_async.testing.services.detective.OPERATIONS, "ListGraphs", lambda _call: {"Nope": 1})
    reply = await raw.ask("POST", "/graphs/list", b"{}")
    assert (reply.status, reply.code) == (500, "InternalFailure")
    assert "KeyError" in caplog.text


def test_accounts_are_the_same_each_time() -> None:
    """Credentials are derived from the account id, which is checked."""
    one, two = DetectiveSimulator(), DetectiveSimulator()
    keys = one.account("111122223333")
    assert keys == one.account("111122223333") == two.account("111122223333")
    assert keys != one.account("222222222222")
    assert (len(keys.access_key_id), keys.access_key_id[:4]) == (20, "AKIA")
    assert keys.session_token is None
    for wrong in ("1", "12345678901x", "\u0661" * 12):
        with pytest.raises(ValueError, match="12 digits"):
            one.account(wrong)
    number: Any = 111122223333
    with pytest.raises(TypeError, match="account_id: must be an account id of 12 digits, as a string"):
        one.account(number)


@pytest.mark.parametrize("kind", [DetectiveSimulator, SimulatorThread])
async def test_time_only_goes_forward(kind: Any) -> None:
    """Only zero or more seconds may be added to the virtual time; a thread's errors are raised in the caller."""
    sim = kind()
    await call(sim.start)
    before = sim.now
    await call(sim.advance, 0)
    assert sim.now >= before
    for wrong in (-1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="seconds"):
            await call(sim.advance, wrong)
    await call(sim.stop)


def test_the_public_names_are_sorted_and_importable() -> None:
    """`__all__` has the names that can be imported."""
    names = detective_async.testing.__all__
    assert names == sorted(names)
    assert all(hasattr(detective_async.testing, name) for name in names)
    assert set(names) < set(dir(detective_async.testing))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = detective_async.testing.Nothing  # type: ignore[attr-defined]


async def test_recorded_requests_have_no_secrets(sim: DetectiveSimulator, boto: Any) -> None:
    """`requests` has the caller, the request and the response's status, but neither the signature nor the token."""
    session = sim.temporary_credentials("111122223333")
    await boto(credentials=session).create_graph()
    (request,) = sim.requests
    assert (request.operation, request.account_id, request.region) == ("CreateGraph", "111122223333", "eu-west-1")
    assert (request.method, request.target, request.status, request.error_code) == ("POST", "/graph", 200, None)
    assert "amz-sdk-invocation-id" in request.headers
    everything = repr(request) + repr(dict(request.headers))
    assert "authorization" not in request.headers
    assert str(session.session_token) not in everything
    assert session.secret_access_key not in everything
    sim.forget_requests()
    assert sim.requests == []


async def test_requests_are_remembered_within_bounds(raw: Any) -> None:
    """Up to a number and up to 16 MiB, the latest; nothing of the body of those that nobody has signed."""
    async with DetectiveSimulator(remember=3) as sim:
        raw.sim = sim
        for number in range(5):
            await raw.ask("POST", "/graphs/list", b'{"MaxResults": %d}' % (number + 1))
        assert [request.body for request in sim.requests] == [b'{"MaxResults": %d}' % number for number in (3, 4, 5)]
        await raw.send("POST", "/graph", {}, b"x" * 1000)
        assert sim.requests[-1].body == b""
    log = RequestLog(1000)
    for number in range(100):
        log.append(evolve(sim.requests[0], body=b"x" * 2**20, request_id=str(number)))
    assert [request.request_id for request in log] == [str(number) for number in range(85, 100)]
    log.clear()
    assert (len(log), list(log)) == (0, [])
    log.append(sim.requests[0])
    assert len(log) == 1


def test_the_environment_excludes_the_simulator_from_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside what is excluded already, in both spellings."""
    monkeypatch.setenv("NO_PROXY", "example.com")
    monkeypatch.delenv("no_proxy", raising=False)
    with SimulatorThread() as sim:
        variables = sim.environment("111122223333")
    assert (variables["NO_PROXY"], variables["no_proxy"]) == ("example.com,127.0.0.1",) * 2
    monkeypatch.setenv("NO_PROXY", "*")
    with SimulatorThread(host="::1") as sim:
        variables = sim.environment("111122223333")
    assert (variables["NO_PROXY"], variables["no_proxy"]) == ("*", "*")
    monkeypatch.setenv("no_proxy", "")
    with SimulatorThread() as sim:
        variables = sim.environment("111122223333")
    assert (variables["NO_PROXY"], variables["no_proxy"]) == ("*", "127.0.0.1")
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("no_proxy", "corp.example")
    with SimulatorThread() as sim:
        variables = sim.environment("111122223333")
    assert (variables["NO_PROXY"], variables["no_proxy"]) == ("corp.example,127.0.0.1",) * 2


@pytest.mark.parametrize("remember", [-1, 1.5, "x", None, True])
def test_the_number_of_requests_to_remember_is_checked(remember: Any) -> None:
    """When the simulator is made."""
    with pytest.raises((ValueError, TypeError), match="remember: must be a number of requests"):
        SimulatorThread(remember=remember)


async def test_reset(sim: DetectiveSimulator, boto: Any) -> None:
    """The world, the faults, the requests and the time are those of a new simulator; clients still work."""
    url, before = sim.url, sim.dump()
    client = boto()
    arn = (await client.create_graph())["GraphArn"]
    sim.account("111122223333", "someone-else@example.com")
    sim.close_region("us-east-1")
    sim.set_verification_delay(60)
    sim.inject(Fault(Failure(), probability=0.5, count=None))
    await sim.advance(86400)
    sim.reset()
    ahead = sim._clock.ahead.total_seconds()
    assert (sim.url, sim.snapshot(), sim.requests, sim.faults, round(ahead)) == (url, {}, [], [], 0)
    assert {**sim.dump(), "time": None} == {**before, "time": None}
    # With the same seed, the same graph.
    assert (await client.create_graph())["GraphArn"] == arn


@pytest.mark.parametrize("control", ["reset", "load"])
async def test_a_request_belongs_to_the_world_that_it_came_into(
    sim: DetectiveSimulator, boto: Any, control: str
) -> None:
    """One that still waits when the world is replaced does not change the next one; a reset's log does not have it."""
    client = boto()
    sim.inject(Fault(Latency(0.5)))
    call = asyncio.create_task(client.create_graph())
    while sim.faults:  # noqa: ASYNC110 - the request has no event
        await asyncio.sleep(0.01)
    if control == "reset":
        sim.reset()
    else:
        sim.load(sim.dump())
    assert "graph:" in (await call)["GraphArn"]
    assert sim.snapshot() == {}
    assert len(sim.requests) == (0 if control == "reset" else 1)
    assert (await client.list_graphs())["GraphList"] == []
    assert sim.requests[-1].operation == "ListGraphs"


@pytest.mark.simulator(verification_delay=60, activation_delay=60)
async def test_what_is_pending_in_a_baseline_is_completed_after_a_reset(
    sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """Verifications and activations, however often; they change the world that was reset, and not the baseline."""
    arn = (await boto().create_graph())["GraphArn"]
    await boto().create_members(GraphArn=arn, Accounts=people(1))
    await sim.advance(60)
    await boto("000000000001").accept_invitation(GraphArn=arn)
    await boto().create_members(GraphArn=arn, Accounts=people(1, first=2))
    sim.set_baseline()
    for _ in range(2):
        sim.reset()
        assert list(sim.snapshot()[arn]["members"].values()) == ["ACCEPTED_BUT_DISABLED", "VERIFICATION_IN_PROGRESS"]
        await sim.advance(60)
        assert list(sim.snapshot()[arn]["members"].values()) == ["ENABLED", "INVITED"]


@pytest.mark.parametrize("first", ["registers", "invites"])
async def test_a_reset_leaves_no_accounts_to_later_tests(sim: DetectiveSimulator, boto: Any, first: str) -> None:
    """One test registers an account, and another invites it with any address: in both orders, each is alone."""
    client = boto()
    sim.reset()

    async def registers() -> str:
        sim.account("444455556666", "root@example.com")
        return await invites("root@example.com")

    async def invites(address: str = "security@example.com") -> str:
        arn = (await client.create_graph())["GraphArn"]
        accounts = [{"AccountId": "444455556666", "EmailAddress": address}]
        await client.create_members(GraphArn=arn, Accounts=accounts)
        return str(sim.snapshot()[arn]["members"]["444455556666"])

    steps = [registers, invites] if first == "registers" else [invites, registers]
    for step in steps:
        assert await step() == "INVITED"
        sim.reset()
        assert sim.accounts == []


async def test_an_account_may_be_registered_with_another_address_after_a_reset(sim: DetectiveSimulator) -> None:
    """It has the default one, and not that of the test before; its keys are the same."""
    keys = sim.account("444455556666", "root@example.com", name="Root")
    sim.reset()
    assert sim.account("444455556666") == keys
    (account,) = sim.dump()["accounts"]
    assert (account["email"], account["name"]) == ("account-444455556666@example.com", "account-444455556666")


async def test_temporary_keys_survive_a_reset_until_they_expire(sim: DetectiveSimulator, boto: Any) -> None:
    """Those of sessions of roles too; new ones are never those again that another account has."""
    role = sim.role("444455556666", "Audit", trusted=["111122223333"])
    given = (await boto(service="sts").assume_role(RoleArn=role, RoleSessionName="one"))["Credentials"]
    session = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    kept, expired = sim.temporary_credentials("444455556666"), sim.temporary_credentials("444455556666", 60)
    await sim.advance(61)
    sim.reset()
    new = sim.temporary_credentials("555555555555")
    assert new.access_key_id not in {session.access_key_id, kept.access_key_id, expired.access_key_id}
    for keys, account in ((session, "444455556666"), (kept, "444455556666"), (new, "555555555555")):
        identity = await boto(service="sts", credentials=keys).get_caller_identity()
        assert identity["Account"] == account
    # By the clocks of clients, it has not expired yet.
    await boto(credentials=expired).create_graph()
    sim.load({})
    other = sim.temporary_credentials("666666666666")
    assert other.access_key_id not in {session.access_key_id, kept.access_key_id, new.access_key_id}


def test_a_reset_shares_what_never_changes() -> None:
    """Members are not copied, so that a large world is reset quickly; what changes is."""
    sim = SimulatorThread()
    sim.load({"graphs": [{"administrator": "111122223333", "region": "eu-west-1", "members": [{"account": "0" * 12}]}]})
    sim.organization("999999999999", ["111122223333"])
    sim.set_read_lag(5)
    sim.set_baseline()
    before = sim._world
    sim.close_region("me-south-1", "111122223333")
    sim.reset()
    after = sim._world
    assert after.accounts["111122223333"].closed_regions == set()
    (old,), (new,) = before.graphs.values(), after.graphs.values()
    assert new is not old
    assert new.members["0" * 12] is old.members["0" * 12]
    assert new.members is not old.members
    assert after.accounts["111122223333"] is not before.accounts["111122223333"]
    assert after.organization_of["111122223333"] is after.organizations["999999999999"]
    assert after.organizations["999999999999"] is not before.organizations["999999999999"]
    assert after._memberships == before._memberships
    assert after._memberships is not before._memberships
    assert after.reads._states is not before.reads._states
    assert after.reads._states[0] is before.reads._states[0]


def test_a_snapshot_is_of_now() -> None:
    """What has become due by real time is complete in it."""
    wall = [1_800_000_000.0]
    sim = DetectiveSimulator(verification_delay=60, wall_clock=lambda: wall[0])
    graph = sim._world.ensure_graph("111122223333", "eu-west-1", sim.now)
    membership.invite(sim._world, graph, "000000000001", "one@example.com", sim.now)
    wall[0] += 60
    assert sim.snapshot()[graph.arn]["members"] == {"000000000001": "INVITED"}


async def test_a_baseline_keeps_its_time(people: Any) -> None:
    """However much real time has passed: nothing becomes due by that, and the time goes on from there."""
    wall = [1_800_000_000.0]
    async with DetectiveSimulator(verification_delay=60, wall_clock=lambda: wall[0]) as sim:
        sim.account("111122223333")
        world = sim._world
        graph = world.ensure_graph("111122223333", "eu-west-1", sim.now)
        wall[0] += 5
        await sim.advance(10)
        (one,) = people(1)
        membership.invite(world, graph, one["AccountId"], one["EmailAddress"], sim.now)
        sim.set_baseline()
        baseline = sim.now
        for _ in range(2):
            wall[0] += 3600
            sim.reset()
            assert sim.now == baseline
            await sim.advance(59)
            assert list(sim.snapshot()[graph.arn]["members"].values()) == ["VERIFICATION_IN_PROGRESS"]
            wall[0] += 1
            await sim.advance(0)
            assert list(sim.snapshot()[graph.arn]["members"].values()) == ["INVITED"]


async def test_reset_to_a_baseline(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """The world that was built before, with its time and its temporary keys, however often."""
    arn = (await boto().create_graph())["GraphArn"]
    keys = sim.temporary_credentials("111122223333")
    await sim.advance(60)
    sim.set_baseline()
    baseline, moment = sim.snapshot(), sim.now
    for _ in range(2):
        await boto(credentials=keys).create_members(GraphArn=arn, Accounts=people(2))
        await sim.advance(7200)
        sim.reset()
        assert sim.snapshot() == baseline
        assert abs(sim.now - moment) < timedelta(minutes=2)


async def test_keys_that_had_expired_at_the_baseline_are_expired_after_a_reset(
    sim: DetectiveSimulator, boto: Any
) -> None:
    """However often; keys that were valid then are valid again."""
    expired, valid = sim.temporary_credentials("444455556666", 60), sim.temporary_credentials("444455556666", 120)
    await sim.advance(61)
    sim.set_baseline()
    for _ in range(2):
        await sim.advance(7200)
        for keys in (expired, valid):
            await boto(credentials=keys).refused("ExpiredTokenException", "list_graphs")
        sim.reset()
        await boto(credentials=expired).refused("ExpiredTokenException", "list_graphs")
        await boto(credentials=valid).list_graphs()


async def test_keys_outlive_a_return_to_an_older_time(sim: DetectiveSimulator, boto: Any) -> None:
    """Keys that were made after the baseline still work at its time."""
    sim.account("000000000001")
    sim.set_baseline()
    baseline = sim.now
    await sim.advance(7200)
    kept = sim.temporary_credentials("444455556666", 60)
    sim.reset()
    assert sim.now - baseline < timedelta(minutes=2)
    assert sim.accounts == ["000000000001"]
    assert (await boto(service="sts", credentials=kept).get_caller_identity())["Account"] == "444455556666"


@pytest.mark.parametrize("ahead", [0, 30 * 86400])
async def test_temporary_keys_follow_the_time_that_a_reset_sets(client_of: Any, ahead: int) -> None:
    """They are valid for as long as they were given, wherever the time was when they were, and where it was since."""
    wall = [0.0]
    async with DetectiveSimulator(wall_clock=lambda: time.time() + wall[0]) as sim:
        await sim.advance(ahead)
        keys = sim.temporary_credentials("111122223333", 900)
        client = client_of(sim, service="sts", credentials=keys)
        await sim.advance(86400)
        sim.reset()
        await asyncio.to_thread(client.get_caller_identity)
        await sim.advance(910)
        with pytest.raises(ClientError, match="expired"):
            await asyncio.to_thread(client.get_caller_identity)
        wall[0] += 240
        sim.reset()
        await asyncio.to_thread(client.get_caller_identity)
        sim.temporary_credentials("111122223333", 100)
        wall[0] += 700
        sim.reset()
        assert len(sim._world.keys) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda sim: sim.account(ASKED),
        lambda sim: sim.temporary_credentials(ASKED),
        lambda sim: sim.environment(ASKED),
        lambda sim: sim.close_region("ap-east-1", ASKED),
        lambda sim: sim.set_volume(ASKED, None),
        lambda sim: sim.role(ASKED, "Audit", trusted=[]),
        lambda sim: sim.organization("999999999999", [ASKED]),
    ],
)
@pytest.mark.parametrize("is_due", [False, True])
async def test_asking_for_keys_decides_no_verification(client_of: Any, ask: Any, *, is_due: bool) -> None:
    """An account that was not registered when it was invited verifies with any address, and gets the default one."""
    wall = [0.0]
    async with DetectiveSimulator(verification_delay=60, wall_clock=lambda: time.time() + wall[0]) as sim:
        admin = client_of(sim)
        graph = (await asyncio.to_thread(admin.create_graph))["GraphArn"]
        people = [{"AccountId": ASKED, "EmailAddress": "root@corp.example"}]
        await asyncio.to_thread(admin.create_members, GraphArn=graph, Accounts=people)
        wall[0] += 61 if is_due else 0
        ask(sim)
        await sim.advance(61)
        assert sim.snapshot()[graph]["members"] == {ASKED: "INVITED"}
        address = next(one["email"] for one in sim.dump()["accounts"] if one["id"] == ASKED)
        assert address == f"account-{ASKED}@example.com"


@pytest.mark.parametrize("invited", ["mistyped@corp.example", "Root@Corp.example"])
@pytest.mark.parametrize("is_loaded", [False, True])
async def test_an_address_that_is_given_decides_a_verification(
    sim: DetectiveSimulator, boto: Any, invited: str, *, is_loaded: bool
) -> None:
    """Also after the account was registered without one, or with another one."""
    sim.set_verification_delay(60)
    graph = (await boto().create_graph())["GraphArn"]
    await boto().create_members(GraphArn=graph, Accounts=[{"AccountId": ASKED, "EmailAddress": invited}])
    sim.account(ASKED)
    sim.account(ASKED, "another@corp.example")
    sim.account(ASKED, "root@corp.example")
    if is_loaded:
        sim.load(sim.dump())
    await sim.advance(60)
    (found,) = (await boto().list_members(GraphArn=graph))["MemberDetails"]
    assert found["EmailAddress"] == invited
    assert found["Status"] == ("VERIFICATION_FAILED" if "mistyped" in invited else "INVITED")


@pytest.mark.parametrize("is_loaded", [False, True])
async def test_a_registration_adopts_no_mistyped_address(
    sim: DetectiveSimulator, boto: Any, *, is_loaded: bool
) -> None:
    """An account that is registered while it is verified is the one that later invitations are compared with."""
    sim.set_verification_delay(60)
    found = []
    for address in ("mistyped@example.com", "mistyped@example.com", f"account-{ASKED}@example.com"):
        graph = (await boto().create_graph())["GraphArn"]
        await boto().create_members(GraphArn=graph, Accounts=[{"AccountId": ASKED, "EmailAddress": address}])
        sim.account(ASKED)
        if is_loaded:
            sim.load(sim.dump())
        await sim.advance(60)
        found += sim.snapshot()[graph]["members"].values()
        await boto().delete_graph(GraphArn=graph)
    assert found == ["INVITED", "VERIFICATION_FAILED", "INVITED"]


async def test_keys_of_an_old_baseline_are_valid_for_clients(client_of: Any) -> None:
    """Their clocks are ahead of the virtual time then, and would take new keys for expired ones."""
    shift = [-7200]
    async with DetectiveSimulator(wall_clock=lambda: time.time() + shift[0]) as sim:
        arn = sim.role("000000000001", "R", trusted=["111122223333"])
        sim.set_baseline()
        shift[0] = 0
        sim.reset()
        client = client_of(sim, service="sts")
        given = (await asyncio.to_thread(client.assume_role, RoleArn=arn, RoleSessionName="me"))["Credentials"]
        found = [given["Expiration"], sim.temporary_credentials("000000000001").expires_at]
        left = [one - datetime.now(UTC) for one in found if one is not None]
        assert [round(one / timedelta(hours=1)) for one in left] == [1, 1]
        keys = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        await sim.advance(3590)
        await asyncio.to_thread(client_of(sim, credentials=keys).list_graphs)
