"""WaiterTimeout: its message and attributes."""

import pickle

import pytest
from support.waits import IDS, NEVER, invite

from detective_async import (
    DetectiveClient,
    DetectiveError,
    MemberStatus,
)
from detective_async.errors import WaiterTimeout
from detective_async.testing import DetectiveSimulator


async def test_message_and_attributes(waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str) -> None:
    """The message lists pending ids; the attributes have the last known states of all ids."""
    await invite(waiter, slow_graph, IDS[:2])
    await sim.advance(NEVER)
    await invite(waiter, slow_graph, IDS[2:4])
    with pytest.raises(WaiterTimeout) as caught:
        await waiter.wait_for_members(slow_graph, IDS[:5], timeout=60)
    error = caught.value
    assert str(error) == (
        f"members: 3 of 5 not settled within 60 s: {IDS[2]} VERIFICATION_IN_PROGRESS, "
        f"{IDS[3]} VERIFICATION_IN_PROGRESS, {IDS[4]} was never seen"
    )
    assert error.timeout == 60
    assert error.pending == IDS[2:5]
    assert list(error.last_states) == IDS[:5]
    assert [state and state.status for state in error.last_states.values()] == [
        *[MemberStatus.INVITED] * 2,
        *[MemberStatus.VERIFICATION_IN_PROGRESS] * 2,
        None,
    ]
    assert isinstance(error, DetectiveError)
    assert not error.outcome_unknown
    assert error.__cause__ is None
    assert error.__context__ is None
    assert "@" not in f"{error!r} {vars(error)!r}"


async def test_the_message_lists_five_ids_at_most(waiter: DetectiveClient, slow_graph: str) -> None:
    """It has the number of the other ids."""
    with pytest.raises(WaiterTimeout) as caught:
        await waiter.wait_for_members(slow_graph, IDS[:17], timeout=0.5)
    named = ", ".join(f"{one} was never seen" for one in IDS[:5])
    assert str(caught.value) == f"members: 17 of 17 not settled within 0.5 s: {named}, and 12 more"


async def test_a_timeout_can_be_pickled(waiter: DetectiveClient, slow_graph: str) -> None:
    """The copy has the same message and attributes."""
    await invite(waiter, slow_graph, IDS[:1])
    with pytest.raises(WaiterTimeout) as caught:
        await waiter.wait_for_members(slow_graph, IDS[:2], timeout=1)
    unpickled = pickle.loads(pickle.dumps(caught.value))
    assert type(unpickled) is WaiterTimeout
    assert str(unpickled) == str(caught.value)
    assert vars(unpickled) == vars(caught.value)
