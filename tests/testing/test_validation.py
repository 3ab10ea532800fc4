"""Invalid input is answered with a ValidationException that names the member, and changes nothing."""

import json
from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator

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
async def test_an_invalid_member_is_named(
    sim: DetectiveSimulator, raw: Any, target: Any, members: Any, names: Any
) -> None:
    """Each constraint of the model is checked, and the ValidationException says which member violates it."""
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
async def test_a_body_that_is_not_a_json_object_is_rejected(sim: DetectiveSimulator, raw: Any, body: Any) -> None:
    """Malformed, deeply nested or binary JSON is answered with a ValidationException, and no graph is created."""
    reply = await raw.ask("POST", "/graph", body)
    assert (reply.status, reply.code) == (400, "ValidationException")
    assert json.loads(reply.body)["ErrorCode"] == "INVALID_REQUEST_BODY"
    assert sim.snapshot() == {}


async def test_unknown_members_and_deep_values_in_them_are_ignored(raw: Any) -> None:
    """A member that the API does not have is not an error."""
    deep = b"[" * 500 + b"]" * 500
    assert (await raw.ask("POST", "/graphs/list", b'{"New": ' + deep + b"}")).status == 200


async def test_an_empty_body_is_an_empty_request(raw: Any) -> None:
    """An operation without required members accepts an empty body."""
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
    """A path or method that the API does not have is answered with 404 in AWS's form."""
    reply = await raw.ask(method, target)
    assert (reply.status, reply.code) == (404, "UnknownOperationException")


@pytest.mark.parametrize("arn", ["x", "%ff%fe", "%zz", "a%2Fb", "arn%3Aaws"])
async def test_a_path_without_an_arn_is_rejected(raw: Any, arn: Any) -> None:
    """The ARN in the path is validated like any other."""
    reply = await raw.ask("GET", f"/tags/{arn}")
    assert (reply.status, reply.code) == (400, "ValidationException")


async def test_untag_resource_needs_keys_in_the_query(raw: Any) -> None:
    """Tag keys are repeated parameters `tagKeys`, not members of the body."""
    path = "/tags/" + ARN.replace(":", "%3A")
    for query in ("", "?TagKeys=a", "?tagKeys="):
        reply = await raw.ask("DELETE", path + query, b'{"TagKeys": ["a"]}')
        assert (reply.status, reply.code) == (400, "ValidationException")
        assert "'tagKeys" in reply.message


async def test_too_many_accounts_are_refused_in_the_words_of_aws(raw: Any) -> None:
    """Seen on AWS for CreateMembers with 100 accounts; for other lists, the same words are inferred."""
    reply = await raw.ask("POST", "/graph/members", json.dumps({"GraphArn": ARN, "Accounts": [ACCOUNT] * 100}).encode())
    assert reply.code == "ValidationException"
    assert reply.message == "CreateMembersRequest.Accounts must have length less than or equal to 50. Found 100."
