"""A headless Chromium for the tests of web pages, and what these tests have in common."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Locator, Page, async_playwright, expect

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

#: For `pytestmark` of every module that uses a browser.
BROWSER_MARKS = [
    pytest.mark.browser,
    pytest.mark.asyncio,
    pytest.mark.skipif(_CHROMIUM is None, reason="there is no Chromium on this machine"),
]
#: Returns the lowest contrast ratio between a text and its background on a page, and that text.
CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8").partition("\n")[2].rstrip(";\n")

# Slow machines need long timeouts.
expect.set_options(timeout=30_000)


@asynccontextmanager
async def opened_page() -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page in a new browser; the list collects the messages on its console, and its uncaught errors."""
    console: list[str] = []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: console.append(message.text))
        page.on("pageerror", lambda error: console.append(str(error)))
        yield page, console
        await browser.close()


async def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await target.evaluate("node => node === document.activeElement"):
            return
    pytest.fail(f"Tab does not lead to {target}")
