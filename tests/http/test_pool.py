"""The connection pool: its limits, its sessions, proxies and certificates."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from support.wire_server import serving

from detective_async import ConfigurationError, ConnectError, Credentials, DetectiveClient, RetryPolicy
from detective_async.http import call
from detective_async.http.connector import _input_check
from detective_async.http.exchange import RawResponse
from detective_async.http.pool import ConnectionPool, LoopConnections, Turn

KEYS = Credentials("a", "b")


def connections(pool: ConnectionPool) -> LoopConnections:
    return pool.connections(asyncio.get_running_loop())


def test_a_transport_without_a_socket_counts_as_open() -> None:
    """Not every event loop gives access to one."""
    assert not _input_check(asyncio.Transport())(0)
    assert not _input_check(None)(0)


async def test_start_investigation_has_a_session_of_its_own(client: DetectiveClient) -> None:
    """That session keeps no connection between two requests, and is closed with the client."""
    arn = (await client.create_graph()).graph_arn
    session, day = connections(client._transport.pool).session(fresh=True), datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(2):
        await client.start_investigation(arn, f"arn:aws:iam::111122223333:user/{number}", day, day + timedelta(1))
        assert session.connector is not None
        assert len(session.connector._uses) <= 1  # type: ignore[attr-defined]
        assert not session.connector._conns
    await client.aclose()
    assert session.closed


@pytest.mark.parametrize("limit", [None, 3])
async def test_requests_that_wait_for_one_host_do_not_block_others(limit: int | None) -> None:
    """With and without a limit of a fleet in addition to those of the caller's session."""
    connector = aiohttp.TCPConnector(limit=10 if limit else 2, limit_per_host=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        pool = ConnectionPool(session, max_requests=limit)
        async with Turn(connections(pool), "a", None, None):
            waiting = [asyncio.ensure_future(Turn(connections(pool), "a", None, None).__aenter__()) for _ in range(5)]
            await asyncio.sleep(0)
            async with asyncio.timeout(5), Turn(connections(pool), "b", None, None):
                assert not any(one.done() for one in waiting)
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_cancelled_wait_releases_what_it_holds() -> None:
    """A request that waits for the session has the place of its host already."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1, limit_per_host=1)) as session:
        pool = ConnectionPool(session)
        async with Turn(connections(pool), "a", None, None):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01), Turn(connections(pool), "b", None, None):
                    raise AssertionError
        async with asyncio.timeout(5), Turn(connections(pool), "b", None, None):
            pass


async def take_all(pool: ConnectionPool, turns: AsyncExitStack) -> int:
    """Take turns, and keep them, until there are no more, or 500; return their number."""
    for taken in range(500):
        try:
            async with asyncio.timeout(0.01):
                await turns.enter_async_context(Turn(connections(pool), "a", None, None))
        except TimeoutError:
            return taken
    return 500


@pytest.mark.parametrize("limit", [3, 150])
async def test_a_limit_of_the_clients_own_session(limit: int) -> None:
    """It may be larger than the default."""
    pool = ConnectionPool(max_requests=limit)
    async with AsyncExitStack() as turns:
        turns.push_async_callback(pool.aclose)
        assert await take_all(pool, turns) == limit


@pytest.mark.parametrize(
    ("limit", "of_the_session", "expected"),
    [(3, 5, 3), (5, 3, 3), (3, 0, 3), (150, 0, 150), (None, 3, 3), (None, 0, 500)],
)
async def test_a_limit_on_the_callers_session(limit: int | None, of_the_session: int, expected: int) -> None:
    """It applies beside the session's own, which all clients of the session share."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=of_the_session)) as session,
        AsyncExitStack() as turns,
    ):
        limited, other = ConnectionPool(session, max_requests=limit), ConnectionPool(session)
        assert await take_all(limited, turns) == expected
        if of_the_session:
            assert await take_all(other, turns) == of_the_session - expected


@pytest.mark.parametrize(
    ("proxy", "problem"),
    [
        ("socks5://127.0.0.1:1", "of kind socks5://, and only http:// and https:// are supported"),
        ("ftp://me:hunter2@127.0.0.1:1", "of kind ftp://"),
    ],
)
async def test_a_proxy_that_cannot_be_used(proxy: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says why, without the password."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    async with DetectiveClient(region="eu-west-1", credentials=KEYS) as client:
        with pytest.raises(ConfigurationError, match=problem) as caught:
            await client.list_graphs()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["http://me:hunter2@127.0.0.1:{port}", "me:hunter2@127.0.0.1:{port}"])
async def test_a_proxy_that_refuses(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent, and the error does not contain the password."""
    async with (
        serving(lambda request: request.answer(b"", "407 Proxy Authentication Required")) as server,
        DetectiveClient(region="eu-west-1", credentials=KEYS, retry=RetryPolicy(max_attempts=1)) as client,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.format(port=server.url.rpartition(":")[2]))
        with pytest.raises(ConnectError, match=r"cannot connect to api.* through the proxy .*HTTP 407\)") as caught:
            await client.list_graphs()
    assert server.requests[0].head.startswith("CONNECT api.detective.eu-west-1.amazonaws.com:443 HTTP/1.1\r\n")
    assert not caught.value.outcome_unknown
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (
            "http://127.0.0.1:1",
            r"cannot connect to 127\.0\.0\.1 \(ConnectionRefusedError: \[Errno \d+\] Connect call failed",
        ),
        ("https://detective.example.com", r"cannot connect to the proxy"),
    ],
)
async def test_an_error_names_what_cannot_be_connected_to(
    url: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host, or the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    retry = RetryPolicy(max_attempts=1)
    async with DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=url, retry=retry) as client:
        with pytest.raises(ConnectError, match=problem) as caught:
            await client.list_graphs()
    assert not caught.value.outcome_unknown


async def test_a_proxy_of_the_users_session_that_is_no_host() -> None:
    """The session is made all the same, and refuses each request."""
    retry = RetryPolicy(max_attempts=1)
    async with (
        aiohttp.ClientSession(proxy="http://127.2:1") as session,
        DetectiveClient(region="eu-west-1", credentials=KEYS, session=session, retry=retry) as client,
    ):
        with pytest.raises(ConnectError, match="is no host that can be connected to") as caught:
            await client.list_graphs()
    assert not caught.value.outcome_unknown


def test_a_ca_bundle_with_a_very_long_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its path is cut, and is not in the error a second time."""
    monkeypatch.setenv("AWS_CA_BUNDLE", "x" * 5000)
    with pytest.raises(
        ConfigurationError, match=r"CA bundle x{300} \[\.\.\.\] \(.*\) cannot be used: File name too long$"
    ):
        DetectiveClient(region="eu-west-1", credentials=KEYS)


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_ca_bundle_that_cannot_be_used(content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The constructor raises; the error has the file's name and the setting."""
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with pytest.raises(ConfigurationError, match=rf"the CA bundle {bundle} \(AWS_CA_BUNDLE"):
        DetectiveClient(region="eu-west-1", credentials=KEYS)


async def rounds_of_responses(monkeypatch: pytest.MonkeyPatch, padding: int, cancelled: int | None = None) -> list[int]:
    """Make five calls whose responses arrive in the same round of the event loop; return the rounds of their ends."""
    body = b'{"GraphList":[],"Padding":"%s"}' % (b"x" * padding)
    loop, current = asyncio.get_running_loop(), 0
    rounds: list[int] = []

    async def respond(*_: object, **__: object) -> RawResponse:
        return RawResponse(200, {}, body)

    def next_round() -> None:
        nonlocal current
        current += 1
        if len(rounds) < 5 - (cancelled is not None):
            loop.call_soon(next_round)

    monkeypatch.setattr(call, "exchange", respond)
    async with DetectiveClient(region="eu-west-1", credentials=KEYS) as client:

        async def list_graphs() -> None:
            await client.list_graphs()
            rounds.append(current)

        await client.list_graphs()
        calls = [asyncio.ensure_future(list_graphs()) for _ in range(5)]
        next_round()
        await asyncio.sleep(0)
        if cancelled is not None:
            calls[cancelled].cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    return [one - rounds[0] for one in rounds]


async def test_large_responses_are_decoded_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never two in one round of the event loop, which would keep others waiting; small ones need no turn."""
    assert await rounds_of_responses(monkeypatch, padding=20_000) == [0, 2, 3, 4, 5]
    assert await rounds_of_responses(monkeypatch, padding=10) == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("cancelled", [2, 4])
async def test_a_cancelled_call_gives_its_turn_to_the_next(cancelled: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls behind it do not wait for it."""
    assert await rounds_of_responses(monkeypatch, padding=20_000, cancelled=cancelled) == [0, 2, 3, 4]
