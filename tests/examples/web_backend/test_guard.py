"""The protection from pages of other origins."""

import asyncio

import pytest
from support.backend import Backend
from web_backend.guard import is_our_host, is_our_origin, is_our_site
from web_backend.settings import LOCAL_NAMES


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["localhost:8080"], True),
        (["LocalHost"], True),
        (["[::1]"], True),
        (["localhost:"], False),
        (["localhost:x"], False),
        ([""], False),
        (["127.0.0.1"], True),
        (["[::1]:1"], True),
        (["evil.example:8080"], False),
        (["localhost.evil.example"], False),
        (["localhost:8080@evil.example"], False),
        (["localhost", "localhost"], False),
        ([], False),
    ],
)
def test_host_headers(hosts: list[str], expected: bool) -> None:
    """There must be one, with a name of the backend."""
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
def test_origin_headers(origins: list[str], expected: bool) -> None:
    """There must be none, or one with the backend's host and any scheme."""
    assert is_our_origin(origins, "localhost:8080") is expected


async def test_a_page_of_another_origin(backend: Backend) -> None:
    """It can neither change anything, nor read anything under a host name of its own."""
    http, evil = backend.http, {"Origin": "http://evil.example"}
    async with http.get("/api/settings", headers={"Host": "evil.example"}) as response:
        assert response.status == 421
        assert response.content_type == "application/problem+json"
    for method, path in (("POST", "/api/onboarding/jobs"), ("DELETE", f"/api/onboarding/jobs/{'0' * 32}")):
        async with http.request(method, path, json={}, headers=evil) as response:
            assert response.status == 403
    async with http.options("/api/settings", headers=evil) as response:
        assert response.status == 405
        assert not [name for name in response.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    ("sites", "path", "expected"),
    [
        ([], "/api/fleet/overview", True),
        (["same-origin"], "/api/fleet/overview", True),
        (["none"], "/api/export/members.csv", True),
        (["cross-site"], "/api/fleet/overview", False),
        (["same-site"], "/api/fleet/overview", False),
        (["something new"], "/api/fleet/overview", False),
        (["same-origin", "same-origin"], "/api/fleet/overview", False),
        (["cross-site"], "/", True),
        (["cross-site"], "/page.js", False),
    ],
)
def test_sites(sites: list[str], path: str, expected: bool) -> None:
    """Only the page itself may be opened from another site; programs send no such header."""
    assert is_our_site(sites, path) is expected


@pytest.mark.parametrize("path", ["/", "/api/settings", "/api/nothing", "/api/fleet/overview"])
async def test_no_version_is_named(backend: Backend, path: str) -> None:
    """The header that aiohttp adds has its version, and that of Python."""
    async with backend.http.get(path) as response:
        assert "Server" not in response.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/api/fleet/overview", "/api/fleet/members?max_age=0", "/api/coverage"])
async def test_a_page_of_another_site_starts_no_survey(backend: Backend, path: str, site: str) -> None:
    """A GET without CORS, as from an image, is refused before anything is sent to AWS."""
    async with backend.http.get(path, headers={"Sec-Fetch-Site": site}) as response:
        assert response.status == 403
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("survey of")]
