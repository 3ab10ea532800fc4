"""Generated invalid requests to every route: each is answered soon with a 4xx problem.

The routes are read from the app's router, so new ones are included; a new variable of a path fails the tests until it
has a valid value here.
"""

import asyncio
import contextlib
import json
import re
import socket
import string
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from http.client import HTTPResponse
from select import select
from urllib.parse import quote

import pytest
from attrs import frozen
from hypothesis import HealthCheck, assume, example, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from support.hypothesis_profiles import examples
from web_backend import world
from web_backend.app import make_app
from web_backend.serving import serving
from web_backend.settings import Settings

from detective_async import Credentials

pytestmark = [
    pytest.mark.slow,
    # The backend's thread may take a random number while hypothesis draws a value in this one.
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
]

ACCOUNT, REGION = world.ACCOUNTS[0], world.REGIONS[0]
#: Variable of a path -> a valid value.
GOOD = {"account_id": ACCOUNT, "region": REGION, "investigation_id": "1" * 21, "job_id": "0" * 32, "plan_id": "0" * 32}
#: Seconds; longer than any answer takes.
TIMEOUT = 60.0
SETTINGS = Settings(
    accounts=world.ACCOUNTS,
    regions=world.REGIONS,
    role_name=world.ROLE,
    credentials=Credentials("AKIAIOSFODNN7EXAMPLE", "none"),
    # Nothing listens there: a request that reached AWS would be 502.
    endpoint_url="http://127.0.0.1:9",
    body_timeout=0.2,
    # Otherwise, surveys would try again and again for longer than a client here waits.
    survey_timeout=0.2,
)


def _routes() -> list[tuple[str, str]]:
    return sorted(
        (route.method, route.resource.canonical)
        for route in make_app(SETTINGS).router.routes()
        if route.resource is not None
    )


ROUTES = _routes()
WITH_BODY = [(method, path) for method, path in ROUTES if method in ("POST", "PATCH", "PUT")]
METHODS = {path: {method for method, one in ROUTES if one == path} for _, path in ROUTES}


@frozen
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@frozen
class Server:
    """The backend in a thread of its own."""

    host: str
    port: int

    def ask(self, request: bytes, *, timeout: float = TIMEOUT) -> Answer | None:
        """Send bytes, and read an answer; None if the connection ends without one."""
        with socket.create_connection((self.host, self.port), timeout=TIMEOUT) as connection:
            # The request may be refused before all of it was sent.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request)
            if not select([connection], [], [], timeout)[0]:
                # The backend waits for the rest of the request; closing the connection shows that there is none.
                connection.shutdown(socket.SHUT_WR)
            response = HTTPResponse(connection, method="HEAD" if request.startswith(b"HEAD ") else None)
            try:
                response.begin()
            except ConnectionResetError:
                return None
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, str]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with serving(make_app(SETTINGS)) as url:
            ready.set_result((asyncio.get_running_loop(), stop, url))
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    loop, stop, url = ready.result(TIMEOUT)
    host, _, port = url.removeprefix("http://").partition(":")
    yield Server(host, int(port))
    loop.call_soon_threadsafe(stop.set)
    thread.join(TIMEOUT)
    assert not thread.is_alive()


def request(method: str, target: str, headers: list[tuple[str, str]] | None = None, body: bytes = b"") -> bytes:
    """Make a request; the headers replace the default ones of the same name."""
    given_names = {name.lower() for name, _ in headers or ()}
    usual = [("Host", "localhost"), ("Content-Length", str(len(body)))]
    if method in ("POST", "PATCH", "PUT"):
        usual.append(("Content-Type", "application/json"))
    all_ = [*((name, value) for name, value in usual if name.lower() not in given_names), *(headers or ())]
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in all_), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def filled(path: str, **others: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: {**GOOD, **others}[match[1]], path)


def check(response: Answer | None, *, head: bool = False) -> Answer:
    """Check that an answer is a well-formed problem with a 4xx status."""
    assert response is not None, "no answer"
    assert 400 <= response.status < 500, response
    assert response.headers["content-type"].startswith("application/problem+json"), response
    assert response.headers["x-content-type-options"] == "nosniff"
    if not head:
        problem = json.loads(response.body)
        assert problem["status"] == response.status
        assert problem["title"]
        assert "Traceback" not in response.body.decode()
    return response


def thorough(count: int) -> effort:
    return effort(max_examples=examples(count), suppress_health_check=[HealthCheck.function_scoped_fixture])


routes = st.sampled_from(ROUTES)
with_variables = st.sampled_from([route for route in ROUTES if "{" in route[1]])
with_body = st.sampled_from(WITH_BODY)
#: Text without the characters that end a request target.
visible = st.text(st.characters(codec="utf-8", exclude_characters=" \r\n"), min_size=1, max_size=30)
tokens = st.text(st.sampled_from(string.ascii_uppercase + "-"), min_size=1, max_size=12)


def test_every_variable_has_a_valid_value() -> None:
    """The other tests rely on it; a new variable needs a value in GOOD."""
    variables = {name for _, path in ROUTES for name in re.findall(r"\{(\w+)\}", path)}
    assert variables == set(GOOD)
    assert len(ROUTES) > 30


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_unknown_parameter(server: Server, method: str, path: str) -> None:
    """Every route refuses it by its name."""
    response = check(server.ask(request(method, f"{filled(path)}?unknown=1", body=b"{}")), head=method == "HEAD")
    if method != "HEAD":
        assert response.status == 400
        assert "unknown" in json.loads(response.body)["parameter"]


@pytest.mark.parametrize("path", sorted(METHODS))
def test_each_bad_parameter(server: Server, path: str) -> None:
    """Every parameter of every route is read before the response begins: a bad value is 400 and names it."""
    # The answer to an unknown parameter lists those that there are.
    detail = json.loads(check(server.ask(request("GET", f"{filled(path)}?unknown=1"))).body).get("detail", "")
    names = detail.partition("its parameters: ")[2].split(", ") if "its parameters" in detail else []
    for name in names:
        for query in (
            f"{name}=",
            f"{name}=%00",
            f"{name}=\u2603",
            f"{name}={'9' * 300}",
            f"{name}",
            f"{name}=1&{name}=1",
        ):
            if name == "none" or ("token" in name and "999" in query):
                continue
            response = check(server.ask(request("GET", f"{filled(path)}?{quote(query, safe='=&%')}")))
            assert (response.status, json.loads(response.body)["parameter"]) == (400, name), query


@thorough(300)
@given(with_variables, st.data())
def test_variables_of_paths(server: Server, route: tuple[str, str], data: st.DataObject) -> None:
    """Any text in place of an id or a region."""
    method, path = route
    name = data.draw(st.sampled_from(re.findall(r"\{(\w+)\}", path)))
    value = data.draw(st.one_of(st.text(max_size=40), st.from_regex(r"[0-9]{11,13}", fullmatch=True)))
    assume(value not in (*world.ACCOUNTS, *world.REGIONS, GOOD[name], ".", ".."))
    # This one answers for any account.
    assume(path != "/api/accounts/{account_id}" or not re.fullmatch(r"\d{12}", value))
    encoded = quote(value, safe="", errors="replace") if data.draw(st.booleans()) else quote(value, safe="/:%;")
    assume(encoded.strip("/"))
    check(server.ask(request(method, filled(path, **{name: encoded}), body=b"{}")), head=method == "HEAD")


@thorough(200)
@given(routes, st.lists(st.tuples(visible, visible), min_size=1, max_size=4))
@example(("GET", "/api/accounts/{account_id}/regions/{region}/members"), [("max_results", "0")])
@example(("GET", "/api/accounts/{account_id}/regions/{region}/members"), [("max_results", "1"), ("max_results", "1")])
@example(("GET", "/api/accounts/{account_id}/regions/{region}/members"), [("next_token", "%00")])
@example(("GET", "/api/fleet/overview"), [("max_age", "-1")])
@example(("GET", "/api/fleet/members"), [("region", "eu west 1")])
@example(("GET", "/"), [("%ff", "%")])
def test_queries(server: Server, route: tuple[str, str], pairs: list[tuple[str, str]]) -> None:
    """Any text after the question mark."""
    method, path = route
    text = "&".join(f"{name}={value}" for name, value in pairs).replace("#", "%23")
    known = r"(^|&)(max_age=\d+|account_id=\d{12}|region=[a-z0-9-]+|max_results=\d+|next_token=[!-~]+)(&|$)"
    assume(not re.search(known, text) or "max_results=1&max_results=1" in text)
    check(
        server.ask(request(method, f"{filled(path)}?{quote(text, safe='&=%+;/?')}", body=b"{}")), head=method == "HEAD"
    )


@thorough(200)
@given(routes, tokens)
@example(("GET", "/api/settings"), "OPTIONS")
@example(("GET", "/api/settings"), "CONNECT")
@example(("GET", "/"), "TRACE")
@example(("GET", "/"), "get")
def test_methods(server: Server, route: tuple[str, str], method: str) -> None:
    """The answer to an unsupported method lists the supported ones."""
    _, path = route
    assume(method not in METHODS[path])
    response = check(server.ask(request(method, filled(path))), head=method == "HEAD")
    if response.status == 405:
        assert set(response.headers["allow"].split(",")) == METHODS[path]
    else:
        assert method != method.upper() or method == "CONNECT" or response.status == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
#: Objects with the members of valid bodies and any values, so that they are never valid as a whole.
_NAMES = [
    "AdministratorId",
    "Regions",
    "Csv",
    "PlanId",
    "AccountIds",
    "Kind",
    "Cause",
    "EntityArn",
    "ScopeStartTime",
    "ScopeEndTime",
    "State",
]
members = st.fixed_dictionaries({}, optional=dict.fromkeys(_NAMES, json_values))
bodies = st.one_of(
    st.binary(max_size=200), st.one_of(json_values, members).map(lambda value: json.dumps(value).encode())
)


@thorough(300)
@given(with_body, bodies)
@example(("POST", "/api/onboarding/plans"), b"")
@example(("POST", "/api/onboarding/plans"), b"[" * 5000)
@example(("POST", "/api/onboarding/plans"), b'{"Csv": "\\ud800"}')
@example(("POST", "/api/onboarding/plans"), b'{"PlanId": ' + b"9" * 5000 + b"}")
def test_bodies(server: Server, route: tuple[str, str], body: bytes) -> None:
    """Any bytes or JSON in place of a valid body."""
    method, path = route
    check(server.ask(request(method, filled(path), body=body)))


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ([("Content-Type", "text/plain")], b"{}", 415),
        ([("Content-Type", "application/x-www-form-urlencoded")], b"a=b", 415),
        ([("Content-Type", "application/json; charset=utf-16")], b"{}", 415),
        ([("Content-Type", "nonsense")], b"{}", 415),
        ([("Content-Type", "")], b"{}", 415),
        ([("Content-Encoding", "gzip")], b"{}", 415),
        ([("Content-Encoding", "br, deflate")], b"{}", 415),
        ([], b'{"Csv": "' + b"x" * 300_000 + b'"}', 413),
        ([("Content-Length", "100")], b"{}", 408),
        ([("Transfer-Encoding", "chunked"), ("Content-Length", "")], b"", 400),
        ([("Content-Length", "-1")], b"{}", 400),
        ([("Content-Length", "1e3")], b"{}", 400),
        ([("Content-Length", "2"), ("Content-Length", "3")], b"{}", 400),
        ([("Transfer-Encoding", "nonsense")], b"{}", 400),
        ([("Origin", "http://evil.example")], b"{}", 403),
        ([("Origin", "null")], b"{}", 403),
        ([("Sec-Fetch-Site", "cross-site")], b"{}", 403),
    ],
)
def test_headers_of_bodies(
    server: Server, *, method: str, path: str, headers: list[tuple[str, str]], body: bytes, status: int
) -> None:
    """Bodies of other types, compressed, too large, incomplete, wrongly framed, or from another origin."""
    assert check(server.ask(request(method, filled(path), headers, body))).status == status


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
@pytest.mark.parametrize("chunks", [b"zz\r\n", b"5\r\nab\r\n0\r\n\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n"])
def test_bodies_in_broken_chunks(server: Server, method: str, path: str, chunks: bytes) -> None:
    """They cannot be read, so they are refused as the client's mistake."""
    head = f"{method} {filled(path)} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    check(server.ask(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks))


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        [("Host", "evil.example")],
        [("Host", "")],
        [("Host", "localhost"), ("Host", "evil.example")],
        [("X-Request-Timeout", "soon")],
        [("X-Request-Timeout", "-1")],
        [("Expect", "a miracle")],
        [("Bad Name", "x")],
        [("X", "a\0b")],
        [("X", "x" * 20_000)],
        [(f"X-{number}", "x") for number in range(300)],
    ],
    ids=lambda headers: f"{headers[0][0]}: {headers[0][1][:10]!r}",
)
def test_headers(server: Server, method: str, path: str, headers: list[tuple[str, str]]) -> None:
    """Other hosts, invalid times, and malformed headers."""
    check(server.ask(request(method, filled(path), headers)), head=method == "HEAD")


@pytest.mark.parametrize("path", ["/api/fleet/overview", f"/api/onboarding/jobs/{'0' * 32}/events"])
@pytest.mark.parametrize("value", ["x", "1", "0000-1", f"{'0' * 16}-", f"{'0' * 16}-9999999", "\u00e4"])
def test_ids_of_events(server: Server, path: str, value: str) -> None:
    """Ids that the backend never sends."""
    check(server.ask(request("GET", path, [("Last-Event-ID", value)])))


@thorough(150)
@given(st.one_of(visible, visible.map(quote)).map(lambda text: f"/{text}"))
@example("/../../etc/passwd")
@example("/page.css/../app.py")
@example("//evil.example/")
@example("/api/accounts//regions//graph")
@example("/%2e%2e/settings.py")
def test_paths(server: Server, path: str) -> None:
    """Unknown paths, and paths that try to reach other files."""
    assume(path.partition("?")[0].partition("#")[0] not in ("/", *METHODS))
    check(server.ask(request("GET", path)))


@thorough(150)
@given(st.binary(min_size=1, max_size=200))
@example(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
@example(b"GET / HTTP/9.9\r\n\r\n")
@example(b"GET /\r\n\r\n")
@example(b"GET  /  HTTP/1.1\r\n\r\n")
@example(b"\r\n" * 50)
@example(b"GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n")
@example(b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
@example(b"GET " + b"/" * 20_000 + b" HTTP/1.1\r\n\r\n")
def test_bytes(server: Server, sent: bytes) -> None:
    """Bytes that are not HTTP are refused at once; for the start of a valid request, the backend waits."""
    response = server.ask(sent, timeout=0.2)
    if response is not None:
        check(response)


@thorough(200)
@given(routes, st.data())
def test_requests_with_a_mistake(server: Server, route: tuple[str, str], data: st.DataObject) -> None:
    """A request with a byte lost, doubled or changed may be invalid, but never leads to a server error."""
    method, path = route
    sent = bytearray(request(method, filled(path), body=b'{"PlanId": "0"}' if route in WITH_BODY else b""))
    place = data.draw(st.integers(0, len(sent) - 1))
    match data.draw(st.sampled_from(["lost", "doubled", "changed"])):
        case "lost":
            del sent[place]
        case "doubled":
            sent.insert(place, sent[place])
        case _:
            sent[place] = data.draw(st.integers(0, 255))
    response = server.ask(bytes(sent), timeout=0.5)
    if response is not None and response.status >= 400 and response.status != 502:
        check(response, head=not response.body)
