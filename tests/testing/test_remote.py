"""The controls over HTTP, at /_simulator/control/, and their OpenAPI document."""

import asyncio
import inspect
import json
import logging
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from openapi_spec_validator import validate

from detective_async.testing import (
    ClockSkew,
    DetectiveSimulator,
    Drip,
    Drop,
    Failure,
    Fault,
    Garbage,
    Gzip,
    Latency,
    SimulatorThread,
    Throttle,
    Truncate,
)
from detective_async.testing.controls import Controls
from detective_async.testing.remote.openapi import control_of, document, parameters_of
from detective_async.testing.remote.routes import ROUTES
from detective_async.testing.seed.schema import check_seed

TOKEN = "open-sesame"
HUB, ONE, TWO = "111122223333", "000000000001", "000000000002"
MANAGEMENT = "999999999999"
REGION = "eu-west-1"
CONTROL = "/_simulator/control/"
OPENAPI = "/_simulator/openapi.json"


@pytest_asyncio.fixture
async def sim() -> Any:
    """A simulator whose controls may be used with a token."""
    async with DetectiveSimulator(control_token=TOKEN, allowed_hosts=["Simulator"]) as simulator:
        yield simulator
        # The tests are about injecting faults, which no request meets.
        simulator.clear_faults()


async def send(raw: Any, name: str, body: bytes = b"", method: str = "POST", **headers: str | None) -> Any:
    """Send a request for a control, with the token, unless the headers are other ones."""
    given: dict[str, str | None] = {
        "Host": raw.sim.url[7:],
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    kept = {name: value for name, value in given.items() if value is not None}
    return await raw.send(method, CONTROL + name, kept, body)


async def use(raw: Any, name: str, /, **parameters: Any) -> Any:
    """Use a control that must succeed, and return its result."""
    route = next(one for one in ROUTES if one.control == name)
    body = json.dumps(parameters).encode() if route.parameters else b""
    reply = await send(raw, name, body, route.method)
    assert reply.status == (204 if route.result is None else 200), reply.body
    return json.loads(reply.body) if reply.body else None


def test_every_control_has_a_route() -> None:
    """But `url`, which whoever sends a request knows, and `save`, which would write files."""
    controls = {name for name in vars(Controls) if not name.startswith("_")}
    assert controls | {"advance"} == {route.control for route in ROUTES} | {"url", "save"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.control)
def test_a_route_has_the_parameters_of_its_control(route: Any) -> None:
    """All of them; those without a default are required, and null stands for None where that is the default."""
    known = inspect.signature(control_of(DetectiveSimulator, route)).parameters
    assert list(route.parameters) == [name for name in known if name != "self"]
    required = [name for name in route.parameters if known[name].default is inspect.Parameter.empty]
    assert parameters_of(DetectiveSimulator, route).json_schema["required"] == required


async def test_the_document_is_made_from_the_routes(raw: Any) -> None:
    """It is valid OpenAPI 3.1, has each route with its docstring, and needs no token."""
    reply = await raw.send("GET", OPENAPI, {"Host": raw.sim.url[7:]})
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    found = json.loads(reply.body)
    validate(found)
    assert found == document(DetectiveSimulator)
    assert document(SimulatorThread)["paths"].keys() == found["paths"].keys()
    assert list(found["paths"]) == [CONTROL + route.control for route in ROUTES]
    role = found["paths"][f"{CONTROL}role"]["post"]
    assert role["summary"] == "Create or replace a role in an account, and return its ARN."
    schema = role["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["trusted"] == {
        "type": "array",
        "items": {"type": "string", "pattern": "^(?:[0-9]{12})$"},
        "description": "the ids of the accounts that may assume it; this does not include the role's own account.",
    }
    assert schema["required"] == ["account_id", "name", "trusted"]
    load = found["paths"][f"{CONTROL}load"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert load["properties"]["source"]["properties"] == check_seed.json_schema["properties"]
    assert (await raw.send("HEAD", OPENAPI, {"Host": raw.sim.url[7:]})).status == 200
    refused = await raw.send("POST", OPENAPI, {"Host": raw.sim.url[7:]})
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_a_world_is_arranged(sim: DetectiveSimulator, raw: Any, boto: Any) -> None:
    """Accounts, roles, an organization, regions, delays, time and investigations are as if they were set in Python."""
    keys = await use(raw, "account", account_id=ONE, email="one@example.com", name="one")
    own = sim.account(ONE)
    assert keys == {
        "access_key_id": own.access_key_id,
        "secret_access_key": own.secret_access_key,
        "session_token": None,
        "expires_at": None,
        "account_id": ONE,
    }
    temporary = await use(raw, "temporary_credentials", account_id=ONE, duration=900)
    assert temporary["session_token"]
    assert temporary["expires_at"] > sim.now.isoformat()
    environment = await use(raw, "environment", account_id=ONE, region=REGION)
    assert environment == sim.environment(ONE, region=REGION)
    arn = await use(raw, "role", account_id=ONE, name="Audit", trusted=[HUB], path="/security/")
    assert arn == f"arn:aws:iam::{ONE}:role/security/Audit"
    await use(raw, "organization", management_account=MANAGEMENT, member_accounts=[HUB, ONE, TWO])
    await use(raw, "leave_organization", account_ids=[ONE, TWO])
    await use(raw, "set_account_state", account_id=TWO, state="SUSPENDED")
    await use(raw, "set_volume", account_id=TWO, problem="VOLUME_TOO_HIGH")
    await use(raw, "close_region", region="me-south-1")
    await use(raw, "close_region", region="af-south-1")
    await use(raw, "open_region", region="me-south-1")
    await use(raw, "set_verification_delay", seconds=60)
    await use(raw, "set_activation_delay", seconds=30)
    await use(raw, "set_read_lag", seconds=5, operations=["ListGraphs"])
    await use(raw, "investigations", duration=10, outcome="FAILED")
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=HUB)
    (graph,) = await use(raw, "snapshot")
    await use(raw, "set_package", graph_arn=graph, package="EKS_AUDIT", state="STOPPED")
    before = sim.now
    await use(raw, "advance", seconds=3600)
    assert 3600 <= (sim.now - before).total_seconds() < 4000
    assert (await use(raw, "now"))[:13] == sim.now.isoformat()[:13]
    assert await use(raw, "accounts") == sim.accounts
    assert await use(raw, "snapshot") == sim.snapshot()
    world = await use(raw, "dump")
    assert {**world, "time": None} == {**sim.dump(), "time": None}
    assert (world["closed_regions"], world["verification_delay"], world["read_lags"]) == (
        ["af-south-1"],
        60,
        {"ListGraphs": 5},
    )
    assert world["accounts"][-1] == {
        "id": TWO,
        "email": f"account-{TWO}@example.com",
        "name": f"account-{TWO}",
        "state": "SUSPENDED",
        "volume_problem": "VOLUME_TOO_HIGH",
    }
    await use(raw, "set_volume", account_id=TWO, problem=None)
    assert "volume_problem" not in sim.dump()["accounts"][-1]
    await use(raw, "deregister_administrator", management_account=MANAGEMENT)
    assert sim.snapshot() == {}
    await use(raw, "load", source=world)
    assert list(sim.snapshot()) == [graph]
    await use(raw, "set_baseline")
    await use(raw, "load", source={})
    await use(raw, "reset")
    assert list(sim.snapshot()) == [graph]


async def test_delays_and_limits_are_set(raw: Any) -> None:
    """All that a dump has; a region may be closed for one account."""
    delays = ("verification", "activation", "package", "deletion", "delegation")
    for number, name in enumerate(delays, 1):
        await use(raw, f"set_{name}_delay", seconds=number)
    await use(raw, "set_volume_limit", size=10**12)
    await use(raw, "account", account_id=ONE)
    await use(raw, "close_region", region="me-south-1", account_id=ONE)
    await use(raw, "close_region", region="ap-east-1", account_id=ONE)
    await use(raw, "open_region", region="me-south-1", account_id=ONE)
    world = await use(raw, "dump")
    assert [world[f"{name}_delay"] for name in delays] == [1, 2, 3, 4, 5]
    assert world["volume_limit"] == 10**12
    assert world["accounts"][0]["closed_regions"] == ["ap-east-1"]


EFFECTS = [
    Throttle("soon", code="Slow", status=503),
    Failure(status=500, retry_after_ms=5),
    Garbage(b"<html>\xe2\x82\xac"),
    Truncate(),
    Truncate(3),
    Gzip(),
    Drop("after"),
    Latency(0.5),
    Drip(0.1, size=3),
    ClockSkew(-60.0),
]


@pytest.mark.parametrize("effect", EFFECTS, ids=repr)
async def test_each_fault_is_injected_and_listed(sim: DetectiveSimulator, raw: Any, effect: Any) -> None:
    """What is listed can be injected again, to the same fault."""
    fault = Fault(effect, "ListGraphs", HUB, REGION, count=None, probability=0.5)
    sim.inject(fault)
    (described,) = await use(raw, "faults")
    await use(raw, "clear_faults")
    assert sim.faults == []
    await use(raw, "inject", fault=described)
    assert sim.faults == [fault]


async def test_a_whole_number_may_have_a_point(sim: DetectiveSimulator, raw: Any) -> None:
    """JSON has one kind of numbers, and some languages write 2.0 for 2."""
    reply = await send(raw, "throttle", b'{"count": 2.0}')
    assert (reply.status, sim.faults) == (204, [Fault(Throttle(), count=2)])
    reply = await send(raw, "inject", b'{"fault": {"effect": {"type": "Drip", "seconds": 1.5, "size": 3.0}}}')
    assert (reply.status, sim.faults[1:]) == (204, [Fault(Drip(1.5, 3))])


async def test_a_fault_has_the_defaults_of_python(sim: DetectiveSimulator, raw: Any) -> None:
    """An absent count is once, and null is without a limit; the defaults of an effect are its own."""
    await use(raw, "inject", fault={"effect": {"type": "Throttle"}})
    await use(raw, "inject", fault={"effect": {"type": "Drip", "seconds": 1}, "count": None})
    await use(raw, "throttle")
    await use(raw, "throttle", count=None, retry_after_ms=5, operation="ListAccounts")
    assert await use(raw, "unused_faults") == (await use(raw, "faults"))[::2]
    assert sim.faults == [
        Fault(Throttle()),
        Fault(Drip(1), count=None),
        Fault(Throttle()),
        Fault(Throttle(5), "ListAccounts", count=None),
    ]


async def test_requests_are_returned_with_their_faults(sim: DetectiveSimulator, raw: Any, boto: Any) -> None:
    """Those to the services, and not those for the controls; text that is not Unicode is replaced."""
    sim.throttle()
    await boto().refused("TooManyRequestsException", "list_graphs", MaxResults=5)
    await raw.send("GET", "/x", {"Host": "x", "X-Odd": "\xff"})
    throttled, odd = await use(raw, "requests")
    assert (throttled["operation"], throttled["account_id"], throttled["status"]) == ("ListGraphs", HUB, 429)
    assert (json.loads(throttled["body"]), throttled["faults"][0]["type"]) == ({"MaxResults": 5}, "Throttle")
    assert (odd["operation"], odd["headers"]["x-odd"]) == (None, "?")
    await use(raw, "forget_requests")
    assert await use(raw, "requests") == sim.requests == []


async def test_faults_do_not_apply_to_the_controls(sim: DetectiveSimulator, raw: Any) -> None:
    """However many there are: otherwise they could not be cleared."""
    sim.inject(Fault(Drop(), count=None))
    await use(raw, "clear_faults")
    assert sim.faults == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": None},
        {"Authorization": "Bearer open-sesam"},
        {"Authorization": "Bearer open-sesame2"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic b3Blbi1zZXNhbWU="},
        {"Authorization": TOKEN},
        {"Authorization": f"Bearer {TOKEN}, Bearer {TOKEN}"},
    ],
)
@pytest.mark.parametrize("name", ["reset", "advance", "nothing"])
async def test_the_token_is_required(sim: DetectiveSimulator, raw: Any, headers: Any, name: str) -> None:
    """401 without the right one, whether or not there is such a control; nothing happens."""
    sim.throttle()
    reply = await send(raw, name, b'{"seconds": 1}', **headers)
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert json.loads(reply.body)["code"] == "Unauthorized"
    assert TOKEN not in reply.body.decode()
    assert len(sim.faults) == 1


async def test_without_a_token_the_controls_are_off() -> None:
    """404 with any header; the document is there, and says so."""
    async with DetectiveSimulator() as sim:

        def ask(path: str) -> tuple[int, bytes]:
            request = urllib.request.Request(sim.url + path, headers={"Authorization": "Bearer None"})  # noqa: S310
            try:
                with urllib.request.urlopen(request) as response:  # noqa: S310
                    return response.status, response.read()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read()

        status, body = await asyncio.to_thread(ask, f"{CONTROL}now")
        assert (status, json.loads(body)["code"]) == (404, "NotFound")
        assert (await asyncio.to_thread(ask, OPENAPI))[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "10.1.2.3"}, 403),
        ({"Host": "simulator.evil.example"}, 403),
        ({"Host": "SIMULATOR:4580"}, 204),
        ({"Host": "localhost", "Origin": "http://localhost"}, 204),
        ({"Host": "localhost:80", "Origin": "http://localhost"}, 403),
        ({"Host": "localhost", "Origin": "https://localhost"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_hosts_and_origins_are_checked(raw: Any, headers: Any, status: int) -> None:
    """With the token too: this machine and the allowed hosts; and no page but those of this server."""
    assert (await send(raw, "reset", **headers)).status == status
    document = await raw.send("GET", OPENAPI, {"Host": raw.sim.url[7:], **headers})
    assert document.status == (403 if status == 403 else 200)


@pytest.mark.parametrize("target", [OPENAPI, "/_simulator/"])
async def test_the_allowed_addresses_are_those_of_this_machine(raw: Any, target: str) -> None:
    """The error for another address says so."""
    reply = await raw.send("GET", target, {"Host": "10.1.2.3"})
    assert (reply.status, "an address of this machine" in json.loads(reply.body)["message"]) == (403, True)


async def test_an_allowed_host_may_open_the_page(raw: Any) -> None:
    """The page too, and its state; other names may not."""
    assert (await raw.send("GET", "/_simulator/state.json", {"Host": "simulator:4580"})).status == 200
    assert (await raw.send("GET", "/_simulator/state.json", {"Host": "simulators:4580"})).status == 403


#: Control, body and headers, and the status and words of the error.
WRONG: list[tuple[str, bytes, dict[str, str | None], int, str]] = [
    ("nothing", b"", {}, 404, "no control"),
    ("save", b'{"path": "/tmp/x.toml"}', {}, 404, "no control"),
    ("url", b"", {}, 404, "no control"),
    ("_advance", b'{"seconds": 1}', {}, 404, "no control"),
    ("advance/", b'{"seconds": 1}', {}, 404, "no control"),
    ("advanse", b'{"seconds": 1}', {}, 404, "advanse; did you mean advance?"),
    ("inject", b'{"fault": {"effect": {"type": "Latensy"}}}', {}, 400, "did you mean Latency?"),
    ("inject", b'{"fault": {"effect": {"type": "Garbage", "body": "\\ud800"}}}', {}, 400, "body: must be Unicode text"),
    ("throttle", '{"retry_after_ms": "\u20ac"}'.encode(), {}, 400, "retry_after_ms: must be text in one line"),
    ("throttle", b'{"retry_after_ms": 1.5}', {}, 400, "retry_after_ms: must be a number"),
    (
        "inject",
        b'{"fault": {"effect": {"type": "Truncate"}, "operation": "DeleteGraph"}}',
        {},
        409,
        "operation: Truncate needs a body",
    ),
    ("reset", b'{"secnds": 3}', {}, 400, "secnds: unknown key"),
    ("reset", b"{}", {"Content_Type": "text/plain"}, 415, "application/json"),
    ("advance", b"", {}, 400, "seconds: is required"),
    ("advance", b"[]", {}, 400, "JSON object"),
    ("advance", b"{", {}, 400, "JSON object"),
    ("advance", b'{"seconds": NaN}', {}, 400, "JSON object"),
    ("advance", b'{"seconds": -1}', {}, 400, "seconds: must be a number of seconds"),
    ("advance", b'{"second": 1}', {}, 400, "second: unknown key; did you mean seconds?"),
    ("advance", b'{"seconds": 1}', {"Content_Type": None}, 415, "application/json"),
    ("advance", b'{"seconds": 1}', {"Content_Type": "text/plain"}, 415, "application/json"),
    ("load", b'{"source": "/etc/passwd"}', {}, 400, "source: must be a table"),
    ("load", b'{"source": {"accounts": [{"id": "1"}]}}', {}, 400, "source.accounts[0].id: must be an account id"),
    (
        "load",
        b'{"source": {"organizations": [{"management_account": "1111", "x": 1}]}}'.replace(b"1111", b"1" * 12),
        {},
        400,
        "unknown key",
    ),
    (
        "load",
        b'{"source": {"roles": [], "accounts": [{"id": "000000000001"}, {"id": "000000000001"}]}}',
        {},
        409,
        "accounts[1].id: account 000000000001 exists already",
    ),
    ("leave_organization", b'{"account_ids": ["000000000001"]}', {}, 409, "is not in an organization"),
    ("close_region", b'{"region": "us-est-1"}', {}, 400, "region: must be a region of AWS, such as eu-west-1"),
    ("inject", b'{"fault": {"effect": "Drop"}}', {}, 400, "fault.effect: must be an object whose type is one of"),
    ("inject", b'{"fault": {"effect": {"type": {}}}}', {}, 400, "type is one of Throttle, Failure"),
    ("inject", b'{"fault": {"effect": {"type": "Drip"}}}', {}, 400, "fault.effect.seconds: is required"),
    (
        "inject",
        b'{"fault": {"effect": {"type": "Drop", "when": "x"}}}',
        {},
        400,
        "fault.effect.when: must be one of before",
    ),
    ("inject", b'{"fault": {"effect": {"type": "Gzip", "when": 1}}}', {}, 400, "fault.effect.when: unknown key"),
    ("inject", b'{"fault": {"effect": {"type": "Garbage", "body": 1}}}', {}, 400, "fault.effect.body: must be bytes"),
    ("inject", b'{"fault": {"effect": {"type": "Gzip"}, "count": -1}}', {}, 400, "fault.count: must be a whole"),
    (
        "inject",
        b'{"fault": {"effect": {"type": "Gzip"}, "operation": "x"}}',
        {},
        400,
        "fault.operation: must be an operation, such as ListMembers, got 'x'",
    ),
    (
        "inject",
        b'{"fault": {"effect": {"type": "Gzip"}, "operation": "ListMember"}}',
        {},
        400,
        "got 'ListMember'; did you mean GetMembers or ListMembers?",
    ),
    ("throttle", b'{"probability": 2}', {}, 400, "probability: must be a number from 0 to 1"),
    ("throttle", b'{"retry_after_ms": [1]}', {}, 400, "retry_after_ms: must be a number, text in one line"),
]


@pytest.mark.parametrize(("name", "body", "headers", "status", "words"), WRONG)
async def test_wrong_requests_say_what_is_wrong(
    sim: DetectiveSimulator, raw: Any, *, name: str, body: bytes, headers: Any, status: int, words: str
) -> None:
    """A status, a code, and the words of Python's errors; nothing has changed."""
    before = sim.dump()
    reply = await send(raw, name, body, **headers)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert words in json.loads(reply.body)["message"]
    assert {**sim.dump(), "time": None} == {**before, "time": None}
    assert (sim.faults, sim.requests) == ([], [])


async def test_the_wrong_method_is_refused(raw: Any) -> None:
    """405 names the right one."""
    for name, method, right in (("now", "POST", "GET"), ("reset", "GET", "POST"), ("reset", "DELETE", "POST")):
        reply = await send(raw, name, method=method)
        assert (reply.status, reply.headers["allow"]) == (405, right)


async def test_time_ends_before_the_calendar(sim: DetectiveSimulator, raw: Any) -> None:
    """Advancing again and again is refused before a time would be too late for Python."""
    century = 100 * 366 * 86400
    replies = [await send(raw, "advance", json.dumps({"seconds": century}).encode()) for _ in range(80)]
    assert (replies[0].status, replies[-1].status) == (204, 409)
    assert "must stay before the year 9001" in json.loads(replies[-1].body)["message"]
    assert sim.now.year < 9001
    await use(raw, "dump")


async def test_a_world_may_be_large(sim: DetectiveSimulator, raw: Any) -> None:
    """Larger than a request to the services; also if the client waits for leave to send it, as curl does."""
    accounts = [{"id": f"{number:012d}", "name": "x" * 100} for number in range(20_000)]
    body = json.dumps({"source": {"accounts": accounts}}).encode()
    assert len(body) > 2 * 2**20
    assert (await send(raw, "load", body, Expect="100-continue")).status == 204
    assert len(sim.accounts) == 20_000


async def test_a_body_that_is_too_large_is_refused(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the status for it."""
    monkeypatch.setattr("detective_async.testing.remote.handler._MAX_BODY", 10)
    reply = await send(raw, "advance", b'{"seconds": 1000}')
    assert (reply.status, json.loads(reply.body)["code"]) == (413, "RequestEntityTooLargeException")


async def test_a_bug_is_a_server_error(
    sim: DetectiveSimulator, raw: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500 without details, which are in the log."""
    monkeypatch.setattr(type(sim), "reset", lambda _: 1 / 0)
    with caplog.at_level(logging.ERROR):
        reply = await send(raw, "reset")
    assert (reply.status, json.loads(reply.body)["code"]) == (500, "InternalFailure")
    assert "ZeroDivisionError" in caplog.text


def test_a_simulator_in_a_thread_has_the_same_controls() -> None:
    """They are carried out in its thread."""
    with SimulatorThread(control_token=TOKEN) as sim:

        def ask(name: str, body: bytes | None) -> bytes:
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            request = urllib.request.Request(sim.url + CONTROL + name, body, headers)  # noqa: S310
            with urllib.request.urlopen(request) as response:  # noqa: S310
                found: bytes = response.read()
            return found

        before = sim.now
        ask("advance", b'{"seconds": 3600}')
        assert (sim.now - before).total_seconds() >= 3600
        ask("organization", json.dumps({"management_account": MANAGEMENT, "member_accounts": [HUB]}).encode())
        assert json.loads(ask("accounts", None)) == sim.accounts == [MANAGEMENT, HUB]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"control_token": ""}, ValueError, "control_token: must be letters"),
        ({"control_token": "two words"}, ValueError, "control_token: must be letters"),
        ({"control_token": "tökén"}, ValueError, "control_token: must be letters"),
        ({"control_token": b"secret"}, TypeError, "control_token: must be text, got bytes"),
        ({"allowed_hosts": "simulator"}, TypeError, "allowed_hosts: must be a list"),
        ({"allowed_hosts": ["simulator:4580"]}, ValueError, "allowed_hosts: must be names without a port"),
        ({"allowed_hosts": [5]}, ValueError, "allowed_hosts: must be names"),
    ],
)
def test_arguments_are_checked(arguments: Any, error: type[Exception], words: str) -> None:
    """Neither a token that fits into no header, nor a host with a port; the token is not quoted."""
    with pytest.raises(error, match=words) as caught:
        DetectiveSimulator(**arguments)
    assert "secret" not in str(caught.value)


@pytest.mark.once
@pytest.mark.slow
def test_schemathesis_finds_no_deviation_from_the_document(tmp_path: Path) -> None:
    """It sends what the document allows and what it does not, without the token too, and checks each response."""
    with SimulatorThread(control_token=TOKEN) as sim:
        program = [sys.executable, "-m", "schemathesis.cli", "run", sim.url + OPENAPI]
        options = ["-H", f"Authorization: Bearer {TOKEN}", "--checks", "all", "--phases", "coverage,fuzzing"]
        limits = ["--max-examples", "5", "--seed", "1", "--no-color"]
        done = subprocess.run(
            [*program, *options, *limits], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
        )
        sim.clear_faults()
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert f"Tested: {len(ROUTES)}" in done.stdout
