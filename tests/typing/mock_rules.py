"""Rules of mocks that a user might write, and mistakes that the checkers of types must reject. It is never run."""
# An ignored mistake that a checker does not find is an error itself; mypy's strict mode does likewise.
# pyright: reportUnnecessaryTypeIgnoreComment=true

from typing import assert_type

import detective_async as d
from detective_async.testing.mocks import (
    DeleteGraph,
    GetMembers,
    ListGraphs,
    ListMembers,
    MockDetective,
    MockedCall,
    MockRule,
    mock,
)

PAGE = d.ListMembersResponse()


async def accepted() -> None:
    """These are right."""
    detective = MockDetective(
        mock(ListMembers, returns=PAGE),
        mock(ListMembers, returns=lambda request: d.ListMembersResponse(next_token=request.next_token)),
        mock(ListMembers, when=lambda request: request.graph_arn == "arn", raises=d.ConflictException),
        mock(ListMembers, raises=d.ConflictException("ConflictException", "busy")),
        mock(ListMembers, sequence=[PAGE, d.TooManyRequestsException, d.ConnectionLost, PAGE]),
        mock(DeleteGraph),
        mock(DeleteGraph, sequence=[d.ConflictException, None]),
    )
    assert_type(mock(DeleteGraph), MockRule)
    assert_type(detective.client(region="eu-west-1"), d.DetectiveClient)
    assert_type(detective.attach(d.DetectiveFleet([])), d.DetectiveFleet)
    assert_type(detective.asked(ListMembers), list[d.ListMembersRequest])
    assert_type(detective.calls, list[MockedCall])


def rejected() -> None:
    """These are mistakes."""
    mock(ListMembers, returns=d.ListGraphsResponse())  # type: ignore[arg-type]
    mock(ListMembers, returns=[PAGE])  # type: ignore[call-overload]
    mock(ListMembers, returns="text")  # type: ignore[call-overload]
    mock(ListMembers, returns=None)  # type: ignore[arg-type]
    mock(ListMembers, returns=lambda _: d.ListGraphsResponse())  # type: ignore[arg-type, return-value]
    mock(ListMembers)  # type: ignore[arg-type]
    mock(DeleteGraph, returns=PAGE)  # type: ignore[misc]
    mock(ListMembers, sequence=[PAGE, d.ListGraphsResponse()])  # type: ignore[misc]
    mock(ListMembers, raises=ValueError)  # type: ignore[arg-type]
    mock(ListMembers, raises=d.ConflictException, returns=PAGE)  # type: ignore[call-overload]
    mock(GetMembers, when=lambda request: request.next_token is None, returns=d.GetMembersResponse())  # type: ignore[attr-defined]
    mock(ListGraphs, when=lambda _: "text", returns=d.ListGraphsResponse())  # type: ignore[arg-type, return-value]
    mock("ListMembers", returns=PAGE)  # type: ignore[call-overload]
    MockDetective(ListMembers)  # type: ignore[arg-type]
