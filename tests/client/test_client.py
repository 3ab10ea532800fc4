"""Opening, sharing and closing of clients and their sessions."""

import asyncio
import gc
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.interruptions import passes
from support.server_thread import no_graphs
from support.sessions import session_of
from support.strict_mode import warnings_in
from support.wire_server import WireServer, serving, until

from detective_async import (
    ClientClosed,
    ConfigurationError,
    DetectiveClient,
    ResourceNotFoundException,
    RetryPolicy,
    StaticCredentials,
    Timeouts,
)
from detective_async.testing import DetectiveSimulator, Fault, Gzip

ADMINISTRATOR = "111122223333"
OTHER = "444455556666"


def make_plain(server: WireServer) -> DetectiveClient:
    return DetectiveClient(region="eu-west-1", credentials=StaticCredentials("a", "b"), endpoint_url=server.url)


def make(sim: DetectiveSimulator, session: aiohttp.ClientSession | None = None) -> DetectiveClient:
    return DetectiveClient(
        region="eu-west-1", credentials=sim.account(ADMINISTRATOR), endpoint_url=sim.url, session=session
    )


async def test_async_with_closes_the_client(sim: DetectiveSimulator) -> None:
    """After the block, the session is closed and calls raise."""
    async with make(sim) as client:
        await client.list_graphs()
        session = session_of(client)
        assert session is not None
        assert "open" in repr(client)
    assert session.closed
    assert repr(client) == f"<DetectiveClient {sim.url} [eu-west-1, closed]>"
    with pytest.raises(ClientClosed, match="the client is closed"):
        await client.list_graphs()


async def test_a_client_without_async_with(sim: DetectiveSimulator) -> None:
    """The first call opens the session; `aclose` closes it and may be called twice."""
    client = make(sim)
    assert session_of(client) is None
    await client.list_graphs()
    await client.aclose()
    await client.aclose()
    with pytest.raises(ClientClosed, match="the client is closed"):
        await client.list_graphs()


async def test_a_client_that_was_never_used_can_be_closed(sim: DetectiveSimulator) -> None:
    """There is no session to close."""
    await make(sim).aclose()


def test_a_client_can_be_created_without_an_event_loop() -> None:
    """For example, when a module is imported."""
    client = DetectiveClient(region="eu-west-1", credentials=StaticCredentials("a", "b"))
    assert client.region == "eu-west-1"


async def test_the_callers_session_is_used_and_left_open(sim: DetectiveSimulator) -> None:
    """Closing the client does not close a session that was passed in."""
    requests = []

    async def on_start(*_: object) -> None:
        requests.append(True)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(on_start)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        async with make(sim, session) as client:
            await client.list_graphs()
        assert requests == [True]
        assert not session.closed
        with pytest.raises(ClientClosed, match="the client is closed"):
            await client.list_graphs()


async def test_settings_of_the_callers_session_do_not_matter(sim: DetectiveSimulator) -> None:
    """It may raise for statuses, leave bodies compressed, and have timeouts, headers and middlewares."""
    seen = []

    async def middleware(
        request: aiohttp.ClientRequest, handler: aiohttp.client_middlewares.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        seen.append(request.method)
        return await handler(request)

    async with aiohttp.ClientSession(
        raise_for_status=True,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=0.000001),
        headers={"X-Mine": "yes"},
        middlewares=[middleware],
    ) as session:
        client = make(sim, session)
        sim.inject(Fault(Gzip()))
        assert (await client.create_graph()).graph_arn
        arn = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0" * 32
        with pytest.raises(ResourceNotFoundException):
            await client.list_tags_for_resource(arn)
    assert seen == ["POST", "GET"]


@pytest.mark.parametrize(
    "name", ["Authorization", "Host", "X-Amz-Date", "Content-Type", "User-Agent", "Cookie", "amz-sdk-request"]
)
async def test_default_headers_of_a_session_that_the_requests_replace(sim: DetectiveSimulator, name: str) -> None:
    """The requests' own headers of the same name are sent, and others are not signed."""
    async with aiohttp.ClientSession(headers={name: "x"}) as session:
        assert (await make(sim, session).list_graphs()).graph_list == []


@pytest.mark.parametrize("name", ["X-Amz-Security-Token", "x-amz-target", "Content-Encoding", "Content-Length"])
async def test_default_headers_of_a_session_that_would_break_requests(sim: DetectiveSimulator, name: str) -> None:
    """AWS would refuse them unsigned, or misread the body."""
    async with aiohttp.ClientSession(headers={name: "1"}) as session:
        with pytest.raises(ConfigurationError, match=f"session: its default headers {name} would break"):
            make(sim, session)


def _netrc(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(folder / "netrc"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_session_with_other_credentials_is_refused(
    sim: DetectiveSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would replace the signature: at once, or in the first call, where only that shows it."""
    _netrc(tmp_path, monkeypatch)
    auth = aiohttp.BasicAuth("me", "hunter2")
    async with aiohttp.ClientSession(auth=auth) as session:
        with pytest.raises(ConfigurationError, match="session: it has auth="):
            make(sim, session)
    async with aiohttp.ClientSession(auth=auth, base_url="http://other.example") as session:
        assert (await make(sim, session).list_graphs()).graph_list == []
    several: list[dict[str, Any]] = [{"auth": auth, "base_url": sim.url}, {"trust_env": True}]
    for options in several:
        async with aiohttp.ClientSession(**options) as session:
            with pytest.raises(ConfigurationError, match=r"credentials for 127\.0\.0\.1, from auth= or") as caught:
                await make(sim, session).list_graphs()
        assert caught.value.__context__ is None
        assert "hunter2" not in str(caught.value)


async def test_an_exception_of_the_sessions_own_middleware_is_the_callers(sim: DetectiveSimulator) -> None:
    """It may have been raised after the request was sent, so it is not made a refusal."""

    async def middleware(
        request: aiohttp.ClientRequest, handler: aiohttp.client_middlewares.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        await handler(request)
        raise ValueError("mine")

    async with aiohttp.ClientSession(middlewares=[middleware]) as session:
        with pytest.raises(ValueError, match=r"^mine$"):
            await make(sim, session).list_graphs()


async def test_a_closed_session_is_refused(sim: DetectiveSimulator) -> None:
    """When the client is made, and in a call if it was closed since."""
    async with aiohttp.ClientSession() as session:
        client = make(sim, session)
    with pytest.raises(ConfigurationError, match="session: the aiohttp session is closed"):
        make(sim, session)
    with pytest.raises(ConfigurationError, match="session: the aiohttp session that was passed in is closed"):
        await client.list_graphs()


async def test_with_options_shares_the_connections(sim: DetectiveSimulator) -> None:
    """Derived clients use the same session for other accounts and regions, and do not close it."""
    async with make(sim) as client:
        mine = (await client.create_graph()).graph_arn
        other = client.with_options(credentials=sim.account(OTHER))
        elsewhere = client.with_options(region="us-east-1")
        patient = client.with_options(timeouts=Timeouts(total=5), retry=RetryPolicy(max_attempts=1))
        theirs = (await other.create_graph()).graph_arn
        there = (await elsewhere.create_graph()).graph_arn
        assert len({mine, theirs, there}) == 3
        assert (await patient.create_graph()).graph_arn == mine
        assert elsewhere.region == "us-east-1"
        assert elsewhere.endpoint_url == client.endpoint_url == sim.url
        assert client.region == "eu-west-1"
        async with other:
            pass
        await elsewhere.aclose()
        assert (await other.list_graphs()).graph_list[0].arn == theirs
    with pytest.raises(ClientClosed, match="the client is closed"):
        await other.list_graphs()


async def test_with_options_replaces_the_hooks(sim: DetectiveSimulator) -> None:
    """One, several or none; the client itself and options that are not given keep theirs."""
    of_client: list[object] = []
    of_derived: list[object] = []
    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=sim.account(OTHER), hooks=of_client.append
    ) as client:
        derived = client.with_options(hooks=of_derived.append)
        for one, numbers in (
            (derived, (0, 2)),
            (derived.with_options(region="us-east-1"), (0, 4)),
            (client.with_options(hooks=[of_client.append, of_derived.append]), (2, 6)),
            (derived.with_options(hooks=[]), (2, 6)),
            (client, (4, 6)),
        ):
            await one.list_graphs()
            assert (len(of_client), len(of_derived)) == numbers
        with pytest.raises(ConfigurationError, match="hooks: expected plain callables"):
            client.with_options(hooks=7)  # type: ignore[arg-type]


def test_with_options_resolves_the_endpoint_of_the_region() -> None:
    """Without a custom URL, another region has another endpoint."""
    client = DetectiveClient(region="eu-west-1", credentials=StaticCredentials("a", "b"), use_fips=True)
    assert client.endpoint_url == "https://api.detective-fips.eu-west-1.amazonaws.com"
    assert client.with_options(region="us-gov-west-1").endpoint_url == (
        "https://api.detective-fips.us-gov-west-1.amazonaws.com"
    )
    with pytest.raises(ConfigurationError, match="region: expected a region"):
        client.with_options(region="no region")


async def test_at_most_a_hundred_connections() -> None:
    """Three hundred concurrent calls succeed with them."""
    async with serving() as server, make_plain(server) as client:
        calls = [asyncio.create_task(client.list_graphs()) for _ in range(300)]
        await until(lambda: len(server.requests) == 100, "a hundred are in flight")
        await passes(100)
        assert len(server.requests) == 100
        server.react = no_graphs
        for request in list(server.requests):
            no_graphs(request)
        assert len(await asyncio.gather(*calls)) == 300
        assert server.most_connections == 100


@pytest.mark.parametrize("sent", [0, 1, 50, 100])
async def test_cancelled_calls_release_their_connections(sent: int) -> None:
    """No connection stays acquired, and later calls succeed."""
    async with serving() as server, make_plain(server) as client:
        calls = [asyncio.create_task(client.list_graphs()) for _ in range(150)]
        await until(lambda: len(server.requests) >= sent, "some are in flight")
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        session = session_of(client)
        assert session is not None
        assert isinstance(session.connector, aiohttp.TCPConnector)
        assert not session.connector._acquired
        server.react = no_graphs
        await client.list_graphs()


def test_a_program_in_development_mode_causes_no_warnings() -> None:
    """Calls, early stops and cancellation with warnings as errors and asyncio's debug mode."""
    program = textwrap.dedent("""
        import asyncio, gc
        from detective_async import Account, DetectiveClient, DetectiveError
        from detective_async.testing import DetectiveSimulator, Fault, Gzip

        async def main():
            async with DetectiveSimulator() as sim:
                settings = dict(region="eu-west-1", credentials=sim.account("111122223333"), endpoint_url=sim.url)
                async with DetectiveClient(**settings) as client:
                    arn = (await client.create_graph()).graph_arn
                    await client.create_members(arn, [Account(f"{n:012}", "a@b.org") for n in range(1, 31)])
                    async for member in client.iter_members(arn, page_size=5, prefetch=3):
                        break
                    calls = [asyncio.create_task(client.list_members(arn)) for _ in range(20)]
                    await asyncio.sleep(0)
                    for call in calls[::2]:
                        call.cancel()
                    await asyncio.gather(*calls, return_exceptions=True)
                    try:
                        await client.delete_members(arn, ["not an id"])
                    except DetectiveError:
                        pass
                unentered = DetectiveClient(**settings)
                await unentered.list_graphs()
                await unentered.aclose()

        asyncio.run(main(), debug=True)
        gc.collect()
    """)
    run = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-X", "dev", "-c", program], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, warnings_in(run.stderr)) == (0, "", "")


async def test_no_task_is_left_behind(sim: DetectiveSimulator) -> None:
    """After an iteration that stopped early and a client that was closed, no new task remains."""
    before = asyncio.all_tasks()
    async with make(sim) as client:
        await client.create_graph()
        async for _ in client.iter_graphs(prefetch=2):
            break
    gc.collect()

    def tasks() -> set[asyncio.Task[Any]]:
        # The simulator has a task for each connection until it is closed.
        return {task for task in asyncio.all_tasks() - before if "detective_async/testing" not in repr(task)}

    await until(lambda: not tasks(), "cancelled tasks have ended")
