"""Splitting requests at the API's limits."""

import pytest

from detective_async import Account, ParameterError
from detective_async.api.models import BatchGetGraphMemberDatasourcesRequest, CreateMembersRequest, GetMembersRequest
from detective_async.api.models.constraints import ACCOUNT_ID, DistinctItems
from detective_async.client.batches import split

ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16
IDS = [f"{number:012d}" for number in range(501)]


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (50, [50]), (51, [50, 1]), (100, [50, 50]), (130, [50, 50, 30])]
)
def test_a_request_is_split_at_the_limit(count: int, sizes: list[int]) -> None:
    """The chunks have at most 50 items, in order and complete."""
    chunks = split(GetMembersRequest(ARN, IDS[:count]), "account_ids")
    assert [len(chunk.account_ids) for chunk in chunks] == sizes
    assert [one for chunk in chunks for one in chunk.account_ids] == IDS[:count]


def test_the_limit_depends_on_the_operation() -> None:
    """It is 200 for BatchGetGraphMemberDatasources."""
    chunks = split(BatchGetGraphMemberDatasourcesRequest(ARN, IDS), "account_ids")
    assert [len(chunk.account_ids) for chunk in chunks] == [200, 200, 101]


def test_the_other_members_are_in_every_chunk() -> None:
    """Each chunk has the same message and settings."""
    accounts = [Account(one, "root@example.com") for one in IDS[:60]]
    for chunk in split(
        CreateMembersRequest(ARN, accounts, message="Hello", disable_email_notification=True), "accounts"
    ):
        assert (chunk.graph_arn, chunk.message, chunk.disable_email_notification) == (ARN, "Hello", True)


def test_a_list_must_not_be_empty() -> None:
    """Without a maximum, the message names none."""
    with pytest.raises(ParameterError, match=r"^some\.path: must not be empty$"):
        DistinctItems(ACCOUNT_ID)([], "some.path")
    DistinctItems(ACCOUNT_ID)(IDS, "some.path")
