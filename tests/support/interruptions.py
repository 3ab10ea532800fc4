"""The ways in which a call can be given up, each at the n-th moment of its life."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from itertools import count
from types import coroutine
from typing import Any

from support.wire_server import until

Call = Coroutine[Any, Any, object]
#: Starts a call and interrupts it at the n-th moment; False where it had succeeded by then.
Interrupt = Callable[[Call, int], Coroutine[Any, Any, bool]]


async def after_steps(call: Call, moment: int) -> bool:
    """Cancel it when the event loop has gone round n times."""
    task = asyncio.create_task(call)
    await passes(moment)
    if not task.done():
        task.cancel()
    return await was_cancelled(task)


async def at_an_await(call: Call, moment: int) -> bool:
    """Cancel it when it awaits something for the n-th time."""
    return await was_cancelled(asyncio.create_task(watched(call, moment, lambda task, _: task.cancel())))


async def as_an_await_ends(call: Call, moment: int) -> bool:
    """Cancel it when what it awaits for the n-th time is there, but before it has been told so."""

    def cancel_then(task: asyncio.Task[object], awaited: asyncio.Future[object] | None) -> None:
        if awaited is None:
            asyncio.get_running_loop().call_soon(task.cancel)
        else:
            awaited.add_done_callback(lambda _: task.cancel())

    return await was_cancelled(asyncio.create_task(watched(call, moment, cancel_then)))


async def by_a_timeout_from_outside(call: Call, moment: int) -> bool:
    """End it with an `asyncio.timeout` of the caller's when the event loop has gone round n times."""
    limit = asyncio.timeout(None)

    async def limited() -> None:
        async with limit:
            await call

    task = asyncio.create_task(limited())
    await passes(moment + 1)
    if not task.done():
        limit.reschedule(asyncio.get_running_loop().time())
    await until(task.done, "the call has ended")
    error = task.exception()
    assert type(error) in (TimeoutError, type(None))
    assert limit.expired() == (error is not None)
    assert task.cancelling() == 0
    return error is not None


INTERRUPTS = (after_steps, at_an_await, as_an_await_ends, by_a_timeout_from_outside)


async def passes(count: int) -> None:
    """Let the event loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


async def was_cancelled(task: asyncio.Task[object]) -> bool:
    """Wait for its end, and check that it did not swallow what it was told."""
    await until(task.done, "the call has ended")
    if not task.cancelled():
        # Whoever was asked to end must not go on, nor end for another reason.
        assert task.cancelling() == 0
        await task
    return task.cancelled()


async def watched(
    call: Call, moment: int, act: Callable[[asyncio.Task[object], asyncio.Future[object] | None], object]
) -> object:
    """Do something to a call when it awaits for the n-th time."""
    return await _watched(call, moment, act)


@coroutine
def _watched(
    call: Call, moment: int, act: Callable[[asyncio.Task[object], asyncio.Future[object] | None], object]
) -> Generator[Any, Any, object]:
    task = asyncio.current_task()
    assert task is not None
    thrown: BaseException | None = None
    for number in count():
        try:
            awaited = call.send(None) if thrown is None else call.throw(thrown)
        except StopIteration as stop:
            return stop.value
        if number == moment:
            act(task, awaited)
        thrown = None
        try:
            yield awaited
        except BaseException as error:  # noqa: BLE001 - whatever it is, it goes where it would have gone
            thrown = error
    raise AssertionError("endless")
