"""The environment's proxy, between a client and a service with TLS."""

import asyncio
from base64 import b64encode

import pytest
from support.certificates import Certificates
from support.proxy import Proxy

from detective_async import ConnectError, DetectiveClient, RetryPolicy
from detective_async.testing import DetectiveSimulator

ACCOUNT = "111122223333"


class Tunnel:
    """A proxy that lets everything through, and notes where it was to go."""

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


@pytest.mark.parametrize("bypassed", [False, True])
async def test_tls_through_a_proxy(bypassed: bool, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy learns the host only; the certificate is checked, and the pool keeps the tunnel."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.bundle))
    tunnel = Tunnel()
    server = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1" if bypassed else "localhost")
    async with DetectiveSimulator() as sim, Proxy(sim.url, certificates.good) as service, server:
        service.listen()
        async with DetectiveClient(
            region="eu-west-1", credentials=sim.account(ACCOUNT), endpoint_url=service.url
        ) as client:
            await client.create_graph()
            assert len((await client.list_graphs()).graph_list) == 1
        where = service.url.removeprefix("https://")
    if bypassed:
        assert tunnel.heads == []
        return
    (head,) = tunnel.heads
    assert head.startswith(f"CONNECT {where} HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {b64encode(b'me:hunter2').decode()}" in head
    assert "AWS4-HMAC-SHA256" not in head


async def test_a_proxy_that_terminates_tls(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent to a proxy that decrypts TLS with a certificate that is not trusted."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.bundle))
    tunnel = Tunnel()
    async with (
        DetectiveSimulator() as sim,
        Proxy(sim.url, certificates.unknown_authority) as service,
        await asyncio.start_server(tunnel, "127.0.0.1", 0) as server,
    ):
        service.listen()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with DetectiveClient(
            region="eu-west-1",
            credentials=sim.account(ACCOUNT),
            endpoint_url=service.url,
            retry=RetryPolicy(max_attempts=1),
        ) as client:
            with pytest.raises(ConnectError, match="certificate verify failed"):
                await client.list_graphs()
        assert sim.requests == []
    assert len(tunnel.heads) == 1
