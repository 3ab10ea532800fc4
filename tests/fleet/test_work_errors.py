"""Exceptions of the work become outcomes; exceptions that should not be caught end the run."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from functools import partial
from typing import Any

import pytest
from support.fakes import FakeTime
from support.interruptions import passes

from detective_async import DetectiveClient, DetectiveFleet, OutcomeKind, Target
from fleet.counting_server import accounts, places

EVERY = accounts(6)
BAD = EVERY[2]


class UnknownError(Exception):
    """An exception unknown to the library."""


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
        raise UnknownError from None


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
        group.create_task(_raise(UnknownError()))


def _not_async() -> Any:
    return 5


def _not_even_that() -> Any:
    raise UnknownError


async def _deeper() -> None:
    await _deeper()


RAISING: dict[str, tuple[Callable[[], Awaitable[Any]], type[Exception]]] = {
    "an exception of its own": (lambda: _raise(UnknownError()), UnknownError),
    "a KeyError": (lambda: _raise(KeyError("x")), KeyError),
    "the end of an iteration": (lambda: _raise(StopAsyncIteration()), StopAsyncIteration),
    "a cancellation": (lambda: _raise(asyncio.CancelledError()), RuntimeError),
    "a cancellation of itself": (_cancel_itself, RuntimeError),
    "another exception when cancelled": (_cancel_itself_and_go_on_to_fail, UnknownError),
    "an awaited task was cancelled": (_await_what_was_cancelled, RuntimeError),
    "a timeout of its own": (_time_out, TimeoutError),
    "a group": (_group, ExceptionGroup),
    "not a coroutine function": (_not_async, TypeError),
    "before there is a coroutine": (_not_even_that, UnknownError),
    "a recursion error": (_deeper, RecursionError),
}


@pytest.mark.parametrize("case", RAISING)
async def test_exceptions_of_the_work(case: str) -> None:
    """Each becomes the outcome's error, including a cancellation that the work caused itself."""
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
    if kind is TypeError:
        assert str(outcome.error) == "fn returned int, which cannot be awaited: pass a coroutine function (async def)"
    assert asyncio.all_tasks() == before


async def _five(*_: object) -> int:
    return 5


class Five:
    """A value that can be awaited, of a class of the user's."""

    def __await__(self) -> Generator[None, None, int]:
        return _five().__await__()


async def test_all_that_returns_an_awaitable() -> None:
    """Coroutine functions, and other functions that return a coroutine, a task, or any object to await."""
    functions: list[Callable[[DetectiveClient, Target], Awaitable[int]]] = [
        _five,
        partial(_five, "more"),
        lambda *_: _five(),
        lambda *_: asyncio.ensure_future(_five()),
        lambda *_: Five(),
    ]
    async with DetectiveFleet(places(1, ["eu-west-1"])) as fleet:
        for function in functions:
            assert [outcome.value async for outcome in fleet.run(function)] == [5]


async def test_all_work_cancels_itself(fake_time: FakeTime) -> None:
    """All targets fail, and the run ends."""

    async def work(_client: DetectiveClient, _target: Target) -> None:
        await _cancel_itself()

    async with DetectiveFleet(places(20), concurrency=3, clock=fake_time.clock()) as fleet:
        outcomes = [outcome async for outcome in fleet.run(work)]
    assert len(outcomes) == 60
    assert {str(outcome.error) for outcome in outcomes} == {"the work was cancelled"}


class Exit(BaseException):
    """An exception that should not be caught, as `pytest.fail` raises."""


async def test_base_exception_of_the_work() -> None:
    """No more work starts, started work completes, then the exception is raised."""
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


async def test_base_exception_of_the_iterator() -> None:
    """Started work is cancelled, then the exception is raised."""

    def endless() -> Iterator[Target]:
        yield from places(2)
        raise Exit

    before = asyncio.all_tasks()
    async with DetectiveFleet(endless(), concurrency=100) as fleet:
        with pytest.raises(Exit):
            _ = [outcome async for outcome in fleet.run(lambda _client, _target: asyncio.Event().wait())]
    assert asyncio.all_tasks() == before


async def test_tasks_cancelled_from_outside() -> None:
    """The run ends with an error, whether a work task or the driver was cancelled."""
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
