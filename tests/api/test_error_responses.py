"""Errors are the same as boto3's, for every operation and every place of the code."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, StructureShape
from hypothesis import given, settings
from hypothesis import strategies as st
from support.contract.api import OPERATION_NAMES, SERVICE_MODEL
from support.contract.clients import Pair
from support.contract.responses import JSON_VALUES, TEXTS
from support.contract.server import Reply
from support.hypothesis_profiles import examples

from detective_async import ErrorCode, ServiceError
from detective_async.api.wire import wire_name
from detective_async.errors import printable

pytestmark = pytest.mark.slow

_SETTINGS = settings(max_examples=examples(25))
#: Without e-mail addresses, which are redacted in our exceptions.
_PLAIN_TEXTS = TEXTS.filter(lambda text: "@" not in text and "%40" not in text)
_SHAPES: dict[str, StructureShape] = {shape.name: shape for shape in SERVICE_MODEL.error_shapes}
#: The places and forms of the code: header, members of the body.
_PLACES: dict[str, tuple[str | None, dict[str, str]]] = {
    "header": ("{}", {}),
    "header with URL": ("{}:http://internal.amazon.com/coral/com.amazonaws.detective/", {}),
    "header with namespace": ("com.amazonaws.detective#{}", {}),
    "header with both": ("com.amazonaws.detective#{}:http://internal.amazon.com/coral#there", {}),
    "header before body": ("{}", {"code": "Other", "__type": "com.amazonaws.detective#Other"}),
    "code": (None, {"code": "{}"}),
    "code with both": (None, {"code": "com.amazonaws.detective#{}:http://internal.amazon.com/coral/"}),
    "code before __type": (None, {"code": "{}", "__type": "Other"}),
    "__type": (None, {"__type": "{}"}),
    "__type with namespace": (None, {"__type": "com.amazonaws.detective#{}"}),
    "__type with both": (None, {"__type": "com.amazonaws.detective#{}:http://internal.amazon.com/coral/"}),
}


def _reply(status: int, code: str, place: str, members: dict[str, Any]) -> Reply:
    header, body = _PLACES[place]
    headers = {"x-amzn-requestid": "request-9"}
    if header is not None:
        headers["x-amzn-ErrorType"] = header.format(code)
    return Reply(status, json.dumps({**{n: v.format(code) for n, v in body.items()}, **members}).encode(), headers)


def _raise_both(pair: Pair, operation: str, reply: Reply) -> tuple[ClientError, ServiceError]:
    pair.answer(reply)
    with pytest.raises(ClientError) as theirs:
        pair.call_boto(operation)
    with pytest.raises(ServiceError) as ours:
        pair.call_ours(operation)
    return theirs.value, ours.value


def _assert_same(theirs: ClientError, ours: ServiceError, operation: str) -> None:
    metadata = theirs.response["ResponseMetadata"]
    assert ours.code == theirs.response["Error"]["Code"]
    assert ours.message == printable(theirs.response["Error"]["Message"])
    assert ours.status == metadata["HTTPStatusCode"]
    assert ours.request_id == metadata["RequestId"]
    assert ours.operation == theirs.operation_name == operation
    assert ours.attempts == 1


def _own_members(error: ServiceError) -> dict[str, Any]:
    members = {wire_name(attribute): getattr(error, attribute) for attribute, _ in error.wire_members.values()}
    return {name: value for name, value in members.items() if value not in (None, [])}


def _example(shape: StructureShape) -> dict[str, Any]:
    """Make a document with values for all members of an exception, and an unknown one."""
    return {
        name: ["GRAPH", "MEMBER"]
        if isinstance(member, ListShape)
        else member.enum[-1]
        if member.enum
        else f"some {name}"
        for name, member in shape.members.items()
    }


@pytest.mark.exhaustive
@pytest.mark.parametrize("exception", _SHAPES)
@pytest.mark.parametrize("operation", OPERATION_NAMES)
def test_modelled_exceptions_of_every_operation(pair: Pair, operation: str, exception: str) -> None:
    """Every exception of the API is raised with all its members, for every place of its code."""
    shape = _SHAPES[exception]
    members = _example(shape)
    for place in _PLACES:
        reply = _reply(shape.metadata["error"]["httpStatusCode"], exception, place, members)
        theirs, ours = _raise_both(pair, operation, reply)
        assert isinstance(theirs, getattr(pair.boto.exceptions, exception)), place
        assert type(ours).__name__ == exception, place
        _assert_same(theirs, ours, operation)
        assert _own_members(ours) == {n: theirs.response[n] for n in shape.members if n != "Message"}, place


@pytest.mark.parametrize("exception", _SHAPES)
@_SETTINGS
@given(data=st.data())
def test_members_of_exceptions_are_the_same_as_boto3s(pair: Pair, exception: str, data: st.DataObject) -> None:
    """With any values, and any of them missing."""
    shape = _SHAPES[exception]
    values = {
        name: st.lists(_PLAIN_TEXTS, max_size=3) if isinstance(member, ListShape) else _PLAIN_TEXTS
        for name, member in shape.members.items()
        if name != "Message"
    }
    members = data.draw(st.fixed_dictionaries({}, optional=values), label="members")
    name_of_message = data.draw(st.sampled_from(["message", "Message"]), label="name of the message")
    members[name_of_message] = data.draw(_PLAIN_TEXTS, label="message")
    unknown = data.draw(st.dictionaries(st.just("Added"), JSON_VALUES), label="unknown members")
    status = data.draw(st.sampled_from([400, 402, 403, 404, 409, 418, 429, 500, 503]), label="status")
    theirs, ours = _raise_both(pair, "ListMembers", _reply(status, exception, "header", {**members, **unknown}))
    assert type(ours).__name__ == exception
    _assert_same(theirs, ours, "ListMembers")
    assert _own_members(ours) == {n: members[n] for n in values if members.get(n) not in (None, [])}


@pytest.mark.parametrize("place", _PLACES)
@pytest.mark.parametrize("code", ["UnrecognizedClientException", "ThrottlingException", "Throttling", "Added"])
def test_other_codes_are_plain_service_errors(pair: Pair, code: str, place: str) -> None:
    """A code that the API does not model is a ServiceError with that code."""
    theirs, ours = _raise_both(pair, "ListGraphs", _reply(400, code, place, {"message": "no"}))
    assert type(ours) is ServiceError
    _assert_same(theirs, ours, "ListGraphs")


@pytest.mark.parametrize("status", [301, 304, 307, 308, 400, 403, 404, 413, 429, 500, 502, 503, 504, 599])
@pytest.mark.parametrize("body", [b"", b"{}"], ids=["empty", "object"])
def test_an_error_without_a_code_has_its_status_as_code(pair: Pair, status: int, body: bytes) -> None:
    """A redirect is an error, too, and is not followed."""
    # A 304 has no body, and boto3 makes up messages for some statuses, so only its code is compared.
    reply = Reply(status, b"" if status == 304 else body, {"x-amzn-requestid": "request-9", "Location": "/graph"})
    theirs, ours = _raise_both(pair, "ListGraphs", reply)
    assert [captured.path for captured in pair.server.captured] == ["/graphs/list", "/graphs/list"]
    assert type(ours) is ServiceError
    assert ours.code == theirs.response["Error"]["Code"] == str(status)
    assert (ours.message, ours.status, ours.request_id) == ("", status, "request-9")


@_SETTINGS
@given(code=TEXTS)
def test_unknown_error_codes_are_accepted(pair: Pair, code: str) -> None:
    """An unknown value becomes an ErrorCode that equals its string."""
    pair.answer(_reply(400, "ValidationException", "header", {"ErrorCode": code}))
    with pytest.raises(ServiceError) as caught:
        pair.call_ours("ListGraphs")
    error: Any = caught.value
    assert isinstance(error.error_code, ErrorCode)
    assert error.error_code == code
