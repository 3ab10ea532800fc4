"""The connection pool: its limits, and which connections it reuses."""

import asyncio
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from detective_async import ConfigurationError, ConnectError, Credentials, DetectiveClient, RetryPolicy, Timeouts
from detective_async.http.pool import ConnectionPool, Turn, _input_check
from detective_async.testing import DetectiveSimulator

KEYS = Credentials("a", "b")
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@contextmanager
def server_in_a_thread(answers_each: int) -> Iterator[tuple[str, list[int]]]:
    """Run a server in a thread that closes each connection after a number of responses."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[int] = []

    def serve() -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            connections.append(0)
            with accepted:
                for _answer in range(answers_each):
                    if not accepted.recv(65536):
                        break
                    connections[-1] += 1
                    accepted.sendall(ANSWER)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", connections
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def client_of(url: str, *, max_attempts: int = 1) -> DetectiveClient:
    return DetectiveClient(
        region="eu-west-1", credentials=KEYS, endpoint_url=url, retry=RetryPolicy(max_attempts=max_attempts)
    )


@pytest.mark.parametrize("with_poll", [True, False])
async def test_a_connection_that_was_closed_while_the_loop_was_busy_is_not_reused(
    with_poll: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next call succeeds with one attempt."""
    if not with_poll:
        # As on Windows.
        monkeypatch.delattr(select, "poll")
    with server_in_a_thread(answers_each=1) as (url, connections):
        async with client_of(url) as client:
            for number in range(1, 6):
                await client.list_graphs()
                session = client._transport.pool._reusing
                assert session is not None
                assert session.connector is not None
                ((connection, _),) = next(iter(session.connector._conns.values()))
                assert connection.transport is not None
                sock = connection.transport.get_extra_info("socket")
                # The loop is blocked until the server has closed the connection, unread.
                assert select.select([sock], [], [], 10)[0]
                assert connections == [1] * number
    assert connections == [1] * 5


def test_a_transport_without_a_socket_counts_as_open() -> None:
    """Not every event loop's transport has one."""
    assert not _input_check(asyncio.Transport())(0)
    assert not _input_check(None)(0)


async def test_an_open_connection_is_reused() -> None:
    """The check does not close it."""
    with server_in_a_thread(answers_each=5) as (url, connections):
        async with client_of(url) as client:
            for _ in range(5):
                await client.list_graphs()
    assert connections == [5]


async def test_start_investigation_uses_a_new_connection(sim: DetectiveSimulator) -> None:
    """A reused one may break through no fault of the request, which could then not be retried."""
    async with DetectiveClient(
        region="eu-west-1", credentials=sim.account("111122223333"), endpoint_url=sim.url
    ) as client:
        arn = (await client.create_graph()).graph_arn or ""
        connections = client._transport.pool
        for number in range(1, 3):
            await client.start_investigation(
                arn,
                f"arn:aws:iam::111122223333:user/user-{number}",
                datetime(2026, 1, 1, tzinfo=UTC),
                datetime(2026, 1, 2, tzinfo=UTC),
            )
            assert connections._fresh is not None
            assert connections._fresh.connector is not None
            assert len(connections._fresh.connector._handed_out) <= 1  # type: ignore[attr-defined]
            assert not connections._fresh.connector._conns
    assert connections._fresh is not None
    assert connections._fresh.closed


async def test_a_timeout_before_the_connection_has_a_known_outcome() -> None:
    """Nothing was sent: StartInvestigation is retried, too."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        # One connection fills the accept queue; later ones wait.
        with socket.create_connection(full.getsockname()), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(full.getsockname())
            for timeouts, attempts in ((Timeouts(attempt=0.05), 2), (Timeouts(total=0.05), 1)):
                async with DetectiveClient(
                    region="eu-west-1",
                    credentials=KEYS,
                    endpoint_url=url,
                    timeouts=timeouts,
                    retry=RetryPolicy(max_attempts=2),
                ) as client:
                    with pytest.raises(Exception, match="the service did nothing") as caught:
                        await client.start_investigation(
                            "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16,
                            "arn:aws:iam::111122223333:user/alice",
                            datetime(2026, 1, 1, tzinfo=UTC),
                            datetime(2026, 1, 2, tzinfo=UTC),
                        )
                    assert caught.value.attempts == attempts  # type: ignore[attr-defined]
                    assert not caught.value.outcome_unknown  # type: ignore[attr-defined]


async def test_clients_of_one_session_share_one_queue() -> None:
    """Together they use as many connections as its pool has."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=3)) as session:
        first, second = ConnectionPool(session), ConnectionPool(session)
        async with Turn(first, "a", None, None), Turn(second, "a", None, None), Turn(first, "b", None, None):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01), Turn(second, "c", None, None):
                    raise AssertionError
        async with Turn(second, "c", None, None):
            pass


async def test_the_limit_per_host_is_kept() -> None:
    """A host with a queue does not block calls to others."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=2, limit_per_host=1)) as session:
        connections = ConnectionPool(session)
        async with Turn(connections, "a", None, None):
            waiting = asyncio.ensure_future(Turn(connections, "a", None, None).__aenter__())
            await asyncio.sleep(0)
            async with Turn(connections, "b", None, None):
                assert not waiting.done()
            waiting.cancel()


async def test_a_session_without_limits_has_no_queue() -> None:
    """All calls run concurrently."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        connections = ConnectionPool(session)
        async with asyncio.timeout(10):
            turns = [Turn(connections, "a", None, None) for _ in range(1000)]
            for turn in turns:
                await turn.__aenter__()


async def take_all(connections: ConnectionPool, turns: AsyncExitStack) -> int:
    """Take turns, and keep them, for as long as there are any; how many were there?"""
    for taken in range(500):
        try:
            async with asyncio.timeout(0.01):
                await turns.enter_async_context(Turn(connections, "a", None, None))
        except TimeoutError:
            return taken
    raise AssertionError("endless")


@pytest.mark.parametrize("limit", [3, 150])
async def test_a_limit_of_the_clients_own_session(limit: int) -> None:
    """It is the size of the pool, which may exceed the default."""
    connections = ConnectionPool()
    connections.limit(limit)
    async with AsyncExitStack() as turns:
        turns.push_async_callback(connections.aclose)
        assert await take_all(connections, turns) == limit


@pytest.mark.parametrize(("limit", "of_the_session", "expected"), [(3, 5, 3), (5, 3, 3), (3, 0, 3), (150, 0, 150)])
async def test_a_limit_on_the_callers_session(limit: int, of_the_session: int, expected: int) -> None:
    """It applies in addition to the session's own limit."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=of_the_session)) as session,
        AsyncExitStack() as turns,
    ):
        limited, other = ConnectionPool(session), ConnectionPool(session)
        limited.limit(limit)
        assert await take_all(limited, turns) == expected
        if of_the_session:
            assert await take_all(other, turns) == of_the_session - expected


@pytest.mark.parametrize(
    ("proxy", "problem"),
    [
        ("socks5://127.0.0.1:1", "of kind 'socks5'; use http:// or https://"),
        ("ftp://me:hunter2@127.0.0.1:1", "of kind 'ftp'"),
    ],
)
async def test_a_proxy_that_cannot_be_used(proxy: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what is wrong, without the proxy's password."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    async with DetectiveClient(region="eu-west-1", credentials=KEYS) as client:
        with pytest.raises(ConfigurationError, match=problem) as caught:
            await client.list_graphs()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["http://me:hunter2@127.0.0.1:{port}", "me:hunter2@127.0.0.1:{port}"])
async def test_a_proxy_that_refuses(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent, and the error does not contain the password."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    heads: list[bytes] = []
    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    monkeypatch.setenv("HTTPS_PROXY", proxy.format(port=server.sockets[0].getsockname()[1]))
    async with (
        server,
        DetectiveClient(region="eu-west-1", credentials=KEYS, retry=RetryPolicy(max_attempts=1)) as client,
    ):
        with pytest.raises(ConnectError, match=r"the proxy refused to connect to api.*\(HTTP 407\)") as caught:
            await client.list_graphs()
    assert heads[0].startswith(b"CONNECT api.detective.eu-west-1.amazonaws.com:443 HTTP/1.1\r\n")
    assert not caught.value.outcome_unknown
    assert "hunter2" not in str(caught.value)


async def test_a_proxy_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says that it is the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with DetectiveClient(region="eu-west-1", credentials=KEYS, retry=RetryPolicy(max_attempts=1)) as client:
        with pytest.raises(ConnectError, match="cannot connect to the proxy") as caught:
            await client.list_graphs()
    assert not caught.value.outcome_unknown


async def test_a_malformed_host() -> None:
    """An address that aiohttp refuses raises an error about it."""
    async with client_of("http://127.1") as client:
        with pytest.raises(ConnectError, match=r"127\.1 is no host that can be connected to"):
            await client.list_graphs()


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_ca_bundle_that_cannot_be_used(content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The constructor raises, with the file's name and the setting."""
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with pytest.raises(ConfigurationError, match=rf"the CA bundle {bundle} \(AWS_CA_BUNDLE"):
        DetectiveClient(region="eu-west-1", credentials=KEYS)


async def test_requests_that_wait_for_one_host_do_not_block_others() -> None:
    """With a limit of a fleet in addition to those of the caller's session."""
    connector = aiohttp.TCPConnector(limit=10, limit_per_host=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        connections = ConnectionPool(session)
        connections.limit(3)
        async with Turn(connections, "a", None, None):
            waiting = [asyncio.ensure_future(Turn(connections, "a", None, None).__aenter__()) for _ in range(5)]
            await asyncio.sleep(0)
            async with asyncio.timeout(5), Turn(connections, "b", None, None):
                assert not any(one.done() for one in waiting)
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
