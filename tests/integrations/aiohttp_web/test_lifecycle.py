"""The app's client or fleet, and the clients of requests."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from integrations.aiohttp_web.site import ADMINISTRATOR, KEYS, client_of, idle_client, make_app, serving, serving_routes
from support.sessions import session_of

from detective_async import AssumeRole, CallEvent, Credentials, DetectiveClient, DetectiveFleet, ParameterError, Target
from detective_async.events import Event
from detective_async.integrations.aiohttp_web import CLIENT, FLEET, get_client, get_fleet, health, setup, to_json
from detective_async.integrations.web.state import AccountCredentials
from detective_async.testing import DetectiveSimulator

OTHER = "444455556666"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # AWS's own example


async def graphs(request: web.Request) -> web.StreamResponse:
    """Respond with the graphs of an account and region."""
    client = get_client(request, account_id=request.query.get("account"), region=request.query.get("region"))
    return web.json_response({"region": client.region, "graphs": to_json(await client.iter_graphs().collect())})


async def test_client_lifetime(sim: DetectiveSimulator) -> None:
    """All requests share the client and its session until the app ends; there is no fleet."""
    client = client_of(sim)
    requests: list[web.Request] = []

    async def look(request: web.Request) -> web.StreamResponse:
        requests.append(request)
        return await graphs(request)

    async with serving_routes({"/": look}, client) as site:
        responses = await asyncio.gather(*(site.get("/") for _ in range(5)))
        assert [response.status for response in responses] == [200] * 5
        assert FLEET not in site.app
        with pytest.raises(KeyError):
            get_fleet(requests[0])
        assert session_of(client)
    assert [request.app[CLIENT] for request in requests] == [client] * 5
    assert client._transport.pool.closed


async def test_default_client(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is configured by the environment at startup, which fails without a region."""
    app, without_region = web.Application(), web.Application()
    app.router.add_get("/", graphs)
    setup(app)
    setup(without_region)
    with pytest.raises(Exception, match="no region"):
        async with serving(without_region):
            pass
    for name, value in sim.environment(ADMINISTRATOR, region="eu-central-1").items():
        monkeypatch.setenv(name, value)
    async with serving(app) as site:
        assert b"eu-central-1" in (await site.get("/")).body
        client = app[CLIENT]
        assert not client._transport.pool.closed
    assert client._transport.pool.closed


async def test_fleet(sim: DetectiveSimulator) -> None:
    """The app has the fleet and its client, and closes them."""
    sim.account(ADMINISTRATOR)
    fleet = DetectiveFleet(
        [Target(ADMINISTRATOR, region, sim.account(ADMINISTRATOR)) for region in ("eu-west-1", "us-east-1")],
        endpoint_url=sim.url,
        region="eu-west-1",
        credentials=sim.account(ADMINISTRATOR),
    )

    async def count(request: web.Request) -> web.StreamResponse:
        outcomes = [outcome async for outcome in get_fleet(request).run(lambda client, _: client.list_graphs())]
        return web.json_response(to_json([outcome.kind for outcome in outcomes]))

    async with serving_routes({"/": count, "/graphs": graphs}, fleet) as site:
        assert site.app[FLEET] is fleet
        assert site.app[CLIENT] is fleet.client
        assert (await site.get("/")).body == b'["succeeded", "succeeded"]'
        assert b"us-west-2" in (await site.get("/graphs?region=us-west-2")).body
    assert fleet._closed
    assert fleet.client._transport.pool.closed


async def test_accounts_and_regions(sim: DetectiveSimulator) -> None:
    """Each request may use its own account and region; its events have them."""
    events: list[Event] = []
    async with DetectiveClient(region="us-east-1", credentials=sim.account(OTHER), endpoint_url=sim.url) as other:
        await other.create_graph()
    routes = {"/": graphs}
    client = client_of(sim, hooks=[events.append])
    async with serving_routes(routes, client, account_credentials=sim.account) as site:
        own = await site.get("/")
        others = await site.get(f"/?account={OTHER}&region=us-east-1")
    assert b'"graphs": []' in own.body
    assert OTHER.encode() in others.body
    calls = [event for event in events if isinstance(event, CallEvent)]
    assert [(call.account, call.region) for call in calls][1] == (OTHER, "us-east-1")


async def test_role_is_assumed_once(sim: DetectiveSimulator) -> None:
    """Equal providers share the credentials across requests."""
    arn = sim.role(OTHER, "Audit", trusted=[ADMINISTRATOR])

    def role_of(account_id: str) -> AssumeRole:
        assert account_id == OTHER
        return AssumeRole(arn, source=sim.account(ADMINISTRATOR))

    async with serving_routes({"/": graphs}, client_of(sim), account_credentials=role_of) as site:
        responses = [await site.get(f"/?account={OTHER}") for _ in range(3)]
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


def test_cached_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers are cached up to a limit; plain credentials are not."""
    asked: list[str] = []

    def ask(account_id: str) -> AssumeRole | Credentials:
        asked.append(account_id)
        return KEYS if account_id == OTHER else AssumeRole(f"arn:aws:iam::{account_id}:role/R")

    monkeypatch.setattr("detective_async.integrations.web.state._MAX_PROVIDERS", 2)
    accounts = AccountCredentials(ask)
    first = accounts.get("1" * 12)
    assert accounts.get("1" * 12) is first
    assert accounts.get(OTHER) is accounts.get(OTHER) is KEYS
    assert asked == ["1" * 12, OTHER, OTHER]
    for digit in "2313":
        accounts.get(digit * 12)
    assert asked[3:] == ["2" * 12, "3" * 12, "1" * 12]


@pytest.mark.parametrize(
    ("query", "status", "parameter"),
    [("account=12", 400, "account_id"), (f"account={OTHER}", 500, None), ("region=a.b", 500, None)],
)
async def test_invalid_parameters(query: str, status: int, parameter: str | None) -> None:
    """A malformed account is the client's error, missing settings are the server's."""
    async with serving_routes({"/": graphs}) as site:
        problem = (await site.get(f"/?{query}")).problem()
    assert problem["status"] == status
    assert problem.get("parameter") == parameter


async def test_sub_app(sim: DetectiveSimulator) -> None:
    """Its handlers use the outer app's client."""
    inner = web.Application()
    inner.router.add_get("/graphs", graphs)
    inner.router.add_get("/health", health)
    app = make_app({}, client_of(sim))
    app.add_subapp("/inner", inner)
    async with serving(app) as site:
        assert (await site.get("/inner/graphs")).status == 200
        assert (await site.get("/inner/health")).status == 200
        assert (await site.get("/inner/nowhere")).problem()["status"] == 404


async def test_sub_app_with_its_own_client(sim: DetectiveSimulator) -> None:
    """It is preferred, and the outer deadline applies."""
    inner = make_app({"/graphs": graphs}, client_of(sim).with_options(region="us-east-1"), deadline=1e-9)
    app = make_app({}, client_of(sim), deadline=60)
    app.add_subapp("/inner", inner)
    async with serving(app) as site:
        assert b"us-east-1" in (await site.get("/inner/graphs")).body


@pytest.mark.parametrize("deadline", [0, -1, float("nan"), True])
def test_invalid_deadline(deadline: float) -> None:
    """It is refused, and the app is unchanged."""
    app = web.Application()
    with pytest.raises(ParameterError, match="deadline: must be a positive number"):
        setup(app, deadline=deadline)
    assert not app.middlewares


@pytest.mark.parametrize("name", ["", "x y", "é", "X-A\r\nB", "X-A\n", 5])
def test_invalid_deadline_header(name: Any) -> None:
    """It is refused: no request could have it."""
    with pytest.raises(ParameterError, match="deadline_header: expected the name of a header"):
        setup(web.Application(), deadline_header=name)


@pytest.mark.parametrize("source", [KEYS, "111122223333", asyncio.sleep], ids=["keys", "text", "async"])
def test_invalid_account_credentials(source: Any) -> None:
    """What is no function, or is async, is refused at once, and not by each request."""
    with pytest.raises(ParameterError, match="account_credentials: expected a plain callable"):
        setup(web.Application(), account_credentials=source)


def test_setup_twice_or_late() -> None:
    """Both raise."""
    app = web.Application()
    setup(app)
    with pytest.raises(RuntimeError, match="once per app"):
        setup(app)
    late = web.Application()
    late.freeze()
    with pytest.raises(RuntimeError, match="before the app is started"):
        setup(late)
    assert len(app.middlewares) == 1


async def test_health(sim: DetectiveSimulator) -> None:
    """It is 200 without a request to AWS, and 503 after the client was closed or without `setup`."""
    async with serving_routes({"/": health}, client_of(sim)) as site:
        response = await site.get("/")
        assert (response.status, response.body) == (200, b'{"status":"ok"}')
        assert response.headers["Cache-Control"] == "no-store"
        assert (await site.ask("HEAD", "/")).status == 200
        await site.app[CLIENT].aclose()
        assert (await site.get("/")).status == 503
    assert not sim.requests
    app = web.Application()
    app.router.add_get("/", health)
    async with serving(app) as site:
        response = await site.get("/")
        assert (response.status, response.body) == (503, b'{"status":"unavailable"}')


async def test_health_during_shutdown() -> None:
    """It is 503."""
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def late(request: web.Request) -> web.StreamResponse:
        inside.set()
        await go_on.wait()
        return await health(request)

    app = make_app({"/": late}, idle_client())

    async def let_go(_app: web.Application) -> None:
        go_on.set()

    app.on_shutdown.append(let_go)
    async with serving(app) as site:
        asking = asyncio.create_task(site.get("/"))
        await inside.wait()
        await site.runner.cleanup()
        assert (await asking).status == 503


async def test_no_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """A failing provider of credentials, which precede those of the account, is a 500 without its text."""

    async def refused() -> Credentials:
        raise RuntimeError(SECRET)

    async def ask(request: web.Request) -> web.StreamResponse:
        return web.json_response(
            to_json(await get_client(request, account_id=OTHER, credentials=refused).list_graphs())
        )

    with caplog.at_level(logging.DEBUG):
        async with serving_routes({"/": ask}) as site:
            response = await site.get("/")
    assert response.problem()["code"] == "CredentialsError"
    assert SECRET not in f"{response.body!r} {caplog.text}"
