"""The example's page in a real browser, against an API that hangs, cuts off, fails and floods."""

import asyncio
import json
import re

import pytest

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Page, Route, expect
from support.browser import BROWSER_MARKS
from support.browser.task_times import recorded_tasks
from support.page_api import (
    ADMINISTRATORS,
    CHANGES,
    EXPIRED,
    LIMITS,
    REGIONS,
    SETTINGS,
    TIME,
    Answer,
    PageApi,
    cell,
    events,
    investigation,
    member,
    ndjson,
    plan,
    problem,
    silence,
    target,
    value,
)
from support.page_steps import open_start
from web_backend import world

from detective_async.testing import DetectiveSimulator, Failure, Fault

pytestmark = BROWSER_MARKS


# ---- states and failures


async def test_four_states_look_different(url: str, page: Page, api: PageApi) -> None:
    """No graph, no member, not answered yet, and failed: four words, and no 0 for what is not known."""
    found = [
        target(ADMINISTRATORS[0], REGIONS[0], graph=False),
        target(ADMINISTRATORS[1], REGIONS[0]),
        target(ADMINISTRATORS[0], REGIONS[1], error=EXPIRED),
    ]
    api.answers["fleet/overview"] = events(found, end=False)
    await page.goto(url)
    first, second = page.locator("#regions tbody tr").nth(0), page.locator("#regions tbody tr").nth(1)
    await expect(first.get_by_role("cell")).to_have_text(["0", "0", "0", "0", "0", "0", "1", "", ""])
    await expect(second.get_by_role("cell")).to_have_text(["not yet"] * 6 + ["", "1", "1"])
    rows = page.locator("#targets tbody tr")
    await expect(rows.nth(0)).to_contain_text("no graph")
    await expect(rows.nth(0)).to_contain_text("\u2013")
    await expect(rows.nth(1)).to_contain_text("ExpiredToken")
    await expect(rows.nth(2)).to_contain_text("0")
    await expect(page.locator("#targets-shown")).to_have_text(
        "3 of 3 accounts and regions that were asked; 1 of them could not be checked"
    )


async def test_old_numbers_stay_until_there_are_new_ones(url: str, page: Page, api: PageApi) -> None:
    """A refresh that fails leaves the numbers: dimmed, and with the time of which they are."""
    await page.goto(url)
    total = page.locator("#regions tfoot").get_by_role("cell").nth(5)
    await expect(total).to_have_text("12")
    await expect(page.locator("#regions .old")).to_have_count(0)
    api.answers["fleet/overview"] = problem(500, "Internal Server Error")
    await page.locator("#fleet-refresh").click()
    await expect(page.locator("#fleet-alert")).to_contain_text("Internal Server Error")
    await expect(total).to_have_text("12")
    await expect(total.locator(".old")).to_have_attribute("title", "as of 2026-11-26 10:00 UTC")
    failing = [target(one, region, error=EXPIRED) for one in ADMINISTRATORS for region in REGIONS]
    api.answers["fleet/overview"] = events(failing, survey="b" * 16)
    await page.locator("#fleet-alert").get_by_role("button", name="Try again").click()
    await expect(page.locator("#fleet-alert")).to_be_empty()
    await expect(page.locator("#failures")).to_contain_text("2 accounts in 2 regions")
    await expect(total).to_have_text("12")
    await expect(total.locator(".old")).to_be_visible()


async def test_a_fleet_that_could_not_be_read_again_is_dated(url: str, page: Page, api: PageApi) -> None:
    """In the heading, at every number, and in the chart; what had no graph is known as the numbers are."""
    places = [(one, region) for one in ADMINISTRATORS for region in REGIONS]
    found = [target(*places[0], graph=False)] + [target(*one, counts={"VERIFICATION_FAILED": 3}) for one in places[1:]]
    api.answers["fleet/overview"] = events(found)
    await page.goto(url)
    attention = page.locator("#attention .group")
    await expect(attention).to_contain_text(["9 memberships", "1 account and region"])
    await expect(page.locator("#fleet-count")).to_have_text("4 of 4 done, as of 2026-11-26 10:00 UTC")
    await expect(page.locator("#fleet-freshness")).to_have_count(0)
    failing = events([target(*one, error=EXPIRED) for one in places], survey="b" * 16, started="2026-11-26T11:30:00Z")
    api.answers["fleet/overview"] = failing
    await page.locator("#fleet-refresh").click()
    await expect(page.locator("#fleet-count")).to_have_text("4 of 4 done, 4 failed")
    await expect(page.locator("#fleet-freshness")).to_have_text(
        "Could not be refreshed, shown: as of 2026-11-26 10:00 UTC"
    )
    await expect(page.locator("#fleet-freshness")).to_have_class(re.compile("late"))
    await expect(attention.locator(".old")).to_have_text(["9 memberships", "1 account and region"])
    old = "as of 2026-11-26 10:00"
    await expect(attention).to_contain_text([f"9 memberships {old}", f"1 account and region {old}"])
    await expect(page.locator("#chart text.old")).to_have_text(["3", "6"])
    await expect(page.locator("#regions tfoot .old")).to_have_text(["0", "0", "0", "9", "0", "9", "1"])
    await attention.get_by_role("button", name="Show which").click()
    await expect(page.locator("#targets tbody tr")).to_have_count(1)
    await expect(page.locator("#targets tbody tr")).to_contain_text("ExpiredToken no graph")
    # One account that answers is of the latest survey.
    some = [target(*places[0], graph=False), *(target(*one, error=EXPIRED) for one in places[1:])]
    api.answers["fleet/overview"] = events(some, survey="c" * 16, started="2026-11-26T12:30:00Z")
    await page.locator("#fleet-refresh").click()
    await expect(page.locator("#fleet-count")).to_have_text("4 of 4 done, 3 failed, as of 2026-11-26 12:30 UTC")
    await expect(page.locator("#fleet-freshness")).to_have_count(0)


async def test_rows_stay_after_a_failed_refresh(url: str, page: Page, api: PageApi) -> None:
    """The members of a complete answer are shown until the next complete one, and say of when they are."""
    await page.goto(f"{url}/#members")
    rows = page.locator("#members-table tbody tr")
    await expect(rows).to_have_count(1)
    await expect(page.locator("#members-freshness")).to_have_text("As of 2026-11-26 10:00 UTC")
    api.answers["fleet/members"] = ndjson([], end=False)
    await page.locator("#members-refresh").click()
    await expect(page.locator("#members-alert")).to_contain_text("incomplete")
    await expect(page.locator("#members-freshness")).to_have_text(
        "Could not be refreshed, shown: as of 2026-11-26 10:00 UTC"
    )
    await expect(rows).to_have_class("old")
    await expect(page.locator("#members-refresh")).to_be_focused()


async def test_an_answer_that_was_cut_off_is_not_taken_for_a_whole_one(url: str, page: Page, api: PageApi) -> None:
    """Without its end mark the rows are shown as what has come so far, with the problem and a way to try again."""
    lines = [member(ADMINISTRATORS[0], REGIONS[0], number) for number in range(5)]
    api.answers["fleet/members"] = ndjson(lines, end=False)
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-alert")).to_contain_text("The response is incomplete")
    await expect(page.locator("#members-shown")).to_have_text("5 of 5 memberships, 5 accounts, so far")
    api.answers["fleet/members"] = ndjson(lines)
    await page.locator("#members-alert").get_by_role("button", name="Try again").click()
    await expect(page.locator("#members-shown")).to_have_text("5 of 5 memberships, 5 accounts")
    await expect(page.locator("#members-title")).to_be_focused()


@pytest.mark.parametrize("view", ["members", "coverage", "investigations", "fleet"])
async def test_nothing_hangs_for_ever(url: str, page: Page, api: PageApi, view: str) -> None:
    """After a while the page says for how long it has waited, and after the limit that the server does not answer."""
    api.answers |= dict.fromkeys(("fleet/overview", "fleet/members", "fleet/investigations", "coverage"), silence)
    await page.clock.install()
    await page.goto(f"{url}/#{view}")
    await expect(page.locator(f"#{view}-freshness")).to_contain_text("Asking")
    await page.clock.run_for(7_000)
    await expect(page.locator(f"#{view}-freshness")).to_have_text(re.compile(r"for \d+ s"))
    await page.clock.run_for(25_000)
    await expect(page.locator(f"#{view}-alert")).to_contain_text("The server does not answer")
    await expect(page.locator(f"#{view}-alert").get_by_role("button", name="Try again")).to_be_visible()


async def test_a_malformed_line_is_a_problem(url: str, page: Page, api: PageApi) -> None:
    """A line that is no JSON is explained, and the next refresh works."""

    async def answer(route: Route) -> None:
        await route.fulfill(content_type="application/x-ndjson", body="<html>\n")

    good = api.answers["fleet/members"]
    api.answers["fleet/members"] = answer
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-alert")).to_contain_text("The response cannot be read")
    api.answers["fleet/members"] = good
    await page.locator("#members-refresh").click()
    await expect(page.locator("#members-alert")).to_be_empty()


async def test_odd_values_are_shown_as_they_are(url: str, page: Page, api: PageApi) -> None:
    """A member without a status is one whose status is not known; a time that is none takes no view away."""
    odd = member(ADMINISTRATORS[0], REGIONS[0], 300000000001, None, UpdatedTime=12345, InvitedTime=0)
    lines = [odd, member(ADMINISTRATORS[0], REGIONS[0], 300000000002, UpdatedTime="soon")]
    api.answers["fleet/members"] = ndjson(lines)
    await page.goto(f"{url}/#members")
    row = page.locator("#members-table tbody tr").filter(has_text="300000000001")
    await expect(row.get_by_text("not known", exact=True)).to_be_visible()
    await expect(row).not_to_contain_text("not a member")
    await expect(row).to_contain_text("12345")
    await expect(page.locator("#members-table tbody tr").filter(has_text="300000000002")).to_contain_text("soon")
    found = {
        "AccountId": "300000000001",
        "IsAdministrator": False,
        "Complete": True,
        "CoverageAsOf": TIME,
        "MembershipsAsOf": TIME,
        "Coverage": [{**cell("300000000001", one, "off"), "Since": 12345} for one in REGIONS],
        "Memberships": [odd],
        "Failures": [],
        "Silent": {},
        "Changes": [],
    }
    api.answers["accounts/300000000001"] = value(found)
    await page.goto(f"{url}/#account/300000000001")
    await expect(page.locator("#account-memberships tbody tr")).to_contain_text("not known")
    await expect(page.locator("#account-coverage tbody tr").first).to_contain_text("12345")


async def test_failing_settings_leave_the_navigation(url: str, page: Page, api: PageApi) -> None:
    """The page says what failed; links still lead to their views, and trying again fills them."""
    good, api.answers["settings"] = api.answers["settings"], problem(500, "Internal Server Error")
    await page.goto(url)
    await expect(page.locator("#alert")).to_contain_text("Internal Server Error")
    await page.get_by_role("link", name="Members").click()
    await expect(page).to_have_title("Members: Detective")
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    api.answers["settings"] = good
    await page.get_by_role("link", name="Coverage").click()
    await expect(page.locator("#coverage-table tbody tr")).to_have_count(2)
    await expect(page.locator("#alert")).to_be_empty()


@pytest.mark.parametrize(
    "fragment",
    [
        "%",
        "constructor",
        "__proto__",
        "toString/1",
        "investigations/..%2F..%2Fsettings/eu-west-1/1",
        f"investigations/{ADMINISTRATORS[0]}/..%2Fgraph/{'1' * 21}",
        f"investigations/{ADMINISTRATORS[0]}/eu-west-1/..",
        "onboarding/..%2F..%2Ffleet%2Fmembers%3Fx",
        "account/1",
        "fleet/extra",
    ],
)
async def test_a_crafted_address_reaches_nothing(url: str, page: Page, api: PageApi, fragment: str) -> None:
    """It is not found, nothing is asked for it, and the navigation works."""
    await page.goto(f"{url}/#{fragment}")
    await expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    assert api.requests == ["GET settings"]
    await page.get_by_role("link", name="Members").click()
    await expect(page.locator("#members-table tbody tr")).to_have_count(1)


# ---- large answers


async def test_a_flood_of_events_blocks_nothing(url: str, page: Page, api: PageApi) -> None:
    """8,000 failures of one cause are one problem; no task takes over 100 ms, and the page stays short."""
    accounts = [f"{number:012}" for number in range(400)]
    regions = [f"eu-west-{number}" for number in range(1, 21)]
    settings = {"Accounts": accounts, "Regions": regions, "Names": {}, "Accepts": True, "Example": None}
    api.answers["settings"] = value(settings)
    api.answers["fleet/overview"] = events(
        [target(one, region, error=EXPIRED) for region in regions for one in accounts], total=8000
    )
    async with recorded_tasks(page) as tasks:
        await page.goto(url)
        await expect(page.locator("#fleet-count")).to_have_text(re.compile("^8,000 of 8,000 done, 8,000 failed"))
        await expect(page.locator("#failures > li")).to_have_count(1)
        await expect(page.locator("#failures")).to_contain_text("ExpiredToken")
        await expect(page.locator("#failures")).to_contain_text("400 accounts in 20 regions")
        await page.get_by_text("8,000 accounts and regions", exact=True).click()
        await page.locator("#targets-account").press_sequentially("39", delay=10)
        await expect(page.locator("#targets-shown")).to_have_text(re.compile("^280 of 8,000"))
    assert await page.locator("tbody tr").count() < 250
    assert await page.evaluate("document.documentElement.scrollHeight") < 8000
    assert len(tasks) > 100
    assert tasks[0] < 100


async def test_a_flood_of_rows_blocks_nothing(url: str, page: Page, api: PageApi) -> None:
    """8,000 members are found, sorted and scrolled through; no task takes over 100 ms."""
    lines = [
        member(ADMINISTRATORS[n % 2], REGIONS[n % 2], 300000000000 + n, "INVITED" if n % 9 else "ENABLED")
        for n in range(8000)
    ]
    api.answers["fleet/members"] = ndjson(lines)
    async with recorded_tasks(page) as tasks:
        await page.goto(f"{url}/#members")
        await expect(page.locator("#members-shown")).to_have_text("8,000 of 8,000 memberships, 8,000 accounts")
        await page.get_by_role("button", name="Account", exact=True).click()
        await expect(page.locator("#members-table tbody tr:not(.gap)").first).to_contain_text("300000000000")
        box = page.locator("#members .box").last
        await box.evaluate("box => box.scrollTo(0, box.scrollHeight)")
        await expect(page.locator("#members-table tbody tr", has_text="300000007999")).to_be_visible()
        await page.locator("#members-find").press_sequentially("3000-0000-79", delay=10)
        await expect(page.locator("#members-shown")).to_have_text(re.compile("^100 of 8,000"))
    assert await page.locator("tbody tr").count() < 120
    assert len(tasks) > 100
    assert tasks[0] < 100


@pytest.mark.parametrize(("view", "same"), [("coverage", True), ("members", False)])
async def test_a_flood_of_failures_blocks_nothing(url: str, page: Page, api: PageApi, *, view: str, same: bool) -> None:
    """8,000 failures in a view of rows, whether all say the same or the last one does not; no task over 100 ms."""
    accounts = [f"{number:012}" for number in range(400)]
    regions = [f"eu-west-{number}" for number in range(1, 21)]
    api.answers["settings"] = value({**SETTINGS, "Accounts": accounts, "Regions": regions})
    detail = "The security token included in the request is expired. " * 4
    lines = [
        {"AccountId": one, "Region": region, "Failure": {**EXPIRED, "Outcome": "failed", "detail": detail}}
        for region in regions
        for one in accounts
    ]
    if not same:
        lines[-1]["Failure"] = {**EXPIRED, "detail": f"{detail[:-1]}!"}
    api.answers["coverage" if view == "coverage" else "fleet/members"] = ndjson(lines)
    async with recorded_tasks(page) as tasks:
        await page.goto(f"{url}/#{view}")
        group = page.locator("#coverage-causes li" if view == "coverage" else "#members-failures li")
        await expect(group).to_contain_text("400 accounts in 20 regions")
        await expect(group.get_by_text("for instance")).to_have_count(0 if same else 1)
        await group.locator("summary").click()
        await expect(group.locator("tbody tr").first).to_be_visible()
        # The view is drawn at each of these.
        await page.locator(f"#{view}-find").press_sequentially("3999", delay=10)
    assert len(tasks) > 50
    assert tasks[0] < 100


@pytest.mark.parametrize(
    ("title", "detail", "words"),
    [
        ("AccessDenied", "AccessDenied: The role does not exist", "The role does not exist"),
        ("AccessDenied", "The role does not exist", "The role does not exist"),
        ("AccessDeniedException", "Not authorized", "Not authorized"),
        ("Access denied", "AccessDeniedException: Not authorized", "Access denied: Not authorized"),
        ("AccessDenied", "", "AccessDenied"),
        ("Access denied", "Note: of the role", "Access denied: Note: of the role"),
    ],
)
async def test_a_cause_is_said_once(url: str, page: Page, api: PageApi, *, title: str, detail: str, words: str) -> None:
    """Before what AWS says, which may repeat it."""
    failure = {"Cause": "AccessDenied", "title": title, "detail": detail}
    api.answers["fleet/members"] = ndjson([{"AccountId": ADMINISTRATORS[0], "Region": REGIONS[0], "Failure": failure}])
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-failures .group p")).to_have_text(
        f"AccessDenied 1 account in 1 region: {words}"
    )


async def test_a_group_of_failures_is_asked_again(url: str, page: Page, api: PageApi) -> None:
    """By its cause, once, however often the button is clicked; the rest is not asked."""
    found = [target(one, region, error=EXPIRED) for one in ADMINISTRATORS for region in REGIONS]
    api.answers["fleet/overview"] = events(found)
    api.answers["POST fleet/retries"] = value({"Kind": "members", "SurveyId": "b" * 16, "Targets": 4}, 202)
    await page.goto(url)
    again = page.get_by_role("button", name="Ask these again: ExpiredToken")
    await expect(again).to_be_visible()
    api.answers["fleet/overview"] = events(
        [target(one, region) for one in ADMINISTRATORS for region in REGIONS], survey="b" * 16
    )
    await again.dblclick()
    await expect(page.locator("#failures")).to_have_count(0)
    assert api.requests.count("POST fleet/retries") == 1
    assert api.bodies == [{"Kind": "members", "Cause": "ExpiredToken"}]
    await expect(page.locator("#attention-title")).to_be_focused()


async def test_rows_do_not_move_under_the_pointer(url: str, page: Page, api: PageApi) -> None:
    """While the pointer is on a row, new rows come below; the order is that of the sort when it has left."""
    api.answers["fleet/members"] = ndjson([member(ADMINISTRATORS[0], REGIONS[0], number) for number in (5, 7)])
    await page.goto(f"{url}/#members?sort=account")
    rows = page.locator("#members-table tbody tr")
    await expect(rows).to_have_count(2)
    api.answers["fleet/members"] = ndjson([member(ADMINISTRATORS[0], REGIONS[0], number) for number in (1, 5, 7)])
    await rows.first.hover()
    await page.evaluate("document.querySelector('#members-refresh').click()")
    await expect(rows).to_have_count(3)
    await expect(rows.locator("th")).to_have_text([f"{number:012}" for number in (5, 7, 1)])
    await page.mouse.move(5, 5)
    await expect(rows.locator("th")).to_have_text([f"{number:012}" for number in (1, 5, 7)])


# ---- what changes something


async def fill_plan(page: Page, url: str) -> None:
    await page.goto(f"{url}/#onboarding")
    await page.get_by_label(re.compile("^Administrator account")).select_option(ADMINISTRATORS[0])
    await page.get_by_label("Accounts, one per line").fill("444455556666,root@example.com")
    await page.get_by_role("button", name="Show the plan").click()


async def test_a_plan_is_bound_to_its_form(url: str, page: Page, api: PageApi) -> None:
    """It names its administrator and accounts, and cannot be applied while the form is another one."""
    api.answers["POST onboarding/plans"] = value(plan(), 201)
    api.answers["POST onboarding/jobs"] = problem(409, "Conflict", code="PlanMismatch")
    await fill_plan(page, url)
    shown = page.get_by_role("region", name=f"Plan for administrator {ADMINISTRATORS[0]}")
    await expect(shown.get_by_role("heading", level=2)).to_be_focused()
    await expect(shown).to_contain_text("1 account: 444455556666, in eu-west-1")
    apply = page.get_by_role("button", name=re.compile("^Apply"))
    await expect(apply).to_have_text(f"Apply to administrator {ADMINISTRATORS[0]}")
    choice = page.get_by_label(re.compile("^Administrator account"))
    await choice.select_option(ADMINISTRATORS[1])
    await expect(shown).to_contain_text("no longer belongs to the form")
    await expect(apply).to_have_count(0)
    await choice.select_option(ADMINISTRATORS[0])
    await apply.click()
    await expect(page.locator("#apply-alert")).to_contain_text("PlanMismatch")
    assert api.bodies[-1] == {"PlanId": "b" * 32, "AdministratorId": ADMINISTRATORS[0], "AccountIds": ["444455556666"]}


async def test_an_edit_while_the_plan_is_made_counts_too(url: str, page: Page, api: PageApi) -> None:
    """The plan that arrives belongs to the form as it was sent."""
    gate = asyncio.Event()

    async def late(route: Route) -> None:
        await gate.wait()
        await value(plan(), 201)(route)

    api.answers["POST onboarding/plans"] = late
    await fill_plan(page, url)
    await page.get_by_label(re.compile("^Administrator account")).select_option(ADMINISTRATORS[1])
    gate.set()
    await expect(page.locator("#plan-outdated")).to_be_visible()
    await expect(page.get_by_role("button", name=re.compile("^Apply"))).to_have_count(0)


@pytest.mark.parametrize("button", ["plan", "apply", "start"])
async def test_three_clicks_are_one_request(url: str, page: Page, api: PageApi, button: str) -> None:
    """While the answer is under way, a button that changes something says so and does nothing more."""
    requests = {
        "plan": "POST onboarding/plans",
        "apply": "POST onboarding/jobs",
        "start": f"POST accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations",
    }
    api.answers["POST onboarding/plans"] = value(plan(), 201)
    api.answers[requests[button]] = silence
    names = {"plan": "Making the plan", "apply": "Applying", "start": "Starting"}
    if button == "start":
        await page.goto(f"{url}/#investigations")
        await open_start(page)
        await page.get_by_label("ARN of the user or role").fill(f"arn:aws:iam::{ADMINISTRATORS[0]}:role/Admin")
        await page.get_by_role("button", name="Start", exact=True).click()
    else:
        await fill_plan(page, url)
        if button == "apply":
            await page.locator("#plan-apply").click()
    working = page.get_by_role("button", name=names[button])
    await expect(working).to_be_focused()
    await working.click(force=True)
    await page.keyboard.press("Enter")
    assert api.requests.count(requests[button]) == 1


async def test_a_start_that_is_sent_again_is_the_same_start(url: str, page: Page, api: PageApi) -> None:
    """After a lost answer the same form has the same token, and an edited one another."""
    path = f"POST accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations"
    api.answers[path] = problem(503, "Service Unavailable")
    await page.goto(f"{url}/#investigations")
    await open_start(page)
    entity = page.get_by_label("ARN of the user or role")
    await entity.fill(f"arn:aws:iam::{ADMINISTRATORS[0]}:role/Admin")
    for count in (1, 2):
        await page.get_by_role("button", name="Start", exact=True).click()
        await expect(page.locator("#start-alert")).to_contain_text("Service Unavailable")
        assert api.requests.count(path) == count
    await entity.fill(f"arn:aws:iam::{ADMINISTRATORS[0]}:role/Other")
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    tokens = [body["ClientToken"] for body in api.bodies]
    assert tokens[0] == tokens[1] != tokens[2]
    assert all(re.fullmatch("[0-9a-f]{32}", token) for token in tokens)


async def test_a_start_in_doubt_stays_so_after_a_reload(url: str, page: Page, api: PageApi) -> None:
    """Whether its answer was lost, or the page did not wait for it; and not longer than until there is one."""
    path = f"POST accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations"
    api.answers[path] = problem(502, "Bad Gateway", outcome_unknown=True)
    await page.goto(f"{url}/#investigations")
    await open_start(page)
    await page.get_by_label("ARN of the user or role").fill(f"arn:aws:iam::{ADMINISTRATORS[0]}:role/Admin")
    start, alert = page.get_by_role("button", name="Start", exact=True), page.locator("#start-alert")
    await start.click()
    await expect(alert).to_contain_text("role/Admin in eu-west-1")
    words = await alert.inner_text()
    await page.reload()
    await expect(alert).to_have_text(words, use_inner_text=True)
    api.answers[path] = silence
    await start.click()
    await expect(page.get_by_role("button", name="Starting")).to_be_visible()
    await page.reload()
    await expect(alert).to_contain_text("AWS may have carried out the request nevertheless")
    api.answers[path] = problem(400, "Bad Request")
    await start.click()
    await expect(alert).to_contain_text("Bad Request")
    await page.reload()
    await expect(start).to_be_visible()
    await expect(alert).to_be_empty()


async def test_expired_keys_are_named_as_such(sim: DetectiveSimulator, url: str, page: Page) -> None:
    """Also where an investigation is started: they are no error of the server's program."""
    expired = Failure(403, "ExpiredTokenException", "The security token included in the request is expired")
    sim.inject(Fault(expired, count=None))
    await page.goto(f"{url}/#investigations")
    words = "The server's credentials have expired: renew them."
    await expect(page.locator("#investigations-failures")).to_contain_text(words)
    await open_start(page, world.ACCOUNTS[0], world.REGIONS[0])
    await page.get_by_label("ARN of the user or role").fill(f"arn:aws:iam::{world.ACCOUNTS[0]}:role/Admin")
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.locator("#start-alert p").first).to_have_text(f"ExpiredToken: {words}")
    await expect(page.get_by_text("Internal Server Error")).to_have_count(0)


async def test_an_error_has_the_words_of_its_form(url: str, page: Page) -> None:
    """And not the API's names of the fields."""
    await page.goto(f"{url}/#investigations")
    await open_start(page, world.ACCOUNTS[0], world.REGIONS[0])
    await page.get_by_label("ARN of the user or role").fill(f"arn:aws:iam::{world.ACCOUNTS[0]}:role/Admin")
    await page.get_by_label("From (UTC)").fill("2026-11-02T10:00")
    await page.get_by_label("To (UTC)").fill("2026-11-01T10:00")
    await page.get_by_role("button", name="Start", exact=True).click()
    alert = page.locator("#start-alert")
    await expect(alert).to_have_text("To (UTC): must be later than From (UTC)")
    await page.get_by_label("To (UTC)").fill("2026-11-03T10:00")
    await page.get_by_label("ARN of the user or role").fill("arn:aws:iam::600000000001:role/Admin")
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(alert).to_contain_text("ARN of the user or role: is of account 600000000001, of which the graph of")
    await page.goto(f"{url}/#onboarding")
    # The form before has a field of that name, too.
    await page.locator("#plan-form").get_by_label("Administrator account").select_option(world.ACCOUNTS[0])
    await page.get_by_label("Accounts, one per line").fill("300,root@example.com")
    await page.get_by_role("button", name="Show the plan").click()
    await expect(page.locator("#plan-alert")).to_contain_text("Accounts: has no valid line: line 1: ")


async def test_what_was_typed_survives_a_reload(url: str, page: Page, api: PageApi) -> None:
    """The form of a plan, its plan, and the form of an investigation."""
    api.answers["POST onboarding/plans"] = value(plan(), 201)
    api.answers[f"onboarding/plans/{'b' * 32}"] = value(plan())
    await fill_plan(page, url)
    await expect(page.locator("#plan-apply")).to_be_visible()
    await page.reload()
    await expect(page.get_by_label("Accounts, one per line")).to_have_value("444455556666,root@example.com")
    await expect(page.locator("#plan-apply")).to_be_visible()
    assert f"plan={'b' * 32}" in page.url
    await page.get_by_role("link", name="Investigations").click()
    await open_start(page)
    await page.get_by_label("ARN of the user or role").fill("arn:half")
    await page.reload()
    await expect(page.get_by_label("ARN of the user or role")).to_have_value("arn:half")


# ---- finding


async def test_the_state_is_in_the_address(url: str, page: Page, api: PageApi) -> None:
    """Filters and sort are read from the address, and written to it; a link can be sent to a colleague."""
    api.answers["fleet/members"] = ndjson(
        [
            member(ADMINISTRATORS[0], REGIONS[0], 1, "VERIFICATION_FAILED"),
            member(ADMINISTRATORS[0], REGIONS[1], 2, "VERIFICATION_FAILED"),
            member(ADMINISTRATORS[0], REGIONS[0], 3),
        ]
    )
    await page.goto(f"{url}/#members?status=VERIFICATION_FAILED&sort=-account")
    rows = page.locator("#members-table tbody tr th")
    await expect(rows).to_have_text([f"{2:012}", f"{1:012}"])
    await page.get_by_label("Region").select_option(REGIONS[0])
    await expect(rows).to_have_text([f"{1:012}"])
    assert page.url.endswith("#members?status=VERIFICATION_FAILED&sort=-account&region=eu-west-1")
    await expect(page.locator("#announcement")).to_have_text("1 of 3 memberships")
    await page.reload()
    await expect(rows).to_have_text([f"{1:012}"])


async def test_an_account_is_found_with_dashes(url: str, page: Page, api: PageApi) -> None:
    """From any view, 4444-5555-6666 leads to its page: covered or not, why, and a link that onboards it."""
    found = [cell("444455556666", REGIONS[0], "on"), cell("444455556666", REGIONS[1], "unseen", "not a member")]
    document = {"AccountId": "444455556666", "Name": None, "IsAdministrator": False, "Complete": True, "AsOf": TIME}
    api.answers["accounts/444455556666"] = value(
        {**document, "Coverage": found, "Memberships": [], "Failures": [], "Changes": []}
    )
    await page.goto(url)
    await page.get_by_label("Find an account").fill("4444-5555-6666")
    await page.keyboard.press("Enter")
    one = page.get_by_role("region", name="Account 444455556666")
    await expect(one).to_contain_text("Account 444455556666 is not covered everywhere: covered in 1 of 2 regions.")
    await expect(one.get_by_role("row", name="us-east-1")).to_contain_text("not a member")
    await one.get_by_role("link", name="Onboard this account in us-east-1").click()
    await expect(page.get_by_label("Accounts, one per line")).to_have_value("444455556666,")
    await expect(page.get_by_label(REGIONS[0])).not_to_be_checked()
    await expect(page.get_by_label(REGIONS[1])).to_be_checked()


async def test_the_matrix_has_problems_first(url: str, page: Page, api: PageApi) -> None:
    """On, off, unseen, failed and not asked yet have different words; accounts with gaps come first."""
    api.answers["coverage"] = ndjson(
        [
            cell(ADMINISTRATORS[0], REGIONS[0], "on"),
            cell(ADMINISTRATORS[0], REGIONS[1], "on"),
            cell("444455556666", REGIONS[0], "off", "verification failed"),
            cell("444455556666", REGIONS[1], "failed"),
            cell("555566667777", REGIONS[0], "unseen", "not a member"),
        ]
    )
    await page.goto(f"{url}/#coverage")
    rows = page.locator("#coverage-table tbody tr")
    await expect(rows.nth(0)).to_have_text(
        re.compile("444455556666.*1 1 not known.*! off verification failed.*✕ could not be checked")
    )
    await expect(rows.nth(1)).to_have_text(re.compile("555566667777.*1.*\u2013 unseen not a member.*… not asked"))
    await expect(page.locator("#coverage-summary")).to_have_text("1 of 4 accounts is covered in every region.")
    await page.get_by_label("Account", exact=True).fill("4444-5555")
    await expect(rows).to_have_count(1)
    await expect(page.locator("#announcement")).to_contain_text("444455556666 is not covered everywhere")


async def test_the_worst_investigations_come_first(url: str, page: Page, api: PageApi) -> None:
    """By severity and not by its letters; CRITICAL and HIGH look different, and a status is no severity."""
    names = ["LOW", "CRITICAL", "MEDIUM", "HIGH", "INFORMATIONAL"]
    api.answers["fleet/investigations"] = ndjson([investigation(n, name) for n, name in enumerate(names)])
    await page.goto(f"{url}/#investigations")
    badges = page.locator("#investigations-table tbody .badge")
    await expect(badges).to_have_text(["▲ CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"])
    looks = await badges.evaluate_all("all => all.map((one) => getComputedStyle(one).backgroundColor)")
    assert looks[0] != looks[1] != looks[2]


# ---- what is not the server's


@pytest.mark.parametrize(
    "found",
    [
        ("text/html", "<html>Sign in</html>", "The response is not the server's"),
        ("right", "", "The response is empty"),
        ("right", "no begin", "The response cannot be read"),
    ],
)
async def test_a_body_of_somebody_else_is_a_problem(
    url: str, page: Page, api: PageApi, found: tuple[str, str, str]
) -> None:
    """A proxy's page with 200, an empty body, and a stream without its first line: each is said in words."""
    kind, body, words = found
    lines, stream = [json.dumps({"End": {"Lines": 0}})], "event: end\ndata: null\n\n"

    def foreign(content_type: str, otherwise: str) -> Answer:
        async def answer(route: Route) -> None:
            right = content_type if kind == "right" else kind
            await route.fulfill(content_type=right, body=otherwise if body == "no begin" else body)

        return answer

    api.answers |= {
        "fleet/members": foreign("application/x-ndjson", "\n".join([*lines, ""])),
        "fleet/overview": foreign("text/event-stream", stream),
        "POST onboarding/plans": foreign("application/json", "{"),
    }
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-alert")).to_contain_text(words)
    if body:
        await page.goto(f"{url}/#fleet")
        await expect(page.locator("#fleet-alert")).to_contain_text(words)
    if body != "no begin":
        await fill_plan(page, url)
        await expect(page.locator("#plan-alert")).to_contain_text(words)


async def test_an_event_stream_that_is_always_empty_ends(url: str, page: Page, api: PageApi) -> None:
    """The browser opens it again and again; after the limit, the page says that nothing comes."""

    async def nothing(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body="")

    api.answers["fleet/overview"] = nothing
    await page.clock.install()
    await page.goto(url)
    await expect(page.locator("#fleet-alert")).to_contain_text("reconnecting")
    for _ in range(4):
        await page.clock.run_for(5_000)
        await page.wait_for_timeout(200)
    await expect(page.locator("#fleet-alert")).to_contain_text("The server does not answer")


async def test_the_limits_are_those_of_the_settings(url: str, page: Page, api: PageApi) -> None:
    """A stream, a document and a plan are given up after as many seconds as the server says, and not before."""
    limits = {"Silence": 40, "Answer": 50, "Plan": 100}
    names = {"fleet/overview": "fleet", f"accounts/{ADMINISTRATORS[0]}": "account", "POST onboarding/plans": "plan"}
    api.answers |= {"settings": value({**SETTINGS, "Limits": {**LIMITS, **limits}}), **dict.fromkeys(names, silence)}
    await page.clock.install()
    for name, limit in zip(names.values(), limits.values(), strict=True):
        if name == "plan":
            await fill_plan(page, url)
        else:
            await page.goto(f"{url}/#{name}{f'/{ADMINISTRATORS[0]}' if name == 'account' else ''}")
            await expect(page.locator(f"#{name}-freshness")).to_contain_text("Asking")
        await page.clock.run_for((limit - 3) * 1000)
        await expect(page.locator(f"#{name}-alert")).to_be_empty()
        await page.clock.run_for(6_000)
        await expect(page.locator(f"#{name}-alert")).to_contain_text(f"nothing has come for {limit} seconds")


async def test_what_was_not_seen_is_not_gone(url: str, page: Page, api: PageApi) -> None:
    """Administrators that could not be read since are counted beside the changes, whatever the last survey read."""
    not_seen = {"Accounts": 2, "Regions": 1, "Targets": 2}
    api.answers["changes"] = value({**CHANGES, "NotSeen": not_seen})
    await page.goto(url)
    await expect(page.locator("#changes-unseen")).to_contain_text("2 administrators in 1 region were not read since")
    await expect(page.locator("#changes")).to_contain_text("No other membership changed.")


async def test_files_have_names_only_if_asked_for(url: str, page: Page, api: PageApi) -> None:
    """By a box beside the links, for that kind of file alone."""
    api.answers["coverage"] = ndjson([cell("1" * 12, "eu-west-1", "on")])
    await page.goto(f"{url}/#members")
    links = page.locator("#members .exports").get_by_role("link")
    await expect(links.first).to_have_attribute("href", "api/export/members.csv?sort=status")
    await page.get_by_label("with names and e-mail addresses").check()
    await expect(links.first).to_have_attribute("href", "api/export/members.csv?sort=status&names=true&emails=true")
    await page.get_by_role("link", name="Coverage").click()
    links = page.locator(".exports").get_by_role("link")
    await expect(links.first).to_have_attribute("href", "api/export/coverage.csv")
    await page.get_by_label("with names").check()
    await expect(links.first).to_have_attribute("href", "api/export/coverage.csv?names=true")
