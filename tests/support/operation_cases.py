"""One operation of each kind, with its effect on the service."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from detective_async import Account, ConflictException, DetectiveClient, ServiceError
from detective_async.testing import DetectiveSimulator

ADMINISTRATOR = "111122223333"
INVITED = "444455556666"
NEW = ("777788889999", "888899990000")
REGION = "eu-west-1"
GRAPH = f"arn:aws:detective:{REGION}:{ADMINISTRATOR}:graph:{'0a' * 16}"

WORLD = {
    "graphs": [
        {
            "administrator": ADMINISTRATOR,
            "region": REGION,
            "id": "0a" * 16,
            "tags": {"team": "secops", "stage": "test"},
            "members": [{"account": INVITED, "status": "INVITED"}],
        }
    ]
}
DAYS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


@frozen
class OperationCase:
    """An operation and its effect.

    Attributes:
        name: the API operation.
        account: the account that calls it.
        call: calls it.
        effect: returns the part of the service's state that the operation changes.
        untouched: that state before the operation.
        done: that state after one call.
        repeatable: whether a second call has no further effect.
        refusal: the error of a second call; None if it succeeds like the first.
    """

    name: str
    call: Callable[[DetectiveClient], Awaitable[Any]]
    effect: Callable[[DetectiveSimulator], object] = lambda _: None
    untouched: object = None
    done: object = None
    account: str = ADMINISTRATOR
    repeatable: bool = True
    refusal: type[ServiceError] | None = None


def _graph(sim: DetectiveSimulator) -> Any:
    return sim.snapshot()[GRAPH]


def _members(sim: DetectiveSimulator) -> object:
    return sorted(set(_graph(sim)["members"]) - {INVITED})


def _investigations(sim: DetectiveSimulator) -> object:
    return len(sim.dump()["graphs"][0].get("investigations", ()))


LIST_MEMBERS = OperationCase("ListMembers", lambda client: client.list_members(GRAPH))
LIST_TAGS = OperationCase("ListTagsForResource", lambda client: client.list_tags_for_resource(GRAPH))
ACCEPT = OperationCase(
    "AcceptInvitation",
    lambda client: client.accept_invitation(GRAPH),
    lambda sim: _graph(sim)["members"][INVITED],
    "INVITED",
    "ENABLED",
    account=INVITED,
    refusal=ConflictException,
)
UNTAG = OperationCase(
    "UntagResource",
    lambda client: client.untag_resource(GRAPH, ["stage"]),
    lambda sim: sorted(_graph(sim)["tags"]),
    ["stage", "team"],
    ["team"],
)
CREATE_MEMBERS = OperationCase(
    "CreateMembers",
    lambda client: client.create_members(GRAPH, [Account(one, f"account-{one}@example.com") for one in NEW]),
    _members,
    [],
    list(NEW),
)
START_INVESTIGATION = OperationCase(
    "StartInvestigation",
    lambda client: client.start_investigation(GRAPH, f"arn:aws:iam::{ADMINISTRATOR}:role/Admin", *DAYS),
    _investigations,
    0,
    1,
    repeatable=False,
)

OPERATION_CASES = {
    operation.name: operation
    for operation in (LIST_MEMBERS, LIST_TAGS, ACCEPT, UNTAG, CREATE_MEMBERS, START_INVESTIGATION)
}
