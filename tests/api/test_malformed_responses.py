"""Malformed responses raise errors that say what is wrong, and where; over real sockets."""

import json
from typing import Any

import pytest
from support.answers import MEMBER_JSON
from support.contract.always_sent import smallest_body
from support.contract.api import OPERATION_NAMES, SERVICE_MODEL
from support.contract.clients import Pair
from support.contract.server import Reply

from detective_async import DecodeError, ServiceError
from detective_async.api.redaction import MAX_TEXT

pytestmark = pytest.mark.usefixtures("json_library")

_HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_DEEP = 1_000_000
_DEEP_INSIDE = "$.member_datasources[0].datasource_package_ingest_history['EKS_AUDIT']['STARTED']"
_FIRST = "$.member_details[0]"
_ASO = {"IndicatorType": "NEW_ASO"}
_KEY = {"AccountId": "1", "GraphArn": "arn"}
#: Bodies that are not JSON -> the message of the DecodeError.
_NOT_JSON = {
    "HTML": (_HTML, "the body is not JSON: Expecting value at character 0 of 74 @ $"),
    "empty": (b"", "the body is not JSON: it is empty @ $"),
    "blank": (b" \n", "the body is not JSON: Expecting value at character 2 of 2 @ $"),
    "cut short": (b'{"MemberDetails": [{"AccountId": "1234', "the body is not JSON: Unterminated string"),
    "cut short between members": (b'{"MemberDetails": [],', "the body is not JSON: "),
    "two documents": (b"{}{}", "the body is not JSON: Extra data at character 2 of 4 @ $"),
    "not UTF-8": (b'{"NextToken": "\xff"}', "the body is not UTF-8 (byte 15 of 18) @ $"),
    "Latin-1": ('{"NextToken": "é"}'.encode("latin-1"), "the body is not UTF-8 (byte 15 of 18) @ $"),
    "UTF-16": ("{}".encode("utf-16"), "the body is not UTF-8 (byte 0 of 6) @ $"),
    "with a byte order mark": (b"\xef\xbb\xbf{}", "the body is not JSON: "),
    "compressed, and not saying so": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "the body is not UTF-8 (byte 1 of 8) @ $"),
    "NaN": (
        b'{"MemberDetails": [{"PercentOfGraphUtilization": NaN}]}',
        "the body holds NaN, which JSON does not have @ $",
    ),
    "Infinity": (b'{"Added": -Infinity}', "the body holds -Infinity, which JSON does not have @ $"),
    "5,000 digits": (b'{"NextToken": ' + b"9" * 5000 + b"}", "the body holds a number that is out of range @ $"),
    "1,000,000 arrays deep": (b"[" * _DEEP, "the body is nested too deeply @ $"),
    "1,000,000 arrays deep and back": (b"[" * _DEEP + b"]" * _DEEP, "the body is nested too deeply @ $"),
    "1,000,000 objects deep": (b'{"Added":' * _DEEP + b"1" + b"}" * _DEEP, "the body is nested too deeply @ $"),
}
_SUCCESS = [200, 201, 299]
_FAILURE = [302, 400, 403, 418, 429, 500, 502, 503]
#: JSON documents that do not have the API's form -> the message of the DecodeError.
_MISMATCHES: dict[str, tuple[str, object, str]] = {
    "a list for the response": ("ListMembers", [], "expected an object, got an array @ $"),
    "null for the response": ("ListMembers", None, "expected an object, got null @ $"),
    "a string for the response": ("ListMembers", "no", "expected an object, got a string @ $"),
    "a list for the response without members": ("TagResource", [], "expected an object, got an array @ $"),
    "a list for no response": ("DeleteGraph", [], "expected an object, got an array @ $"),
    "an object for a list": ("ListGraphs", {"GraphList": {}}, "expected an array, got an object @ $.graph_list"),
    "a string for a list": ("ListGraphs", {"GraphList": "no"}, "expected an array, got a string @ $.graph_list"),
    "a number for a string": ("ListMembers", {"NextToken": 1}, "expected a string, got a number @ $.next_token"),
    "false for a string": ("ListMembers", {"NextToken": False}, "expected a string, got a boolean @ $.next_token"),
    "null in a list of objects": (
        "ListMembers",
        {"MemberDetails": [MEMBER_JSON, None]},
        "expected an object, got null @ $.member_details[1]",
    ),
    "null in a list of strings": (
        "DeleteMembers",
        {"AccountIds": ["111122223333", None]},
        "expected a string, got null @ $.account_ids[1]",
    ),
    "a number for an enum, three members on": (
        "ListMembers",
        {"MemberDetails": [MEMBER_JSON, MEMBER_JSON, MEMBER_JSON, {**MEMBER_JSON, "Status": 1}]},
        "expected a string, got a number @ $.member_details[3].status",
    ),
    "a list for an object in a list": (
        "ListMembers",
        {"MemberDetails": [[]]},
        "expected an object, got an array @ $.member_details[0]",
    ),
    "a string for a whole number": (
        "ListMembers",
        {"MemberDetails": [{**MEMBER_JSON, "VolumeUsageInBytes": "1"}]},
        "expected a whole number, got a string @ $.member_details[0].volume_usage_in_bytes",
    ),
    "half a byte": (
        "ListMembers",
        {"MemberDetails": [{**MEMBER_JSON, "VolumeUsageInBytes": 0.5}]},
        "expected a whole number, got a number @ $.member_details[0].volume_usage_in_bytes",
    ),
    "true for a whole number": (
        "ListMembers",
        {"MemberDetails": [{**MEMBER_JSON, "VolumeUsageInBytes": True}]},
        "expected a whole number, got a boolean @ $.member_details[0].volume_usage_in_bytes",
    ),
    "a string for a number": (
        "ListMembers",
        {"MemberDetails": [{**MEMBER_JSON, "PercentOfGraphUtilization": "1.5"}]},
        "expected a number, got a string @ $.member_details[0].percent_of_graph_utilization",
    ),
    "a number beyond doubles": (
        "ListMembers",
        {"MemberDetails": [{**MEMBER_JSON, "PercentOfGraphUtilization": 10**400}]},
        "expected a number, got one that is out of range @ $.member_details[0].percent_of_graph_utilization",
    ),
    "a number for a string beside a boolean": (
        "ListIndicators",
        {"Indicators": [{**_ASO, "IndicatorDetail": {"NewAsoDetail": {"IsNewForEntireAccount": True, "Aso": 7}}}]},
        "expected a string, got a number @ $.indicators[0].indicator_detail.new_aso_detail.aso",
    ),
    "a number for a boolean": (
        "DescribeOrganizationConfiguration",
        {"AutoEnable": 1},
        "expected a boolean, got a number @ $.auto_enable",
    ),
    "words for a timestamp": (
        "ListGraphs",
        {"GraphList": [{"Arn": "arn", "CreatedTime": "yesterday"}]},
        "expected a timestamp (ISO 8601), got a malformed one @ $.graph_list[0].created_time",
    ),
    "a timestamp beyond the calendar": (
        "ListGraphs",
        {"GraphList": [{"Arn": "arn", "CreatedTime": 1e300}]},
        "expected a timestamp (ISO 8601), got a malformed one @ $.graph_list[0].created_time",
    ),
    "a timestamp that leaves the calendar in UTC": (
        "ListGraphs",
        {"GraphList": [{"Arn": "arn", "CreatedTime": "0001-01-01T00:00:00+14:00"}]},
        "expected a timestamp (ISO 8601), got a malformed one @ $.graph_list[0].created_time",
    ),
    "a boolean for a timestamp": (
        "ListGraphs",
        {"GraphList": [{"Arn": "arn", "CreatedTime": True}]},
        "expected a timestamp (ISO 8601), got a boolean @ $.graph_list[0].created_time",
    ),
    "a number for an object after a valid timestamp": (
        "ListGraphs",
        {"GraphList": [{"Arn": "arn", "CreatedTime": "2026-01-01T00:00:00Z"}, 7]},
        "expected an object, got a number @ $.graph_list[1]",
    ),
    "a number for a list beside null for another one": (
        "GetMembers",
        {"MemberDetails": None, "UnprocessedAccounts": 7},
        "expected an array, got a number @ $.unprocessed_accounts",
    ),
    "a list for a map": (
        "ListTagsForResource",
        {"Tags": []},
        "expected an object, got an array @ $.tags",
    ),
    "null in a map": ("ListTagsForResource", {"Tags": {"team": None}}, "expected a string, got null @ $.tags['team']"),
    "a string for an object in a map in a map in a list": (
        "BatchGetGraphMemberDatasources",
        {"MemberDatasources": [{**_KEY, "DatasourcePackageIngestHistory": {"EKS_AUDIT": {"STARTED": "now"}}}]},
        f"expected an object, got a string @ {_DEEP_INSIDE}",
    ),
    "a missing member": ("CreateGraph", {}, "the member is missing @ $.graph_arn"),
    "null for a member that is always sent": (
        "CreateGraph",
        {"GraphArn": None},
        "expected a string, got null @ $.graph_arn",
    ),
    "missing members of an object in a list": (
        "ListMembers",
        {"MemberDetails": [{"AccountId": "1"}, {"Status": None}]},
        "the member is missing @ $.member_details[1].account_id",
    ),
    "a missing member of an object in a map": (
        "ListDatasourcePackages",
        {"DatasourcePackages": {"EKS_AUDIT": {}}},
        "the member is missing @ $.datasource_packages['EKS_AUDIT'].datasource_package_ingest_state",
    ),
    "a number in the one detail of an indicator": (
        "ListIndicators",
        {"Indicators": [{"IndicatorType": "TTP_OBSERVED", "IndicatorDetail": {"TTPsObservedDetail": {"APIName": 1}}}]},
        "expected a string, got a number @ $.indicators[0].indicator_detail.ttps_observed_detail.api_name",
    ),
}  # fmt: skip


def _fail(pair: Pair, operation: str, reply: Reply) -> DecodeError:
    pair.answer(reply)
    with pytest.raises(DecodeError) as caught:
        pair.call_ours(operation)
    error = caught.value
    assert (error.operation, error.status, error.attempts) == (operation, reply.status, 1)
    assert error.request_id == reply.headers.get("x-amzn-requestid")
    assert error.problem in str(error)
    # The error is not chained to the parser's exceptions, which contain parts of the response.
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


@pytest.mark.parametrize("status", _SUCCESS)
@pytest.mark.parametrize(("body", "problem"), _NOT_JSON.values(), ids=_NOT_JSON)
def test_successful_responses_that_are_not_json(pair: Pair, status: int, body: bytes, problem: str) -> None:
    """They raise DecodeError, which describes the body and quotes nothing of it."""
    reply = Reply(status, body, {"Content-Type": "text/html", "x-amzn-requestid": "request-7"})
    error = _fail(pair, "ListMembers", reply)
    assert error.problem.startswith(problem), error.problem
    assert error.problem.endswith(" @ $")
    assert len(error.problem) < 120


@pytest.mark.parametrize("status", _FAILURE)
@pytest.mark.parametrize("body", [body for body, _ in _NOT_JSON.values()], ids=_NOT_JSON)
def test_error_responses_that_are_not_json(pair: Pair, status: int, body: bytes) -> None:
    """They raise ServiceError with the status as its code."""
    pair.answer(Reply(status, body, {"Content-Type": "text/html", "x-amzn-requestid": "request-7"}))
    with pytest.raises(ServiceError) as caught:
        pair.call_ours("ListMembers")
    error = caught.value
    assert type(error) is ServiceError
    assert (error.code, error.message, error.status, error.request_id) == (str(status), "", status, "request-7")
    assert error.retryable is (status in (429, 500, 502, 503))


@pytest.mark.parametrize("body", [body for body, _ in _NOT_JSON.values()], ids=_NOT_JSON)
def test_error_responses_with_their_code_in_the_header(pair: Pair, body: bytes) -> None:
    """The code in the header is used, even if the body is malformed."""
    pair.answer(Reply(409, body, {"x-amzn-ErrorType": "ConflictException:"}))
    with pytest.raises(ServiceError) as caught:
        pair.call_ours("ListMembers")
    assert type(caught.value).__name__ == caught.value.code == "ConflictException"
    assert caught.value.message == ""


@pytest.mark.parametrize(("operation", "document", "problem"), _MISMATCHES.values(), ids=_MISMATCHES)
def test_successful_responses_of_another_form(pair: Pair, operation: str, document: object, problem: str) -> None:
    """They raise DecodeError, which says what was expected, what was found, and where."""
    assert _fail(pair, operation, Reply(body=json.dumps(document).encode())).problem == problem


def test_overflowing_floats(pair: Pair) -> None:
    """A number that is too large for a double raises, and does not become infinity."""
    body = b'{"MemberDetails": [{"AccountId": "1", "GraphArn": "a", "Status": "", "PercentOfGraphUtilization": 1e999}]}'
    problem = "expected a number, got one that is out of range @ $.member_details[0].percent_of_graph_utilization"
    assert _fail(pair, "ListMembers", Reply(body=body)).problem == problem


@pytest.mark.parametrize(("count", "more"), [(3, []), (4, ["and 1 more"]), (5, ["and 2 more"])])
def test_several_problems_are_in_one_message(pair: Pair, count: int, more: list[str]) -> None:
    """The first three problems are listed in order, with the number of the others, if there are any."""
    body = json.dumps({"MemberDetails": [{**MEMBER_JSON, "Status": number} for number in range(count)]}).encode()
    told = [f"expected a string, got a number @ $.member_details[{index}].status" for index in range(3)]
    assert _fail(pair, "ListMembers", Reply(body=body)).problem == "; ".join([*told, *more])


def test_the_keys_of_a_map_are_foreign_text(pair: Pair) -> None:
    """In a path, they are masked, escaped and cut."""
    for key, shown in (
        ("team", "team"),
        ("root@example.com", "***"),
        ("\x1b[31m\n", r"\x1b[31m\n"),
        ("k\n" * 9_000, r"k\n" * 1_300),
    ):
        error = _fail(pair, "ListTagsForResource", Reply(body=json.dumps({"Tags": {key: 1}}).encode()))
        assert error.problem.startswith(f"expected a string, got a number @ $.tags['{shown}"), error.problem
        assert len(error.problem) <= MAX_TEXT + len(" [...]")
        assert error.problem.isprintable()


@pytest.mark.parametrize("operation", [n for n in OPERATION_NAMES if SERVICE_MODEL.operation_model(n).output_shape])
def test_errors_name_every_member_of_every_response(pair: Pair, operation: str) -> None:
    """A value that no member can have is reported with the member's path."""
    shape: Any = SERVICE_MODEL.operation_model(operation).output_shape
    others = json.loads(smallest_body(shape))
    for member in shape.members:
        # An object within a list is neither a scalar, nor a list of what it should be, nor a map.
        error = _fail(pair, operation, Reply(body=json.dumps({**others, member: [{}, [{}]]}).encode()))
        attribute = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in member).lstrip("_")
        assert f" @ $.{attribute}" in error.problem


@pytest.mark.parametrize("value", [None, 1, [], {}, True, "", ":", "#", "#:"], ids=repr)
@pytest.mark.parametrize("member", ["code", "__type", "message", "Message"])
def test_odd_members_of_an_error(pair: Pair, member: str, value: object) -> None:
    """A code or a message of the wrong type, or of nothing but punctuation, counts as none."""
    pair.answer(Reply(400, json.dumps({member: value}).encode()))
    with pytest.raises(ServiceError) as caught:
        pair.call_ours("ListMembers")
    assert type(caught.value) is ServiceError
    assert caught.value.code == "400"
    assert caught.value.message == (value if member in ("message", "Message") and isinstance(value, str) else "")
