"""How long the tasks of a page block it, by the time of its processor: other processes do not count."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Page

_THREAD = "CrRendererMain"


@asynccontextmanager
async def recorded_tasks(page: Page) -> AsyncIterator[list[float]]:
    """Record the tasks of a page's main thread; the list has their milliseconds at the end."""
    session = await page.context.new_cdp_session(page)
    events: list[Any] = []
    complete = asyncio.Event()
    session.on("Tracing.dataCollected", lambda given: events.extend(given["value"]))
    session.on("Tracing.tracingComplete", lambda _given: complete.set())
    config = {"includedCategories": ["toplevel", "__metadata"]}
    await session.send("Tracing.start", {"traceConfig": config, "transferMode": "ReportEvents"})
    found: list[float] = []
    yield found
    await session.send("Tracing.end")
    await asyncio.wait_for(complete.wait(), 60)
    threads = [one for one in events if one["name"] == "thread_name" and one["args"]["name"] == _THREAD]
    places = {(one["pid"], one["tid"]) for one in threads}
    found += [one["tdur"] / 1000 for one in events if "tdur" in one and (one["pid"], one["tid"]) in places]
