"""The page on moving from the other clients: the snippets of a row do the same."""

import contextlib
import io
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from attrs import frozen
from support.fences import Block, read_blocks

from detective_async.api.operations import OPERATIONS
from detective_async.testing import SimulatorThread
from docs.pages import MOVING, WORLD
from docs.peers import PEERS, plain
from docs.reader import run_snippet

pytestmark = [pytest.mark.slow, pytest.mark.once]

ADMINISTRATOR, MANAGEMENT, MEMBER, INVITED = "111122223333", "999999999999", "444455556666", "777788889999"
GRAPH = "arn:aws:detective:eu-west-1:111122223333:graph:0123456789abcdef0123456789abcdef"
#: The account that makes the call, if it is not the administrator, as the page says.
CALLERS = {
    "AcceptInvitation": INVITED,
    "BatchGetMembershipDatasources": MEMBER,
    "DisableOrganizationAdminAccount": MANAGEMENT,
    "DisassociateMembership": MEMBER,
    "EnableOrganizationAdminAccount": MANAGEMENT,
    "ListInvitations": MEMBER,
    "ListOrganizationAdminAccounts": MANAGEMENT,
    "RejectInvitation": INVITED,
}
#: The rows that are not about one operation.
IN_GENERAL = {
    "A client",
    "All pages of a list",
    "Errors",
    "Retries and timeouts",
    "Another account, by a role of it",
}
#: More than a page.
MANY_MEMBERS = 450


@frozen
class Result:
    """The output, the response and the final world of a snippet."""

    printed: str
    response: Any
    world: dict[str, Any]


def rows() -> dict[str, list[Block]]:
    """Return the snippets of each row, by its heading."""
    blocks = read_blocks(MOVING)
    found: dict[str, list[Block]] = {}
    heading = ""
    for number, line in enumerate(MOVING.read_text().splitlines(), start=1):
        if line.startswith("### "):
            heading = line[4:]
        found.setdefault(heading, []).extend(block for block in blocks if block.line == number)
    return {name: snippets for name, snippets in found.items() if snippets}


ROWS = rows()


@pytest.fixture
def sim() -> Iterator[SimulatorThread]:
    """A simulator with a stopped clock, so that equal calls give equal responses."""
    now = time.time()
    with SimulatorThread(wall_clock=lambda: now) as simulator:
        yield simulator


def prepare(sim: SimulatorThread, name: str) -> None:
    """Load the world as the row expects it."""
    sim.load(WORLD)
    world = sim.dump()
    match name:
        case "All pages of a list":
            world["graphs"][0]["members"] = [{"account": f"{number:012}"} for number in range(MANY_MEMBERS)]
        case "EnableOrganizationAdminAccount":
            del world["organizations"][0]["administrators"]
    sim.load(world)


async def try_out(snippet: Block, peer: str, sim: SimulatorThread, name: str) -> Result:
    """Run a snippet in a fresh world, with its client."""
    prepare(sim, name)
    async with PEERS[peer]() as client:
        names: dict[str, Any] = {
            "client": client,
            "graph_arn": GRAPH,
            "investigation_id": f"{1:021}",
            "role_arn": "arn:aws:iam::444455556666:role/Deploy",
            "start": datetime(2026, 3, 1, tzinfo=UTC),
            "end": datetime(2026, 3, 5, tzinfo=UTC),
        }
        with contextlib.redirect_stdout(io.StringIO()) as out:
            await run_snippet(snippet, snippet.text, names)
    return Result(out.getvalue(), plain(names.get("response")), sim.dump())


@pytest.mark.parametrize("name", ROWS)
async def test_the_snippets_of_a_row_do_the_same(
    name: str, sim: SimulatorThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They print the same, get the same response, and leave the world in the same state."""
    for variable, value in sim.environment(CALLERS.get(name, ADMINISTRATOR), region="eu-west-1").items():
        monkeypatch.setenv(variable, value)
    # boto3's default session would keep the keys of the row before.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    prepare(sim, name)
    before = sim.dump()
    snippets = ROWS[name]
    assert len(snippets) == len(PEERS)
    first, *others = [await try_out(snippet, peer, sim, name) for snippet, peer in zip(snippets, PEERS, strict=True)]
    for other in others:
        assert other == first
    if name in OPERATIONS:
        asked = [request.operation for request in sim.requests if request.error_code is None]
        assert asked == [name] * len(PEERS)
    # The snippets have a visible effect.
    assert first.printed or first.world != before


def test_there_is_a_row_for_each_operation() -> None:
    """Each operation has one row; all other rows are the general ones."""
    headings = re.findall(r"^### (.*)$", MOVING.read_text(), re.MULTILINE)
    assert sorted(headings) == sorted([*OPERATIONS, *IN_GENERAL])
    assert set(ROWS) == set(headings)


def test_the_columns_have_the_names_of_the_clients() -> None:
    """They are in the order in which the snippets are run."""
    heads = re.findall(r"^\* - (\S+)\n  - (\S+)\n  - (\S+)\n\* - ```", MOVING.read_text(), re.MULTILINE)
    assert heads == [tuple(PEERS)] * len(ROWS)
