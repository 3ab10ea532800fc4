"""An investigation that is interrupted at any of its awaits leaves nothing running, and is continued by another run."""

import asyncio

import pytest
from support.interruptions import INTERRUPTS, Interrupt

from detective_async import DetectiveClient
from detective_async.testing import DetectiveSimulator
from investigation.worlds import END, START, reports, role, running_tasks, start, starts

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]

#: The consumer awaits each report, and the end.
FEWEST = 4


@pytest.mark.parametrize("interrupt", INTERRUPTS, ids=lambda interrupt: interrupt.__name__)
async def test_every_moment(
    sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str, interrupt: Interrupt
) -> None:
    """No task remains, and what was started is used by the next run."""
    sim.investigations(duration=1)
    await start(client, graph_arn, role("There"))
    moment = 0
    while True:
        entities = [role(f"M{moment}R{number}") for number in range(2)]
        call = reports(client, [*entities, role("There"), "nonsense"], start=START, end=END, concurrency=2)
        interrupted = await interrupt(call, moment)
        assert running_tasks() == []
        if not interrupted:
            break
        # What was in flight is carried out, as AWS would.
        for _ in range(50):
            await asyncio.sleep(0)
        found = await reports(client, entities, start=START, end=END)
        assert all(one.ok for one in found.values())
        moment += 1 + moment // 5
    assert moment >= FEWEST
    assert set(starts(sim).values()) == {1}
