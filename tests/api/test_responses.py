"""Responses are decoded to the same values as by boto3, for any response that the API's model allows."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import fields, has
from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import given, settings
from hypothesis import strategies as st
from support.answers import MEMBER_JSON
from support.contract.api import OPERATION_NAMES, SERVICE_MODEL
from support.contract.clients import Pair
from support.contract.conversion import as_plain
from support.contract.responses import JSON_VALUES, TEXTS, TIMESTAMPS, responses
from support.contract.server import Reply
from support.hypothesis_profiles import examples

from detective_async import DecodeError, MemberStatus, ResponseMetadata

pytestmark = pytest.mark.slow

_SETTINGS = settings(max_examples=examples(30))
_OUTPUTS = {name: SERVICE_MODEL.operation_model(name).output_shape for name in OPERATION_NAMES}
_ANSWERING = [name for name, shape in _OUTPUTS.items() if shape is not None]
_SILENT = [name for name, shape in _OUTPUTS.items() if shape is None]


def _as_plain(shape: Shape, parsed: Any) -> Any:
    """Remove empty lists and maps from boto3's response: this library does not distinguish them from missing ones."""
    match shape:
        case StructureShape():
            members = {n: _as_plain(shape.members[n], v) for n, v in parsed.items() if n != "ResponseMetadata"}
            return {name: value for name, value in members.items() if value != [] and not _is_empty(shape, name, value)}
        case ListShape():
            return [_as_plain(shape.member, item) for item in parsed]
        case MapShape():
            return {key: _as_plain(shape.value, item) for key, item in parsed.items()}
    return parsed


def _is_empty(shape: StructureShape, name: str, value: Any) -> bool:
    return isinstance(shape.members[name], MapShape) and not value


def _moments_in(value: Any) -> list[datetime]:
    if has(type(value)):
        return [m for field in fields(type(value)) for m in _moments_in(getattr(value, field.name))]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [m for item in value for m in _moments_in(item)]
    return [value] if isinstance(value, datetime) else []


@pytest.mark.parametrize("operation", _ANSWERING)
@_SETTINGS
@given(data=st.data())
def test_responses_are_the_same_as_boto3s(pair: Pair, operation: str, data: st.DataObject) -> None:
    """All members have boto3's values, with missing, null, new and unknown members."""
    shape = _OUTPUTS[operation]
    document = data.draw(responses(shape), label="answer")
    ascii_only = data.draw(st.booleans(), label="escaped")
    body = json.dumps(document, ensure_ascii=ascii_only).encode()
    pair.answer(Reply(body=body, headers={"Content-Type": "application/json", "x-amzn-RequestId": "request-1"}))
    theirs = pair.call_boto(operation)
    ours = pair.call_ours(operation)
    assert type(ours).__name__ == shape.name
    assert as_plain(ours) == _as_plain(shape, theirs)
    assert all(moment.tzinfo is UTC for moment in _moments_in(ours))
    assert ours.response_metadata == ResponseMetadata(
        request_id=theirs["ResponseMetadata"]["RequestId"],
        http_status=theirs["ResponseMetadata"]["HTTPStatusCode"],
        attempts=1,
    )


@pytest.mark.parametrize("operation", _SILENT)
@_SETTINGS
@given(
    body=st.one_of(st.just(b""), st.dictionaries(st.text(), JSON_VALUES).map(lambda value: json.dumps(value).encode()))
)
def test_operations_without_a_response_model_return_none(pair: Pair, operation: str, body: bytes) -> None:
    """If the API models no response, its content is ignored."""
    pair.answer(Reply(body=body))
    assert pair.call_ours(operation) is None


@pytest.mark.parametrize("operation", _SILENT)
@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b"[]", b'"done"', b"null", b"\x00"])
def test_a_body_that_is_no_object_is_not_successful(pair: Pair, operation: str, body: bytes) -> None:
    """It may come from a proxy: boto3 accepts it, this library raises."""
    pair.answer(Reply(body=body))
    with pytest.raises(DecodeError) as caught:
        pair.call_ours(operation)
    assert caught.value.outcome_unknown


@pytest.mark.parametrize("operation", ["TagResource", "UntagResource"])
def test_204_without_a_body(pair: Pair, operation: str) -> None:
    """204 is the status of tagging operations in the model, and successful."""
    pair.answer(Reply(204, b"", {"x-amzn-requestid": "request-2"}))
    theirs = pair.call_boto(operation)["ResponseMetadata"]
    ours = pair.call_ours(operation).response_metadata
    assert (ours.request_id, ours.http_status) == (theirs["RequestId"], theirs["HTTPStatusCode"]) == ("request-2", 204)


@settings(max_examples=examples(200))
@given(written=TIMESTAMPS)
def test_timestamps_are_the_same_as_boto3s(pair: Pair, written: str | float) -> None:
    """ISO 8601 in UTC or with an offset, with fractions of any length, and epoch seconds give the same time."""
    pair.answer(Reply(body=json.dumps({"GraphList": [{"Arn": "arn", "CreatedTime": written}]}).encode()))
    (theirs,) = pair.call_boto("ListGraphs")["GraphList"]
    (ours,) = pair.call_ours("ListGraphs").graph_list
    assert ours.created_time == theirs["CreatedTime"]
    assert ours.created_time.tzinfo is UTC


@_SETTINGS
@given(value=TEXTS)
def test_unknown_enum_values_are_accepted(pair: Pair, value: str) -> None:
    """An unknown value becomes a MemberStatus that equals its string and has its hash."""
    pair.answer(Reply(body=json.dumps({"MemberDetails": [{**MEMBER_JSON, "Status": value}]}).encode()))
    (member,) = pair.call_ours("ListMembers").member_details
    assert isinstance(member.status, MemberStatus)
    assert member.status == value
    assert hash(member.status) == hash(value)
    assert str(member.status) == value
