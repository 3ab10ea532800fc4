"""What the environment sets is used or ignored: proxies with and without TLS, and passwords in `.netrc`."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import SSLContext

import pytest
from support.certificates import Certificates
from support.proxy import Proxy
from support.wire_server import Request, serving

from detective_async import ConnectError, Credentials, DetectiveClient, RetryPolicy
from detective_async.testing import DetectiveSimulator


class Tunnel:
    """A proxy that forwards everything, and records the heads of the requests to it."""

    def __init__(self) -> None:
        self.heads: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        host, _, port = head.split(" ")[1].partition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pipe(reader, back), _pipe(there, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def behind_a_tunnel(
    certificate: SSLContext, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[DetectiveSimulator, DetectiveClient, Tunnel]]:
    """Run a simulator with TLS, and a proxy that the environment sets for it."""
    tunnel = Tunnel()
    async with (
        DetectiveSimulator() as sim,
        Proxy(sim.url, certificate) as service,
        await asyncio.start_server(tunnel, "127.0.0.1", 0) as server,
    ):
        service.listen()
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with DetectiveClient(
            region="eu-west-1",
            credentials=sim.account("111122223333"),
            endpoint_url=service.url,
            retry=RetryPolicy(max_attempts=1),
        ) as client:
            yield sim, client, tunnel


@pytest.mark.parametrize("bypassed", [False, True])
async def test_tls_through_a_proxy(bypassed: bool, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy receives the host only; the certificate is verified, and the pool keeps the tunnel."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1" if bypassed else "localhost")
    async with behind_a_tunnel(certificates.good, monkeypatch) as (_, client, tunnel):
        await client.create_graph()
        assert len((await client.list_graphs()).graph_list) == 1
    if bypassed:
        assert tunnel.heads == []
        return
    (head,) = tunnel.heads
    assert head.startswith(f"CONNECT {client.endpoint_url.removeprefix('https://')} HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {b64encode(b'me:hunter2').decode()}" in head
    assert "AWS4-HMAC-SHA256" not in head


async def test_a_proxy_that_terminates_tls(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that terminates TLS itself, and is not trusted, receives no request."""
    async with behind_a_tunnel(certificates.unknown_authority, monkeypatch) as (sim, client, tunnel):
        with pytest.raises(
            ConnectError, match=r"cannot trust 127.0.0.1 through the proxy 127.* certificate verify failed"
        ):
            await client.list_graphs()
        assert sim.requests == []
    assert len(tunnel.heads) == 1


async def test_a_proxy_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests go through it, except to the hosts in `NO_PROXY`."""

    async def call_twice(url: str) -> None:
        async with DetectiveClient(region="eu-west-1", credentials=Credentials("a", "b"), endpoint_url=url) as client:
            await client.list_graphs()
            await client.list_graphs()

    async with serving(Request.answer) as proxy, serving(Request.answer) as direct:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        await call_twice("http://detective.example.com")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        await call_twice(direct.url)
    assert proxy.requests[0].head.startswith("POST http://detective.example.com/graphs/list HTTP/1.1\r\n")
    assert (len(proxy.requests), len(direct.requests)) == (2, 2)


async def test_netrc_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password for the host in `.netrc` neither replaces the signature nor fails the call."""
    (tmp_path / "netrc").write_text("default login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with (
        serving(Request.answer) as server,
        DetectiveClient(region="eu-west-1", credentials=Credentials("a", "b"), endpoint_url=server.url) as client,
    ):
        await client.list_graphs()
    assert "AWS4-HMAC-SHA256" in server.requests[0].header("authorization")
