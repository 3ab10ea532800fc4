"""Checks of layout and accessibility that the tests of both web pages share."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from support.browser import CONTRAST

#: What `make .venv/javascript` installs.
AXE = Path(sys.prefix) / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

_CONTROLS = "button:visible, select:visible, input:visible, textarea:visible, a:visible"


async def check_layout(page: Page, width: int) -> None:
    """Check that the page does not scroll horizontally, and that the contrast of every text is at least 4.5."""
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    contrast, text = await page.evaluate(CONTRAST)
    assert contrast >= 4.5, text


async def check_colour_scheme(page: Page, scheme: Any) -> None:
    """Check that the background is light or dark, as the user prefers."""
    background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(background[4:].split(",")[0]) > 128) is (scheme == "light")


async def check_control_names(page: Page) -> None:
    """Check that every visible control has a role and a name for screen readers."""
    for control in await page.locator(_CONTROLS).all():
        snapshot = await control.aria_snapshot()
        assert re.match(r"- '?\w+ \"[^\"]+\"", snapshot), await control.evaluate("node => node.outerHTML")


async def check_markup(page: Page) -> None:
    """Check captions and heading cells of all tables, the uniqueness of ids, and the language of the page."""
    for table in await page.locator("table").all():
        assert await table.locator("caption").text_content()
        assert await table.locator("th:not([scope])").count() == 0
    ids = await page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")
    assert len(ids) == len(set(ids))
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def check_accessibility(page: Page) -> None:
    """Check the page as it is now with axe-core: no violation of WCAG 2.2 AA, nor of its best practices."""
    if not AXE.exists():
        # Where npm is, nothing but a forgotten `make` explains that.
        assert shutil.which("npm") is None, f"axe-core is not installed: make {sys.prefix}/javascript"
        pytest.skip("axe-core, which checks accessibility, is not installed; the rest of this test was not run either")
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate("rules => axe.run({ runOnly: rules })", _RULES)
    violations = [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]
    assert violations == [], "\n".join(violations)
