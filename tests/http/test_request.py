"""The short way of requests: the server gets the same requests as from aiohttp's own class."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientRequest, DummyCookieJar
from multidict import CIMultiDict
from support.fakes import FakeTime
from support.wire_server import Request, serving
from yarl import URL

from detective_async import Account, Credentials, DetectiveClient, RetryPolicy
from detective_async.http.request import WholeRequest, new_request

ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16
Call = Callable[[DetectiveClient], Awaitable[object]]
CALLS: dict[str, Call] = {
    "POST": lambda client: client.list_graphs(),
    "POST with much in it": lambda client: client.create_members(
        ARN, [Account(f"{number:012}", f"{'x' * 40}{number}@example.com") for number in range(50)], message="é" * 900
    ),
    "PUT": lambda client: client.accept_invitation(ARN),
    "GET": lambda client: client.list_tags_for_resource(ARN),
    "DELETE": lambda client: client.untag_resource(ARN, ["a b", "ü/?&=%", "c"]),
}


def comparable(request: Request) -> tuple[str, list[str], bytes]:
    """Give the request line, the headers in alphabetical order without the random id, and the body.

    The order on the wire differs, and has no meaning in HTTP: aiohttp writes Host first.
    """
    line, *headers = re.sub("(?<=invocation-id: )[^\r]*", "*", request.head).split("\r\n")
    return line, sorted(headers, key=str.lower), request.body


def client_of(url: str, fake_time: FakeTime) -> DetectiveClient:
    return DetectiveClient(
        region="eu-west-1",
        endpoint_url=url,
        credentials=Credentials("id", "secret", "token"),
        retry=RetryPolicy(max_attempts=1),
        clock=fake_time.clock(),
    )


@pytest.mark.shortcut
@pytest.mark.parametrize("prefix", ["", "/under/this"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_requests_are_the_same_as_aiohttps(
    call: Call, prefix: str, fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Request line, headers and body, for all forms of requests."""
    async with serving(Request.answer) as server:
        made = []
        init = WholeRequest.__init__

        def note(self: WholeRequest, *args: object, **kwargs: object) -> None:
            made.append(self)
            init(self, *args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(WholeRequest, "__init__", note)
        async with client_of(server.url + prefix, fake_time) as client:
            await call(client)
            assert len(made) == 1
            monkeypatch.setattr("detective_async.http.request._SUPPORTED", "none of them")
            await call(client)
            assert len(made) == 1
    ours, aiohttps = map(comparable, server.requests)
    assert ours == aiohttps


async def test_a_path_prefix_of_the_endpoint_is_kept(fake_time: FakeTime) -> None:
    """For gateways that serve Detective below a path; ARNs are sent percent-encoded, as they were signed."""
    async with serving(Request.answer) as server, client_of(f"{server.url}/gateway/it/", fake_time) as client:
        await client.list_tags_for_resource(ARN)
    assert server.requests[0].head.startswith(f"GET /gateway/it/tags/{ARN.replace(':', '%3A')} HTTP/1.1\r\n")


async def test_head_and_body_are_one_write(fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writes would be two packets, and two TLS records."""
    writes: list[bytes] = []
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    write = transport.write

    def note(self: object, data: bytes) -> None:
        writes.append(bytes(data))
        write(self, data)

    async with serving(Request.answer) as server, client_of(server.url, fake_time) as client:
        monkeypatch.setattr(transport, "write", note)
        await client.list_graphs()
    assert [data for data in writes if data.startswith(b"POST") and data.endswith(b"\r\n\r\n{}")]
    assert len([data for data in writes if data.startswith(b"POST") or data == b"{}"]) == 1


@pytest.mark.parametrize(
    "options", [{"proxy": URL("http://proxy"), "auth": None}, {"proxy": None, "auth": object()}], ids=["proxy", "auth"]
)
async def test_unusual_requests_use_aiohttps_class(options: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies and authentication need what the short request lacks."""
    monkeypatch.setattr(ClientRequest, "__init__", lambda *_, **__: None)
    request = new_request("GET", URL("http://host/"), **options)
    assert type(request) is ClientRequest


async def test_a_default_header_can_be_replaced() -> None:
    """The caller's headers override aiohttp's defaults."""
    options = dict.fromkeys(("auth", "proxy", "server_hostname", "session", "timer"))
    request = new_request(
        "GET",
        URL("http://host/"),
        headers=CIMultiDict({"ACCEPT": "text/x"}),
        data=None,
        loop=asyncio.get_running_loop(),
        response_class=None,
        ssl=True,
        traces=[],
        cookies=DummyCookieJar().filter_cookies(URL("http://host/")),
        **options,
    )
    assert request.headers.getall("accept") == ["text/x"]
    assert "content-length" not in request.headers
