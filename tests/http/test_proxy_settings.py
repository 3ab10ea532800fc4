"""Proxies of the environment: which one is used, how a malformed one is refused, and how one that fails is named."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from botocore.httpsession import ProxyConfiguration
from botocore.utils import get_environ_proxies
from support.certificates import Certificates

from detective_async import ConfigurationError, ConnectError, Credentials, DetectiveClient, HostNotFound, RetryPolicy
from detective_async.http.environment import proxy_for

HOST = "api.detective.eu-west-1.amazonaws.com"
URL = f"https://{HOST}"

USED = {
    "http://proxy:3128": "http://proxy:3128",
    "https://proxy.corp.example:443": "https://proxy.corp.example",
    "HTTP://Proxy_1.Corp.": "http://proxy_1.corp.",
    "proxy:3128": "http://proxy:3128",
    "//proxy:3128": "http://proxy:3128",
    "http://proxy:": "http://proxy",
    "http://proxy:3128/": "http://proxy:3128",
    "http://proxy:3128/path?query": "http://proxy:3128",
    "http://10.0.0.1:8080": "http://10.0.0.1:8080",
    "http://10.0.0.1.:8080": "http://10.0.0.1.:8080",
    "http://1.proxy.2a:8080": "http://1.proxy.2a:8080",
    "http://[::1]:3128": "http://[::1]:3128",
    "http://[fe80::1%eth0]": "http://[fe80::1%eth0]",
    "http://pröxy.example:1": "http://xn--prxy-6qa.example:1",
    "http://me@proxy:1": "http://me@proxy:1",
    "http://me:p%40%2F%3A%23s@proxy:1": "http://me:p%40%2F%3A%23s@proxy:1",
    "http://me:p@ss:word@proxy:1": "http://me:p%40ss%3Aword@proxy:1",
    "me:pass@proxy:1": "http://me:pass@proxy:1",
}
MALFORMED = {
    "http://proxy:port": "port is no number from 1 to 65535",
    "http://proxy:65536": "port",
    "http://proxy:0": "port",
    "http://proxy:-1": "port",
    "http://proxy:\N{FULLWIDTH DIGIT ONE}": "port",
    f"http://proxy:{'9' * 5000}": "port",
    "http://": "no host",
    "http:///": "no host",
    "http://:3128": "no host",
    "http://me:hunter2@": "no host",
    "http://[::1": "IPv6",
    "http://[::1]3128": "IPv6",
    "http://[proxy]:3128": "IPv6",
    "http://::1:3128": "no host",
    "http://1::2": "too many colons",
    "http:proxy:3128": "slashes",
    "https:/proxy:3128": "slashes",
    "http://pro xy:3128": "a space or a control character",
    "http://proxy:3128\n": "a space or a control character",
    " http://proxy:3128": "a space or a control character",
    "http://pro\u200bxy:3128": "a space or a control character",
    "http://" + "a" * 64 + ":3128": "1 to 63",
    "http://proxy..corp:3128": "1 to 63",
    "http://.corp": "1 to 63",
    "http://\u00e9..corp": "1 to 63",
    "http://" + "\u00e9" * 70: "1 to 63",
    "http://proxy\uff0fcorp": "1 to 63",
    "http://.": "1 to 63",
    "http://$PROXY:3128": "1 to 63",
    "http://256.256.256.256:9": "ends in a number and is no IPv4 address",
    "http://10.0.0.1.5:9": "no IPv4 address",
    "http://10.0.1:9": "no IPv4 address",
    "http://proxy.0x7f:9": "no IPv4 address",
    "http://1:9": "no IPv4 address",
    "http://1.:9": "no IPv4 address",
    "http://hunter2:x@1": "no IPv4 address",
    "0": "no IPv4 address",
    '"http://proxy:3128"': "1 to 63",
    "http://proxy,other:3128": "1 to 63",
    "http://prox\N{GREEK QUESTION MARK}y:3128": "1 to 63",
    "socks5://proxy:1080": "of kind socks5://",
    "ftp://proxy": "of kind ftp://",
    "http://me:hunter2/@proxy:3128": "percent-encoded",
    "http://me:hunter2#x@proxy:3128": "percent-encoded",
    "http://me:hunter2?x@proxy:3128": "percent-encoded",
    "http://a%3Ab:hunter2@proxy": "user name has a colon",
    "http://me:hunter2\N{EURO SIGN}@proxy": "Latin-1",
    "http://me:hunter2%E9@proxy": "Latin-1",
    "http://me:hunter2[@proxy:3128": "it is no URL",
    "http://http://proxy:3128": "more than one pair of slashes",
}


@pytest.mark.parametrize("value", USED)
def test_a_proxy_that_is_used(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its URL is complete, without a path, and with a user and a password that are percent-encoded."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    assert proxy_for(URL) == USED[value]


@pytest.mark.parametrize("value", MALFORMED)
async def test_a_malformed_proxy(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a call names the variable and the problem; AWS's host and the password are not in it."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    async with DetectiveClient(region="eu-west-1", credentials=Credentials("a", "b")) as client:
        with pytest.raises(ConfigurationError) as caught:
            await client.list_graphs()
    assert str(caught.value).startswith("HTTPS_PROXY has no proxy that can be used: ")
    assert MALFORMED[value] in str(caught.value)
    assert "amazonaws" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


VARIABLES: list[dict[str, str]] = [
    {},
    {"HTTPS_PROXY": "http://upper:1"},
    {"https_proxy": "http://lower:1"},
    {"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"},
    {"HTTPS_PROXY": "http://upper:1", "https_proxy": ""},
    {"Https_Proxy": "http://mixed:1"},
    {"HTTP_PROXY": "http://plain:1", "ALL_PROXY": "http://all:1"},
    {"HTTPS_PROXY": "upper:1", "REQUEST_METHOD": "GET"},
    *(
        {"HTTPS_PROXY": "http://upper:1", name: value}
        for name in ("NO_PROXY", "no_proxy")
        for value in ("*", "", "amazonaws.com", ".amazonaws.com", HOST, "detective", f"x, {HOST}:443 ,y", "10.0.0.0/8")
    ),
]


@pytest.mark.parametrize("variables", VARIABLES, ids=str)
def test_variables_are_read_as_by_botocore(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In lower and upper case, with NO_PROXY, for both schemes."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for url in (URL, f"{URL}:8443", "http://127.0.0.1:4580"):
        assert proxy_for(url) == ProxyConfiguration(get_environ_proxies(url)).proxy_url_for(url)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "Https_Proxy"])
def test_the_variable_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is spelt in the environment."""
    monkeypatch.setenv(variable, "ftp://proxy")
    with pytest.raises(ConfigurationError, match=f"^{variable} has no proxy"):
        proxy_for(URL)


def test_a_proxy_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows and macOS it may come from the system's settings."""
    monkeypatch.setattr("detective_async.http.environment.getproxies", lambda: {"https": "ftp://proxy"})
    with pytest.raises(ConfigurationError, match=r"^the proxy in the system's settings"):
        proxy_for(URL)


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def respond(text: str) -> Handler:
    """Respond with a status to each request, or with nothing."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.encode())
        writer.close()

    return handle


@asynccontextmanager
async def proxy(handle: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async with await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


async def failure(url: str | None = None, session: aiohttp.ClientSession | None = None) -> ConnectError:
    async with DetectiveClient(
        region="eu-west-1",
        credentials=Credentials("a", "b"),
        endpoint_url=url,
        session=session,
        retry=RetryPolicy(max_attempts=1),
    ) as client:
        with pytest.raises(ConnectError) as caught:
            await client.list_graphs()
    assert "hunter2" not in str(caught.value)
    assert not isinstance(caught.value, HostNotFound)
    assert not caught.value.outcome_unknown
    return caught.value


@pytest.mark.parametrize("by_session", [False, True])
async def test_a_proxy_whose_name_does_not_exist(by_session: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and not the service's host; also if it is one of a session of the caller's."""
    value = "http://me:hunter2@proxy.invalid:3128"
    if by_session:
        async with aiohttp.ClientSession(proxy=value) as session:
            error = await failure(session=session)
    else:
        monkeypatch.setenv("HTTPS_PROXY", value)
        error = await failure()
    assert "cannot connect to the proxy proxy.invalid:3128 (gaierror" in str(error)


@pytest.mark.parametrize(
    ("response", "words"),
    [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "(it refused with HTTP 407)"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "(it refused with HTTP 403)"),
        # A host that the proxy cannot find.
        ("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", "(it refused with HTTP 502)"),
        ("HTTP/1.1 503 x\r\n\r\n", "(it refused with HTTP 503)"),
        ("HTTP/1.1 504 x\r\n\r\n", "(it refused with HTTP 504)"),
        ("nonsense\r\n\r\n", "malformed HTTP"),
        ("", "the server closed the connection"),
    ],
)
async def test_a_proxy_that_refuses(response: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has reached the service, and the region is not judged by it."""
    async with proxy(respond(response)) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@127.0.0.1:{port}")
        text = str(await failure())
    assert f"through the proxy 127.0.0.1:{port}" in text
    assert words in text


async def test_a_proxy_that_refuses_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with its port."""
    async with proxy(respond("")) as port:
        pass
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    assert f"cannot connect to the proxy 127.0.0.1:{port} (ConnectionRefusedError" in str(await failure())


async def test_a_proxy_with_tls_that_is_not_trusted(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate of the proxy is told from that of the service."""
    async with proxy(respond(""), certificates.unknown_authority) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
        assert f"cannot trust the proxy 127.0.0.1:{port} (" in str(await failure())


async def test_a_proxy_that_refuses_plain_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP 407 comes from no service."""
    async with proxy(respond("HTTP/1.1 407 x\r\ncontent-length: 0\r\n\r\n")) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:hunter2@127.0.0.1:{port}")
        text = str(await failure("http://detective.example.com"))
    assert f"the proxy 127.0.0.1:{port} refused the request (HTTP 407)" in text
