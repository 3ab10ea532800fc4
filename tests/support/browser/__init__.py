"""Pages in a headless Chromium for the tests of web pages, and what these tests have in common."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Locator, Page, async_playwright, expect
from support.chromium import CHROMIUM

#: For `pytestmark` of every module that uses a browser.
BROWSER_MARKS = [
    pytest.mark.browser,
    pytest.mark.asyncio,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]
#: Returns the lowest contrast ratio between a text and its background on a page, and that text.
CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8").partition("\n")[2].rstrip(";\n")

# Slow machines need long timeouts.
expect.set_options(timeout=30_000)


@asynccontextmanager
async def opened_page(devtools_url: str) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page that shares no cookies, cache or storage with earlier ones.

    The list collects the messages on its console, and its uncaught errors.
    """
    console: list[str] = []
    async with async_playwright() as driver:
        browser = await driver.chromium.connect_over_cdp(devtools_url)
        context = await browser.new_context(viewport={"width": 1280, "height": 900})
        page = await context.new_page()
        page.on("console", lambda message: console.append(message.text))
        page.on("pageerror", lambda error: console.append(str(error)))
        yield page, console
        await context.close()
        await browser.close()


async def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await target.evaluate("node => node === document.activeElement"):
            return
    pytest.fail(f"Tab does not lead to {target}")
