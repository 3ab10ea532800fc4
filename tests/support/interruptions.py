"""The ways to interrupt a call, each at its n-th moment."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from itertools import count
from types import coroutine
from typing import Any

from support.wire_server import until

Call = Coroutine[Any, Any, object]
#: Starts a call and interrupts it at the n-th moment; returns False if it had ended by then.
Interrupt = Callable[[Call, int], Coroutine[Any, Any, bool]]


async def after_steps(call: Call, moment: int) -> bool:
    """Cancel the call after n passes of the event loop."""
    task = asyncio.create_task(call)
    await passes(moment)
    if not task.done():
        task.cancel()
    return await was_cancelled(task)


async def at_an_await(call: Call, moment: int) -> bool:
    """Cancel the call at its n-th await."""
    return await was_cancelled(asyncio.create_task(watched(call, moment, lambda task, _: task.cancel())))


async def as_an_await_ends(call: Call, moment: int) -> bool:
    """Cancel the call when its n-th awaited future is done, but before the call resumes."""

    def cancel_then(task: asyncio.Task[object], awaited: asyncio.Future[object] | None) -> None:
        if awaited is None:
            asyncio.get_running_loop().call_soon(task.cancel)
        else:
            awaited.add_done_callback(lambda _: task.cancel())

    return await was_cancelled(asyncio.create_task(watched(call, moment, cancel_then)))


async def by_a_timeout_from_outside(call: Call, moment: int) -> bool:
    """End the call with an `asyncio.timeout` of the caller after n passes of the event loop."""
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
    """Wait for a number of passes of the event loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def was_cancelled(task: asyncio.Task[object]) -> bool:
    """Wait for the end of a call, and check that it did not suppress its cancellation."""
    await until(task.done, "the call has ended")
    if not task.cancelled():
        # A cancelled call must not continue, and must not end for another reason.
        assert task.cancelling() == 0
        await task
    return task.cancelled()


async def watched(
    call: Call, moment: int, act: Callable[[asyncio.Task[object], asyncio.Future[object] | None], object]
) -> object:
    """Run an action at the n-th await of a call."""
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
        except BaseException as error:  # noqa: BLE001 - everything is passed on to the call
            thrown = error
    raise AssertionError("endless")
