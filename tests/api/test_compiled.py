"""Answers are read fast, and what only a slower reading gets right is read again."""

import pickle
from datetime import UTC, datetime

import pytest
from attrs.exceptions import FrozenInstanceError

from detective_async import Graph, ListGraphsResponse, ListMembersResponse, MemberDetail, MemberStatus
from detective_async.api import operations
from detective_async.api.models.base import ResponseMetadata
from detective_async.api.wire import decode, responses

pytestmark = pytest.mark.usefixtures("json_library")

_METADATA = ResponseMetadata(request_id="request-1")


def _members(body: str) -> list[MemberDetail]:
    answer = decode(operations.LIST_MEMBERS, body.encode(), _METADATA)
    assert isinstance(answer, ListMembersResponse)
    return answer.member_details


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
    """Those of more than 64 bits are floats to the fast reading."""
    (member,) = _members(f'{{"MemberDetails": [{{"VolumeUsageInBytes": {text}}}]}}')
    assert member.volume_usage_in_bytes == number
    assert type(member.volume_usage_in_bytes) is int


@pytest.mark.parametrize("text", ["18446744073709551617", "0.1", "-0.0", "5e-324", "1.7976931348623157e308", "12"])
def test_numbers_are_what_python_reads(text: str) -> None:
    """To the last bit."""
    (member,) = _members(f'{{"MemberDetails": [{{"PercentOfGraphUtilization": {text}}}]}}')
    assert repr(member.percent_of_graph_utilization) == repr(float(text))


def test_half_a_character_is_no_reason_to_refuse_an_answer() -> None:
    """The fast reading takes no lone surrogates, and Python's own does."""
    (member,) = _members(r'{"MemberDetails": [{"EmailAddress": "\ud800", "AccountId": "1"}]}')
    assert (member.email_address, member.account_id) == ("\ud800", "1")


def test_the_fast_reading_is_the_one_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or nobody would notice that it never comes to it."""
    monkeypatch.setattr(responses, "load", None)
    assert [member.account_id for member in _members('{"MemberDetails": [{"AccountId": "1"}, {}]}')] == ["1", None]


def test_a_model_that_was_read_is_like_one_that_was_made() -> None:
    """Frozen, of that very class, equal and with the same hash, and it pickles."""
    body = b'{"GraphList": [{"Arn": "arn", "CreatedTime": "2025-01-01T00:00:00+01:00"}], "NextToken": null}'
    answer = decode(operations.LIST_GRAPHS, body, _METADATA)
    assert answer is not None
    made = ListGraphsResponse(graph_list=[Graph(arn="arn", created_time=datetime(2024, 12, 31, 23, tzinfo=UTC))])
    assert type(answer) is ListGraphsResponse
    assert type(answer.graph_list[0]) is Graph
    assert answer == made
    assert hash(answer.graph_list[0]) == hash(made.graph_list[0])
    assert repr(answer) == repr(made)
    assert answer.response_metadata is _METADATA
    again = pickle.loads(pickle.dumps(answer))
    assert (again, again.response_metadata) == (answer, _METADATA)
    for thing, attribute in ((answer, "next_token"), (answer.graph_list[0], "arn")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, attribute, "other")
        with pytest.raises(FrozenInstanceError):
            delattr(thing, attribute)


def test_what_comes_twice_is_read_the_same_way_by_both() -> None:
    """Of two members of one name, the last one counts."""
    body = '{"MemberDetails": [{"Status": "INVITED", "Status": "ENABLED"%s}]}'
    (fast,) = _members(body % "")
    (slow,) = _members(body % r', "Unknown": "\ud800"')
    assert fast == slow
    assert fast.status is MemberStatus.ENABLED
