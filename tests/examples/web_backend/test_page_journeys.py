"""What an operator does with the example's page, in a real browser, against an API that answers as a test says."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Locator, Page, Route, expect
from support.browser import BROWSER_MARKS
from support.browser.task_times import recorded_tasks
from support.page_api import (
    ADMINISTRATORS,
    CHANGES,
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
    problem,
    silence,
    target,
    value,
)
from support.page_steps import open_start
from support.wire_server import until

pytestmark = BROWSER_MARKS
ACCOUNT, LATER = "444455556666", "2026-11-26T11:30:00Z"
EXPIRED = {"Cause": "ExpiredToken", "title": "Expired", "detail": ""}
DENIED = {"Cause": "AccessDenied", "title": "Access denied", "detail": "", "code": "AccessDeniedException"}
PLAN_ID, JOB_ID = "b" * 32, "c" * 32


def document(**more: Any) -> dict[str, Any]:
    """Return what the server knows of the account."""
    return {
        "AccountId": ACCOUNT,
        "IsAdministrator": False,
        "Complete": True,
        "AsOf": TIME,
        "CoverageAsOf": TIME,
        "MembershipsAsOf": TIME,
        "Coverage": [cell(ACCOUNT, region, "on") for region in REGIONS],
        "Memberships": [],
        "Failures": [],
        "Silent": {},
        "Changes": [],
        **more,
    }


def plan(**more: Any) -> dict[str, Any]:
    """Return the plan of one account."""
    action = {"Kind": "invite", "Region": REGIONS[0], "AccountId": ACCOUNT, "Reason": "VERIFICATION_FAILED"}
    return {
        "PlanId": PLAN_ID,
        "AdministratorId": ADMINISTRATORS[0],
        "AccountIds": [ACCOUNT],
        "Regions": [REGIONS[0]],
        "Text": "a plan",
        "Lines": [],
        "Actions": [action],
        "Problems": [],
        "Notes": [],
        **more,
    }


def job(**more: Any) -> dict[str, Any]:
    """Return a job that has finished."""
    progress = {"State": "done", "Done": 2, "Failed": 0, "Total": 2, "Ok": True}
    return {"JobId": JOB_ID, "AdministratorId": ADMINISTRATORS[0], "StartedTime": TIME, **progress, **more}


def job_events(*found: tuple[str, Any]) -> Answer:
    """Answer with the server-sent events of a job."""
    body = "".join(
        f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in (("begin", {}), *found, ("end", None))
    )

    async def answer(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body=body)

    return answer


def late(answer: Answer) -> tuple[Answer, asyncio.Event]:
    """Answer only once the event is set."""
    gate = asyncio.Event()

    async def wait(route: Route) -> None:
        await gate.wait()
        await answer(route)

    return wait, gate


def administrator(page: Page) -> Locator:
    return page.get_by_label(re.compile("^Administrator account"))


async def fill_plan(page: Page, url: str, csv: str = f"{ACCOUNT},root@example.com") -> None:
    await page.goto(f"{url}/#onboarding")
    await administrator(page).select_option(ADMINISTRATORS[0])
    await page.get_by_label("Accounts, one per line").fill(csv)
    await page.get_by_role("button", name="Show the plan").click()


# ---- one account


async def test_an_account_is_refreshed(url: str, page: Page, api: PageApi) -> None:
    """Refresh asks AWS again, once; coverage and memberships say of when each of them is."""
    api.answers[f"accounts/{ACCOUNT}"] = value(document(MembershipsAsOf=LATER))
    await page.goto(f"{url}/#account/{ACCOUNT}")
    await expect(page.locator("#account-freshness")).to_have_text("As of 2026-11-26 10:00 UTC")
    await expect(page.locator("#memberships-freshness")).to_have_text("As of 2026-11-26 11:30 UTC")
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Complete=False, AsOf=LATER, CoverageAsOf=LATER))
    await page.locator("#account-refresh").click()
    await expect(page.locator("#account-refresh")).to_have_text("Refreshing")
    # What is known stays meanwhile.
    await expect(page.locator("#account-freshness")).to_contain_text("shown: as of 2026-11-26 10:00 UTC")
    api.answers[f"accounts/{ACCOUNT}"] = value(document(AsOf=LATER, CoverageAsOf=LATER, MembershipsAsOf=LATER))
    await expect(page.locator("#account-freshness")).to_have_text("As of 2026-11-26 11:30 UTC")
    asked = [one for one in api.requests if ACCOUNT in one]
    assert [one for one in asked if "max_age" in one] == [f"GET accounts/{ACCOUNT}?wait=5&max_age=0"]
    assert len(asked) > 2


async def test_a_hidden_account_asks_nothing(url: str, page: Page, api: PageApi) -> None:
    """What is incomplete is asked for again only while it is seen; then it goes on at once."""
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Complete=False))
    await page.goto(f"{url}/#account/{ACCOUNT}")
    await expect(page.locator("#account-verdict")).to_be_visible()
    await page.evaluate(
        """() => Object.defineProperty(document, "visibilityState", { get: () => "hidden", configurable: true })"""
    )
    asked = [one for one in api.requests if ACCOUNT in one]
    await asyncio.sleep(3)
    assert [one for one in api.requests if ACCOUNT in one] == asked
    api.answers[f"accounts/{ACCOUNT}"] = value(document())
    await page.evaluate(
        """() => { delete document.visibilityState; document.dispatchEvent(new Event("visibilitychange")); }"""
    )
    await expect(page.locator("#account-freshness")).to_have_text("As of 2026-11-26 10:00 UTC")


async def test_the_form_is_for_the_account_alone(url: str, page: Page, api: PageApi) -> None:
    """Its regions, the administrator of its membership, and the focus on what is missing; the draft is put aside."""
    off = {**cell(ACCOUNT, REGIONS[1], "off", "verification failed"), "AdministratorId": ADMINISTRATORS[1]}
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Coverage=[cell(ACCOUNT, REGIONS[0], "on"), off]))
    await page.goto(f"{url}/#onboarding")
    await administrator(page).select_option(ADMINISTRATORS[0])
    box = page.get_by_label("Accounts, one per line")
    await box.fill("111122223333,a@example.com\n222233334444,b@example.com")
    await page.get_by_label("Find an account").fill(ACCOUNT)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Find an account")).to_have_value("")
    await page.get_by_role(
        "link", name=f"Onboard this account in us-east-1, to the graph of {ADMINISTRATORS[1]}"
    ).click()
    await expect(box).to_have_value(f"{ACCOUNT},")
    await expect(box).to_be_focused()
    assert await box.evaluate("box => box.selectionStart") == len(ACCOUNT) + 1
    await expect(administrator(page)).to_have_value(ADMINISTRATORS[1])
    await expect(page.get_by_label(REGIONS[0])).not_to_be_checked()
    await page.reload()
    await expect(page.locator("#plan-earlier")).to_contain_text("your earlier list of 2 lines")
    await page.get_by_role("button", name="Put it back").click()
    await expect(box).to_have_value("111122223333,a@example.com\n222233334444,b@example.com")
    await expect(administrator(page)).to_have_value(ADMINISTRATORS[0])
    await expect(page.get_by_label(REGIONS[0])).to_be_checked()
    await expect(page.locator("#plan-earlier")).to_have_count(0)


async def test_an_unknown_account_can_be_onboarded(url: str, page: Page, api: PageApi) -> None:
    """One administrator that does not answer is no failure: what the others have said is said, by name of the one."""
    silent = {region: {"Count": 1, "AccountIds": [ADMINISTRATORS[1]]} for region in REGIONS}
    cells = [cell(ACCOUNT, region, "failed", "could not be checked") for region in REGIONS]
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Coverage=cells, Silent=silent))
    await page.goto(f"{url}/#account/{ACCOUNT}")
    words = f"In no graph of the 1 administrator that answered; {ADMINISTRATORS[1]} did not answer"
    await expect(page.locator("#account-verdict")).to_have_text(f"Account {ACCOUNT} was not found. {words}.")
    await expect(page.locator("#account-coverage tbody tr").first).to_contain_text(words)
    # No button: somebody may pay for a second graph's data.
    offer = page.locator("#account-unsure")
    await expect(offer).to_contain_text("It may be covered already")
    await expect(page.get_by_role("link", name=re.compile("^Onboard this account"))).to_have_count(1)
    await expect(page.locator("#one a.main")).to_have_count(0)
    await offer.get_by_role("link", name=f"Onboard this account in {', '.join(REGIONS)}").click()
    # Nobody is preselected, since no membership names an administrator.
    await expect(administrator(page)).to_have_value("")
    await expect(administrator(page)).to_be_focused()


@pytest.mark.parametrize("other", ["on", "not asked"])
async def test_an_account_is_called_absent_only_if_it_is_so_everywhere(
    url: str, page: Page, api: PageApi, other: str
) -> None:
    """Not while it is covered elsewhere, or another region has not been asked yet."""
    silent = {region: {"Count": 1, "AccountIds": [ADMINISTRATORS[1]]} for region in REGIONS}
    cells = [cell(ACCOUNT, REGIONS[0], "failed", "could not be checked"), cell(ACCOUNT, REGIONS[1], other)]
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Coverage=cells, Silent=silent))
    await page.goto(f"{url}/#account/{ACCOUNT}")
    words = "not answered yet" if other == "not asked" else "is covered in 1 of 2 regions, and not known in 1 region"
    await expect(page.locator("#account-verdict")).to_contain_text(words)
    await expect(page.locator("#account-verdict")).not_to_contain_text("was not found")


async def test_an_administrator_that_did_not_answer_is_not_called_absent(url: str, page: Page, api: PageApi) -> None:
    """It has graphs of its own, which is why it is not offered for onboarding either."""
    silent = {region: {"Count": 1, "AccountIds": [ACCOUNT]} for region in REGIONS}
    cells = [cell(ACCOUNT, region, "failed", "could not be checked") for region in REGIONS]
    failures = [{"AccountId": ACCOUNT, "Region": one, "Failure": {"Outcome": "failed", **DENIED}} for one in REGIONS]
    found = document(IsAdministrator=True, Coverage=cells, Silent=silent, Failures=failures)
    api.answers[f"accounts/{ACCOUNT}"] = value(found)
    await page.goto(f"{url}/#account/{ACCOUNT}")
    words = f"Account {ACCOUNT}: not known in 2 regions, which could not be checked."
    await expect(page.locator("#account-verdict")).to_have_text(words)
    await expect(page.get_by_role("link", name="Onboard this account")).to_have_count(0)


async def test_what_is_not_known_is_no_gap_to_be_filled(url: str, page: Page, api: PageApi) -> None:
    """An account that is covered may be so where an administrator did not answer: it is offered for what is off."""
    silent = {REGIONS[0]: {"Count": 1, "AccountIds": [ADMINISTRATORS[1]]}}
    unknown = cell(ACCOUNT, REGIONS[0], "failed", "could not be checked")
    found = document(Coverage=[unknown, cell(ACCOUNT, REGIONS[1], "on")], Silent=silent)
    api.answers[f"accounts/{ACCOUNT}"] = value(found)
    await page.goto(f"{url}/#account/{ACCOUNT}")
    await expect(page.locator("#account-coverage")).to_contain_text("did not answer")
    await expect(page.get_by_role("link", name=re.compile("^Onboard this account"))).to_have_count(0)
    api.answers[f"accounts/{ACCOUNT}"] = value({**found, "Coverage": [unknown, cell(ACCOUNT, REGIONS[1], "off")]})
    await page.reload()
    await expect(page.get_by_role("link", name=re.compile("^Onboard this account"))).to_have_text(
        re.compile(rf"^Onboard this account in {REGIONS[1]}$")
    )


async def test_a_gap_is_in_doubt_where_an_administrator_did_not_answer(url: str, page: Page, api: PageApi) -> None:
    """Off in a graph that answered, and maybe on in one that did not: no button, and the words say so."""
    off = [{**cell(ACCOUNT, region, "off", "invited"), "AdministratorId": ADMINISTRATORS[0]} for region in REGIONS]
    found = document(Coverage=off, Silent={REGIONS[0]: {"Count": 1, "AccountIds": [ADMINISTRATORS[1]]}})
    api.answers[f"accounts/{ACCOUNT}"] = value(found)
    await page.goto(f"{url}/#account/{ACCOUNT}")
    buttons, offer = page.locator("#one a.main"), page.locator("#account-unsure")
    await expect(buttons).to_have_text([f"Onboard this account in {REGIONS[1]}, to the graph of {ADMINISTRATORS[0]}"])
    await expect(offer).to_have_text(
        "It may be covered already, in the graph of an administrator that did not answer. "
        f"Onboard this account in {REGIONS[0]}, to the graph of {ADMINISTRATORS[0]} only if you know that it is not."
    )
    await expect(page.locator("#account-verdict")).to_contain_text(
        f"; not every administrator answered in {REGIONS[0]}, where it may be covered all the same."
    )
    rows = page.locator("#account-coverage tbody tr")
    await expect(rows.first).to_contain_text(f"invited; {ADMINISTRATORS[1]} did not answer")
    await expect(rows.last).not_to_contain_text("did not answer")


async def test_who_did_not_answer_is_said_of_its_region(url: str, page: Page, api: PageApi) -> None:
    """What is so in one region is not said of all, where others did not answer."""
    silent = dict(zip(REGIONS, ({"Count": 1, "AccountIds": [one]} for one in ADMINISTRATORS), strict=True))
    cells = [cell(ACCOUNT, region, "failed", "could not be checked") for region in REGIONS]
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Coverage=cells, Silent=silent))
    await page.goto(f"{url}/#account/{ACCOUNT}")
    words = [
        f"{region}: In no graph of the 1 administrator that answered; {one} did not answer"
        for region, one in zip(REGIONS, ADMINISTRATORS, strict=True)
    ]
    await expect(page.locator("#account-verdict")).to_have_text(f"Account {ACCOUNT} was not found. {'. '.join(words)}.")


async def test_changes_of_an_account_are_read_as_they_are_meant(url: str, page: Page, api: PageApi) -> None:
    """From no membership to an invitation, and back."""
    change = {"Time": TIME, "AccountId": ADMINISTRATORS[0], "MemberId": ACCOUNT}
    found = [
        {**change, "Region": REGIONS[0], "Before": None, "After": "INVITED"},
        {**change, "Region": REGIONS[1], "Before": "INVITED", "After": None},
    ]
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Changes=found))
    await page.goto(f"{url}/#account/{ACCOUNT}")
    items = page.locator("#account-changes tbody tr")
    await expect(items.nth(0)).to_contain_text("was not a member, now Invited")
    await expect(items.nth(1)).to_contain_text("was Invited, now not a member")


# ---- what failed, and what comes late


@pytest.mark.parametrize("view", ["fleet", "members", "coverage", "investigations"])
async def test_what_failed_is_asked_again(url: str, page: Page, api: PageApi, view: str) -> None:
    """After a while in the background, without a click."""
    name = {"fleet": "fleet/overview", "coverage": "coverage"}.get(view, f"fleet/{view}")
    good, api.answers[name] = api.answers[name], problem(503, "Service Unavailable")
    await page.clock.install()
    await page.goto(f"{url}/#{view}")
    await expect(page.locator(f"#{view}-alert")).to_contain_text("Service Unavailable")
    asked = len(api.requests)
    api.answers[name] = good
    await page.clock.run_for(30_000)
    await expect(page.locator(f"#{view}-alert")).to_be_empty()
    assert any(name in one for one in api.requests[asked:])


async def test_a_view_that_is_entered_again_is_whole(url: str, page: Page, api: PageApi) -> None:
    """Once the server is back, nothing has to be clicked."""
    good, api.answers["fleet/members"] = api.answers["fleet/members"], problem(503, "Service Unavailable")
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-alert")).to_contain_text("Service Unavailable")
    # 0 of 0 would be a number that nobody knows.
    await expect(page.locator("#members-shown")).to_have_count(0)
    await page.get_by_role("link", name="Onboarding").click()
    api.answers["fleet/members"] = good
    await page.get_by_role("link", name="Members").click()
    await expect(page.locator("#members-table tbody tr")).to_have_count(1)
    await expect(page.locator("#members-alert")).to_be_empty()


@pytest.mark.parametrize("line", ["null", "7", '{"AccountId":'])
async def test_a_line_that_is_no_object_is_a_problem(url: str, page: Page, api: PageApi, line: str) -> None:
    """In a stream of lines, and in one of events: nothing waits for ever."""

    async def lines(route: Route) -> None:
        await route.fulfill(content_type="application/x-ndjson", body=f"{line}\n")

    async def data(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body=f"event: target\ndata: {line}\n\n")

    api.answers |= {"fleet/members": lines, "fleet/overview": data}
    for view in ("members", "fleet"):
        await page.goto(f"{url}/#{view}")
        await expect(page.locator(f"#{view}-alert")).to_contain_text("The response cannot be read")


async def test_rows_that_have_come_stay(url: str, page: Page, api: PageApi) -> None:
    """Of an answer with fewer lines than its end says, and after the next attempt has failed, too."""
    lines = ['{"Begin": {}}', *(json.dumps(member(ADMINISTRATORS[0], REGIONS[0], number)) for number in range(3))]
    end = json.dumps({"End": {"Lines": 4, "StartedTime": TIME, "FinishedTime": TIME}})

    async def answer(route: Route) -> None:
        await route.fulfill(content_type="application/x-ndjson", body="\n".join([*lines, end, ""]))

    api.answers["fleet/members"] = answer
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-alert")).to_contain_text("The response is incomplete")
    api.answers["fleet/members"] = problem(500, "Internal Server Error")
    await page.locator("#members-alert").get_by_role("button", name="Try again").click()
    await expect(page.locator("#members-alert")).to_contain_text("Internal Server Error")
    await expect(page.locator("#members-shown")).to_have_text("3 of 3 memberships, 3 accounts, so far")


async def test_what_is_not_known_is_no_gap(url: str, page: Page, api: PageApi) -> None:
    """A refresh with expired keys leaves the matrix, dimmed; what was never known is called that."""
    cells = [cell(ACCOUNT, REGIONS[0], "on"), cell(ACCOUNT, REGIONS[1], "failed")]
    api.answers["coverage"] = ndjson(cells)
    await page.goto(f"{url}/#coverage?find={ACCOUNT}")
    shown = page.locator("#coverage-shown")
    words = f"Account {ACCOUNT} is covered in 1 of 2 regions, and not known in 1 region, which could not be checked."
    await expect(shown).to_have_text(words.removeprefix("Account "))
    row = page.locator("#coverage-table tbody tr")
    await expect(row.get_by_role("cell").first).to_have_text("0 1 not known")
    api.answers["coverage"] = ndjson([cell(ACCOUNT, region, "failed") for region in REGIONS])
    await page.locator("#coverage-refresh").click()
    await expect(row.locator(".cell.old")).to_have_text(re.compile("on"))
    old = "; as of 2026-11-26 10:00 UTC in 1 region, which could not be checked since."
    await expect(shown).to_have_text(words.removeprefix("Account ").removesuffix(".") + old)
    await expect(page.locator("#coverage-summary")).to_contain_text("could not be checked everywhere")
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Coverage=cells))
    await page.goto(f"{url}/#account/{ACCOUNT}")
    await expect(page.locator("#account-verdict")).to_have_text(words)


async def test_only_this_account_is_asked_again(url: str, page: Page, api: PageApi) -> None:
    """From its own page, in both surveys that the page is made from."""
    failure = {"AccountId": ACCOUNT, "Region": REGIONS[0], "Failure": {"Outcome": "failed", **DENIED}}
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Failures=[failure]))
    api.answers["POST fleet/retries"] = value({}, 202)
    await page.goto(f"{url}/#account/{ACCOUNT}")
    await page.get_by_role("button", name="Ask these again: AccessDenied").click()
    await expect(page.get_by_role("button", name="Ask these again: AccessDenied")).to_have_text("Ask these again")
    body = {"Cause": "AccessDenied", "AccountIds": [ACCOUNT]}
    assert api.bodies == [{"Kind": kind, **body} for kind in ("members", "coverage")]


async def test_the_others_of_an_account_are_asked_again(url: str, page: Page, api: PageApi) -> None:
    """By cause, in the regions where it may be in their graphs; what one of them says is not said of all."""
    first = {"AccountId": ADMINISTRATORS[0], "Region": REGIONS[0], "Failure": {"Outcome": "failed", **EXPIRED}}
    cause = {"Cause": "ExpiredToken", "Accounts": 400, "Regions": REGIONS, "First": first}
    failed = [cell(ACCOUNT, region, "failed") for region in REGIONS]
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Coverage=failed, Causes=[cause]))
    api.answers["POST fleet/retries"] = problem(409, "Conflict", detail="The survey is still running.")
    await page.goto(f"{url}/#account/{ACCOUNT}")
    await expect(page.locator("#account-others")).to_contain_text(
        f"ExpiredToken 400 accounts in 2 regions: for instance, of {ADMINISTRATORS[0]} in {REGIONS[0]}: Expired"
    )
    again = page.get_by_role("button", name="Ask these again: ExpiredToken, of other administrators")
    await again.click()
    await expect(page.locator("#account-others").get_by_role("alert")).to_contain_text("The survey is still running")
    api.bodies.clear()
    api.answers["POST fleet/retries"] = value({}, 202)
    api.answers[f"accounts/{ACCOUNT}"] = value(document())
    await again.click()
    await expect(page.locator("#account-failures")).to_have_count(0)
    await expect(page.locator("#account-verdict")).to_contain_text("is covered everywhere")
    body = {"Cause": "ExpiredToken", "Regions": REGIONS}
    assert api.bodies == [{"Kind": kind, **body} for kind in ("members", "coverage")]


async def test_what_one_failure_says_is_not_said_of_all(url: str, page: Page, api: PageApi) -> None:
    """It may name its own account; what all say in the same words is said once."""
    denied = [{**DENIED, "detail": f"role of {one}"} for one in ADMINISTRATORS]
    pairs = [(one, region, denied[number]) for number, one in enumerate(ADMINISTRATORS) for region in REGIONS]
    expired = target("200000000003", REGIONS[0], error={**EXPIRED, "detail": "the token is too old"})
    api.answers["fleet/overview"] = events([*(target(one, where, error=error) for one, where, error in pairs), expired])
    await page.goto(url)
    groups = page.locator("#failures > li")
    await expect(groups.first).to_contain_text(
        f"2 accounts in 2 regions: for instance, of {ADMINISTRATORS[0]} in {REGIONS[0]}: Access denied: role of"
    )
    await expect(groups.last).to_contain_text("1 account in 1 region: Expired: the token is too old")


@pytest.mark.parametrize("drip", ["", " ", "\n"])
async def test_a_stream_that_stalls_halfway(url: str, page: Page, api: PageApi, drip: str) -> None:
    """What has come is shown, and after the limit the page says that nothing comes any more, as blanks are nothing."""
    closed = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        lines: list[dict[str, Any]] = [{"Begin": {}}, member(ADMINISTRATORS[0], REGIONS[0], 7)]
        for line in lines:
            await response.write(json.dumps(line).encode() + b"\n")
        while not closed.is_set():
            await response.write(drip.encode())
            await asyncio.sleep(0.05)
        return response

    app = web.Application()
    app.router.add_get("/stall", stall)
    async with TestServer(app) as server, AsyncExitStack() as stack:
        # Otherwise the server would wait for it if the test fails.
        stack.callback(closed.set)

        async def answer(route: Route) -> None:
            await route.continue_(url=str(server.make_url("/stall")))

        api.answers["fleet/members"] = answer
        await page.clock.install()
        await page.goto(f"{url}/#members")
        await expect(page.locator("#members-table tbody tr")).to_have_count(1)
        for _ in range(8):
            await page.clock.run_for(4_000)
            # For the blanks to arrive, by the server's clock.
            await asyncio.sleep(0.2)
        await expect(page.locator("#members-alert")).to_contain_text("The server does not answer")
        await expect(page.locator("#members-shown")).to_have_text("1 of 1 membership, 1 account, so far")
        closed.set()


async def test_a_late_plan_leaves_the_reader_where_they_are(url: str, page: Page, api: PageApi) -> None:
    """Neither the address nor the focus of another view changes; a notice leads to the plan."""
    api.answers["POST onboarding/plans"], gate = late(value(plan(), 201))
    await fill_plan(page, url)
    await page.get_by_role("link", name="Members").click()
    await expect(page.locator("#members-title")).to_be_focused()
    gate.set()
    await expect(page.locator("#notice")).to_contain_text(f"The plan for administrator {ADMINISTRATORS[0]} is ready.")
    assert page.url.endswith("/#members")
    await expect(page.locator("#members-title")).to_be_focused()
    await page.locator("#notice").get_by_role("link").click()
    await expect(page.get_by_role("button", name="Apply to administrator")).to_be_visible()
    await expect(page.locator("#notice")).to_be_empty()


async def test_a_late_start_of_a_job_leaves_the_reader_where_they_are(url: str, page: Page, api: PageApi) -> None:
    """A notice leads to its progress."""
    api.answers["POST onboarding/plans"] = value(plan(), 201)
    api.answers["POST onboarding/jobs"], gate = late(value(job(State="running"), 202))
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("report", job()))
    await fill_plan(page, url)
    await page.locator("#plan-apply").click()
    await page.get_by_role("link", name="Members").click()
    await expect(page.locator("#members-title")).to_be_focused()
    gate.set()
    await expect(page.locator("#notice")).to_contain_text("is being applied")
    assert page.url.endswith("/#members")
    await page.locator("#notice").get_by_role("link").click()
    await expect(page.locator("#job-status")).to_contain_text("Done")


# ---- plans and jobs


async def test_many_clicks_apply_once(url: str, page: Page, api: PageApi) -> None:
    """Also those that come after the answer, and before the button is gone."""
    api.answers["POST onboarding/plans"] = value(plan(), 201)
    api.answers["POST onboarding/jobs"] = value(job(), 202)
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("report", job()))
    await fill_plan(page, url)
    await page.locator("#plan-apply").evaluate(
        """button => {
          const timer = setInterval(() => button.click(), 1);
          setTimeout(() => clearInterval(timer), 2000);
        }"""
    )
    await expect(page.locator("#job-status")).to_contain_text("Done")
    await page.wait_for_timeout(2000)
    assert api.requests.count("POST onboarding/jobs") == 1


async def test_what_was_applied_leaves_the_form(url: str, page: Page, api: PageApi) -> None:
    """The lines that were skipped stay, to be corrected, with their regions; the button has said so."""
    api.answers["POST onboarding/plans"] = value(plan(Lines=[{"Line": 2, "Problem": "no id"}]), 201)
    api.answers["POST onboarding/jobs"] = value(job(), 202)
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("report", job()))
    await fill_plan(page, url, f"{ACCOUNT},root@example.com\n12345,b@example.com\n")
    await page.get_by_label(REGIONS[1]).uncheck()
    await page.get_by_role("button", name="Show the plan").click()
    apply = page.locator("#plan-apply")
    await expect(apply).to_have_text(f"Apply to administrator {ADMINISTRATORS[0]}, without the invalid line")
    await page.locator("summary", has_text="Each action").click()
    await expect(page.locator("#plan-each tbody tr")).to_contain_text("Verification failed")
    await apply.click()
    await expect(page.locator("#job-status")).to_contain_text("Done")
    await expect(page.get_by_label("Accounts, one per line")).to_have_value("12345,b@example.com")
    # In the regions that were chosen for them.
    await expect(page.get_by_label(REGIONS[1])).not_to_be_checked()


@pytest.mark.parametrize("code", ["NotFound", "PlanSuperseded"])
async def test_a_plan_that_is_over_cannot_be_applied(url: str, page: Page, api: PageApi, code: str) -> None:
    """One that has expired, or that a newer one replaced."""
    api.answers["POST onboarding/plans"] = value(plan(), 201)
    status = 404 if code == "NotFound" else 409
    api.answers["POST onboarding/jobs"] = problem(status, "No", code=code)
    await fill_plan(page, url)
    await page.locator("#plan-apply").click()
    await expect(page.locator("#plan-over")).to_contain_text("cannot be applied any more")
    await expect(page.locator("#plan-apply")).to_have_count(0)


async def test_an_unknown_outcome_is_not_called_nothing(url: str, page: Page, api: PageApi) -> None:
    """Whether something was changed is not known, once the answer was lost."""

    async def lose(route: Route) -> None:
        await route.abort()

    api.answers["POST onboarding/plans"] = value(plan(), 201)
    api.answers["POST onboarding/jobs"] = lose
    await fill_plan(page, url)
    await expect(page.locator("#plan-summary")).to_contain_text("Nothing has been changed yet.")
    before = api.requests.count("GET onboarding/jobs")
    await page.locator("#plan-apply").click()
    await expect(page.locator("#apply-alert")).to_contain_text("AWS may have carried out the request")
    await expect(page.locator("#apply-alert")).to_contain_text("To apply it again is safe")
    assert api.requests.count("GET onboarding/jobs") == before + 1
    await expect(page.locator("#plan-summary")).not_to_contain_text("Nothing has been changed")


async def test_a_job_that_failed_does_not_say_done(url: str, page: Page, api: PageApi) -> None:
    """All of it, a part of it, or a whole region; equal problems are one."""
    row: dict[str, Any] = {
        "Region": REGIONS[0],
        "Before": None,
        "After": None,
        "Done": [],
        "Reason": None,
        "Error": None,
    }
    rows = [{**row, "AccountId": f"{number:012}", "Problem": "access denied"} for number in range(12)]
    ended = job(Done=12, Failed=12, Total=12, Ok=False, Summary="", Regions=[])
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("rows", rows), ("report", ended))
    others = [
        job(),
        job(JobId="d" * 32, Failed=1, Ok=False),
        job(JobId="e" * 32, Failed=2, Ok=False),
        job(JobId="f" * 32, Ok=False),
    ]
    api.answers["onboarding/jobs"] = value({"Jobs": others})
    await page.goto(f"{url}/#onboarding/{JOB_ID}")
    badge = page.locator("#job-status .badge")
    await expect(badge).to_have_text("Failed: all 12 memberships")
    await expect(badge).to_have_attribute("data-kind", "bad")
    await expect(page.locator("#job-problems li")).to_have_text(
        re.compile("^12 memberships: access denied.*and 2 more")
    )
    latest = page.locator("#jobs .badge")
    await expect(latest).to_have_text(["Done", "Done, 1 failed", "Failed: all 2 memberships", "Done, with problems"])
    kinds = await latest.evaluate_all("all => all.map((one) => one.dataset.kind)")
    assert kinds == ["good", "bad", "bad", "bad"]


async def test_an_example_replaces_nothing(url: str, page: Page, api: PageApi) -> None:
    """It is offered only while the box is empty."""
    settings = {"Accounts": ADMINISTRATORS, "Regions": REGIONS, "Names": {}, "Accepts": True, "Example": f"{ACCOUNT},"}
    api.answers["settings"] = value(settings)
    await page.goto(f"{url}/#onboarding")
    box, button = page.get_by_label("Accounts, one per line"), page.get_by_role("button", name="Insert an example")
    await box.fill("1")
    await expect(button).to_have_count(0)
    await box.fill("")
    await button.click()
    await expect(box).to_have_value(f"{ACCOUNT},")
    await expect(box).to_be_focused()
    await expect(button).to_have_count(0)


@pytest.mark.parametrize("state", [{"JobId": JOB_ID}, {"Latest": False}])
async def test_a_plan_of_the_address_may_be_over(url: str, page: Page, api: PageApi, state: Any) -> None:
    """One that was applied leads to its job; neither that nor one that was replaced can be applied."""
    api.answers[f"onboarding/plans/{PLAN_ID}"] = value(plan(**state))
    await page.goto(f"{url}/#onboarding?plan={PLAN_ID}")
    await expect(page.locator("#plan-over")).to_contain_text("cannot be applied any more")
    assert await page.locator("#plan-over a").count() == ("JobId" in state)
    await expect(page.locator("#plan-summary")).to_be_visible()
    await expect(page.locator("#plan-apply")).to_have_count(0)


async def test_the_plan_of_the_address_is_shown(url: str, page: Page, api: PageApi) -> None:
    """Another one than before; and a failure to read it does not say that it is gone."""
    for number, found in (("b", ADMINISTRATORS[0]), ("d", ADMINISTRATORS[1])):
        api.answers[f"onboarding/plans/{number * 32}"] = value(plan(PlanId=number * 32, AdministratorId=found))
        await page.goto(f"{url}/#onboarding?plan={number * 32}")
        await expect(page.get_by_role("heading", name=f"Plan for administrator {found}")).to_be_visible()
    api.answers[f"onboarding/plans/{'e' * 32}"] = problem(500, "Internal Server Error")
    await page.goto(f"{url}/#onboarding?plan={'e' * 32}")
    await expect(page.locator("#plan-alert")).to_contain_text("could not be read: Internal Server Error")


# ---- what changed, what is listed, and files


async def test_what_changed_stays_until_it_is_marked_as_seen(url: str, page: Page, api: PageApi) -> None:
    """A reload uses nothing up; another time can be chosen, and is in the address."""
    change = {"Time": TIME, "AccountId": ADMINISTRATORS[0], "Region": REGIONS[0], "MemberId": ACCOUNT}
    found = {"Since": TIME, "AsOf": LATER, "Complete": True, "Left": 0}
    api.answers["changes"] = value({**found, "Changes": [{**change, "Before": None, "After": "INVITED"}]})
    await page.goto(url)
    row = page.locator("#changes-table tbody tr")
    await expect(row).to_contain_text("not a member")
    await expect(row).to_contain_text("Invited")
    await expect(page.get_by_role("columnheader", name="Noticed (UTC)")).to_be_visible()
    await page.evaluate("localStorage.setItem('detective-changes-seen', '2026-11-20T08:00:00.000Z')")
    for _ in range(2):
        await page.reload()
        await expect(row).to_have_count(1)
    assert [one for one in api.requests if "changes" in one][1:] == [
        "GET changes?since=2026-11-20T08%3A00%3A00.000Z"
    ] * 2
    await page.get_by_role("button", name="Mark as seen").click()
    await expect(page.locator("#changes-title")).to_have_text("What changed since 2026-11-26 11:30 UTC")
    await page.reload()
    await expect(page.locator("#changes-title")).to_have_text("What changed since 2026-11-26 11:30 UTC")
    await page.get_by_label("Since", exact=True).select_option("24")
    await expect(page.locator("#changes-title")).not_to_contain_text("11:30")
    assert page.url.endswith("since=24")


async def test_packages_and_auto_enable(url: str, page: Page, api: PageApi) -> None:
    """Of each graph; what could not be read says so, and is no "no"."""
    graph = {"CreatedTime": TIME, "Packages": {"DETECTIVE_CORE": "STARTED", "EKS_AUDIT": "STOPPED"}, "Problems": {}}
    unread = {"Packages": None, "AutoEnable": None, "Problems": {"Packages": DENIED, "AutoEnable": DENIED}}
    found = [
        {**graph, "Arn": "a", "AutoEnable": True},
        {**graph, "Arn": "b", "AutoEnable": None},
        {**graph, **unread, "Arn": "c"},
    ]
    api.answers["fleet/graphs"] = ndjson(
        [{"AccountId": ADMINISTRATORS[0], "Region": REGIONS[0], "Graph": one} for one in found[:1]]
        + [
            {"AccountId": ADMINISTRATORS[1], "Region": region, "Graph": one}
            for region, one in zip(REGIONS, found[1:], strict=True)
        ]
    )
    await page.goto(f"{url}/#members")
    rows = page.locator("#graphs-table tbody tr")
    await expect(rows.nth(0)).to_have_text(re.compile(r"EKS audit logs \(stopped\), core.*yes"))
    await expect(rows.nth(1)).to_contain_text("no: not the graph of an organization")
    await expect(rows.nth(2).get_by_text("could not be read: Access denied")).to_have_count(2)


async def test_a_file_that_is_incomplete_says_so(url: str, page: Page, api: PageApi) -> None:
    """The links have the filters of the view; what failed is a file of its own."""
    failure = {"AccountId": ADMINISTRATORS[1], "Region": REGIONS[0], "Failure": {"Outcome": "failed", **DENIED}}
    lines = [member(ADMINISTRATORS[0], REGIONS[0], 300000000001, "INVITED"), failure]
    api.answers["fleet/members"] = ndjson(lines)
    await page.goto(f"{url}/#members?status=INVITED&find=3000-0000")
    exports = page.locator("#members .exports")
    await expect(exports).to_contain_text("Incomplete: 1 account and region could not be checked")
    links = await exports.get_by_role("link").evaluate_all("all => all.map((one) => one.getAttribute('href'))")
    query = "?member=30000000&status=INVITED&sort=status"
    assert links == [
        f"api/export/members.csv{query}",
        f"api/export/members.ndjson{query}",
        "api/export/failures.csv?kind=members",
    ]
    # As the real server answers.
    await page.unroute("**/api/**")
    answers = await page.evaluate(
        """links => Promise.all(links.map(async (link) => {
          const response = await fetch(link);
          return [response.status, response.headers.get("content-disposition").split(";")[0]];
        }))""",
        links,
    )
    assert answers == [[200, "attachment"]] * 3


async def test_older_rows_are_in_no_file(url: str, page: Page, api: PageApi) -> None:
    """Rows that stay where there is no newer answer are shown, and a file has only what was answered."""
    lines = [member(ADMINISTRATORS[n], REGIONS[0], 300000000001 + n) for n in range(2)]
    failed = [
        {"AccountId": ADMINISTRATORS[n], "Region": REGIONS[0], "Failure": {"Outcome": "failed", **DENIED}}
        for n in range(2)
    ]
    api.answers["fleet/members"] = ndjson(lines)
    await page.goto(f"{url}/#members")
    exports = page.locator("#members .exports")
    await expect(exports.get_by_role("link", name="CSV").first).to_have_attribute("href", re.compile("members.csv"))
    await expect(exports).not_to_contain_text("older")
    refresh = page.locator("#members").get_by_role("button", name="Refresh").first
    api.answers["fleet/members"] = ndjson([lines[0], failed[1]])
    await refresh.click()
    await expect(exports).to_contain_text("Without 1 older row.")
    api.answers["fleet/members"] = ndjson(failed)
    await refresh.click()
    await expect(exports).to_contain_text("nothing to export: all rows are older than the latest answer")
    await expect(page.locator("#members-table tbody tr.old")).to_have_count(2)
    await expect(exports.get_by_role("link", name="CSV", exact=True)).to_be_disabled()


async def test_what_is_not_near_the_screen_is_found_by_filters(url: str, page: Page, api: PageApi) -> None:
    """Long lists say that the browser's own search is not enough; names and addresses are found once they are shown."""
    lines = [
        member(ADMINISTRATORS[0], REGIONS[0], 300000000000 + n, EmailAddress=f"root{n}@example.com") for n in range(100)
    ]
    settings = {"Accounts": ADMINISTRATORS, "Regions": REGIONS, "Names": {"300000000042": "Payments"}}
    api.answers |= {"settings": value({**settings, "Accepts": True, "Example": None}), "fleet/members": ndjson(lines)}
    await page.goto(f"{url}/#members?find=payments")
    await expect(page.locator("#members-shown")).to_contain_text("0 of 100")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await expect(page.locator("#members-shown")).to_contain_text("1 of 100")
    await page.locator("#members-find").fill("ROOT7@")
    await expect(page.locator("#members-table tbody th")).to_have_text(["300000000007"])
    await expect(page.locator("#members .near")).to_have_count(0)
    await page.locator("#members-find").fill("")
    await expect(page.locator("#members .near")).to_contain_text("use the filters")
    await page.get_by_label("Find an account").fill("4444555566")
    await page.keyboard.press("Enter")
    await expect(page.locator("#coverage-digits")).to_have_text("An account id has 12 digits; this has 10.")


async def test_equally_severe_investigations_are_by_date(url: str, page: Page, api: PageApi) -> None:
    """The newest first; the account leads to its page."""
    times = ["2026-11-20T10:00:00Z", "2026-11-24T10:00:00Z", "2026-11-22T10:00:00Z"]
    api.answers["fleet/investigations"] = ndjson(
        [investigation(number, "HIGH", CreatedTime=time) for number, time in enumerate(times)]
    )
    await page.goto(f"{url}/#investigations")
    rows = page.locator("#investigations-table tbody tr")
    await expect(rows).to_have_text([re.compile(f"role/R{number}") for number in (1, 2, 0)])
    account = rows.first.get_by_role("link", name=ADMINISTRATORS[0], exact=True)
    await expect(account).to_have_attribute("href", f"#account/{ADMINISTRATORS[0]}")


async def test_a_refresh_counts_its_own_failures(url: str, page: Page, api: PageApi) -> None:
    """And not those of the survey before; what has no graph is shown on the spot."""
    denied = target(ADMINISTRATORS[0], REGIONS[0], error=DENIED)
    api.answers["fleet/overview"] = events([denied, target(ADMINISTRATORS[1], REGIONS[0], graph=False)], total=2)
    await page.goto(url)
    await expect(page.locator("#fleet-count")).to_have_text(re.compile("^2 of 2 done, 1 failed"))
    await page.get_by_role("button", name="Show which").click()
    await expect(page.locator("#targets tbody tr")).to_have_count(1)
    await expect(page.locator("#targets-title")).to_be_focused()
    api.answers["fleet/overview"] = events([], survey="b" * 16, total=2, end=False)
    await page.locator("#fleet-refresh").click()
    await expect(page.locator("#fleet-count")).to_have_text(re.compile("^0 of 2 done, as of"))


async def test_an_unknown_choice_of_the_address_is_none(url: str, page: Page, api: PageApi) -> None:
    """A filter that the page does not have hides nothing."""
    await page.goto(f"{url}/#members?status=FOO&region=mars-1")
    await expect(page.locator("#members-shown")).to_have_text("1 of 1 membership, 1 account")
    await expect(page.locator("#members-status")).to_have_value("")
    assert "GET fleet/members?max_age=3600" in api.requests


@pytest.mark.parametrize("width", [390, 1440])
async def test_a_wide_matrix_blocks_nothing(url: str, page: Page, api: PageApi, width: int) -> None:
    """400 accounts in 20 regions: no task takes over 100 ms, on a phone either."""
    accounts = [f"{number:012}" for number in range(400)]
    regions = [f"eu-west-{number}" for number in range(1, 21)]
    settings = {"Accounts": accounts, "Regions": regions, "Names": {}, "Accepts": True, "Example": None}
    api.answers["settings"] = value(settings)
    api.answers["coverage"] = ndjson(
        [cell(one, region, "off", "verification failed") for region in regions for one in accounts]
    )
    await page.set_viewport_size({"width": width, "height": 800})
    async with recorded_tasks(page) as tasks:
        await page.goto(f"{url}/#coverage")
        await expect(page.locator("#coverage-freshness")).to_contain_text("As of")
        await page.locator("#coverage-find").press_sequentially("39", delay=10)
        await expect(page.locator("#coverage-shown")).to_have_text(re.compile("^14 of 400"))
    assert len(tasks) > 50
    assert tasks[0] < 100


async def test_fleet_and_members_are_of_one_survey(url: str, page: Page, api: PageApi) -> None:
    """What one view has refreshed, the other one shows too; and nothing is read twice."""
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-freshness")).to_contain_text("10:00")
    api.answers["fleet/overview"] = events([target(ADMINISTRATORS[0], REGIONS[0])], survey="b" * 16, started=LATER)
    api.answers["fleet/members"] = ndjson([], finished=LATER, survey="b" * 16)
    for _ in range(2):
        await page.get_by_role("link", name="Fleet").click()
        await expect(page.locator("#fleet-count")).to_contain_text("11:30")
        await page.get_by_role("link", name="Members").click()
        await expect(page.locator("#members-freshness")).to_contain_text("11:30")
    assert [one for one in api.requests if "fleet/" in one and "graphs" not in one] == [
        "GET fleet/members?max_age=3600",
        "GET fleet/overview?max_age=3600",
        "GET fleet/members?max_age=3600",
    ]


async def test_the_filter_is_printed(url: str, page: Page, api: PageApi) -> None:
    """With the rows it has chosen, on paper that is not wider than a sheet; a phone's cards name their first cell."""
    api.answers["fleet/members"] = ndjson([member(ADMINISTRATORS[0], REGIONS[0], 300000000001, "INVITED")])
    await page.set_viewport_size({"width": 720, "height": 1000})
    await page.goto(f"{url}/#members?status=INVITED")
    await page.emulate_media(media="print")
    await expect(page.locator("#members-status")).to_be_visible()
    await expect(page.locator("#members-personal")).to_be_hidden()
    assert await page.evaluate("document.documentElement.scrollWidth") == 720
    await page.emulate_media(media="screen")
    await page.set_viewport_size({"width": 390, "height": 800})
    first = page.locator("#members-table tbody th")
    assert await first.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Account"'


# ---- what is old, and what nobody looks at any more


async def test_a_retry_does_not_make_the_rest_new(url: str, page: Page, api: PageApi) -> None:
    """The rows are of the time of the oldest that was kept, and not of the end of the survey."""
    end = {"Lines": 1, "StartedTime": TIME, "FinishedTime": LATER}
    begin = {"SurveyId": "a" * 16, "StartedTime": TIME, "Total": 1}
    lines = [{"Begin": begin}, member(ADMINISTRATORS[0], REGIONS[0], 1), {"End": end}]

    async def answer(route: Route) -> None:
        body = "".join(json.dumps(line) + "\n" for line in lines)
        await route.fulfill(content_type="application/x-ndjson", body=body)

    api.answers["fleet/members"] = answer
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-freshness")).to_have_text("As of 2026-11-26 10:00 UTC")


async def test_a_later_survey_is_known_by_its_id(url: str, page: Page, api: PageApi) -> None:
    """What a retry has read is shown in both views, though what it kept is as old as before."""
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-freshness")).to_contain_text("As of")
    api.answers["fleet/overview"] = events([target(ADMINISTRATORS[0], REGIONS[0])], survey="b" * 16)
    await page.get_by_role("link", name="Fleet").click()
    await expect(page.locator("#fleet-count")).to_contain_text("1 of 4 done")
    await expect(page.locator("#fleet-freshness")).to_have_count(0)
    api.answers["fleet/members"] = ndjson([member(ADMINISTRATORS[0], REGIONS[0], n) for n in range(2)], survey="b" * 16)
    await page.get_by_role("link", name="Members").click()
    await expect(page.locator("#members-shown")).to_contain_text("2 of 2")


#: What the views read as streams.
STREAMS = ("fleet/overview", "coverage", "fleet/members", "fleet/graphs", "fleet/investigations")


@asynccontextmanager
async def hanging_streams(api: PageApi) -> AsyncIterator[list[int]]:
    """Let all streams hang, and yield a list with the number of those that are open."""
    closed, handled = asyncio.Event(), [0]

    async def hang(_request: web.Request) -> web.Response:
        handled[0] += 1
        try:
            await closed.wait()
        finally:
            handled[0] -= 1
        return web.Response()

    app = web.Application()
    app.router.add_get("/hang", hang)
    async with TestServer(app, handler_cancellation=True) as server, AsyncExitStack() as stack:
        # Otherwise the server would wait for them if the test fails.
        stack.callback(closed.set)

        async def answer(route: Route) -> None:
            await route.continue_(url=str(server.make_url("/hang")))

        api.answers |= dict.fromkeys(STREAMS, answer)
        # The page itself does not give them up.
        api.answers["settings"] = value({**SETTINGS, "Limits": {**LIMITS, "Silence": 600}})
        yield handled


async def test_a_view_that_was_left_holds_no_connection(url: str, page: Page, api: PageApi) -> None:
    """A browser has six for a server: with streams that hang in all views, none is taken by them."""
    async with hanging_streams(api) as handled:
        await page.goto(url)
        for view in ("Fleet", "Coverage", "Members", "Investigations"):
            await page.get_by_role("link", name=view).click()
            await expect(page.locator(f"#{view.lower()}-freshness")).to_contain_text("Asking")
            await until(lambda: handled[0], "it hangs")
        await page.get_by_role("link", name="Onboarding").click()
        await until(lambda: not handled[0], "nothing hangs any more")


@pytest.mark.parametrize("view", ["fleet", "coverage", "members", "investigations"])
async def test_a_hidden_page_holds_no_connection(url: str, page: Page, api: PageApi, view: str) -> None:
    """Neither one that is hidden while it loads, nor one that was opened in a hidden tab; once seen, it reads on."""
    hide = 'Object.defineProperty(document, "visibilityState", { get: () => "hidden", configurable: true })'
    tell = 'document.dispatchEvent(new Event("visibilitychange"))'
    await page.add_init_script(hide)
    async with hanging_streams(api) as handled:
        await page.goto(f"{url}/#{view}")
        await expect(page.locator(f"#{view}-freshness")).to_have_text("Not asked yet")
        assert not [one for one in api.requests if any(stream in one for stream in STREAMS)]
        for _ in range(2):
            await page.evaluate(f"() => {{ delete document.visibilityState; {tell}; }}")
            await until(lambda: handled[0], "it hangs")
            await expect(page.locator(f"#{view}-freshness")).to_contain_text("Asking")
            await page.evaluate(f"() => {{ {hide}; {tell}; }}")
            await until(lambda: not handled[0], "nothing hangs any more")


async def test_a_row_of_another_shape_stops_nothing(url: str, page: Page, api: PageApi) -> None:
    """It is a problem of that stream, and the next refresh works."""
    good = api.answers["fleet/members"]
    api.answers["fleet/members"] = ndjson([{"AccountId": ADMINISTRATORS[0], "Region": REGIONS[0]}])
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-alert")).to_contain_text("The response cannot be read")
    api.answers["fleet/members"] = good
    await page.locator("#members-refresh").click()
    await expect(page.locator("#members-shown")).to_contain_text("1 of 1")


@pytest.mark.usefixtures("api")
async def test_typed_lines_are_put_aside_once(url: str, page: Page) -> None:
    """A second account's link puts nothing aside that the first one has filled in."""
    await page.goto(f"{url}/#onboarding")
    box = page.get_by_label("Accounts, one per line")
    await box.fill("111122223333,a@example.com")
    for account in (ACCOUNT, "555566667777"):
        await page.goto(f"{url}/#onboarding?accounts={account}&regions={REGIONS[0]}")
        await expect(box).to_have_value(f"{account},")
    await page.get_by_role("button", name="Put it back").click()
    await expect(box).to_have_value("111122223333,a@example.com")


async def test_an_investigation_that_was_left_is_not_polled(url: str, page: Page, api: PageApi) -> None:
    """While it runs, it is asked again only as long as it is shown."""
    number = f"{1:021}"
    path = f"accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations/{number}"
    details = investigation(1, "HIGH", Status="RUNNING", GraphArn="arn", ScopeStartTime=TIME, ScopeEndTime=TIME)
    api.answers[path] = value(details["Investigation"])
    await page.clock.install()
    await page.goto(f"{url}/#investigations/{ADMINISTRATORS[0]}/{REGIONS[0]}/{number}")
    await expect(page.locator("#investigation-status")).to_have_text("running")
    await page.get_by_role("link", name="Members").click()
    await expect(page.locator("#members-shown")).to_contain_text("1 of 1")
    asked = api.requests.count(f"GET {path}")
    await page.clock.run_for(10_000)
    assert api.requests.count(f"GET {path}") == asked


async def test_what_is_hidden_is_not_in_the_address(url: str, page: Page, api: PageApi) -> None:
    """An e-mail address that was looked for leaves the address with the addresses; a file cannot have that filter."""
    api.answers["fleet/members"] = ndjson([member(ADMINISTRATORS[0], REGIONS[0], 1, EmailAddress="root@example.com")])
    await page.goto(f"{url}/#members")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await page.locator("#members-find").fill("root@")
    await expect(page.locator("#members-shown")).to_contain_text("1 of 1")
    # Nor was it there before.
    assert page.url.endswith("/#members")
    await expect(page.locator("#members .exports")).to_contain_text("Export all members")
    await page.get_by_role("button", name="Hide names and e-mail addresses").click()
    await expect(page.locator("#members-find")).to_have_value("")
    assert page.url.endswith("/#members")


async def test_nobody_is_chosen_for_an_investigation(url: str, page: Page, api: PageApi) -> None:
    """It would start in a graph that nobody has meant; where there is one only, it is that."""
    await page.goto(f"{url}/#investigations")
    await page.get_by_text("Start an investigation").click()
    await page.get_by_label("ARN of the user or role").fill(f"arn:aws:iam::{ADMINISTRATORS[1]}:role/Admin")
    await expect(page.locator("#start-account")).to_have_value("")
    await expect(page.locator("#start-region")).to_have_value("")
    start = page.get_by_role("button", name="Start", exact=True)
    await start.click()
    await page.locator("#start-account").select_option(ADMINISTRATORS[1])
    await start.click()
    assert not [one for one in api.requests if one.startswith("POST")]
    await page.locator("#start-region").select_option(REGIONS[1])
    await start.click()
    path = f"POST accounts/{ADMINISTRATORS[1]}/regions/{REGIONS[1]}/investigations"
    await until(lambda: path in api.requests, "it is started where that was chosen")
    one = {"Accounts": ADMINISTRATORS[:1], "Regions": REGIONS[:1]}
    api.answers["settings"] = value({**SETTINGS, **one})
    await page.evaluate("sessionStorage.clear()")
    await page.reload()
    await expect(page.locator("#start-account")).to_have_value(ADMINISTRATORS[0])
    await expect(page.locator("#start-region")).to_have_value(REGIONS[0])


async def test_a_start_of_unknown_outcome_is_repeated_as_another_one(url: str, page: Page, api: PageApi) -> None:
    """The server answers the same token as before for ever: who has looked, and found nothing, starts it anew."""
    path = f"POST accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations"
    api.answers[path] = problem(503, "Connection lost", outcome_unknown=True)
    await page.goto(f"{url}/#investigations")
    await open_start(page)
    await page.get_by_label("ARN of the user or role").fill(f"arn:aws:iam::{ADMINISTRATORS[0]}:role/Admin")
    await page.get_by_role("button", name="Start", exact=True).click()
    anew = page.get_by_role("button", name="It was not started: start it")
    await anew.click()
    await expect(anew).to_be_visible()
    tokens = [body["ClientToken"] for body in api.bodies]
    assert len(tokens) == len(set(tokens)) == 2


async def test_what_is_started_anew_is_what_the_alert_names(url: str, page: Page, api: PageApi) -> None:
    """The form may ask for another investigation by then."""
    path = f"POST accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations"
    api.answers[path] = problem(503, "Connection lost", outcome_unknown=True)
    await page.goto(f"{url}/#investigations")
    await open_start(page)
    arn = f"arn:aws:iam::{ADMINISTRATORS[0]}:role/"
    entity = page.get_by_label("ARN of the user or role")
    await entity.fill(f"{arn}Admin")
    await page.get_by_role("button", name="Start", exact=True).click()
    alert = page.locator("#start-alert")
    await expect(alert).to_contain_text(f"Starting {arn}Admin in {REGIONS[0]} of {ADMINISTRATORS[0]}")
    await entity.fill(f"{arn}Other")
    await expect(alert).to_contain_text(f"Starting {arn}Admin")
    api.answers[path] = problem(409, "Conflict")
    await page.get_by_role("button", name="It was not started: start it").click()
    await expect(alert).to_contain_text("Conflict")
    assert [body["EntityArn"] for body in api.bodies] == [f"{arn}Admin"] * 2
    await expect(entity).to_have_value(f"{arn}Other")


async def test_what_is_typed_while_a_start_is_under_way_stays(url: str, page: Page, api: PageApi) -> None:
    """Only what was started leaves the form."""
    answer, gate = late(value({"InvestigationId": "0" * 21}, 201))
    api.answers[f"POST accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations"] = answer
    await page.goto(f"{url}/#investigations")
    await open_start(page)
    entity = page.get_by_label("ARN of the user or role")
    await entity.fill(f"arn:aws:iam::{ADMINISTRATORS[0]}:role/Admin")
    await page.get_by_role("button", name="Start", exact=True).click()
    other = f"arn:aws:iam::{ADMINISTRATORS[0]}:role/Other"
    await entity.fill(other)
    gate.set()
    await expect(page.locator("#one")).to_be_visible()
    await expect(entity).to_have_value(other)
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(entity).to_have_value("")
    assert [body["EntityArn"] for body in api.bodies][1] == other


async def test_an_account_is_old_where_it_could_not_be_checked(url: str, page: Page, api: PageApi) -> None:
    """By the same rule as in the matrix: a refresh with expired keys does not take away what was known."""
    api.answers[f"accounts/{ACCOUNT}"] = value(document())
    await page.goto(f"{url}/#account/{ACCOUNT}")
    words = f"Account {ACCOUNT} is covered everywhere: in all 2 regions"
    await expect(page.locator("#account-verdict")).to_have_text(f"{words}.")
    failed = [cell(ACCOUNT, region, "failed") for region in REGIONS]
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Coverage=failed, CoverageAsOf=LATER))
    await page.locator("#account-refresh").click()
    old = "as of 2026-11-26 10:00 UTC in 2 regions, which could not be checked since"
    await expect(page.locator("#account-verdict")).to_have_text(f"{words}; {old}.")
    await expect(page.locator("#account-freshness")).to_have_text(
        "Could not be refreshed, shown: as of 2026-11-26 10:00 UTC"
    )
    await expect(page.locator("#account-coverage .cell.old")).to_have_count(2)


async def test_what_was_hidden_is_no_longer_found(url: str, page: Page, api: PageApi) -> None:
    """Nor kept in rows that stay, because the next answer is a failure."""
    api.answers["settings"] = value({**SETTINGS, "Names": {"300000000001": "Payments"}})
    mail = {"EmailAddress": "root@example.com"}
    api.answers["fleet/members"] = ndjson([member(ADMINISTRATORS[0], REGIONS[0], 300000000001, **mail)])
    await page.goto(f"{url}/#members")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await expect(page.locator("#members-table")).to_contain_text("Payments")
    assert "GET settings?names=true" in api.requests
    api.answers["fleet/members"] = problem(500, "Internal Server Error")
    await page.get_by_role("button", name="Hide names and e-mail addresses").click()
    await expect(page.locator("#members-alert")).to_contain_text("Internal Server Error")
    await expect(page.locator("#members-table")).not_to_contain_text("Payments")
    for hidden in ("root@", "Payments"):
        await page.locator("#members-find").fill(hidden)
        await expect(page.locator("#members-shown")).to_contain_text("0 of 1")
    api.answers["settings"] = problem(500, "Internal Server Error")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await page.locator("#members-find").fill("root@")
    await expect(page.locator("#members-shown")).to_contain_text("0 of 1")


def has_asked(api: PageApi, stream: str) -> bool:
    """Return whether a stream was asked for that AWS has to answer anew."""
    return f"GET {stream}?max_age=0" in api.requests


async def test_a_job_makes_every_view_older_than_itself(url: str, page: Page, api: PageApi) -> None:
    """Fleet, coverage, members and graphs are all asked anew: it may have changed any of them."""
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("report", job()))
    for view in ("coverage", "members", "fleet"):
        await page.goto(f"{url}/#{view}")
        await expect(page.locator("main")).to_contain_text(re.compile("as of", re.IGNORECASE))
    await page.goto(f"{url}/#onboarding/{JOB_ID}")
    await expect(page.locator("#job-status")).to_contain_text("Done")
    for view in ("Fleet", "Coverage", "Members"):
        await page.get_by_role("link", name=view).click()
        await expect(page.locator("main")).to_contain_text(re.compile("as of", re.IGNORECASE))
    for stream in ("fleet/overview", "coverage", "fleet/members", "fleet/graphs"):
        await until(partial(has_asked, api, stream), stream)


async def test_a_survey_that_ended_early_finds_nothing_well(url: str, page: Page, api: PageApi) -> None:
    """That it saw no problem in one of four places says nothing."""
    api.answers["fleet/overview"] = events(
        [target(ADMINISTRATORS[0], REGIONS[0])], end=False, error={"title": "The time limit is over"}
    )
    await page.goto(url)
    await expect(page.locator("#fleet-alert")).to_contain_text("The time limit is over")
    await expect(page.locator("#attention")).not_to_contain_text("Nothing that this survey can see")


async def test_a_clock_that_is_set_back_delays_nothing(url: str, page: Page, api: PageApi) -> None:
    """What failed is tried again after the same pause, and the seconds of a wait are those that have passed."""
    api.answers["fleet/members"] = problem(500, "Internal Server Error")
    await page.clock.install(time="2026-11-26T12:00:00Z")
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-alert")).to_contain_text("Internal Server Error")
    asked = api.requests.count("GET fleet/members?max_age=3600")
    await page.clock.set_system_time("2026-11-26T11:00:00Z")
    api.answers["fleet/members"] = silence
    await page.clock.run_for(12_000)
    await until(lambda: api.requests.count("GET fleet/members?max_age=3600") > asked, "it is tried again")
    await page.clock.run_for(8_000)
    await expect(page.locator("#members-freshness")).to_have_text(re.compile(r"^Asking, for \d{1,2} s$"))


@pytest.mark.usefixtures("api")
async def test_a_view_that_cannot_be_drawn_leaves_the_page(url: str, page: Page) -> None:
    """It says so; the other views work, and their links. It is a fault of the page's own, whatever the server says."""

    async def break_it(route: Route) -> None:
        response = await route.fetch()
        text, begin = await response.text(), "export function Chart({ totals }) {\n"
        assert begin in text
        await route.fulfill(response=response, body=text.replace(begin, f'{begin}  throw new Error("broken");\n'))

    await page.route("**/chart.js*", break_it)
    await page.goto(f"{url}/#fleet")
    await expect(page.locator("#broken-alert")).to_contain_text("This view cannot be shown")
    await page.get_by_role("link", name="Members").click()
    await expect(page.locator("#members-shown")).to_contain_text("1 of 1")
    await page.get_by_role("link", name="Fleet").click()
    await page.unroute("**/chart.js*")
    await page.get_by_role("button", name="Reload this page").click()
    await expect(page.locator("#targets-shown")).to_contain_text("4 of 4")


# ---- what a newcomer stumbled over


async def test_an_applied_account_is_not_left_in_the_form(url: str, page: Page, api: PageApi) -> None:
    """Its second line was skipped, but would be a valid one alone; the others are left, for their regions."""
    lines = [{"Line": 2, "Problem": "no id"}, {"Line": 3, "Problem": "there already"}]
    api.answers["POST onboarding/plans"] = value(plan(Lines=lines), 201)
    api.answers["POST onboarding/jobs"] = value(job(), 202)
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("report", job()))
    await page.goto(f"{url}/#onboarding")
    await page.get_by_label(REGIONS[1]).uncheck()
    await administrator(page).select_option(ADMINISTRATORS[0])
    box = page.get_by_label("Accounts, one per line")
    await box.fill(f"{ACCOUNT},root@example.com\n12345,b@example.com\n4444-5555-6666,root@example.com\n")
    await page.get_by_role("button", name="Show the plan").click()
    await page.locator("#plan-apply").click()
    await expect(page.locator("#job-status")).to_contain_text("Done")
    await expect(box).to_have_value("12345,b@example.com")
    await expect(page.locator("#plan-left")).to_have_text(
        "1 line of the latest plan is not done: correct what is wrong, and show the plan again."
    )
    await expect(page.get_by_label(REGIONS[1])).not_to_be_checked()
    await box.fill("")
    await expect(page.locator("#plan-left")).to_have_count(0)


async def test_a_valid_line_that_the_plan_has_not_leaves_the_form_too(url: str, page: Page, api: PageApi) -> None:
    """Of an account that needs nothing, or whose problem the plan has named: only invalid lines are left."""
    csv = f"{ACCOUNT},a@example.com\n555566667777,b@example.com\n12345,c@example.com"
    api.answers["POST onboarding/plans"] = value(plan(Lines=[{"Line": 3, "Problem": "no id"}]), 201)
    api.answers["POST onboarding/jobs"] = value(job(), 202)
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("report", job()))
    await page.goto(f"{url}/#onboarding")
    await fill_plan(page, url, csv)
    await page.locator("#plan-apply").click()
    await expect(page.locator("#job-status")).to_contain_text("Done")
    await expect(page.get_by_label("Accounts, one per line")).to_have_value("12345,c@example.com")
    await expect(page.locator("#plan-left")).to_contain_text("1 line of the latest plan")


async def test_only_what_is_done_leaves_the_form(url: str, page: Page, api: PageApi) -> None:
    """And only when it is done, which a reload does not forget; the regions stay too, for what has failed."""
    other = "555566667777"
    csv = f"{ACCOUNT},a@example.com\n{other},b@example.com"
    row: dict[str, Any] = {
        "AccountId": ACCOUNT,
        "Region": REGIONS[0],
        "Before": None,
        "After": "ENABLED",
        "Done": [],
        "Problem": None,
    }
    failed = {**row, "AccountId": other, "After": None, "Problem": "AccessDenied"}
    api.answers["POST onboarding/plans"] = value(plan(AccountIds=[ACCOUNT, other]), 201)
    api.answers["POST onboarding/jobs"] = value(job(), 202)
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = silence
    await page.goto(f"{url}/#onboarding")
    await page.get_by_label(REGIONS[1]).uncheck()
    await fill_plan(page, url, csv)
    await page.locator("#plan-apply").click()
    await expect(page.locator("#job-title")).to_be_visible()
    box = page.get_by_label("Accounts, one per line")
    await expect(box).to_have_value(csv)
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("rows", [row, failed]), ("report", job(Failed=1)))
    await page.reload()
    await expect(page.locator("#job-status")).to_contain_text("1 failed")
    await expect(box).to_have_value(f"{other},b@example.com")
    await expect(page.get_by_label(REGIONS[1])).not_to_be_checked()
    await expect(page.locator("#job-left")).to_contain_text("The account that is not done is still in the form.")
    await page.get_by_role("button", name="Go to the form").click()
    await expect(box).to_be_focused()


@pytest.mark.parametrize(
    ("csv", "left"),
    [
        (f'"{ACCOUNT}","a@example.com"', ""),
        (f"{ACCOUNT};a@example.com", ""),
        (f"Email,AccountId\n# ours\na@example.com,{ACCOUNT}", ""),
        (f"Parent,AccountId,Email\n{'9' * 12},{ACCOUNT},a@example.com", ""),
        (f"Email,AccountId\na@example.com,{ACCOUNT}\nb@example.com,5555", "Email,AccountId\nb@example.com,5555"),
    ],
)
async def test_what_is_done_leaves_a_form_of_any_format(
    url: str, page: Page, api: PageApi, csv: str, left: str
) -> None:
    """Quotes, other separators and columns in another order, as the server reads them; a heading stays if needed.

    The regions are anew with an empty form, and those of the lines that are left otherwise.
    """
    lines = [{"Line": 3, "Problem": "no id"}] if left else []
    api.answers["POST onboarding/plans"] = value(plan(Lines=lines), 201)
    api.answers["POST onboarding/jobs"] = value(job(), 202)
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("report", job()))
    await page.goto(f"{url}/#onboarding")
    await page.get_by_label(REGIONS[1]).uncheck()
    await fill_plan(page, url, csv)
    await page.locator("#plan-apply").click()
    await expect(page.locator("#job-status")).to_contain_text("Done")
    await expect(page.get_by_label("Accounts, one per line")).to_have_value(left)
    await expect(page.get_by_label(REGIONS[1])).to_be_checked(checked=not left)
    await expect(page.locator("#plan-left")).to_have_count(1 if left else 0)


async def test_a_form_for_others_keeps_its_lines(url: str, page: Page, api: PageApi) -> None:
    """What a job has done for one administrator leaves no form that is meant for another one by then."""
    csv = f"{ACCOUNT},a@example.com"
    api.answers["POST onboarding/plans"] = value(plan(), 201)
    api.answers["POST onboarding/jobs"] = value(job(), 202)
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = silence
    await page.goto(f"{url}/#onboarding")
    await fill_plan(page, url, csv)
    await page.locator("#plan-apply").click()
    await expect(page.locator("#job-title")).to_be_visible()
    await administrator(page).select_option(ADMINISTRATORS[1])
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("report", job()))
    await page.reload()
    await expect(page.locator("#job-status")).to_contain_text("Done")
    await expect(page.get_by_label("Accounts, one per line")).to_have_value(csv)
    await expect(page.locator("#plan-left")).to_have_count(0)


async def test_a_double_click_reaches_nothing_that_came_meanwhile(url: str, page: Page) -> None:
    """A click of several counts only for what was there at the first one."""
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-title")).to_be_visible()
    link = page.get_by_role("link", name="Coverage")
    click: str = (
        "(node, detail) => node.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true, detail}))"
    )
    await page.locator("h1").evaluate(click, 1)
    assert await link.evaluate(click, 2) is False
    assert await link.evaluate(click, 3) is False
    assert page.url.endswith("/#members")
    await link.click(click_count=3)
    await expect(page.locator("#coverage-title")).to_be_visible()


async def test_the_plan_of_another_tab_says_so(url: str, page: Page, api: PageApi) -> None:
    """It belongs to no form here, and never did."""
    api.answers[f"onboarding/plans/{PLAN_ID}"] = value(plan())
    await page.goto(f"{url}/#onboarding?plan={PLAN_ID}")
    await expect(page.locator("#plan-outdated")).to_have_text(
        "This plan was made in another tab, or by another person. It can be applied only there."
    )


async def test_graphs_are_ordered_and_filtered(url: str, page: Page, api: PageApi) -> None:
    """By administrator and region, whatever the order in which they have answered; by the filters of the members."""
    arn = "arn:aws:detective:{}:{}:graph:" + "0" * 32
    found = [
        {"AccountId": account, "Region": region, "Graph": {"Arn": arn.format(region, account), "CreatedTime": TIME}}
        for region in reversed(REGIONS)
        for account in reversed(ADMINISTRATORS)
    ]
    api.answers["fleet/graphs"] = ndjson(found)
    await page.goto(f"{url}/#members")
    rows = page.locator("#graphs-table tbody tr")
    await expect(rows.get_by_role("rowheader")).to_have_text([one for one in ADMINISTRATORS for _ in REGIONS])
    await expect(rows.locator("td:nth-of-type(1)")).to_have_text(REGIONS * 2)
    await page.locator("#members-find").fill(ADMINISTRATORS[1])
    await page.locator("#members-region").select_option(REGIONS[0])
    await expect(rows).to_have_count(1)


@pytest.mark.parametrize("sort", ["constructor", "-nosuch"])
async def test_an_unknown_order_is_the_usual_one(url: str, page: Page, api: PageApi, sort: str) -> None:
    """As if the address had none."""
    statuses = ("ENABLED", "VERIFICATION_FAILED")
    api.answers["fleet/members"] = ndjson([member(ADMINISTRATORS[0], REGIONS[0], n, s) for n, s in enumerate(statuses)])
    await page.goto(f"{url}/#members?sort={sort}")
    await expect(page.locator("#members-table tbody tr").first).to_contain_text("Verification failed")
    await expect(page.locator("#members-table th[aria-sort=ascending]")).to_have_text("Status")


async def test_a_text_that_finds_no_account_is_explained(url: str, page: Page, api: PageApi) -> None:
    """Where e-mail addresses are found instead."""
    api.answers["coverage"] = ndjson([cell(ACCOUNT, REGIONS[0], "on")])
    await page.goto(f"{url}/#coverage?find=root%40example.com")
    await expect(page.locator("#coverage-words")).to_have_text(
        "No account has this in its id. Names and e-mail addresses are found in Members, once they are shown there."
    )


async def test_who_has_marked_nothing_has_asked_for_nothing(url: str, page: Page, api: PageApi) -> None:
    """The changes are those of a day, or since the record begins."""
    api.answers["changes"] = value({**CHANGES, "Complete": False, "Since": "2999-01-01T00:00:00Z"})
    await page.goto(url)
    words = page.locator("#changes")
    await expect(words).to_contain_text("You have marked nothing as seen yet")
    await expect(words).to_contain_text("The server's record begins only then.")
    # Somebody who has asked for a later time is not told so: something else is missing.
    api.answers["changes"] = value({**CHANGES, "Complete": False, "Since": "2000-01-01T00:00:00Z"})
    await page.get_by_role("button", name="Mark as seen").click()
    await expect(words).not_to_contain_text("You have marked nothing")
    await expect(words).not_to_contain_text("record begins")


async def test_a_stopped_job_says_what_was_done(url: str, page: Page, api: PageApi) -> None:
    """And nothing of a connection that the server has closed since: a job that has ended needs none."""
    row: dict[str, Any] = {"AccountId": ACCOUNT, "Region": REGIONS[0], "Before": None, "After": "INVITED"}
    row["Done"] = ["reinvite"]
    stopped = job(State="stopped", Ok=False, Done=0)
    body = "".join(
        f"event: {name}\ndata: {json.dumps(data)}\n\n"
        for name, data in (("begin", {}), ("rows", [{**row, "Problem": "interrupted"}]), ("stopped", stopped))
    )

    async def answer(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body=body)

    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = answer
    await page.goto(f"{url}/#onboarding/{JOB_ID}")
    await expect(page.locator("#job-status .badge")).to_have_text("Stopped")
    await expect(page.locator("#job-rows tbody tr")).to_contain_text("Invited")
    await expect(page.locator("#job-rows [data-label='Done']")).to_have_text("removed and invited again")
    await page.wait_for_timeout(500)
    await expect(page.locator("#job-alert")).to_be_empty()


async def test_a_job_that_the_server_has_forgotten_was_interrupted(url: str, page: Page, api: PageApi) -> None:
    """It is not called running, cannot be stopped, and its lines can be planned again."""
    api.answers["POST onboarding/plans"] = value(plan(), 201)
    api.answers["POST onboarding/jobs"] = value(job(State="running"), 202)
    begin = f"event: begin\ndata: {json.dumps(job(State='running', Done=0))}\n\n"

    async def answer(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body=f"retry: 1500\n{begin}")

    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = answer
    api.answers["onboarding/jobs"] = value({"Jobs": [job(State="running")]})
    await fill_plan(page, url)
    await page.locator("#plan-apply").click()
    await expect(page.locator("#job-stop")).to_be_visible()
    await expect(page.locator("#job-alert")).to_contain_text("whether it runs on is not known")
    api.answers["onboarding/jobs"] = value({"Jobs": []})
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = problem(404, "Not Found")
    await expect(page.locator("#job-alert")).to_contain_text("The server does not know this job any more")
    await expect(page.locator("#job-status .badge")).to_have_text("Interrupted")
    await expect(page.locator("#job-stop")).to_have_count(0)
    await expect(page.locator("#jobs")).to_have_count(0)
    await expect(page.get_by_label("Accounts, one per line")).to_have_value(f"{ACCOUNT},root@example.com")
    await expect(page.locator("#job-left")).to_contain_text("still in the form")


async def test_an_applied_plan_is_only_over(url: str, page: Page, api: PageApi) -> None:
    """That the form is another one by then is not said too; nor is the server's refusal, which means the same."""
    api.answers[f"onboarding/plans/{PLAN_ID}"] = value(plan(JobId=JOB_ID))
    await page.goto(f"{url}/#onboarding?plan={PLAN_ID}")
    await expect(page.locator("#plan-over")).to_contain_text("It was applied: show the progress")
    await expect(page.locator("#plan-outdated")).to_have_count(0)
    api.answers["POST onboarding/plans"] = value(plan(), 201)
    api.answers["POST onboarding/jobs"] = problem(404, "Not Found", detail="The plan does not exist")
    await fill_plan(page, url)
    await page.locator("#plan-apply").click()
    await expect(page.locator("#plan-over")).to_be_visible()
    await expect(page.locator("#apply-alert")).to_be_empty()


async def test_a_plan_says_what_cannot_be_taken_back(url: str, page: Page, api: PageApi) -> None:
    """E-mails to root users, and a graph that costs money."""
    graph = {"Kind": "create graph", "Region": REGIONS[0], "AccountId": None, "Reason": "no graph"}
    api.answers["POST onboarding/plans"] = value(plan(Actions=[graph, *plan()["Actions"]]), 201)
    await fill_plan(page, url)
    await expect(page.locator("#plan")).to_contain_text("1 invitation: the root user of the account gets an e-mail.")
    await expect(page.locator("#plan")).to_contain_text(
        "1 new graph: its members pay for their data once the free trial is over."
    )


async def test_equal_rows_have_one_order(url: str, page: Page, api: PageApi) -> None:
    """Whichever has come first."""
    lines = [member(ADMINISTRATORS[0], REGIONS[0], number, "ENABLED") for number in (3, 1, 2)]
    api.answers["fleet/members"] = ndjson(lines)
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-table tbody th")).to_have_text([f"{number:012}" for number in (1, 2, 3)])


async def test_problems_that_differ_by_their_account_are_one(url: str, page: Page, api: PageApi) -> None:
    """A role that is missing in 600 accounts is one problem, though its name has the id of each."""
    row: dict[str, Any] = {"Region": REGIONS[0], "Before": None, "After": None, "Done": []}
    ids = [f"{number:012}" for number in range(400000000000, 400000000600)]
    rows = [{**row, "AccountId": one, "Problem": f"cannot assume arn:aws:iam::{one}:role/Onboarding"} for one in ids]
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("rows", rows), ("report", job(Failed=600, Total=600)))
    await page.goto(f"{url}/#onboarding/{JOB_ID}")
    await expect(page.locator("#job-problems li")).to_have_count(1)
    await expect(page.locator("#job-problems")).to_contain_text(
        "600 memberships: cannot assume arn:aws:iam::(account):role/Onboarding."
    )


async def test_an_account_of_another_shape_is_a_problem(url: str, page: Page, api: PageApi) -> None:
    """It is not asked for again and again, and no part of the view waits for it."""
    api.answers[f"accounts/{ACCOUNT}"] = value({"Jobs": 5, "Regions": "x"})
    await page.goto(f"{url}/#account/{ACCOUNT}")
    await expect(page.locator("#account-alert")).to_contain_text("The response cannot be read")
    await expect(page.locator("#memberships")).to_contain_text("Could not be read.")
    await expect(page.locator("#memberships")).not_to_contain_text("Not answered yet")


@pytest.mark.usefixtures("api")
async def test_no_order_by_a_hidden_column_stays(url: str, page: Page) -> None:
    """Hiding names and e-mail addresses takes it out of the address."""
    await page.goto(f"{url}/#members")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await page.get_by_role("button", name="E-mail", exact=True).click()
    assert page.url.endswith("sort=email")
    await page.get_by_role("button", name="Hide names and e-mail addresses").click()
    assert page.url.endswith("#members")
    await page.locator("#members-table").get_by_role("button", name="Since (UTC)").click()
    assert page.url.endswith("sort=since")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await page.get_by_role("button", name="Hide names and e-mail addresses").click()
    assert page.url.endswith("sort=since")


@pytest.mark.parametrize(("view", "label"), [("members", "Account, name or e-mail"), ("coverage", "Account or name")])
async def test_a_filter_says_what_it_finds(url: str, page: Page, api: PageApi, view: str, label: str) -> None:
    """Names and e-mail addresses only while they are shown; then a phone has a keyboard with letters."""
    api.answers["coverage"] = ndjson([cell(ACCOUNT, REGIONS[0], "on")])
    await page.goto(f"{url}/#members")
    find = page.locator(f"#{view}-find")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await page.goto(f"{url}/#{view}")
    await expect(page.get_by_label(label, exact=True)).to_have_attribute("inputmode", "text")
    await page.goto(f"{url}/#members")
    await page.get_by_role("button", name="Hide names and e-mail addresses").click()
    await page.goto(f"{url}/#{view}")
    await expect(find).to_have_attribute("inputmode", "numeric")
    await expect(find).to_have_attribute("placeholder", "part of an id")
    await expect(page.locator(f"label[for={view}-find]")).to_have_text("Account")


@pytest.mark.usefixtures("api")
async def test_a_file_says_its_order(url: str, page: Page) -> None:
    """Only the files of members have that of their table."""
    await page.goto(f"{url}/#members?sort=-since")
    await expect(page.locator("#members .exports")).to_contain_text("Export these, in the order of the table: CSV")
    await page.goto(f"{url}/#investigations")
    await expect(page.locator("#investigations .exports")).to_contain_text("Export these, by id: CSV")


async def test_a_file_of_nothing_is_not_offered(url: str, page: Page, api: PageApi) -> None:
    """But is once a row has come; until the end, it is said that the file will have more than what is shown."""

    def begun(count: int) -> Answer:
        async def answer(route: Route) -> None:
            await route.continue_(url=str(server.make_url(f"/{count}")))

        return answer

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        rows = [member(ADMINISTRATORS[0], REGIONS[0], number) for number in range(int(request.match_info["count"]))]
        for line in [{"Begin": {}}, *rows]:
            await response.write(json.dumps(line).encode() + b"\n")
        await ended.wait()
        await response.write(json.dumps({"End": {"Lines": len(rows), "StartedTime": TIME}}).encode() + b"\n")
        return response

    ended = asyncio.Event()
    app = web.Application()
    app.router.add_get("/{count}", stream)
    async with TestServer(app) as server, AsyncExitStack() as stack:
        stack.callback(ended.set)
        exports = page.locator("#members .exports")
        api.answers["fleet/members"] = begun(0)
        await page.goto(f"{url}/#members")
        await expect(exports).to_contain_text("CSV NDJSON nothing to export yet")
        await expect(exports.get_by_role("link", name="CSV", exact=True)).to_be_disabled()
        assert await exports.locator("a[href]").count() == 0
        api.answers["fleet/members"] = begun(1)
        await page.reload()
        await expect(exports).to_contain_text("waits for the accounts and regions that are left, and has their rows")
        await expect(exports.get_by_role("link", name="CSV", exact=True)).to_be_enabled()
        ended.set()
        await expect(exports).not_to_contain_text("waits")
    api.answers["fleet/members"] = ndjson([])
    await page.reload()
    await expect(exports).to_contain_text(re.compile("CSV NDJSON nothing to export *with"))


@pytest.mark.parametrize("failed", [0, 1])
async def test_a_fleet_without_members_offers_no_file_of_them(url: str, page: Page, api: PageApi, failed: int) -> None:
    """Nor one of failures, if there is none."""
    api.answers["fleet/overview"] = events(
        [target(one, REGIONS[0], error=DENIED if failed else None) for one in ADMINISTRATORS]
    )
    await page.goto(url)
    exports = page.locator("#accounts .exports")
    await expect(exports.first).to_contain_text("CSV NDJSON nothing to export")
    await expect(exports.last.locator("a[href]")).to_have_count(2 * failed)


async def test_what_nobody_answered_is_not_called_no_membership(url: str, page: Page, api: PageApi) -> None:
    """Not at the first look; later, memberships that could not be read again stay, with their time."""
    unread = dict.fromkeys(REGIONS, ADMINISTRATORS)
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Unread=unread))
    await page.goto(f"{url}/#account/{ACCOUNT}")
    memberships = page.locator("#memberships")
    words = (
        "It may be a member of graphs that are not shown: 4 administrators and regions could not be read, and the "
        "causes are below."
    )
    await expect(page.locator("#memberships-unread")).to_have_text(words)
    await expect(memberships).not_to_contain_text("a member of no graph")
    both = [member(one, REGIONS[0], int(ACCOUNT)) for one in ADMINISTRATORS]
    api.answers[f"accounts/{ACCOUNT}"] = value(document(Memberships=both))
    await page.locator("#account-refresh").click()
    await expect(page.locator("#account-memberships tbody tr")).to_have_count(2)
    await expect(page.locator("#memberships-unread")).to_have_count(0)
    later = document(MembershipsAsOf=LATER, Unread={REGIONS[0]: [ADMINISTRATORS[0]]})
    api.answers[f"accounts/{ACCOUNT}"] = value(later)
    await page.locator("#account-refresh").click()
    rows = page.locator("#account-memberships tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("as of 2026-11-26 10:00")
    await expect(rows).to_contain_text(ADMINISTRATORS[0])
    await expect(page.locator("#memberships-unread")).to_contain_text(": 1 administrator and region could not be read")


async def test_where_all_failed_nothing_is_counted(url: str, page: Page, api: PageApi) -> None:
    """Neither 0 members and investigations, nor no graph: the causes stand there instead."""
    failed = {"AccountId": ADMINISTRATORS[0], "Region": REGIONS[0], "Failure": {"Outcome": "failed", **DENIED}}
    api.answers |= {f"fleet/{kind}": ndjson([failed]) for kind in ("members", "graphs", "investigations")}
    await page.goto(f"{url}/#members")
    await expect(page.locator("#graphs-failures")).to_contain_text("AccessDenied")
    await expect(page.locator("#graphs")).not_to_contain_text("There is no graph")
    await expect(page.locator("#members-failures")).to_contain_text("AccessDenied")
    await expect(page.locator("#members-shown")).to_have_count(0)
    await page.goto(f"{url}/#investigations")
    await expect(page.locator("#investigations-failures")).to_contain_text("AccessDenied")
    await expect(page.locator("#investigations-shown")).to_have_count(0)


async def test_where_all_failed_the_coverage_is_not_known(url: str, page: Page, api: PageApi) -> None:
    """Neither of all accounts nor of one: 0 would be wrong. One gap is enough to know."""
    failed = [cell(one, region, "failed") for one in ADMINISTRATORS for region in REGIONS]
    api.answers["coverage"] = ndjson(failed)
    await page.goto(f"{url}/#coverage?find={ADMINISTRATORS[0]}")
    summary = page.locator("#coverage-summary")
    await expect(summary).to_have_text("It is not known of 2 accounts whether they are covered in every region.")
    await expect(page.locator("#coverage-shown")).to_have_text(
        f"{ADMINISTRATORS[0]}: not known in 2 regions, which could not be checked."
    )
    api.answers["coverage"] = ndjson([*failed[:3], cell(ADMINISTRATORS[1], REGIONS[1], "off")])
    await page.reload()
    await expect(summary).to_have_text("0 of 2 accounts are covered in every region; 1 is not, and 1 is not known.")


async def test_the_chart_says_what_failed(url: str, page: Page, api: PageApi) -> None:
    """By the words of the table: a region that failed is not one that has not answered yet."""
    failed = [target(one, REGIONS[0], error=DENIED) for one in ADMINISTRATORS]
    api.answers["fleet/overview"] = events([*failed, target(ADMINISTRATORS[0], REGIONS[1], error=DENIED)], end=False)
    await page.goto(url)
    await expect(page.locator("#chart text[text-anchor=end]")).to_have_text(["failed", "not yet"])


@pytest.mark.usefixtures("api")
async def test_find_says_that_it_finds_no_email_address(url: str, page: Page) -> None:
    """As the box of the matrix does, instead of showing all; the address stays out of the page's."""
    await page.goto(f"{url}/#coverage")
    for view in ("coverage", "fleet"):
        await page.goto(f"{url}/#{view}")
        await page.get_by_label("Find an account").fill("root@example.com")
        await page.keyboard.press("Enter")
        await expect(page.locator("#coverage-words")).to_contain_text("No account has this in its id.")
        await expect(page.locator("#coverage-find")).to_have_value("root@example.com")
        assert page.url.endswith("#coverage")


@pytest.mark.parametrize(
    "text",
    [
        "4444\u20115555\u20116666",
        "4444\u20135555\u20136666",
        "4444\u22125555\u22126666",
        "4444.5555.6666",
        "4444\u00a05555\u20096666",
        " 444455556666\u200b",
        "\ufeff4444\u00ad55556666",
        "arn:aws:iam::444455556666:role/Admin",
    ],
)
async def test_an_id_is_found_as_it_was_copied(url: str, page: Page, api: PageApi, text: str) -> None:
    """With the hyphens and invisible characters of documents, or in an ARN."""
    api.answers[f"accounts/{ACCOUNT}"] = value(document())
    await page.goto(f"{url}/#fleet")
    await page.get_by_label("Find an account").fill(text)
    await page.keyboard.press("Enter")
    await expect(page.locator("#account-title")).to_have_text(f"Account {ACCOUNT}")
