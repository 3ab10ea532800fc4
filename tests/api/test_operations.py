"""The library has everything in botocore's model of the API, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from support.contract.api import Json, load_model
from support.contract.differences import differences


def test_the_library_is_the_same_as_botocores_model() -> None:
    """Operations, shapes, members, types, enums, constraints, errors and methods are equal."""
    found = differences(load_model())
    assert not found, "the API and the library differ:\n  " + "\n  ".join(found)


def _operation(model: Json) -> None:
    listing = model["operations"]["ListGraphs"]
    model["operations"]["ListHunches"] = {**listing, "name": "ListHunches"}


def _removed_operation(model: Json) -> None:
    del model["operations"]["DeleteGraph"]


def _set(*path: str, value: Any) -> Callable[[Json], None]:
    def change(model: Json) -> None:
        *way, last = path
        for step in way:
            model = model[step]
        model[last] = value

    return change


def _append(*path: str, value: Any) -> Callable[[Json], None]:
    def change(model: Json) -> None:
        part: Any = model
        for step in path:
            part = part[step]
        part.append(value)

    return change


def _delete(*path: str) -> Callable[[Json], None]:
    def change(model: Json) -> None:
        *way, last = path
        for step in way:
            model = model[step]
        del model[last]

    return change


_MEMBER = ("shapes", "MemberDetail", "members")
_CHANGES: dict[str, tuple[Callable[[Json], None], str]] = {
    "a new operation": (_operation, "ListHunches: AWS has this operation, OPERATIONS has not"),
    "a new operation, without a method": (_operation, "ListHunches: AWS has this operation, the client has no method"),
    "an operation gone": (_removed_operation, "DeleteGraph: OPERATIONS has this operation, AWS has not"),
    "another path": (
        _set("operations", "CreateGraph", "http", "requestUri", value="/graphs"),
        "CreateGraph: the path: AWS says '/graphs', our row says '/graph'",
    ),
    "another method": (
        _set("operations", "CreateGraph", "http", "method", value="PUT"),
        "CreateGraph: the method: AWS says 'PUT', our row says 'POST'",
    ),
    "an answer where there was none": (
        _set("operations", "DeleteGraph", "output", value={"shape": "ListGraphsResponse"}),
        "DeleteGraph: the answer: AWS says 'ListGraphsResponse', our row says 'NoneType'",
    ),
    "a member moved to a header": (
        _set("shapes", "CreateGraphRequest", "members", "Tags", "location", value="header"),
        "CreateGraph: AWS reads {'Tags': 'Tags'} from headers",
    ),
    "another name in the query": (
        _set("shapes", "UntagResourceRequest", "members", "TagKeys", "locationName", value="keys"),
        "UntagResource: the members in the query: AWS says {'TagKeys': 'keys'}, our row says {'TagKeys': 'tagKeys'}",
    ),
    "a new member": (
        _set(*_MEMBER, "Nickname", value={"shape": "Location"}),
        "MemberDetail: AWS has a member Nickname (string), our MemberDetail has not",
    ),
    "a member gone": (
        _delete(*_MEMBER, "MasterId"),
        "MemberDetail: our MemberDetail has master_id (MasterId on the wire), AWS has no such member",
    ),
    "another type": (
        _set(*_MEMBER, "VolumeUsageInBytes", "shape", value="Percentage"),
        "MemberDetail.VolumeUsageInBytes: AWS says double, so float | None; our attribute is int | None",
    ),
    "another name in the body": (
        _set(*_MEMBER, "Status", "locationName", value="status"),
        "MemberDetail.Status: AWS calls it status in the body",
    ),
    "another timestamp format": (
        _set("shapes", "Timestamp", "timestampFormat", value="unixTimestamp"),
        "Graph.CreatedTime: AWS writes this timestamp as unixTimestamp",
    ),
    "a member required": (
        _set("shapes", "CreateGraphRequest", "required", value=["Tags"]),
        "CreateGraphRequest.Tags: AWS says it is required",
    ),
    "a member required, in the method": (
        _set("shapes", "CreateGraphRequest", "required", value=["Tags"]),
        "create_graph: AWS's positional or keyword members are ['Tags'], our parameters []",
    ),
    "a member sensitive": (
        _set("shapes", "AccountId", "sensitive", value=True),
        "MemberDetail.AccountId: AWS says it is sensitive, repr says otherwise",
    ),
    "a new enum value": (
        _append("shapes", "MemberStatus", "enum", value="PAUSED"),
        "MemberStatus: AWS has a value PAUSED, our enum has not",
    ),
    "an enum value gone": (
        _set("shapes", "Reason", "enum", value=[]),
        "Reason: our enum has AWS_THREAT_INTELLIGENCE, AWS has no such value",
    ),
    "a new structure": (
        _set("shapes", "Hunch", value={"type": "structure", "members": {}}),
        "Hunch: AWS has this structure, detective_async exports no class of that name",
    ),
    "another maximum": (
        _set("shapes", "MemberResultsLimit", "max", value=500),
        "ListMembersRequest.MaxResults: the max: AWS says 500, our rule says 200",
    ),
    "another maximum, in the iterator": (
        _set("shapes", "MemberResultsLimit", "max", value=500),
        "iter_members: AWS allows pages of 1 to 500, ours refuses 500",
    ),
    "a longer list": (
        _set("shapes", "AccountList", "max", value=100),
        "CreateMembersRequest.Accounts: the max: AWS says 100, our rule says 50",
    ),
    "another pattern": (
        _set("shapes", "AccountId", "pattern", value="^[0-9a-z]+$"),
        "Account.AccountId: the pattern: AWS says '[0-9a-z]+', our rule says '[0-9]+'",
    ),
    "a new exception": (
        _set("shapes", "GoneException", value={"type": "structure", "members": {}, "exception": True}),
        "GoneException: AWS has this structure",
    ),
    "a new member of an exception": (
        _set("shapes", "ConflictException", "members", "Holder", value={"shape": "AccountId"}),
        "ConflictException: AWS has a member Holder, our ConflictException has not",
    ),
    "another status of an exception": (
        _set("shapes", "ConflictException", "error", "httpStatusCode", value=423),
        "ConflictException: AWS says HTTP 423, our docstring does not",
    ),
    "a new error of an operation": (
        _append("operations", "DeleteGraph", "errors", value={"shape": "ConflictException"}),
        "delete_graph: AWS may raise ConflictException, the docstring does not say so",
    ),
    "an unknown trait": (
        _set("shapes", "CreateGraphRequest", "members", "Tags", "idempotencyToken", value=True),
        "CreateGraphRequest.Tags: AWS says idempotencyToken = True, a trait that nothing here knows",
    ),
    "pages where there were none": (
        _set("shapes", "GetMembersRequest", "members", "NextToken", value={"shape": "PaginationToken"}),
        "GetMembersRequest: AWS has a member NextToken",
    ),
    "no pages any more": (
        _delete("shapes", "ListGraphsResponse", "members", "NextToken"),
        "iter_graphs: AWS does not page its operation",
    ),
    "another signing name": (
        _set("metadata", "signingName", value="investigator"),
        "metadata: AWS says signingName = 'investigator', the library is built for 'detective'",
    ),
}


@pytest.mark.parametrize(("change", "expected"), _CHANGES.values(), ids=_CHANGES)
def test_changes_of_the_model_are_reported(change: Callable[[Json], None], expected: str) -> None:
    """The comparison of a changed model says what is different, and where."""
    model = load_model()
    change(model)
    assert any(line.startswith(expected) for line in differences(model)), differences(model)


def test_the_order_of_shapes_does_not_matter() -> None:
    """A model file in another order is the same model."""
    model = load_model()
    for part in ("operations", "shapes"):
        model[part] = dict(reversed(model[part].items()))
    assert differences(model) == []
