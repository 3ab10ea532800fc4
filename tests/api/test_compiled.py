"""Compiled readers give the same results as the detailed reader, which reads what they cannot read."""

import json
import pickle
import sys
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from support.contract.api import OPERATION_NAMES, SERVICE_MODEL

from detective_async import Graph, ListGraphsResponse, ListMembersResponse, MemberDetail, MemberStatus
from detective_async.api import operations
from detective_async.api.models.base import ResponseMetadata
from detective_async.api.wire import decode, detailed, plain, responses

pytestmark = pytest.mark.usefixtures("json_library")

_METADATA = ResponseMetadata(request_id="request-1")
_OUTPUTS = {name: SERVICE_MODEL.operation_model(name).output_shape for name in OPERATION_NAMES}
_SCALARS = {"boolean": True, "double": 1.5, "integer": 7, "long": 7, "timestamp": "2026-01-01T00:00:00Z"}


def _members(body: str) -> list[MemberDetail]:
    response = decode(operations.LIST_MEMBERS, body.encode(), _METADATA)
    assert isinstance(response, ListMembersResponse)
    return response.member_details


def _body(members: str) -> str:
    return f'{{"MemberDetails": [{{"AccountId": "1", "GraphArn": "arn", "Status": "INVITED", {members}}}]}}'


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9007199254740993", 2**53 + 1),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551617", 2**64 + 1),
        ("-9223372036854775809", -(2**63) - 1),
        ("12.0", 12),
        ("1e3", 1000),
    ],
)
def test_whole_numbers_lose_no_digit(text: str, number: int) -> None:
    """However large they are, and however they are written."""
    (member,) = _members(_body(f'"VolumeUsageInBytes": {text}'))
    assert member.volume_usage_in_bytes == number
    assert type(member.volume_usage_in_bytes) is int


@pytest.mark.parametrize("text", ["18446744073709551617", "0.1", "-0.0", "5e-324", "1.7976931348623157e308", "12"])
def test_numbers_are_the_same_as_pythons(text: str) -> None:
    """They are equal to the last bit."""
    (member,) = _members(_body(f'"PercentOfGraphUtilization": {text}'))
    assert repr(member.percent_of_graph_utilization) == repr(float(text))


def test_lone_surrogates_are_accepted() -> None:
    """The fast parser refuses them, and the standard library's parser accepts them."""
    (member,) = _members(_body(r'"EmailAddress": "\ud800", "AccountId": "1"'))
    assert (member.email_address, member.account_id) == ("\ud800", "1")


def _with_all_members(shape: Shape) -> Any:
    match shape:
        case StructureShape():
            return {name: _with_all_members(member) for name, member in shape.members.items()}
        case ListShape():
            return [_with_all_members(shape.member)]
        case MapShape():
            return {_with_all_members(shape.key): _with_all_members(shape.value)}
        case StringShape():
            return shape.enum[0] if shape.enum else "text"
    return _SCALARS[shape.type_name]


@pytest.mark.shortcut
@pytest.mark.parametrize("name", [name for name, shape in _OUTPUTS.items() if shape is not None])
def test_every_member_has_a_compiled_reader(json_library: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response with all members is the same from both readers, and not read by the detailed one."""
    if json_library == "json":
        pytest.skip("there are no compiled readers without msgspec")
    operation = operations.OPERATIONS[name]
    body = json.dumps(_with_all_members(_OUTPUTS[name])).encode()
    expected = detailed.read_in_detail(operation, body)
    monkeypatch.setattr(detailed, "read_in_detail", None)
    assert (decode(operation, body, _METADATA), "") == expected


def test_decoded_models_are_the_same_as_constructed_ones() -> None:
    """They are frozen, equal, of the same class, have the same hash, and can be pickled."""
    body = b'{"GraphList": [{"Arn": "arn", "CreatedTime": "2025-01-01T00:00:00+01:00"}], "NextToken": null}'
    response = decode(operations.LIST_GRAPHS, body, _METADATA)
    assert response is not None
    made = ListGraphsResponse(graph_list=[Graph(arn="arn", created_time=datetime(2024, 12, 31, 23, tzinfo=UTC))])
    assert type(response) is ListGraphsResponse
    assert type(response.graph_list[0]) is Graph
    assert response == made
    assert hash(response.graph_list[0]) == hash(made.graph_list[0])
    assert repr(response) == repr(made)
    assert response.response_metadata is _METADATA
    again = pickle.loads(pickle.dumps(response))
    assert (again, again.response_metadata) == (response, _METADATA)
    for thing, attribute in ((response, "next_token"), (response.graph_list[0], "arn")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, attribute, "other")
        with pytest.raises(FrozenInstanceError):
            delattr(thing, attribute)


def test_duplicate_members_are_read_the_same_way_by_both_readers() -> None:
    """The last one is used."""
    body = '"Status": "INVITED", "Status": "ENABLED"'
    (fast,) = _members(_body(body))
    (slow,) = _members(_body(body + r', "Unknown": "\ud800"'))
    assert fast == slow
    assert fast.status is MemberStatus.ENABLED


class _Broken(ModuleType):
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name) if name.startswith("__") else RuntimeError(name)


def test_there_may_be_no_compiled_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """They can be switched off, all of them, and those that are compiled need msgspec."""
    assert responses.choose("off") is None
    monkeypatch.delitem(sys.modules, "detective_async.api.wire.compiled", raising=False)
    monkeypatch.setitem(sys.modules, "msgspec", None)
    assert responses._reader_of_many.__wrapped__() is plain.read
    # An installation that is broken in another way.
    monkeypatch.setitem(sys.modules, "detective_async.api.wire.compiled", _Broken("compiled"))
    assert responses._reader_of_many.__wrapped__() is plain.read


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([8, 8, 1, 1], ["plain", "plain", "compiled", "compiled"]), ([17, 1], ["compiled", "compiled"])],
)
def test_few_small_responses_need_no_compiled_reader(
    sizes: list[int], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first 16 KiB are read without one; whatever comes after them, or after a large response, has one."""
    monkeypatch.setattr(plain, "read", lambda *_: "plain")
    monkeypatch.setattr(responses, "_reader_of_many", lambda: lambda *_: "compiled")
    read = responses.choose(None)
    assert read is not None
    assert [read(ListGraphsResponse, bytes(size * 2**10)) for size in sizes] == expected


def test_a_document_without_modelled_members_is_ignored() -> None:
    """An operation without a response accepts any object."""
    assert decode(operations.DELETE_GRAPH, b'{"Added": 1}', _METADATA) is None
