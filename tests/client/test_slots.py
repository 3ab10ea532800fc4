"""SharedSlots: fair shares, the limit, and cancelled waits."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from support.virtual_time import in_virtual_time

from detective_async.client.slots import SharedSlots


async def _held(slots: SharedSlots, name: str, release: asyncio.Event, log: list[str]) -> None:
    async with slots.of(name):
        log.append(name)
        await release.wait()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_slow_party_leaves_a_slot_to_each_other_one() -> None:
    """It may use what others do not need, but for one slot each; when they have ended, it may use those too."""
    slots, release, log = SharedSlots(6, ["slow", "quick", "other"]), asyncio.Event(), list[str]()
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(_held(slots, "slow", release, log))
        await _settle()
        assert log == ["slow"] * 4
        for name in ("quick", "quick", "quick", "other"):
            group.create_task(_held(slots, name, release, log))
        await _settle()
        # Equal shares are given in any case.
        assert log == [*["slow"] * 4, "quick", "quick"]
        # It has slots in use, and stays.
        slots.leave("quick")
        slots.leave("nobody")
        release.set()
    assert sorted(log) == ["other", *["quick"] * 3, *["slow"] * 8]
    release.clear()
    log.clear()
    async with asyncio.TaskGroup() as group:
        for name in ("quick", "other"):
            slots.leave(name)
        for _ in range(8):
            group.create_task(_held(slots, "slow", release, log))
        await _settle()
        # Nothing is kept free for those that have ended.
        assert len(log) == 6
        release.set()


async def test_fewer_slots_than_parties() -> None:
    """Each waits for its turn, and the limit is not exceeded."""
    slots = SharedSlots(2, ["a", "b", "c"])
    running: list[int] = []
    most = 0

    async def work(item: int) -> None:
        nonlocal most
        async with slots.of("abc"[item % 3]):
            running.append(item)
            most = max(most, len(running))
            await _settle()
            running.remove(item)

    await asyncio.gather(*(work(item) for item in range(20)))
    assert most == 2


@in_virtual_time
async def test_quick_parties_are_not_behind_slow_ones() -> None:
    """Whatever the order of their names, they wait for the next free slot, and not for all that is slow."""
    slots = SharedSlots(2, ["slow", "slower", "quick"])
    log: list[str] = []

    async def work(name: str, seconds: float) -> None:
        for _ in range(3):
            async with slots.of(name):
                await asyncio.sleep(seconds)
            log.append(name)

    await asyncio.gather(
        *(work(name, 10 + place) for name in ("slow", "slower") for place in range(4)), work("quick", 0)
    )
    assert log.count("slow") == log.count("slower") == 12
    assert max(place for place, name in enumerate(log) if name == "quick") < 12


async def _ends(slots: SharedSlots, work: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Let parties use slots, for so many seconds one after the other, and return when each use has ended."""
    now, ends = asyncio.get_running_loop().time, dict[str, list[float]]()

    async def use(name: str) -> None:
        for duration in work[name]:
            async with slots.of(name):
                await asyncio.sleep(duration)
            ends.setdefault(name, []).append(now() - began)

    began = now()
    await asyncio.gather(*map(use, work))
    return ends


@pytest.mark.parametrize("others", [2, 9])
@in_virtual_time
async def test_a_party_that_was_slow_is_served_again(others: int) -> None:
    """One call that hangs is hardly made up for, however many others have waited meanwhile."""
    names = [f"quick-{number}" for number in range(others)]
    work = {"slow": [30, *[0.5] * 3, 30, *[0.5] * 3], **dict.fromkeys(names, [0.5] * 40)}
    ends = await _ends(SharedSlots(1, work), work)
    in_turns = 0.5 * (others + 2)
    assert ends["slow"][0] == 30
    for hung in (0, 4):
        assert 2 < ends["slow"][hung + 1] - ends["slow"][hung] <= 5 + in_turns
        assert ends["slow"][hung + 2] - ends["slow"][hung + 1] <= in_turns
    # Nobody has waited while the slot was free.
    assert max(ends[name][-1] for name in names) == pytest.approx(63 + 20 * others)


@in_virtual_time
async def test_a_party_that_is_always_slow() -> None:
    """It gets about as much time as each quick one, and not as many turns."""
    quick = {f"quick-{number}": [0.5] * 8 for number in range(15)}
    work = {"slow": [2.0] * 30, **quick}
    ends = await _ends(SharedSlots(1, work), work)
    last = max(ends[name][-1] for name in quick)
    assert 2 <= sum(end < last for end in ends["slow"]) <= 6


@pytest.mark.parametrize("looks", [1, 2])
@in_virtual_time
async def test_a_slow_party_with_quick_looks_between(looks: int) -> None:
    """It is as slow as one without them."""
    quick = {f"quick-{number}": [0.5] * 20 for number in range(5)}
    lasts = []
    for slow in ([10.0], [10.0, *[0.1] * looks]):
        work = {"slow": slow * 20, **quick}
        ends = await _ends(SharedSlots(1, work), work)
        lasts.append(max(ends[name][-1] for name in quick))
    assert lasts[1] <= lasts[0] + 15


async def test_what_goes_first() -> None:
    """Of one party; it does not go before another party."""
    slots, release, log = SharedSlots(1, ["a", "b"]), asyncio.Event(), list[str]()

    async def use(name: str, text: str, *, first: bool = False) -> None:
        async with slots.of(name, first=first):
            log.append(text)

    async with asyncio.TaskGroup() as group:
        group.create_task(_held(slots, "a", release, log))
        await _settle()
        for text in ("change", "change"):
            group.create_task(use("a", text))
        group.create_task(use("b", "other"))
        await _settle()
        group.create_task(use("a", "look", first=True))
        await _settle()
        release.set()
    assert log == ["a", "other", "look", "change", "change"]


async def test_cancelled_waits_lose_no_slot() -> None:
    """Whether a wait is cancelled before it is given a slot, at that moment, or after another one."""
    slots, release, log = SharedSlots(1, ["a", "b"]), asyncio.Event(), list[str]()
    release.set()
    async with slots.of("a"):
        waiting = [asyncio.create_task(_held(slots, "b", release, log)) for _ in range(4)]
        await _settle()
        waiting[0].cancel()
        await _settle()
        # It has had no turn to remove itself when the slot is passed on.
        waiting[1].cancel()
    # It was given the slot, and has had no turn to use it.
    waiting[2].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert [task.cancelled() for task in waiting] == [True, True, True, False]
    async with asyncio.timeout(5), slots.of("a"):
        assert log == ["b"]
