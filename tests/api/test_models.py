"""The models: open enums, masked members, and metadata."""

import copy
import pickle
from datetime import UTC, datetime

import attrs
import pytest
from attrs import evolve
from support.answers import MEMBER

from detective_async import (
    Account,
    DatasourcePackage,
    Graph,
    ListGraphsResponse,
    MemberStatus,
    ResponseMetadata,
)
from detective_async.api.models import CreateMembersRequest


def test_an_enum_equals_its_string() -> None:
    """A member can be compared, hashed, formatted and looked up like its string."""
    assert MemberStatus.ENABLED == "ENABLED"
    assert MemberStatus("ENABLED") is MemberStatus.ENABLED
    assert {"ENABLED": 1}[MemberStatus.ENABLED] == 1
    assert f"{MemberStatus.ENABLED}" == "ENABLED"
    assert repr(MemberStatus.ENABLED) == "MemberStatus.ENABLED"


def test_an_enum_accepts_unknown_values() -> None:
    """An unknown value equals its string, and is not added to the known members."""
    status = MemberStatus("ADDED_TOMORROW")
    assert isinstance(status, MemberStatus)
    assert status == "ADDED_TOMORROW" == MemberStatus("ADDED_TOMORROW")
    assert {status: 1}["ADDED_TOMORROW"] == 1  # type: ignore[index]
    assert status.value == status.name == f"{status}" == "ADDED_TOMORROW"
    assert repr(status) == "MemberStatus('ADDED_TOMORROW')"
    assert "ADDED_TOMORROW" not in MemberStatus.__members__
    assert len(MemberStatus) == 5


@pytest.mark.parametrize("status", [MemberStatus.INVITED, MemberStatus("ADDED_TOMORROW")])
def test_enums_can_be_pickled_and_copied(status: MemberStatus) -> None:
    """Known and unknown values stay equal and keep their type."""
    for twin in (pickle.loads(pickle.dumps(status)), copy.deepcopy(status)):
        assert twin == status
        assert type(twin) is MemberStatus


def test_an_enum_accepts_strings_only() -> None:
    """A number raises."""
    with pytest.raises(ValueError, match="5 is not a valid MemberStatus"):
        MemberStatus(5)  # type: ignore[arg-type]


def test_sensitive_members_are_masked() -> None:
    """E-mail addresses and the invitation's message are in no `repr`, which shows only whether they are set."""
    account = Account("111122223333", "root@example.com")
    assert repr(account) == "Account(account_id='111122223333', email_address='***')"
    request = CreateMembersRequest("arn", [account], message="Dear colleague")
    assert "example.com" not in repr(request)
    assert "Dear" not in repr(request)
    assert "email_address='***'" in repr(evolve(MEMBER, email_address="root@example.com"))
    assert "email_address=None" in repr(MEMBER)


def test_response_metadata_is_not_in_equality_and_repr() -> None:
    """Responses with the same content and other metadata are equal."""
    one = ListGraphsResponse(response_metadata=ResponseMetadata(request_id="a", attempts=1))
    two = ListGraphsResponse(response_metadata=ResponseMetadata(request_id="b", attempts=3))
    assert one == two
    assert repr(one) == "ListGraphsResponse(graph_list=[], next_token=None)"


def test_models_are_frozen_and_can_be_pickled() -> None:
    """A response cannot be changed by accident, and can be sent to another process."""
    graph = Graph(arn="arn", created_time=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        graph.arn = "other"  # type: ignore[misc]
    page = ListGraphsResponse(graph_list=[graph], response_metadata=ResponseMetadata(request_id="a"))
    twin = pickle.loads(pickle.dumps(page))
    assert twin == page
    assert twin.response_metadata == page.response_metadata


def test_lists_are_not_shared_between_responses() -> None:
    """An empty list belongs to one response."""
    one = ListGraphsResponse()
    one.graph_list.append(Graph(arn="arn"))
    assert ListGraphsResponse().graph_list == []


def test_enum_names_are_their_values() -> None:
    """The hash of an unknown value depends on it."""
    for enum in (MemberStatus, DatasourcePackage):
        assert all(member.name == member.value for member in enum)
