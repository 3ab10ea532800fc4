"""How long the tasks of a page's main thread took, as CPU time: other programs on a busy machine do not count."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Page

_TIMEOUT = 60.0


@asynccontextmanager
async def recorded_tasks(page: Page) -> AsyncIterator[list[float]]:
    """Record while the block runs; at its end, the list has the milliseconds of every task, longest first.

    A task is what a browser does without looking at its user. `PerformanceObserver` calls it long after 50 ms, by the
    clock.
    """
    found: list[float] = []
    events: list[dict[str, Any]] = []
    complete = asyncio.Event()
    browser = page.context.browser
    assert browser is not None
    session = await browser.new_browser_cdp_session()
    session.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    session.on("Tracing.tracingComplete", lambda _data: complete.set())
    await session.send("Tracing.start", {"traceConfig": {"includedCategories": ["toplevel", "__metadata"]}})
    yield found
    await session.send("Tracing.end")
    async with asyncio.timeout(_TIMEOUT):
        await complete.wait()
    threads = {(one["pid"], one["tid"]): one["args"]["name"] for one in events if one["name"] == "thread_name"}
    tasks = [one for one in events if one["name"].endswith("RunTask")]
    found += [
        one["tdur"] / 1000
        for one in tasks
        if threads.get((one["pid"], one["tid"])) == "CrRendererMain" and "tdur" in one
    ]
    found.sort(reverse=True)
