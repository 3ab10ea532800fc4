"""Under ASGI, the app's client or fleet lives from its startup to its shutdown."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from integrations.aiohttp_web.site import ADMINISTRATOR, client_of, idle_client, warnings_of
from integrations.asgi.site import make_app, serving, serving_routes
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from support.sessions import session_of

from detective_async import AssumeRole, ConfigurationError, DetectiveClient, DetectiveFleet, Target
from detective_async.integrations.asgi import DetectiveMiddleware, get_client, get_fleet, health, last_event_id, to_json
from detective_async.testing import DetectiveSimulator

OTHER = "444455556666"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # AWS's own example


async def graphs(request: Request) -> Any:
    """Respond with the graphs of an account and region."""
    query = request.query_params
    client = get_client(request, account_id=query.get("account"), region=query.get("region"))
    return JSONResponse({"region": client.region, "graphs": to_json(await client.iter_graphs().collect())})


async def test_client_lifetime(sim: DetectiveSimulator) -> None:
    """All requests share the client and its session until the app ends."""
    client = client_of(sim)
    async with serving_routes({"/": graphs}, client) as site:
        responses = await asyncio.gather(*(site.get("/") for _ in range(5)))
        assert [response.status for response in responses] == [200] * 5
        assert session_of(client)
    assert client._transport.pool.closed


async def test_default_client(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is configured by the environment at startup; each startup opens another one."""
    for name, value in sim.environment(ADMINISTRATOR, region="eu-central-1").items():
        monkeypatch.setenv(name, value)
    app = Starlette(routes=[Route("/", graphs), Route("/health", health)])
    app.add_middleware(DetectiveMiddleware)
    for _ in range(2):
        async with serving(app) as site:
            assert b"eu-central-1" in (await site.get("/")).body
            assert (await site.get("/health")).status == 200


async def test_startup_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The server does not start without a region, and logs why; it is told by an event, and not only an exception."""
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        messages.append(message)

    with pytest.raises(ConfigurationError):
        await DetectiveMiddleware(Starlette())({"type": "lifespan"}, receive, send)
    [message] = messages
    assert message["type"] == "lifespan.startup.failed"
    assert "no region" in message["message"]
    with pytest.raises(AssertionError, match="did not start"):
        async with serving(DetectiveMiddleware(Starlette())):
            pass
    assert "no region" in caplog.text


async def test_fleet(sim: DetectiveSimulator) -> None:
    """Requests have the fleet and its client, and both are closed at the end."""
    targets = [Target(ADMINISTRATOR, region, sim.account(ADMINISTRATOR)) for region in ("eu-west-1", "us-east-1")]
    fleet = DetectiveFleet(targets, endpoint_url=sim.url, region="eu-west-1", credentials=sim.account(ADMINISTRATOR))

    async def count(request: Request) -> Any:
        outcomes = [outcome async for outcome in get_fleet(request).run(lambda client, _: client.list_graphs())]
        return JSONResponse(to_json([outcome.kind for outcome in outcomes]))

    async with serving_routes({"/": count, "/graphs": graphs}, fleet) as site:
        assert (await site.get("/")).body == b'["succeeded","succeeded"]'
        assert b"us-west-2" in (await site.get("/graphs?region=us-west-2")).body
    assert fleet._closed


async def test_role_is_assumed_once(sim: DetectiveSimulator) -> None:
    """Each request may act in another account, and all share its credentials."""
    arn = sim.role(OTHER, "Audit", trusted=[ADMINISTRATOR])

    def role_of(account_id: str) -> AssumeRole:
        assert account_id == OTHER
        return AssumeRole(arn, source=sim.account(ADMINISTRATOR))

    async with serving_routes({"/": graphs}, client_of(sim), account_credentials=role_of) as site:
        responses = [await site.get(f"/?account={OTHER}") for _ in range(3)]
        assert (await site.get("/?account=12")).problem()["parameter"] == "account_id"
    assert [response.status for response in responses] == [200] * 3
    assert [request.operation for request in sim.requests].count("AssumeRole") == 1


#: What is no credentials. To a client, None means its own.
NO_CREDENTIALS: dict[str, Callable[[str], Any]] = {
    "None": lambda _: None,
    "a number": lambda _: 5,
    "a secret": lambda _: SECRET,
    "a coroutine": lambda _: asyncio.sleep(0),
    "a provider that returns None": lambda _: partial(asyncio.sleep, 0),
}


@pytest.mark.parametrize("kind", NO_CREDENTIALS)
async def test_function_returns_no_credentials(
    kind: str, sim: DetectiveSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    """The server's own are not used in their place, and the next request asks again."""
    asked: list[str] = []

    def source(account_id: str) -> Any:
        asked.append(account_id)
        return NO_CREDENTIALS[kind](account_id)

    async with serving_routes({"/": graphs}, client_of(sim), account_credentials=source) as site:
        problems = [(await site.get(f"/?account={OTHER}")).problem() for _ in range(2)]
    assert [problem["status"] for problem in problems] == [500, 500]
    assert not sim.requests
    if kind == "a provider that returns None":
        assert problems[0]["code"] == "CredentialsError"
    else:
        assert problems[0]["code"] == "ConfigurationError"
        assert asked == [OTHER, OTHER]
        assert f"account_credentials, called for {OTHER}: credentials must be" in caplog.text
    assert SECRET not in f"{problems} {caplog.text}"


async def test_no_credentials_of_accounts() -> None:
    """The server's own are not used for another account."""
    async with serving_routes({"/": graphs}) as site:
        assert (await site.get(f"/?account={OTHER}")).problem()["status"] == 500


async def test_mounted_app(sim: DetectiveSimulator) -> None:
    """Its handlers use the outer app's client and deadline, whether or not it has a middleware of its own."""
    inner = make_app({"/graphs": graphs}, idle_client(), deadline=1e-9)
    app = Starlette(routes=[Mount("/inner", inner)])
    app.add_middleware(DetectiveMiddleware, client_of(sim))
    async with serving(app) as site:
        assert (await site.get("/inner/graphs")).status == 200


async def test_health(sim: DetectiveSimulator) -> None:
    """It is 200 without a request to AWS, and 503 after the client was closed or without the middleware."""
    client = client_of(sim)
    async with serving_routes({"/": health}, client) as site:
        response = await site.get("/")
        assert (response.status, response.body) == (200, b'{"status":"ok"}')
        assert response.headers["Cache-Control"] == "no-store"
        await client.aclose()
        assert (await site.get("/")).status == 503
    assert not sim.requests
    async with serving(Starlette(routes=[Route("/", health)])) as site:
        response = await site.get("/")
        assert (response.status, response.body) == (503, b'{"status":"unavailable"}')


async def test_not_set_up() -> None:
    """The message says what is missing: the middleware, the lifespan events, or the fleet."""
    with pytest.raises(RuntimeError, match="has no DetectiveMiddleware"):
        get_client({"type": "http"})
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        for get in (get_client, get_fleet):
            with pytest.raises(RuntimeError) as caught:
                get(scope)
            seen.append(str(caught.value))

    async def nothing(*_: Any) -> Any:
        raise NotImplementedError

    # A web socket: its scope has the clients, too.
    await DetectiveMiddleware(app)({"type": "websocket"}, nothing, nothing)
    assert "sends no lifespan events" in seen[0]
    assert "pass one as its source" in seen[1]


@pytest.mark.parametrize("ends", ["raises", "returns after its startup event", "reads nothing"])
async def test_app_without_lifespan(ends: str, sim: DetectiveSimulator, caplog: pytest.LogCaptureFixture) -> None:
    """The client is opened and closed nevertheless; an exception is logged, because it may be a failure."""
    client = client_of(sim)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            if "event" in ends:
                await receive()
            if "raises" in ends:
                raise ValueError("only HTTP")
            return
        await Route("/", graphs).app(scope, receive, send)

    async with serving(DetectiveMiddleware(app, client)) as site:
        assert (await site.get("/")).status == 200
        assert not client._transport.pool.closed
    assert client._transport.pool.closed
    logged = [(record.name, record.getMessage()) for record in warnings_of(caplog)]
    text = "The app supports no lifespans, or failed before its startup: ValueError('only HTTP')"
    assert logged == ([("detective_async.asgi", text)] if ends == "raises" else [])


async def test_app_raises_at_its_startup(caplog: pytest.LogCaptureFixture) -> None:
    """An app that has received its startup event and raises is not served."""

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()
        raise RuntimeError("the database is down")

    client = idle_client()
    with pytest.raises(AssertionError, match="did not start"):
        async with serving(DetectiveMiddleware(app, client)):
            pass
    assert client._transport.pool.closed
    assert "the database is down" in caplog.text


async def test_app_with_its_own_lifespan(sim: DetectiveSimulator) -> None:
    """It starts after the client was opened, and ends before it is closed; then the health is bad."""
    client = client_of(sim)
    seen: list[Any] = []

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        seen.append(await client.list_graphs())
        yield
        seen.append(client._transport.pool.closed)

    app = Starlette(lifespan=lifespan)
    app.add_middleware(DetectiveMiddleware, client)
    messages: list[str] = []

    async def send(message: Any) -> None:
        messages.append(f"{message['type']} {client._transport.pool.closed}")

    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(events)

    await app({"type": "lifespan"}, receive, send)
    assert seen[1:] == [False]
    # The server may stop the event loop when it has got the last message.
    assert messages == ["lifespan.startup.complete False", "lifespan.shutdown.complete True"]


async def test_app_fails_at_its_startup(sim: DetectiveSimulator, caplog: pytest.LogCaptureFixture) -> None:
    """The server does not start, and the client is closed."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        raise KeyError("what it needs")
        yield

    client = client_of(sim)
    with pytest.raises(AssertionError, match="did not start"):
        async with serving(DetectiveMiddleware(Starlette(lifespan=lifespan), client)):
            pass
    assert client._transport.pool.closed
    assert "what it needs" in caplog.text


@pytest.mark.parametrize(("sent", "expected"), [("7 é", "7 é"), ("", None), (None, None)])
async def test_last_event_id(sent: str | None, expected: str | None) -> None:
    """A reconnecting browser's id is available."""
    headers = [] if sent is None else [(b"last-event-id", sent.encode())]
    assert last_event_id({"headers": headers}) == expected


async def test_client_is_used_up(sim: DetectiveSimulator) -> None:
    """A client that was closed by its first app cannot be used by another one."""
    client: DetectiveClient = client_of(sim)
    app = DetectiveMiddleware(Starlette(), client)
    async with serving(app):
        pass
    with pytest.raises(AssertionError, match="did not start"):
        async with serving(app):
            pass
