"""Checks of layout and accessibility that the tests of both web pages share."""

import re
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from support.browser import CONTRAST

#: What `make .venv/javascript` installs.
AXE = Path(sys.prefix) / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

_CONTROLS = "button:visible, select:visible, input:visible, textarea:visible, a:visible"


#: What a page is told of its user's colours. "forced" are those of a high-contrast theme.
_COLOURS: dict[str, Any] = {
    "light": {"color_scheme": "light", "forced_colors": "none"},
    "dark": {"color_scheme": "dark", "forced_colors": "none"},
    "forced": {"color_scheme": "light", "forced_colors": "active"},
    "forced dark": {"color_scheme": "dark", "forced_colors": "active"},
}
_TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


async def check_every_look(
    page: Page,
    name: str,
    check: Callable[[int, str], Awaitable[None]],
    *,
    widths: Iterable[int],
    colours: Iterable[str],
    folder: Path,
) -> None:
    """Check the page as it is now at every width and in all colours, without loading it again.

    A failure names the view, the width and the colours, and leaves a picture in the folder.

    Args:
        page: the page.
        name: the name of the view.
        check: the check, which receives a width and the name of the colours.
        widths: in pixels.
        colours: of `_COLOURS`.
        folder: where the pictures go.
    """
    failures = []
    for width in widths:
        await page.set_viewport_size({"width": width, "height": 800})
        for scheme in colours:
            # Without transitions, whose colours are those of no scheme.
            await page.emulate_media(reduced_motion="reduce", **_COLOURS[scheme])
            await page.wait_for_function("width => innerWidth === width", arg=width)
            # What observes sizes has seen the new ones by then.
            await page.evaluate(_TWO_FRAMES)
            try:
                await check(width, scheme)
            except AssertionError as error:
                picture = folder / f"{name}-{width}-{scheme}.png"
                await page.screenshot(path=picture, full_page=True)
                error.add_note(f"{name}, {width} px, {scheme}: {picture}")
                failures.append(error)
    if failures:
        raise ExceptionGroup(f"{name}: wrong in {len(failures)} looks", failures)


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
    await _check_with_axe(page, {"type": "tag", "values": _RULES})


async def check_colours_of_texts(page: Page) -> None:
    """Check only what depends on the page's colours, with axe-core: the contrast of texts, and of links within them."""
    await _check_with_axe(page, {"type": "rule", "values": ["color-contrast", "link-in-text-block"]})


async def _check_with_axe(page: Page, rules: dict[str, Any]) -> None:
    if not AXE.exists():
        # Where npm is, nothing but a forgotten `make` explains that.
        assert shutil.which("npm") is None, f"axe-core is not installed: make {sys.prefix}/javascript"
        pytest.skip("axe-core, which checks accessibility, is not installed; the rest of this test was not run either")
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text("utf-8"))
    # Only its rule about sounds that play by themselves would load the page's files again, and the pages have none.
    assert await page.locator("audio, video").count() == 0
    options = {"runOnly": rules, "resultTypes": ["violations"], "preload": False}
    found = await page.evaluate("options => axe.run(options)", options)
    violations = [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]
    assert violations == [], "\n".join(violations)
