"""What we read is what boto3 reads: for any answer that AWS's own shapes allow."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import fields, has
from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import given, settings
from hypothesis import strategies as st
from support.contract.answers import JSON_VALUES, TEXTS, TIMESTAMPS, answers
from support.contract.api import OPERATION_NAMES, SERVICE_MODEL
from support.contract.clients import Pair
from support.contract.conversion import as_plain
from support.contract.server import Reply
from support.hypothesis_profiles import examples

from detective_async import DecodeError, MemberStatus, ResponseMetadata

_SETTINGS = settings(max_examples=examples(30))
_OUTPUTS = {name: SERVICE_MODEL.operation_model(name).output_shape for name in OPERATION_NAMES}
_ANSWERING = [name for name, shape in _OUTPUTS.items() if shape is not None]
_SILENT = [name for name, shape in _OUTPUTS.items() if shape is None]


def _as_plain(shape: Shape, parsed: Any) -> Any:
    """Drop from boto3's answer the lists and maps that are empty, for we do not tell them from those left out."""
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
def test_answers_are_those_of_boto3(pair: Pair, operation: str, data: st.DataObject) -> None:
    """Every member has the value that boto3 gives it, whatever is left out, null, new or unknown."""
    shape = _OUTPUTS[operation]
    document = data.draw(answers(shape), label="answer")
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
def test_operations_without_an_answer_give_none(pair: Pair, operation: str, body: bytes) -> None:
    """Where AWS models no answer, it is nobody's concern what is in it."""
    pair.answer(Reply(body=body))
    assert pair.call_ours(operation) is None


@pytest.mark.parametrize("operation", _SILENT)
@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b"[]", b'"done"', b"null", b"\x00"])
def test_a_page_of_somebody_else_is_no_success(pair: Pair, operation: str, body: bytes) -> None:
    """What is no object may come from a proxy or a portal: boto3 takes it for a success, this library does not."""
    pair.answer(Reply(body=body))
    with pytest.raises(DecodeError) as caught:
        pair.call_ours(operation)
    assert caught.value.outcome_unknown


@pytest.mark.parametrize("operation", ["TagResource", "UntagResource"])
def test_204_without_a_body(pair: Pair, operation: str) -> None:
    """The status that the model states for tagging comes without a body, and is an answer."""
    pair.answer(Reply(204, b"", {"x-amzn-requestid": "request-2"}))
    theirs = pair.call_boto(operation)["ResponseMetadata"]
    ours = pair.call_ours(operation).response_metadata
    assert (ours.request_id, ours.http_status) == (theirs["RequestId"], theirs["HTTPStatusCode"]) == ("request-2", 204)


@settings(max_examples=examples(200))
@given(written=TIMESTAMPS)
def test_timestamps_are_those_of_boto3(pair: Pair, written: str | float) -> None:
    """ISO 8601 in UTC or with an offset, with fractions of any length, and epoch seconds are the same moment."""
    pair.answer(Reply(body=json.dumps({"GraphList": [{"CreatedTime": written}]}).encode()))
    (theirs,) = pair.call_boto("ListGraphs")["GraphList"]
    (ours,) = pair.call_ours("ListGraphs").graph_list
    assert ours.created_time == theirs["CreatedTime"]
    assert ours.created_time.tzinfo is UTC


@_SETTINGS
@given(value=TEXTS)
def test_enums_are_open(pair: Pair, value: str) -> None:
    """A value that is not known yet arrives as itself: a MemberStatus that equals its string and hashes as it."""
    pair.answer(Reply(body=json.dumps({"MemberDetails": [{"Status": value}]}).encode()))
    (member,) = pair.call_ours("ListMembers").member_details
    assert isinstance(member.status, MemberStatus)
    assert member.status == value
    assert hash(member.status) == hash(value)
    assert str(member.status) == value
