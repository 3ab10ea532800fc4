"""A process that may open few files: it opens fewer connections, and an error says what to do."""

import asyncio
import errno
import resource
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from support.server_thread import server_thread
from support.strict_mode import warnings_in
from support.wire_server import until

from detective_async import (
    ConnectError,
    Credentials,
    DetectiveClient,
    DetectiveError,
    DetectiveFleet,
    Target,
    Timeouts,
)
from detective_async.http import descriptors
from detective_async.http.unclosed import close_idle, registered
from detective_async.testing import DetectiveSimulator

GRAPH = f"arn:aws:detective:eu-west-1:111122223333:graph:{'0a' * 16}"
USER = "arn:aws:iam::111122223333:user/alice"
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
PROGRAM = """
import asyncio, os, resource, sys
import aiohttp
from attrs import evolve
from detective_async import ConnectError, Credentials, DetectiveClient, DetectiveFleet, HostNotFound, Target, Timeouts

urls = sys.argv[1:]
url = urls[0]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
keys = Credentials("a", "b")
options = {"region": "eu-west-1", "credentials": keys, "endpoint_url": url}

def fill(left):
    files = []
    try:
        while True:
            files.append(os.dup(0))
    except OSError:
        for file in files[len(files) - left:]:
            os.close(file)
    return files[:len(files) - left]

async def many():
    async with DetectiveClient(**options) as client:
        await asyncio.gather(*(client.list_graphs() for _ in range(300)))
        quota = client._transport.limits.quota.available
    print(quota)

async def fleet():
    targets = [Target(f"{number:012}", "eu-west-1") for number in range(100)]
    async with DetectiveFleet(targets, **options, concurrency=100) as fleet:
        print(len([one.result() async for one in fleet.run(lambda client, _: client.list_graphs())]))

async def few_left():
    files = fill(6)
    async with DetectiveClient(**options) as client:
        await asyncio.gather(*(client.list_graphs() for _ in range(100)))
        print(client._transport.limits.quota.available)

async def several_clients():
    files = fill(26)
    clients = [DetectiveClient(**options, timeouts=Timeouts(connect=60)) for _ in range(4)]
    await asyncio.gather(*(client.list_graphs() for client in clients for _ in range(40)))
    print(*(client._transport.limits.quota.available for client in clients))
    for client in clients:
        await client.aclose()
    for file in files:
        os.close(file)

async def several_hosts():
    async with DetectiveClient(**options) as client:
        for url in urls:
            other = client.with_options()
            endpoint = client._transport.endpoint._replace(url=url)
            other._transport = evolve(client._transport, endpoint=endpoint)
            await asyncio.gather(*(other.list_graphs() for _ in range(15)))
        print(client._transport.limits.quota.available)

def several_event_loops():
    clients = [DetectiveClient(**options) for _ in range(6)]
    async def many(client):
        await asyncio.gather(*(client.list_graphs() for _ in range(15)))
    for client in clients:
        asyncio.run(many(client))
    for client in clients:
        asyncio.run(client.aclose())
    print(*(client._transport.limits.quota.available for client in clients))

async def none_left(**more):
    async with DetectiveClient(**options | more, timeouts=Timeouts(connect=0.2)) as client:
        files = fill(0)
        try:
            await client.list_graphs()
        except ConnectError as error:
            assert not isinstance(error, HostNotFound) and not error.outcome_unknown and error.attempts == 1
            print(client._transport.limits.quota.available, error.problem)
        for file in files:
            os.close(file)
        if "nowhere" not in client.endpoint_url:
            await client.list_graphs()

async def no_look_up():
    await none_left(endpoint_url="http://nowhere.invalid")

async def of_the_callers_session():
    async with aiohttp.ClientSession() as session:
        await none_left(session=session)

for way in (many, fleet, few_left, several_clients, several_hosts, none_left, no_look_up, of_the_callers_session):
    print(way.__name__, end=": ")
    asyncio.run(way())
several_event_loops()
"""
EXHAUSTED = (
    "500 no connection could be opened, because there are too many open files (limit: 64): raise the limit "
    "(`ulimit -n`), or keep fewer files and connections open"
)


def test_sixty_four_open_files() -> None:
    """Hundreds of calls succeed, and no failure is taken for one of the network; the retry quota stays full.

    Idle connections are closed where others need their files: those of other clients, hosts, and ended event loops.
    """
    with ExitStack() as running:
        server, *others = [running.enter_context(server_thread()) for _ in range(5)]
        run = subprocess.run(
            [sys.executable, "-P", "-W", "error", "-c", PROGRAM, *(one.url for one in (server, *others))],
            capture_output=True,
            text=True,
            check=False,
        )
        assert warnings_in(run.stderr) == ""
        assert run.stdout.splitlines() == [
            "many: 500",
            "fleet: 100",
            "few_left: 500",
            "several_clients: 500 500 500 500",
            "several_hosts: 500",
            f"none_left: {EXHAUSTED}",
            f"no_look_up: {EXHAUSTED}",
            f"of_the_callers_session: {EXHAUSTED}",
            "500 500 500 500 500 500",
        ]
        assert others[0].most_connections <= 16


@pytest.mark.parametrize(
    ("limit", "wanted", "affordable"),
    [(64, 100, 16), (256, 100, 64), (1024, 100, 100), (1024, 1000, 512), (65536, 1000, 1000), (2, 100, 1)],
)
def test_affordable_connections(limit: int, wanted: int, affordable: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the limit is left to the program."""
    monkeypatch.setattr(descriptors, "open_files_limit", lambda: limit)
    assert descriptors.affordable(wanted) == affordable


def test_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, all connections are affordable."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert descriptors.open_files_limit() is None
    assert descriptors.affordable(1000) == 1000


async def test_idle_connections_make_room() -> None:
    """Those of this event loop and of ended ones are closed; those of another one that runs may be in use by now."""
    stop = threading.Event()

    async def call_and_wait(client: DetectiveClient) -> None:
        await client.list_graphs()
        await asyncio.to_thread(stop.wait)
        await client.aclose()

    with server_thread() as server:
        here, ended, elsewhere, fresh = (
            DetectiveClient(region="eu-west-1", credentials=Credentials("a", "b"), endpoint_url=server.url)
            for _ in range(4)
        )
        await here.list_graphs()
        await asyncio.to_thread(asyncio.run, ended.list_graphs())
        other_thread = asyncio.create_task(asyncio.to_thread(asyncio.run, call_and_wait(elsewhere)))
        # Its connections are never kept.
        with suppress(DetectiveError):
            await fresh.start_investigation(GRAPH, USER, START, END)
        await until(lambda: server.open_in_clients() == 3, "three connections are open")
        close_idle(asyncio.get_running_loop())
        await until(lambda: server.open_in_clients() == 1, "two of them are closed")
        for client in (here, ended):
            await client.list_graphs()
        stop.set()
        await other_thread
        for client in (here, ended, fresh):
            await client.aclose()


@pytest.mark.parametrize("failures", [1, 1_000_000])
async def test_too_many_open_files(failures: int, sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call waits for a file that becomes free, within the time for connecting; it does not count against the host."""
    connect = aiohttp.TCPConnector.connect
    key = ConnectionKey("127.0.0.1", 1, False, True, None, None, None, None)
    left = iter(range(failures))

    async def exhausted(*args: Any) -> Any:
        if next(left, None) is not None:
            raise aiohttp.ClientConnectorError(key, OSError(errno.EMFILE, "Too many open files"))
        return await connect(*args)

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", exhausted)
    target = Target("111122223333", "eu-west-1", sim.account("111122223333"))
    timeouts = Timeouts(connect=0.1 if failures > 1 else 60.0)
    async with DetectiveFleet([target], endpoint_url=sim.url, timeouts=timeouts) as fleet:
        (outcome,) = [one async for one in fleet.run(lambda client, _: client.list_graphs())]
        health = fleet.client._transport.shared.in_loop(asyncio.get_running_loop()).health("detective", "eu-west-1")
    assert not health.failing
    if failures == 1:
        assert outcome.result().response_metadata.attempts == 1
    else:
        assert isinstance(outcome.error, ConnectError)
        assert outcome.error.problem.startswith("no connection could be opened, because there are too many open files")
        assert outcome.error.attempts == 1


async def test_connections_of_other_running_event_loops_are_left_alone() -> None:
    """They belong to other threads, which may be using them."""
    other = asyncio.new_event_loop()
    connections = Mock(loop=other)
    registered.add(connections)
    try:
        close_idle(asyncio.get_running_loop())
        assert connections.method_calls == []
    finally:
        registered.remove(connections)
        other.close()
