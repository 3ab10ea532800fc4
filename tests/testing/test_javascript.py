"""The AWS SDK for JavaScript beyond single calls: paginators, typed exceptions, retries.

`test_scenario.py` has all its operations.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.clients.adapter import ERROR_SHAPES, REGION
from support.clients.by_javascript import NEEDS_JAVASCRIPT, JavaScript, open_javascript

from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault

pytestmark = [pytest.mark.cli, NEEDS_JAVASCRIPT]

ADMIN, MANAGEMENT = "111122223333", "999988887777"


@pytest.fixture
async def javascript(sim: DetectiveSimulator) -> AsyncIterator[JavaScript]:
    async with open_javascript(sim) as client:
        yield client


async def test_all_paginators(sim: DetectiveSimulator, javascript: JavaScript, boto: Any, people: Any) -> None:
    """Each that the SDK has follows the tokens to the end of the list, with pages of the size asked for."""
    graph = (await boto().create_graph())["GraphArn"]
    for first in (1, 51):
        await boto().create_members(GraphArn=graph, Accounts=people(50, first))
    for number in range(1, 6):
        other = f"{number:03d}{ADMIN[3:]}"
        arn = (await boto(other).create_graph())["GraphArn"]
        await boto(other).create_members(GraphArn=arn, Accounts=people(1))
    sim.organization(MANAGEMENT, [ADMIN])
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=ADMIN)
    of_graph = {"GraphArn": graph}
    for operation, account, members, items, sizes in (
        ("ListMembers", ADMIN, of_graph, "MemberDetails", [30, 30, 30, 10]),
        ("ListInvitations", "000000000001", {}, "Invitations", [2, 2, 2]),
        ("ListGraphs", ADMIN, {}, "GraphList", [1]),
        ("ListDatasourcePackages", ADMIN, of_graph, "DatasourcePackages", [2, 1]),
        ("ListOrganizationAdminAccounts", MANAGEMENT, {}, "Administrators", [1]),
    ):
        found = await javascript.run(operation, account, REGION, members, page_size=max(sizes))
        pages = found["response"]["pages"]
        assert [len(page[items]) for page in pages] == sizes, operation
        assert ["NextToken" in page for page in pages] == [True] * (len(sizes) - 1) + [False]


@pytest.mark.parametrize("code", ERROR_SHAPES)
async def test_typed_exceptions(sim: DetectiveSimulator, javascript: JavaScript, code: str) -> None:
    """Each error of the API is an instance of the SDK's class for it, with its status and message."""
    status = ERROR_SHAPES[code].metadata["error"]["httpStatusCode"]
    sim.inject(Fault(Failure(status=status, code=code, message="as injected")))
    error = (await javascript.run("ListGraphs", ADMIN, REGION, {}))["error"]
    expected = {"name": code, "message": "as injected", "status": status, "attempts": 1, "typed": True}
    assert {name: error[name] for name in expected} == expected


async def test_members_of_exceptions(javascript: JavaScript) -> None:
    """An error has the members that the service has sent."""
    error = (await javascript.run("DeleteMembers", ADMIN, REGION, {"GraphArn": "x", "AccountIds": ["1" * 12]}))["error"]
    assert (error["name"], error["typed"], error["members"]["ErrorCode"]) == (
        "ValidationException",
        True,
        "INVALID_GRAPH_ARN",
    )


async def test_retries(sim: DetectiveSimulator, javascript: JavaScript) -> None:
    """It retries a throttled request and a lost connection, as it does with AWS."""
    sim.throttle(operation="ListGraphs", retry_after_ms=1)
    sim.inject(Fault(Drop(), operation="ListGraphs"))
    found = await javascript.run("ListGraphs", ADMIN, REGION, {}, attempts=3)
    assert found["response"]["$metadata"]["attempts"] == 3
    assert [request.status for request in sim.requests] == [429, None, 200]
