"""wait_for_investigation and wait_for_organization_admin_account."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.waits import ADMINISTRATOR, IDS, NEVER, ScriptedTime

from detective_async import (
    Administrator,
    DetectiveClient,
    GetInvestigationResponse,
    ResourceNotFoundException,
    Status,
)
from detective_async.errors import WaiterTimeout
from detective_async.testing import DetectiveSimulator, Failure, Fault, Garbage


async def start(client: DetectiveClient, graph_arn: str) -> str:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    role = f"arn:aws:iam::{ADMINISTRATOR}:role/Suspect"
    return str((await client.start_investigation(graph_arn, role, now - timedelta(days=1), now)).investigation_id)


@pytest.mark.parametrize("outcome", ["SUCCESSFUL", "FAILED"])
async def test_an_investigation_that_ends(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime, outcome: str
) -> None:
    """It is returned when it no longer runs, successful or failed."""
    sim.investigations(duration=NEVER, outcome=outcome)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    investigation_id = await start(waiter, slow_graph)
    scripted_time.actions[2] = lambda: sim.advance(NEVER)
    found = await waiter.wait_for_investigation(slow_graph, investigation_id, timeout=60)
    assert (found.investigation_id, found.status) == (investigation_id, Status(outcome))
    assert scripted_time.slept == [0.25, 0.375]


async def test_an_investigation_that_keeps_running(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str
) -> None:
    """The WaiterTimeout has its id, status and last state."""
    sim.investigations(duration=NEVER)
    investigation_id = await start(waiter, slow_graph)
    with pytest.raises(WaiterTimeout) as caught:
        await waiter.wait_for_investigation(slow_graph, investigation_id, timeout=60)
    error = caught.value
    assert str(error) == f"investigation: 1 of 1 not settled within 60 s: {investigation_id} RUNNING"
    assert error.pending == [investigation_id]
    assert isinstance(error.last_states[investigation_id], GetInvestigationResponse)


@pytest.mark.parametrize(("status", "ends"), [("CANCELLED", True), ("RUNNING", False)])
async def test_an_unknown_status_of_an_investigation(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, status: str, ends: bool
) -> None:
    """It ends the wait."""
    body = json.dumps({"InvestigationId": "1" * 21, "EntityArn": "arn", "Status": status}).encode()
    sim.inject(Fault(Garbage(body, content_type="application/json"), count=None))
    waiting = waiter.wait_for_investigation(slow_graph, "1" * 21, timeout=5)
    if ends:
        assert (await waiting).status == "CANCELLED"
    else:
        with pytest.raises(WaiterTimeout, match=r"1{21} RUNNING$"):
            await waiting


async def test_an_investigation_that_does_not_exist(
    waiter: DetectiveClient, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """It may be new, and is waited for; then the error is raised."""
    with pytest.raises(ResourceNotFoundException):
        await waiter.wait_for_investigation(slow_graph, "1" * 21, timeout=60)
    assert 8 < sum(scripted_time.slept) < 16


async def test_an_investigation_that_is_not_seen_yet(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """Where answers lag behind, the wait for one that was just started does not fail."""
    sim.set_read_lag(3)
    investigation_id = await start(waiter, slow_graph)
    scripted_time.actions[3] = lambda: sim.advance(4)
    found = await waiter.wait_for_investigation(slow_graph, investigation_id, timeout=60)
    assert found.status is Status.SUCCESSFUL
    assert len(scripted_time.slept) == 3


async def test_transient_failures_of_get_investigation(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """They do not end the wait."""
    investigation_id = await start(waiter, slow_graph)
    sim.inject(Fault(Failure(), operation="GetInvestigation", count=3))
    found = await waiter.wait_for_investigation(slow_graph, investigation_id, timeout=60)
    assert found.status is Status.SUCCESSFUL
    assert len(scripted_time.slept) == 3


async def test_an_organization_admin_account(
    waiter: DetectiveClient, sim: DetectiveSimulator, scripted_time: ScriptedTime
) -> None:
    """The wait ends when it is in the list."""
    sim.organization(ADMINISTRATOR, [IDS[0]])
    scripted_time.actions[3] = lambda: waiter.enable_organization_admin_account(IDS[0])
    administrator = await waiter.wait_for_organization_admin_account(IDS[0], timeout=60)
    assert administrator == (await waiter.list_organization_admin_accounts()).administrators[0]
    assert isinstance(administrator, Administrator)
    assert administrator.account_id == IDS[0]
    assert len(scripted_time.slept) == 3


async def test_another_organization_admin_account(waiter: DetectiveClient, sim: DetectiveSimulator) -> None:
    """Another administrator does not end the wait."""
    sim.organization(ADMINISTRATOR, IDS[:2])
    await waiter.enable_organization_admin_account(IDS[0])
    with pytest.raises(WaiterTimeout) as caught:
        await waiter.wait_for_organization_admin_account(IDS[1], timeout=60)
    assert str(caught.value) == f"organization admin account: 1 of 1 not settled within 60 s: {IDS[1]} was never seen"
    assert caught.value.last_states == {IDS[1]: None}
