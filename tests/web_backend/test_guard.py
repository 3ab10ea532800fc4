"""Who may ask: this backend's own pages, and programs."""

import aiohttp
import pytest
from web_backend.guard import host_name, is_our_host, is_our_origin
from web_backend.settings import LOCAL_NAMES


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:8080", "localhost"),
        ("LocalHost", "localhost"),
        ("[::1]:8080", "[::1]"),
        ("[::1]", "[::1]"),
        ("localhost:", "localhost:"),
        ("localhost:x", "localhost:x"),
        ("", ""),
    ],
)
def test_the_name_in_a_host(host: str, name: str) -> None:
    """The port is no part of it, and what is no port is."""
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["localhost:8080"], True),
        (["127.0.0.1"], True),
        (["[::1]:1"], True),
        (["evil.example:8080"], False),
        (["localhost.evil.example"], False),
        (["localhost:8080@evil.example"], False),
        (["localhost", "localhost"], False),
        ([], False),
    ],
)
def test_whom_a_request_is_meant_for(hosts: list[str], expected: bool) -> None:
    """One of our names, and nobody else's who has theirs resolve to us."""
    assert is_our_host(hosts, LOCAL_NAMES) is expected


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        ([], True),
        (["http://localhost:8080"], True),
        (["https://LOCALHOST:8080"], True),
        (["http://localhost:8081"], False),
        (["http://localhost"], False),
        (["http://evil.example"], False),
        (["null"], False),
        ([""], False),
        (["http://localhost:8080", "http://evil.example"], False),
    ],
)
def test_where_a_request_comes_from(origins: list[str], expected: bool) -> None:
    """Our own page, whatever it was encrypted with, or no page at all."""
    assert is_our_origin(origins, "localhost:8080") is expected


async def test_a_page_from_elsewhere(http: aiohttp.ClientSession) -> None:
    """It may not change anything, nor see anything under a name of its own."""
    async with http.get("/api/settings", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421
        assert answer.content_type == "application/problem+json"
    for method, path in (("POST", "/api/onboarding/jobs"), ("DELETE", f"/api/onboarding/jobs/{'0' * 32}")):
        async with http.request(method, path, json={}, headers={"Origin": "http://evil.example"}) as answer:
            assert answer.status == 403
    async with http.options("/api/settings", headers={"Origin": "http://evil.example"}) as answer:
        assert answer.status == 405
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
