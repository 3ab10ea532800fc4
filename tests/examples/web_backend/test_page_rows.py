"""The rows of the example's page in a real browser: those that could not be read again, and odd ones."""

from typing import Any

import pytest

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Page, expect
from support.browser import BROWSER_MARKS
from support.page_api import ADMINISTRATORS, REGIONS, TIME, PageApi, cell, investigation, member, ndjson

pytestmark = BROWSER_MARKS
LATER = "2026-11-26T11:30:00Z"


def graph(account: str = ADMINISTRATORS[0], **more: Any) -> dict[str, Any]:
    """Return the line of a graph."""
    found = {"Arn": f"arn:{account}", "CreatedTime": TIME, "Packages": {}, "AutoEnable": True, "Problems": {}}
    return {"AccountId": account, "Region": REGIONS[0], "Graph": {**found, **more}}


@pytest.mark.parametrize(
    ("view", "name", "line"),
    [
        ("members", "members", member(ADMINISTRATORS[0], REGIONS[0], 300000000001)),
        ("members", "graphs", graph()),
        ("investigations", "investigations", investigation(1, "CRITICAL")),
        ("coverage", "coverage", cell(ADMINISTRATORS[0], REGIONS[0], "on")),
    ],
)
async def test_what_could_not_be_read_again_is_dated(
    url: str, page: Page, api: PageApi, *, view: str, name: str, line: dict[str, Any]
) -> None:
    """Each row that stays is dimmed and says of when it is; where all are older, so does the heading."""
    stream = name if name == "coverage" else f"fleet/{name}"
    failure = {"Outcome": "failed", "Cause": "ExpiredToken", "title": "Expired", "detail": ""}
    failed = [{"AccountId": ADMINISTRATORS[0], "Region": REGIONS[0], "Failure": failure}]
    if name == "coverage":
        failed.append(cell(ADMINISTRATORS[0], REGIONS[0], "failed"))
    api.answers[stream] = ndjson([line])
    await page.goto(f"{url}/#{view}")
    freshness = page.locator(f"#{name}-freshness")
    row = page.locator(f"#{name}-table tbody tr").filter(has_text=ADMINISTRATORS[0])
    await expect(freshness).to_have_text("As of 2026-11-26 10:00 UTC")
    await expect(row).not_to_contain_text("as of")
    api.answers[stream] = ndjson(failed, finished=LATER)
    await page.locator(f"#{name}-refresh").click()
    await expect(freshness).to_have_text("Could not be refreshed, shown: as of 2026-11-26 10:00 UTC")
    if name == "coverage":
        await expect(row.locator(".cell.old")).to_have_attribute("title", "as of 2026-11-26 10:00 UTC")
    else:
        await expect(row).to_have_class("old")
        await expect(row).to_contain_text("as of 2026-11-26 10:00")
    # What was read meanwhile is of the latest answer.
    other = {**line, "AccountId": ADMINISTRATORS[1]}
    api.answers[stream] = ndjson([other, *failed], finished=LATER)
    await page.locator(f"#{name}-refresh").click()
    await expect(freshness).to_have_text("As of 2026-11-26 11:30 UTC")
    await expect(page.locator(f"#{name}-table .old")).to_have_count(1)
