"""Nonsense of every kind gets an answer in AWS's form, and changes nothing."""

import asyncio
import json
from typing import Any

import pytest

import detective_async.testing.server.http
from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.asyncio

ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "a" * 32
ACCOUNT = {"AccountId": "123456789012", "EmailAddress": "a@example.com"}


@pytest.mark.parametrize(
    ("target", "members", "names"),
    [
        ("/graph/members/list", {}, "Value null at 'graphArn'"),
        ("/graph/members/list", {"GraphArn": None}, "Value null at 'graphArn'"),
        ("/graph/members/list", {"GraphArn": 7}, "'graphArn'"),
        ("/graph/members/list", {"GraphArn": "arn"}, "Value 'arn' at 'graphArn'"),
        ("/graph/members/list", {"GraphArn": ARN + "\n"}, "'graphArn'"),
        ("/graph/members/list", {"GraphArn": ARN.replace("1", "\u0661")}, "'graphArn'"),
        ("/graph/members/list", {"GraphArn": "\ud800"}, "'graphArn'"),
        ("/graph/members/list", {"GraphArn": ARN, "MaxResults": 0}, "greater than or equal to 1"),
        ("/graph/members/list", {"GraphArn": ARN, "MaxResults": 201}, "less than or equal to 200"),
        ("/graph/members/list", {"GraphArn": ARN, "MaxResults": "5"}, "'maxResults'"),
        ("/graph/members/list", {"GraphArn": ARN, "MaxResults": True}, "'maxResults'"),
        ("/graph/members/list", {"GraphArn": ARN, "MaxResults": 1.5}, "'maxResults'"),
        ("/graph/members/list", {"GraphArn": ARN, "NextToken": ""}, "'nextToken'"),
        ("/graph/members/list", {"GraphArn": ARN, "NextToken": "x" * 1025}, "'nextToken'"),
        ("/graph/members", {"GraphArn": ARN, "Accounts": []}, "'accounts'"),
        ("/graph/members", {"GraphArn": ARN, "Accounts": [ACCOUNT] * 51}, "less than or equal to 50"),
        ("/graph/members", {"GraphArn": ARN, "Accounts": [None]}, "Value null at 'accounts.1.member'"),
        ("/graph/members", {"GraphArn": ARN, "Accounts": ["x"]}, "'accounts.1.member'"),
        ("/graph/members", {"GraphArn": ARN, "Accounts": {"a": 1}}, "'accounts'"),
        ("/graph/members", {"GraphArn": ARN, "Accounts": [ACCOUNT, {}]}, "'accounts.2.member.accountId'"),
        (
            "/graph/members",
            {"GraphArn": ARN, "Accounts": [{**ACCOUNT, "EmailAddress": "secret-address"}]},
            "Value '***' at 'accounts.1.member.emailAddress'",
        ),
        ("/graph/members", {"GraphArn": ARN, "Accounts": [ACCOUNT], "Message": ""}, "'message'"),
        ("/graph/members", {"GraphArn": ARN, "Accounts": [ACCOUNT], "DisableEmailNotification": 1}, "'disableEmail"),
        ("/graph/members/get", {"GraphArn": ARN, "AccountIds": ["12345678901x"]}, "'accountIds.1.member'"),
        ("/graph/members/get", {"GraphArn": ARN, "AccountIds": ["1"]}, "'accountIds.1.member'"),
        ("/graph/datasources/update", {"GraphArn": ARN, "DatasourcePackages": ["NOPE"]}, "enum value set"),
        ("/graph", {"Tags": {}}, "'tags'"),
        ("/graph", {"Tags": {"aws:x": "y"}}, "'tags.key'"),
        ("/graph", {"Tags": {"a b": "y"}}, "'tags.key'"),
        ("/graph", {"Tags": {"a": "y" * 257}}, "'tags.a'"),
        ("/graph", {"Tags": {"a": None}}, "'tags.a'"),
        ("/graph", {"Tags": ["a"]}, "'tags'"),
        (
            "/investigations/startInvestigation",
            {"GraphArn": ARN, "EntityArn": "arn:x", "ScopeStartTime": 5, "ScopeEndTime": "2026-01-01T00:00:00Z"},
            "'scopeStartTime'",
        ),
        (
            "/investigations/startInvestigation",
            {"GraphArn": ARN, "EntityArn": "arn:x", "ScopeStartTime": "0001-01-01T00:00:00+14:00", "ScopeEndTime": "x"},
            "'scopeStartTime'",
        ),
        ("/investigations/getInvestigation", {"GraphArn": "a", "InvestigationId": "1"}, "2 validation errors detected"),
        (
            "/investigations/listInvestigations",
            {"GraphArn": ARN, "FilterCriteria": {"Severity": {}}},
            "'filterCriteria.severity.value'",
        ),
    ],
)
async def test_a_wrong_member_is_named(
    sim: DetectiveSimulator, raw: Any, target: Any, members: Any, names: Any
) -> None:
    """Each rule of the model is applied, and the ValidationException says where it is broken."""
    before = sim.snapshot()
    reply = await raw.ask("POST", target, json.dumps(members).encode())
    assert (reply.status, reply.code) == (400, "ValidationException")
    assert names in reply.message
    assert "secret-address" not in reply.message
    assert json.loads(reply.body)["ErrorCode"] in {"INVALID_GRAPH_ARN", "INVALID_REQUEST_BODY"}
    assert sim.snapshot() == before


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b"\xff\xfe",
        b'{"Tags": NaN}',
        b'{"Tags": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"x":' * 100_000,
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"\x00",
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(sim: DetectiveSimulator, raw: Any, body: Any) -> None:
    """Broken, deep, binary or otherwise wrong JSON gets a ValidationException, and no graph is made."""
    reply = await raw.ask("POST", "/graph", body)
    assert (reply.status, reply.code) == (400, "ValidationException")
    assert json.loads(reply.body)["ErrorCode"] == "INVALID_REQUEST_BODY"
    assert sim.snapshot() == {}


async def test_unknown_members_and_deep_values_in_them_are_ignored(raw: Any) -> None:
    """A member that the API does not have is no error."""
    deep = b"[" * 500 + b"]" * 500
    assert (await raw.ask("POST", "/graphs/list", b'{"New": ' + deep + b"}")).status == 200


async def test_an_empty_body_is_an_empty_request(raw: Any) -> None:
    """Where nothing is required, nothing need be sent."""
    assert (await raw.ask("POST", "/graphs/list")).status == 200


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/graph"),
        ("POST", "/graph/"),
        ("POST", "/nothing"),
        ("PATCH", "/invitation"),
        ("GET", "/tags/"),
        ("GET", "/tags/a/b"),
        ("OPTIONS", "/graph"),
    ],
)
async def test_an_unknown_path_or_method_is_an_unknown_operation(raw: Any, method: Any, target: Any) -> None:
    """What the API does not have is a 404 in AWS's form."""
    reply = await raw.ask(method, target)
    assert (reply.status, reply.code) == (404, "UnknownOperationException")


@pytest.mark.parametrize("arn", ["x", "%ff%fe", "%zz", "a%2Fb", "arn%3Aaws"])
async def test_a_path_that_holds_no_arn_is_refused(raw: Any, arn: Any) -> None:
    """The ARN in the path is checked like any other."""
    reply = await raw.ask("GET", f"/tags/{arn}")
    assert (reply.status, reply.code) == (400, "ValidationException")


async def test_untag_needs_keys_in_the_query(raw: Any) -> None:
    """Tag keys come as repeated `tagKeys`, and not in the body."""
    path = "/tags/" + ARN.replace(":", "%3A")
    for query in ("", "?TagKeys=a", "?tagKeys="):
        reply = await raw.ask("DELETE", path + query, b'{"TagKeys": ["a"]}')
        assert (reply.status, reply.code) == (400, "ValidationException")
        assert "'tagKeys" in reply.message


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /graph HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /graph HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"POST /graph HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /gr\xffaph HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST http://example.com/graph HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /graph#fragment HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /graph HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\nabcabcabcabc",
    ],
)
async def test_what_is_hardly_http_gets_an_answer_all_the_same(sim: DetectiveSimulator, raw: Any, data: Any) -> None:
    """Malformed HTTP gets a JSON error with a request id, and never a page or a traceback."""
    answer = (await raw.pour(data)).lower()
    assert answer.startswith(b"http/1."), answer
    assert b"x-amzn-errortype" in answer
    assert b"x-amzn-requestid" in answer
    assert b"traceback" not in answer
    assert b" 500 " not in answer.splitlines()[0]
    assert sim.snapshot() == {}


async def test_a_body_over_the_limit_is_refused(raw: Any) -> None:
    """More than a megabyte is too much."""
    reply = await raw.ask("POST", "/graph", b" " * (1024**2 + 1))
    assert (reply.status, reply.code) == (413, "RequestEntityTooLargeException")


async def test_a_header_that_comes_twice_is_signed_as_both(sim: DetectiveSimulator, raw: Any) -> None:
    """A second value of a signed header breaks the signature."""
    headers = raw.sign("POST", "/graph", b"{}")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    tail = "X-Amz-Date: 20200101T000000Z\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    answer = await raw.pour(f"POST /graph HTTP/1.1\r\n{lines}{tail}".encode())
    assert b"IncompleteSignatureException" in answer
    assert sim.snapshot() == {}


async def test_a_client_that_waits_for_100_continue_is_told_to_go_on(raw: Any) -> None:
    """Expect: 100-continue is honoured."""
    headers = raw.sign("POST", "/graphs/list", b"{}")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    tail = "Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    answer = await raw.pour(f"POST /graphs/list HTTP/1.1\r\n{lines}{tail}".encode())
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


async def test_a_body_that_does_not_come_is_not_waited_for(sim: DetectiveSimulator, raw: Any, monkeypatch: Any) -> None:
    """Half a body, or a broken chunk that comes late, ends in a 408 in AWS's form."""
    monkeypatch.setattr(detective_async.testing.server.http, "BODY_TIMEOUT", 0.1)
    answer = await raw.pour(b"POST /graph HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    assert b" 408 " in answer.splitlines()[0]
    assert b"RequestTimeoutException" in answer
    assert sim.requests[-1].error_code == "RequestTimeoutException"


async def test_a_client_that_leaves_midway_is_recorded_as_malformed(sim: DetectiveSimulator) -> None:
    """A connection that closes before its body is complete changes nothing."""
    host, port = sim.url[7:].split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /graph HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.05)
    assert [request.error_code for request in sim.requests] == ["MalformedHttpRequestException"]
    assert sim.snapshot() == {}
