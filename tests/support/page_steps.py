"""Steps that tests of the example's page have in common."""

from playwright.async_api import Page
from support.page_api import ADMINISTRATORS, REGIONS


async def open_start(page: Page, account: str = ADMINISTRATORS[0], region: str = REGIONS[0]) -> None:
    """Open the form that starts an investigation, and choose a graph: none is chosen."""
    await page.get_by_text("Start an investigation").click()
    await page.get_by_label("Administrator account, whose graph has").select_option(account)
    await page.locator("#start-region").select_option(region)
