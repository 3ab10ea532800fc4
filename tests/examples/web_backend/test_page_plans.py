"""What the example's page says of a plan: what it removes, and what is there already."""

import re
from typing import Any

import pytest

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Page, expect
from support.browser import BROWSER_MARKS
from support.page_api import ADMINISTRATORS, REGIONS, PageApi, value

pytestmark = BROWSER_MARKS
ACCOUNTS = [f"4000000000{number:02}" for number in range(1, 15)]


def action(kind: str, account: str, region: str = REGIONS[0]) -> dict[str, Any]:
    return {"Kind": kind, "Region": region, "AccountId": account, "Reason": "not a member", "Detail": None}


async def show(page: Page, url: str, api: PageApi, **more: Any) -> None:
    """Show a plan of the accounts in both regions."""
    plan = {
        "PlanId": "b" * 32,
        "AdministratorId": ADMINISTRATORS[0],
        "AccountIds": ACCOUNTS,
        "Regions": REGIONS,
        "Text": "a plan",
        "Lines": [],
        "Actions": [action("invite", account, region) for account in ACCOUNTS for region in REGIONS],
        "Problems": [],
        "Notes": [],
    }
    api.answers["onboarding/plans"] = value({**plan, **more}, 201)
    await page.goto(f"{url}/#onboarding")
    await page.get_by_label(re.compile("^Administrator account")).select_option(ADMINISTRATORS[0])
    await page.get_by_label("Accounts, one per line").fill(f"{ACCOUNTS[0]},root@example.com")
    await page.get_by_role("button", name="Show the plan").click()
    await expect(page.locator("#plan-summary")).to_be_visible()


async def test_what_is_removed_is_named(url: str, page: Page, api: PageApi) -> None:
    """In the summary, and first of all among the accounts: the last ones of a long list are not named."""
    again = [action("reinvite", ACCOUNTS[12], region) for region in REGIONS] + [action("reinvite", ACCOUNTS[13])]
    invited = [action("invite", account, region) for account in ACCOUNTS[:12] for region in REGIONS]
    await show(page, url, api, Actions=[*again, *invited, action("invite", ACCOUNTS[13], REGIONS[1])])
    plan = page.locator("#plan")
    await expect(plan).to_contain_text(
        f"3 memberships are removed and invited again: {ACCOUNTS[12]} in {REGIONS[0]}, {REGIONS[1]}; "
        f"{ACCOUNTS[13]} in {REGIONS[0]}."
    )
    await expect(page.locator("#plan-of")).to_have_text(
        f"14 accounts: {', '.join([*ACCOUNTS[12:], *ACCOUNTS[:10]])} and 2 more, in {', '.join(REGIONS)}"
    )
    await expect(page.locator("#plan-actions")).to_contain_text("remove and invite again")


async def test_all_that_is_removed_is_named(url: str, page: Page, api: PageApi) -> None:
    """However many there are."""
    await show(page, url, api, Actions=[action("remove", account) for account in ACCOUNTS])
    await expect(page.locator("#plan-of")).to_contain_text(f"{ACCOUNTS[13]}, in")
    removed = f"14 memberships are removed: {', '.join(ACCOUNTS)} in {REGIONS[0]}."
    await expect(page.locator("#plan")).to_contain_text(removed)


async def test_notes_have_no_empty_columns(url: str, page: Page, api: PageApi) -> None:
    """Of notes on all, neither a region nor an account is known."""
    note = {"Region": None, "AccountId": None, "Note": "2 memberships"}
    await show(page, url, api, Notes=[note])
    headings = page.locator("#plan-notes").get_by_role("columnheader")
    await expect(headings).to_have_text(["Note"])
    await show(page, url, api, Notes=[note, {**note, "AccountId": ACCOUNTS[0]}])
    await expect(headings).to_have_text(["Account", "Note"])


async def test_what_is_there_already_is_said(url: str, page: Page, api: PageApi) -> None:
    """What needs no action; not the administrator itself, nor where there is a problem, which is not known to be so."""
    accounts = [*ACCOUNTS[:3], ADMINISTRATORS[0]]
    unread = {"Region": "eu-north-1", "AccountId": None, "Problem": "it could not be read"}
    blocked = {"Region": REGIONS[1], "AccountId": ACCOUNTS[1], "Problem": "it is disabled"}
    await show(
        page,
        url,
        api,
        AccountIds=accounts,
        Regions=[*REGIONS, "eu-north-1"],
        Actions=[
            {**action("create graph", ACCOUNTS[0]), "AccountId": None},
            *(action("invite", account) for account in ACCOUNTS[:3]),
        ],
        Problems=[unread, blocked],
    )
    there = page.locator("#plan-there")
    await expect(there).to_have_text(
        f"2 memberships are there already: {ACCOUNTS[0]}, {ACCOUNTS[2]} in {REGIONS[1]}: nothing to do."
    )
    await show(page, url, api, AccountIds=ACCOUNTS[:1], Regions=REGIONS, Actions=[action("invite", ACCOUNTS[0])])
    await expect(there).to_have_text(f"1 membership is there already: {ACCOUNTS[0]} in {REGIONS[1]}: nothing to do.")
    # As many as a plan with nothing to do has: not all are named.
    await show(page, url, api, Actions=[])
    await expect(there).to_have_text(
        f"28 memberships are there already: {', '.join(ACCOUNTS[:12])} in {', '.join(REGIONS)}; and 2 more accounts: "
        "nothing to do."
    )
    await show(page, url, api)
    await expect(there).to_have_count(0)


@pytest.mark.parametrize(
    ("again", "words"),
    [
        (1, "3 memberships become active, 1 of them only if AWS can verify the e-mail address this time: the data"),
        (3, "3 memberships become active, only if AWS can verify the e-mail address this time: the data"),
        (0, "3 memberships become active: the data"),
    ],
)
async def test_what_may_not_become_active_is_not_promised(
    url: str, page: Page, api: PageApi, again: int, words: str
) -> None:
    """An address that AWS could not verify, and that is sent as it is, may fail again; a corrected one need not."""
    sent = [{**action("reinvite", account), "Reason": "verification failed"} for account in ACCOUNTS[:again]]
    sent += [{**action("reinvite", account), "Reason": "address differs"} for account in ACCOUNTS[again:3]]
    await show(page, url, api, Actions=[*sent, *(action("accept", account) for account in ACCOUNTS[:3])])
    await expect(page.locator("#plan")).to_contain_text(words)
    # Whether the role in an account may be assumed is only known once it is.
    await expect(page.locator("#plan")).to_contain_text("with a role in the account, which was not tried")


async def test_an_invalid_line_is_quoted(url: str, page: Page, api: PageApi) -> None:
    """Beside its number: a narrow box shows long lines as two, so that they are miscounted."""
    line = {"Line": 1, "Problem": "the domain is wrong"}
    await show(page, url, api, Lines=[line])
    row = page.locator("#plan-lines tbody tr")
    await expect(row).to_have_text(f"1{ACCOUNTS[0]},root@example.comthe domain is wrong")
    # It is what the plan was made of, and not what is typed since.
    await page.get_by_label("Accounts, one per line").fill("another")
    await expect(row).to_contain_text("root@example.com")
