"""Whatever the work on a target raises is its outcome; what is not meant to be caught ends the run."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from support.fakes import FakeTime
from support.interruptions import passes

from detective_async import DetectiveClient, DetectiveFleet, OutcomeKind, Target
from fleet.gauge import accounts, places

EVERY = accounts(6)
BAD = EVERY[2]


class Odd(Exception):
    """Nobody has ever heard of it."""


async def _raise(error: BaseException) -> None:
    raise error


async def _cancel_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def _cancel_itself_and_go_on_to_fail() -> None:
    try:
        await _cancel_itself()
    except asyncio.CancelledError:
        raise Odd from None


async def _await_what_was_cancelled() -> None:
    task = asyncio.ensure_future(asyncio.Event().wait())
    task.cancel()
    await task


async def _time_out() -> None:
    async with asyncio.timeout(0):
        await asyncio.Event().wait()


async def _group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.Event().wait())
        group.create_task(_raise(Odd()))


def _not_async() -> Any:
    return 5


def _not_even_that() -> Any:
    raise Odd


async def _deeper() -> None:
    await _deeper()


RAISING: dict[str, tuple[Callable[[], Awaitable[Any]], type[Exception]]] = {
    "something of its own": (lambda: _raise(Odd()), Odd),
    "a KeyError": (lambda: _raise(KeyError("x")), KeyError),
    "the end of an iteration": (lambda: _raise(StopAsyncIteration()), StopAsyncIteration),
    "a cancellation": (lambda: _raise(asyncio.CancelledError()), RuntimeError),
    "a cancellation of itself": (_cancel_itself, RuntimeError),
    "something else when cancelled": (_cancel_itself_and_go_on_to_fail, Odd),
    "what it awaits was cancelled": (_await_what_was_cancelled, RuntimeError),
    "a timeout of its own": (_time_out, TimeoutError),
    "a group": (_group, ExceptionGroup),
    "it is no coroutine function": (_not_async, TypeError),
    "before there is a coroutine": (_not_even_that, Odd),
    "too deep": (_deeper, RecursionError),
}


@pytest.mark.parametrize("case", RAISING)
async def test_whatever_the_work_raises(case: str) -> None:
    """It is the outcome's error, even where it is a cancellation that nobody asked for."""
    do, kind = RAISING[case]
    before = asyncio.all_tasks()

    def work(_client: DetectiveClient, target: Target) -> Awaitable[Any]:
        return do() if target.account_id == BAD else asyncio.sleep(0)

    async with DetectiveFleet(places(len(EVERY), ["eu-west-1"]), concurrency=2) as fleet:
        outcomes = [outcome async for outcome in fleet.run(work)]
    assert len(outcomes) == len(EVERY)
    (outcome,) = [one for one in outcomes if not one.ok]
    assert outcome.target.account_id == BAD
    assert type(outcome.error) is kind
    assert outcome.kind is OutcomeKind.FAILED
    if kind is RuntimeError:
        assert str(outcome.error) == "the work was cancelled"
    assert asyncio.all_tasks() == before


async def test_all_cancel_themselves(fake_time: FakeTime) -> None:
    """Then all have failed, and the run has come to its end all the same."""

    async def work(_client: DetectiveClient, _target: Target) -> None:
        await _cancel_itself()

    async with DetectiveFleet(places(20), concurrency=3, clock=fake_time.clock()) as fleet:
        outcomes = [outcome async for outcome in fleet.run(work)]
    assert len(outcomes) == 60
    assert {str(outcome.error) for outcome in outcomes} == {"the work was cancelled"}


class Exit(BaseException):
    """Something that is not meant to be caught, as `pytest.fail` raises."""


async def test_what_is_not_meant_to_be_caught_is_not() -> None:
    """It ends the run: nothing more is begun, what was begun comes to its end, and then it is raised."""
    begun = []

    async def work(_client: DetectiveClient, target: Target) -> None:
        begun.append(target)
        is_third = len(begun) == 3
        await asyncio.sleep(0)
        if is_third:
            raise Exit
        await asyncio.sleep(0)

    seen = 0
    async with DetectiveFleet(places(20), concurrency=3) as fleet:
        with pytest.raises(Exit):  # noqa: PT012 - the loop is what raises, at its end
            async for _ in fleet.run(work):
                seen += 1
    assert len(begun) < 10
    assert seen == len(begun) - 1


async def test_an_iterator_that_is_not_meant_to_go_on() -> None:
    """Likewise for what the targets raise; but then nobody knows how they are, and what was begun is cancelled."""

    def endless() -> Iterator[Target]:
        yield from places(2)
        raise Exit

    before = asyncio.all_tasks()
    async with DetectiveFleet(endless(), concurrency=100) as fleet:
        with pytest.raises(Exit):
            _ = [outcome async for outcome in fleet.run(lambda _client, _target: asyncio.Event().wait())]
    assert asyncio.all_tasks() == before


async def test_tasks_that_somebody_else_cancels() -> None:
    """Where they had not begun their work, and where it is the one that begins the others, the run ends and says so."""
    for steps in (1, 2):
        before = asyncio.all_tasks()
        async with DetectiveFleet(places(20), concurrency=3) as fleet:
            waiting = asyncio.ensure_future(anext(fleet.run(lambda _client, _target: asyncio.sleep(0))))
            await passes(steps)
            for task in asyncio.all_tasks() - before - {waiting}:
                task.cancel()
            with pytest.raises(RuntimeError, match="the work was cancelled from outside"):
                await waiting
        assert asyncio.all_tasks() == before
