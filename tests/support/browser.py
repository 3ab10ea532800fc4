"""A real browser, headless, and the checks that the tests of the simulator's page and of the example's share."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Locator, Page, async_playwright, expect

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
_FLAGS += ("--disable-component-update", "--disable-sync")
_CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8").partition("\n")[2].rstrip(";\n")
_CONTROLS = "button:visible, select:visible, input:visible, textarea:visible, a:visible"

#: The marks of all tests that need the browser.
BROWSER_MARKS = [
    pytest.mark.asyncio,
    pytest.mark.skipif(_CHROMIUM is None, reason="Chromium is not installed"),
]
# A slow machine must not fail the tests.
expect.set_options(timeout=30_000)


@asynccontextmanager
async def open_page(*, allowed: str) -> AsyncIterator[Page]:
    """Open a page in a new browser; at the end, its console must not have any other messages than those allowed.

    Args:
        allowed: a pattern of the start of allowed messages, such as those about a server that has been stopped.
    """
    messages: list[str] = []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        yield page
        await browser.close()
    assert [text for text in messages if not re.match(allowed, text)] == []


async def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await target.evaluate("node => node === document.activeElement"):
            return
    pytest.fail(f"Tab does not lead to {target}")


async def check_layout(page: Page, width: int) -> None:
    """Check that the page does not scroll horizontally, and that the contrast of every text is at least 4.5."""
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    contrast, text = await page.evaluate(_CONTRAST)
    assert contrast >= 4.5, text


async def check_colour_scheme(page: Page, scheme: Any) -> None:
    """Check that the background is light or dark, as the user prefers."""
    background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(background[4:].split(",")[0]) > 128) is (scheme == "light")


async def check_control_names(page: Page) -> None:
    """Check that every visible control has a role and a name for screen readers."""
    for control in await page.locator(_CONTROLS).all():
        assert re.match(r"- '?\w+ \"[^\"]+\"", await control.aria_snapshot()), await control.evaluate(
            "node => node.outerHTML"
        )


async def check_markup(page: Page) -> None:
    """Check captions and heading cells of all tables, the uniqueness of ids, and the language of the page."""
    for table in await page.locator("table").all():
        assert await table.locator("caption").text_content()
        assert await table.locator("th:not([scope])").count() == 0
    ids = await page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")
    assert len(ids) == len(set(ids))
    await expect(page.locator("html")).to_have_attribute("lang", "en")
