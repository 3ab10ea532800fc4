"""The page at /_simulator/ and its data, over HTTP."""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage, Latency
from detective_async.testing.page.host_check import is_local

HOME = "/_simulator/"
STATE = "/_simulator/state.json"
FILES = {
    "/_simulator/": "text/html; charset=utf-8",
    "/_simulator/page.js": "text/javascript; charset=utf-8",
    "/_simulator/view.js": "text/javascript; charset=utf-8",
    "/_simulator/parts/table.js": "text/javascript; charset=utf-8",
    "/_simulator/parts/preact/preact.mjs": "text/javascript; charset=utf-8",
    "/_simulator/parts/preact/LICENSE": "text/plain; charset=utf-8",
    "/_simulator/page.css": "text/css; charset=utf-8",
    "/_simulator/icon.svg": "image/svg+xml",
    "/_simulator/state.json": "application/json",
}
LIST = ("POST", "/graphs/list", b"{}")


async def get(raw: Any, target: str, method: str = "GET", **headers: str) -> Any:
    return await raw.send(method, target, {"Host": raw.sim.url[7:], **headers})


async def state(raw: Any, query: str = "") -> Any:
    reply = await get(raw, STATE + query)
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


async def test_an_empty_world_has_an_empty_state(raw: Any) -> None:
    """At the start, all lists are empty."""
    found = await state(raw)
    nothing = {"total": 0, "offset": 0, "size": 50, "items": []}
    lists = ("accounts", "graphs", "invitations", "investigations", "requests")
    assert {name: found[name] for name in lists} == dict.fromkeys(lists, nothing)
    assert found["graph"] is None
    assert found["faults"] == found["closed_regions"] == []
    assert found["totals"] == {"accounts": 0, "graphs": 0, "members": {}, "requests": 0, "faults": 0}


@pytest.mark.simulator(verification_delay=60)
async def test_the_state_has_the_whole_world(sim: DetectiveSimulator, raw: Any, boto: Any, people: Any) -> None:
    """Accounts, graphs, members, invitations, investigations, requests, faults and the time."""
    admin, member = boto(), boto("000000000001")
    sim.set_volume("000000000002", "VOLUME_TOO_HIGH")
    sim.organization("999999999999", ["111122223333"])
    sim.close_region("ap-east-1")
    arn = (await admin.create_graph(Tags={"team": "secops"}))["GraphArn"]
    await admin.create_members(GraphArn=arn, Accounts=people(3))
    await sim.advance(7200)
    await member.accept_invitation(GraphArn=arn)
    await boto("000000000002").accept_invitation(GraphArn=arn)
    role = "arn:aws:iam::111122223333:role/admin"
    since = sim.now - timedelta(days=1)
    await admin.start_investigation(GraphArn=arn, EntityArn=role, ScopeStartTime=since, ScopeEndTime=sim.now)
    sim.investigations(duration=3600)
    await admin.start_investigation(GraphArn=arn, EntityArn=role, ScopeStartTime=since, ScopeEndTime=sim.now)
    sim.inject(Fault(Failure(503, "Busy"), "ListGraphs", "111122223333", "eu-west-1"))
    with pytest.raises(admin.exceptions.ClientError):
        await admin.list_graphs()
    sim.inject(Fault(Garbage(b"?"), count=None, probability=0.5))

    found = await state(raw)
    assert (found["ahead"], found["closed_regions"]) == (7200, ["ap-east-1"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["now"])
    statuses = {"ENABLED": 1, "ACCEPTED_BUT_DISABLED": 1, "INVITED": 1}
    assert found["totals"] == {"accounts": 4, "graphs": 1, "members": statuses, "requests": 7, "faults": 1}
    accounts = {one["account_id"]: one for one in found["accounts"]["items"]}
    assert accounts["111122223333"]["organization"] == "999999999999"
    assert accounts["000000000002"] == {
        "account_id": "000000000002",
        "email": "account-000000000002@example.com",
        "volume_problem": "VOLUME_TOO_HIGH",
        "organization": None,
    }
    (graph,) = found["graphs"]["items"]
    assert (graph["arn"], graph["administrator"], graph["region"]) == (arn, "111122223333", "eu-west-1")
    assert (graph["tags"], graph["counts"], graph["investigations"]) == ({"team": "secops"}, statuses, 2)
    assert graph["packages"]["DETECTIVE_CORE"] == "STARTED"
    members = found["graph"].pop("members")
    assert found["graph"] == graph
    shown = [(one["account_id"], one["status"], one["disabled_reason"]) for one in members["items"]]
    assert shown == [
        ("000000000001", "ENABLED", None),
        ("000000000002", "ACCEPTED_BUT_DISABLED", "VOLUME_TOO_HIGH"),
        ("000000000003", "INVITED", None),
    ]
    (invitation,) = found["invitations"]["items"]
    assert (invitation["account_id"], invitation["graph"], invitation["region"]) == ("000000000003", arn, "eu-west-1")
    running, done = found["investigations"]["items"]
    assert (running["status"], running["severity"]) == ("RUNNING", None)
    assert (done["status"], done["severity"], done["entity"]) == ("SUCCESSFUL", "HIGH", role)
    latest = found["requests"]["items"][0]
    assert {name: latest[name] for name in ("operation", "status", "error_code", "faults")} == {
        "operation": "ListGraphs",
        "status": 503,
        "error_code": "Busy",
        "faults": ["Failure(status=503, code='Busy')"],
    }
    assert [one["operation"] for one in found["requests"]["items"]][-2:] == ["CreateMembers", "CreateGraph"]
    assert found["faults"] == [
        {
            "effect": "Garbage(body=b'?')",
            "operation": None,
            "account": None,
            "region": None,
            "count": None,
            "probability": 0.5,
        }
    ]


async def test_an_organization_member_was_never_invited(sim: DetectiveSimulator, raw: Any, boto: Any) -> None:
    """A member of the organization has no time of invitation, and is not an open invitation."""
    sim.organization("999999999999", ["111122223333", "000000000001"])
    await boto("999999999999").enable_organization_admin_account(AccountId="111122223333")
    arn = (await boto().list_graphs())["GraphList"][0]["Arn"]
    people = [{"AccountId": "000000000001", "EmailAddress": "account-000000000001@example.com"}]
    await boto().create_members(GraphArn=arn, Accounts=people)
    found = await state(raw)
    (member,) = found["graph"]["members"]["items"]
    assert (member["invited"], member["invitation_type"], member["status"]) == (None, "ORGANIZATION", "ENABLED")
    assert found["graph"]["organization"] == "999999999999"
    assert found["invitations"]["total"] == 0


@pytest.mark.simulator(verification_delay=0.01)
async def test_due_verifications_are_completed(raw: Any, boto: Any, people: Any) -> None:
    """A verification that has ended by now is shown as ended, although there was no request meanwhile."""
    arn = (await boto().create_graph())["GraphArn"]
    await boto().create_members(GraphArn=arn, Accounts=people(1))
    await raw.sim.advance(0)
    async with asyncio.timeout(60):
        while (await state(raw))["graph"]["counts"] != {"INVITED": 1}:
            pass


async def test_the_state_has_no_secrets(sim: DetectiveSimulator, raw: Any, boto: Any) -> None:
    """Neither keys nor tokens nor signatures, of an account, a request, or the query of a presigned request."""
    keys = sim.temporary_credentials("111122223333")
    await boto(credentials=keys).create_graph()
    own = sim.account("111122223333")
    await raw.ask(*LIST)
    await get(raw, "/graphs/list?X-Amz-Security-Token=token-in-a-query&X-Amz-Signature=0123")
    text = json.dumps(await state(raw))
    assert "/graphs/list" in text
    secrets = [own.access_key_id, own.secret_access_key, keys.access_key_id, keys.secret_access_key]
    for secret in [*secrets, str(keys.session_token), "token-in-a-query", "Signature", "AWS4-HMAC"]:
        assert secret not in text


async def test_lists_are_paginated(raw: Any, boto: Any, people: Any) -> None:
    """The pages of a graph's members have each member once; an offset beyond the end gives the last page."""
    arn = (await boto().create_graph())["GraphArn"]
    for first in (1, 51, 101):
        await boto().create_members(GraphArn=arn, Accounts=people(50 if first < 101 else 20, first))
    parts = [(await state(raw, f"?graph={arn}&members={offset}"))["graph"]["members"] for offset in (0, 50, 100)]
    names = [one["account_id"] for part in parts for one in part["items"]]
    assert names == [f"{number:012d}" for number in range(1, 121)]
    assert {part["total"] for part in parts} == {120}
    assert (await state(raw, "?members=999999999"))["graph"]["members"] == parts[-1]
    invitations = (await state(raw, "?invitations=110"))["invitations"]
    assert (invitations["offset"], len(invitations["items"]), invitations["total"]) == (100, 20, 120)


async def test_members_are_selected_by_graph_and_status(raw: Any, boto: Any, people: Any) -> None:
    """The query selects graph and status; by default, it is the first graph with all its members."""
    first = (await boto(region="us-east-1").create_graph())["GraphArn"]
    second = (await boto().create_graph())["GraphArn"]
    await boto().create_members(GraphArn=second, Accounts=people(3))
    await boto("000000000002").accept_invitation(GraphArn=second)
    assert (await state(raw))["graph"]["arn"] == first
    found = (await state(raw, f"?graph={second.replace(':', '%3A')}&status=ENABLED"))["graph"]
    assert found["counts"] == {"INVITED": 2, "ENABLED": 1}
    assert [one["account_id"] for one in found["members"]["items"]] == ["000000000002"]
    assert found["members"]["total"] == 1
    assert (await state(raw, f"?graph={second}&status=NONE"))["graph"]["members"]["total"] == 0
    assert (await state(raw, "?graph=arn:gone"))["graph"] is None


async def test_the_response_is_small(sim: DetectiveSimulator, raw: Any) -> None:
    """Its size does not grow with the number of accounts, graphs and requests."""
    for number in range(1, 121):
        sim.account(f"{number:012d}")
        sim._world.ensure_graph(f"{number:012d}", "eu-west-1", sim.now)
    for _ in range(60):
        await raw.ask(*LIST)
    reply = await get(raw, f"{STATE}?graphs=100&accounts=50")
    found = json.loads(reply.body)
    assert len(reply.body) < 100_000
    assert (found["graphs"]["total"], len(found["graphs"]["items"])) == (120, 20)
    assert found["accounts"]["items"][0]["account_id"] == "000000000051"
    assert (found["requests"]["total"], len(found["requests"]["items"])) == (60, 50)


@pytest.mark.parametrize("query", ["?", "?&&=", "?graph=%FF%ZZ", "?x=1&x=2", "?status=%00", "?graph=&members="])
async def test_unknown_parameters_are_ignored(raw: Any, query: str) -> None:
    """Unknown, empty and repeated parameters do not change the response."""
    assert (await state(raw, query))["graph"] is None


@pytest.mark.parametrize("target", list(FILES))
async def test_the_files_come_with_strict_headers(raw: Any, target: str) -> None:
    """Content type, no caching, no foreign resources or scripts; HEAD has the same headers."""
    reply = await get(raw, target)
    assert (reply.status, reply.headers["content-type"]) == (200, FILES[target])
    assert reply.body
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    head = await get(raw, target, "HEAD")
    assert (head.status, head.body) == (200, b"")
    same = ("content-type", "cache-control", "content-security-policy")
    assert [head.headers[name] for name in same] == [reply.headers[name] for name in same]


async def test_the_page_is_self_contained(raw: Any) -> None:
    """It refers to its own files only, and its script never inserts text as markup."""
    page = (await get(raw, HOME)).body.decode()
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sorted(links) == ["icon.svg", "page.css", "page.js", "state.json"]
    script = "".join([(await get(raw, f"{HOME}{name}.js")).body.decode() for name in ("page", "view", "parts/table")])
    style = (await get(raw, f"{HOME}page.css")).body.decode()
    assert "//" not in re.sub(r"(?m)^\s*//.*$|; // .*$", "", script) + style + page.replace("<!--", "")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)
    assert not re.search(r"<style|style=|\son\w+=", page)


async def test_a_missing_slash_is_redirected(raw: Any) -> None:
    """/_simulator redirects to /_simulator/, with any query."""
    for method, target in (("GET", "/_simulator"), ("HEAD", "/_simulator"), ("GET", "/_simulator?graphs=1")):
        reply = await get(raw, target, method)
        assert (reply.status, reply.headers["location"], reply.body) == (308, "/_simulator/", b"")


async def test_requests_for_the_page_are_not_recorded(sim: DetectiveSimulator, raw: Any) -> None:
    """They are not recorded, and faults do not apply to them."""
    sim.inject(Fault(Drop(), count=None))
    sim.inject(Fault(Latency(60.0), count=None))
    for target in [*FILES, "/_simulator", "/_simulator/nothing"]:
        assert (await get(raw, target)).status in (200, 308, 404)
    assert sim.requests == []
    assert len(sim.faults) == 2


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.8.8.8:1", "[::1]", "[::1]:4580", "0.0.0.0:4580", "[::]"]
)
async def test_local_hosts_are_accepted(raw: Any, host: str) -> None:
    """Loopback by name or address with any port, which may be forwarded, and the unspecified address."""
    assert (await get(raw, HOME, Host=host)).status == 200


_FOREIGN = (
    "evil.example", "localhost.evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "", "[::1", "a b", "[::ffff:1]",
)  # fmt: skip
_METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
_MISSING = (
    "/_simulator/nothing", "/_simulator//", "/_simulator/../graphs", "/_simulator/page.py",
    "/_simulator/parts", "/_simulator/parts/versions.json", "/_simulator/parts/../../handler.py",
)  # fmt: skip
_SIMILAR = ("/_simulatorx", "/_simulato", "/%5Fsimulator/", "//_simulator/")
_OFFSETS = ("?members=x", "?graphs=-1", "?requests=1e3", "?accounts=1234567890", "?members=%D9%A1")
#: Method, target and host (None: the simulator's), and the status and code of the error.
REFUSED: list[tuple[str, str, str | None, int, str]] = [
    # A foreign domain name that resolves to this machine (DNS rebinding) gets no data.
    *(
        ("GET", target, host, 403, "ForbiddenException")
        for host in _FOREIGN
        for target in (HOME, STATE, "/_simulator", "/_simulator/page.js")
    ),
    # The page is read-only.
    *(
        (method, target, None, 405, "MethodNotAllowedException")
        for method in _METHODS
        for target in ("/_simulator", HOME, STATE, "/_simulator/nothing")
    ),
    *(("GET", target, None, 404, "NotFoundException") for target in _MISSING),
    # A path that only resembles the page's belongs to the services.
    *(("GET", target, None, 403, "MissingAuthenticationTokenException") for target in _SIMILAR),
    *(("GET", STATE + query, None, 400, "ValidationException") for query in _OFFSETS),
]


@pytest.mark.parametrize(("method", "target", "host", "status", "code"), REFUSED)
async def test_requests_are_refused(
    raw: Any, *, method: str, target: str, host: str | None, status: int, code: str
) -> None:
    """The error has the form of AWS's; only requests to the services are recorded."""
    reply = await get(raw, target, method, **({} if host is None else {"Host": host}))
    assert (reply.status, reply.code) == (status, code)
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-amzn-requestid"]
    assert reply.message
    assert ("whole number" in reply.message) == (status == 400)
    assert reply.headers.get("allow") == ("GET, HEAD" if status == 405 else None)
    assert len(raw.sim.requests) == (code == "MissingAuthenticationTokenException")


async def test_a_request_without_a_host_is_rejected(raw: Any) -> None:
    """HTTP/1.0 does not require a Host header, the page does."""
    response = await raw.send_bytes(b"GET /_simulator/ HTTP/1.0\r\n\r\n")
    assert b" 403 " in response.split(b"\r\n")[0]
    assert b"ForbiddenException" in response


def test_the_address_of_the_connection_is_accepted() -> None:
    """The address to which the client has connected, in any notation; other addresses and several hosts are not."""
    assert is_local(["192.0.2.7:4580"], "192.0.2.7")
    assert is_local(["[2001:DB8:0::1]"], "2001:db8::1")
    assert not is_local(["192.0.2.8"], "192.0.2.7")
    assert not is_local(["localhost", "localhost"], "127.0.0.1")
