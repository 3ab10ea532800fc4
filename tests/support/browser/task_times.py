"""How long the tasks of a page's main thread took, as CPU time of a reference machine.

Other programs of a busy machine do not count, but they slow each task by what they evict from the processor's caches,
and a virtual machine's processors are of any speed. So a piece of known work is measured in the same browser.
"""

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Page

_TIMEOUT = 60.0
# A task of what pages do: making, sorting and joining many small objects.
_KNOWN_WORK = """() => {
  const rows = Array.from({length: 30000}, (_, n) => ({id: String((n * 7919) % 30011).padStart(12, "0")}));
  rows.sort((a, b) => (a.id < b.id ? -1 : 1));
  return rows.map((row) => row.id).join().length;
}"""
# The milliseconds that it takes on the reference machine, when nothing else runs.
_KNOWN_TIME = 14.0


@asynccontextmanager
async def recorded_tasks(page: Page) -> AsyncIterator[list[float]]:
    """Record while the block runs; at its end, the list has the milliseconds of every task, longest first.

    A task is what a browser does without looking at its user. `PerformanceObserver` calls it long after 50 ms, by the
    clock.
    """
    found: list[float] = []
    async with _traced(page, found):
        yield found
    slowness = max(1.0, await _time_of_known_work(page) / _KNOWN_TIME)
    found[:] = sorted((milliseconds / slowness for milliseconds in found), reverse=True)


async def _time_of_known_work(page: Page) -> float:
    blank = await page.context.new_page()
    longest = []
    for _ in range(5):
        found: list[float] = []
        async with _traced(blank, found):
            await blank.evaluate(_KNOWN_WORK)
        longest.append(max(found))
    await blank.close()
    return statistics.median(longest)


@asynccontextmanager
async def _traced(page: Page, found: list[float]) -> AsyncIterator[None]:
    """Add the milliseconds of CPU time of each task to the list."""
    events: list[dict[str, Any]] = []
    complete = asyncio.Event()
    browser = page.context.browser
    assert browser is not None
    session = await browser.new_browser_cdp_session()
    session.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    session.on("Tracing.tracingComplete", lambda _data: complete.set())
    await session.send("Tracing.start", {"traceConfig": {"includedCategories": ["toplevel", "__metadata"]}})
    yield
    await session.send("Tracing.end")
    async with asyncio.timeout(_TIMEOUT):
        await complete.wait()
    await session.detach()
    threads = {(one["pid"], one["tid"]): one["args"]["name"] for one in events if one["name"] == "thread_name"}
    tasks = [one for one in events if one["name"].endswith("RunTask")]
    found += [
        one["tdur"] / 1000
        for one in tasks
        if threads.get((one["pid"], one["tid"])) == "CrRendererMain" and "tdur" in one
    ]
