"""What the example's page says while a plan is made and a job runs, and once it was stopped."""

import json
import re
from typing import Any

import pytest
from support.backend import Backend
from web_backend import world

from detective_async.testing import DetectiveSimulator

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Page, Route, expect
from support.browser import BROWSER_MARKS
from support.page_api import ADMINISTRATORS, REGIONS, TIME, Answer, PageApi, problem, silence, value

pytestmark = BROWSER_MARKS
ACCOUNT, PLAN_ID, JOB_ID = "444455556666", "b" * 32, "c" * 32
_LISTS = ("AccountIds", "Regions", "Lines", "Actions", "Problems", "Notes")


def job(**more: Any) -> dict[str, Any]:
    """Return a job that runs."""
    progress = {"State": "running", "Done": 0, "Failed": 0, "Changed": 0, "Total": None, "Ok": None}
    return {"JobId": JOB_ID, "AdministratorId": ADMINISTRATORS[0], "StartedTime": TIME, **progress, **more}


def job_events(*found: tuple[str, Any], retry: int = 600_000) -> Answer:
    """Answer with the server-sent events of a job, and hang up; the browser comes back late."""
    text = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in found)

    async def answer(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body=f"retry: {retry}\n\n{text}")

    return answer


async def test_what_a_stopped_job_has_not_looked_at_is_not_known(url: str, page: Page, api: PageApi) -> None:
    """It may be a member by then; what failed for another reason was seen."""
    row: dict[str, Any] = {"Region": REGIONS[0], "Before": None, "After": None, "Done": [], "Problem": "some"}
    rows = [
        {**row, "AccountId": f"{number:012}", "Reason": reason}
        for number, reason in enumerate(("interrupted", "timed out", "refused"))
    ]
    ended = job(State="stopped", Done=1, Failed=1, Total=3)
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("begin", job()), ("rows", rows), ("stopped", ended))
    await page.goto(f"{url}/#onboarding/{JOB_ID}")
    cells = page.locator("#job-rows tbody tr")
    await expect(cells.filter(has_text="not known")).to_have_count(2)
    await expect(cells.filter(has_text="000000000002").get_by_text("not a member")).to_have_count(2)


async def test_a_stop_that_was_not_sent_says_so(url: str, page: Page, api: PageApi) -> None:
    """Also while the page reconnects, which has a word of its own; and not longer than until the job has ended."""

    async def lost(route: Route) -> None:
        await route.abort()

    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("begin", job()), retry=300)
    api.answers[f"DELETE onboarding/jobs/{JOB_ID}"] = lost
    await page.goto(f"{url}/#onboarding/{JOB_ID}")
    await page.locator("#job-stop").click()
    await expect(page.locator("#stop-alert")).to_contain_text("Whether the job was stopped is not known")
    await expect(page.locator("#stop-alert")).to_contain_text("Stop it again")
    await expect(page.locator("#stop-alert")).not_to_contain_text("AWS may have")
    # It has reconnected meanwhile.
    await page.wait_for_timeout(700)
    await expect(page.locator("#stop-alert")).to_contain_text("Whether the job was stopped is not known")
    api.answers[f"DELETE onboarding/jobs/{JOB_ID}"] = problem(503, "Service Unavailable")
    await page.locator("#job-stop").click()
    await expect(page.locator("#stop-alert")).to_contain_text("The job was not stopped: Service Unavailable")
    ended = ("stopped", job(State="stopped"))
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("begin", job()), ended)
    await expect(page.locator("#job-status .badge")).to_have_text("Stopped")
    await expect(page.locator("#stop-alert")).to_be_empty()


async def test_a_plan_has_a_time_and_a_price(url: str, page: Page, api: PageApi) -> None:
    """One that was left open is as old as what it has read; not only new graphs cost something."""
    answer: dict[str, Any] = {"PlanId": PLAN_ID, "AdministratorId": ADMINISTRATORS[0], "CreatedTime": TIME, "Text": ""}
    action = {"Region": REGIONS[0], "Reason": None, "Detail": None}
    kinds = ("accept", "enable member", "start monitoring", "start packages", "accept")
    actions = [{**action, "Kind": kind, "AccountId": f"{number:012}"} for number, kind in enumerate(kinds)]
    answer |= {key: [] for key in _LISTS} | {"Actions": actions}
    api.answers[f"onboarding/plans/{PLAN_ID}"] = value(answer)
    await page.goto(f"{url}/#onboarding?plan={PLAN_ID}")
    await expect(page.locator("#plan-time")).to_have_text(f"As of {TIME[:10]} {TIME[11:16]} UTC")
    await expect(page.locator("#plan")).to_contain_text("4 memberships become active: the data of each is billed")
    await expect(page.locator("#plan")).to_contain_text("1 start of data source packages: each account pays")


async def test_a_job_says_for_how_long_it_is_waited_for(url: str, page: Page, api: PageApi) -> None:
    """Before the first membership has finished, too; the seconds end with the job."""
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("begin", job()))
    await page.goto(f"{url}/#onboarding/{JOB_ID}")
    await expect(page.locator("#job-count")).to_have_text(re.compile(r"^None finished yet, waiting for [1-9]\d* s$"))
    ended = job(State="done", Done=12, Failed=12, Changed=5, Total=12, Ok=False)
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("begin", job()), ("report", ended))
    await page.reload()
    await expect(page.locator("#job-count")).to_have_text("12 of 12 finished, 12 failed")
    # That all have failed is not all: invitations cannot be taken back.
    await expect(page.locator("#job-status .badge")).to_have_text("Failed: all 12 memberships, after changes of 5")


async def test_a_plan_is_cancelled(url: str, page: Page, api: PageApi) -> None:
    """It says for how long it is being made; the form is as before, and has the focus."""
    api.answers["POST onboarding/plans"] = silence
    await page.goto(f"{url}/#onboarding")
    await page.get_by_label(re.compile("^Administrator account")).select_option(ADMINISTRATORS[0])
    await page.get_by_label("Accounts, one per line").fill(f"{ACCOUNT},root@example.com")
    make = page.locator("#plan-make")
    await make.click()
    await expect(page.locator("#plan-seconds")).to_have_text(re.compile(r"^for [1-9] s$"))
    await page.get_by_role("button", name="Cancel").click()
    await expect(make).to_have_text("Show the plan")
    await expect(make).to_be_focused()
    await expect(page.locator("#plan-cancel")).to_have_count(0)
    await expect(page.locator("#plan-alert")).to_be_empty()
    await expect(page.locator("#announcement")).to_have_text("The plan was cancelled.")
    api.answers["POST onboarding/plans"] = problem(400, "Bad Request")
    await make.click()
    await expect(page.locator("#plan-alert")).to_contain_text("Bad Request")


@pytest.mark.parametrize("body", [{"Jobs": 5}, {}, None])
async def test_a_list_of_jobs_that_is_none_is_a_problem(url: str, page: Page, api: PageApi, body: Any) -> None:
    """A job may be running, so that the list is not simply left out."""
    api.answers["onboarding/jobs"] = value(body)
    await page.goto(f"{url}/#onboarding")
    await expect(page.locator("#jobs-alert")).to_contain_text("The response cannot be read")


async def test_a_job_of_a_server_that_went_down_is_asked_for_again(url: str, page: Page, api: PageApi) -> None:
    """It does not run for ever: the server that comes after it does not know it."""
    down = ("error", {"title": "Service Unavailable", "detail": "The server is going down."})
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = job_events(("begin", job()), down)
    await page.goto(f"{url}/#onboarding/{JOB_ID}")
    await expect(page.locator("#job-alert")).to_contain_text("going down")
    api.answers[f"onboarding/jobs/{JOB_ID}/events"] = problem(404, "Not Found")
    await expect(page.locator("#job-status .badge")).to_have_text("Interrupted", timeout=20_000)
    await expect(page.locator("#job-stop")).to_have_count(0)


async def test_each_list_that_was_put_aside_comes_back(url: str, page: Page) -> None:
    """Also the first one, once the line of an account was completed before the next account was wanted."""
    await page.goto(f"{url}/#onboarding")
    box = page.get_by_label("Accounts, one per line")
    await box.fill("111111111111,a@example.com\n222222222222,b@example.com")
    await page.goto(f"{url}/#onboarding?accounts={ACCOUNT}")
    await expect(box).to_have_value(f"{ACCOUNT},")
    await box.fill(f"{ACCOUNT},root@example.com")
    await page.goto(f"{url}/#onboarding?accounts=555566667777")
    await expect(page.locator("#plan-earlier")).to_contain_text("list of 1 line, and 1 list before it, is put aside")
    await page.get_by_role("button", name="Put it back").click()
    await expect(box).to_have_value(f"{ACCOUNT},root@example.com")
    await page.get_by_role("button", name="Put it back").click()
    await expect(box).to_have_value("111111111111,a@example.com\n222222222222,b@example.com")
    await expect(page.locator("#plan-earlier")).to_have_count(0)


async def test_a_hidden_page_leaves_its_connection_to_others(
    sim: DetectiveSimulator, url: str, backend: Backend, page: Page
) -> None:
    """With six that show a running job, a seventh stops it; the others say so once they are seen again."""
    sim.set_verification_delay(600)
    body = {"AdministratorId": world.ACCOUNTS[0], "Regions": list(world.REGIONS), "Csv": world.example()}
    plan = await backend.send("POST", "/api/onboarding/plans", body, 201)
    target = {name: plan[name] for name in ("PlanId", "AdministratorId", "AccountIds")}
    started = await backend.send("POST", "/api/onboarding/jobs", target, 202)
    status, rows = "#job-status .badge", "#job-rows tbody tr"
    others = [page, *[await page.context.new_page() for _ in range(5)]]
    for other in others:
        await other.goto(f"{url}/#onboarding/{started['JobId']}")
        await expect(other.locator(status)).to_have_text("Running")
        await show(other, "hidden")
    last = await page.context.new_page()
    await last.goto(f"{url}/#onboarding/{started['JobId']}", timeout=10_000)
    await last.locator("#job-stop").click()
    await expect(last.locator(status)).to_have_text("Stopped")
    await expect(page.locator(status)).to_have_text("Running")
    await show(page, "visible")
    await expect(page.locator(status)).to_have_text("Stopped")
    await expect(page.locator(rows)).to_have_count(await last.locator(rows).count())


async def show(page: Page, state: str) -> None:
    """Let a page believe that it is hidden or visible: in a browser without windows, all are visible."""
    await page.evaluate(
        """state => {
          Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


async def test_a_file_that_fails_or_takes_long_says_so(url: str, page: Page, api: PageApi) -> None:
    """One is asked for at a time; a file that comes has the name that the server gives it."""
    api.answers["export/members.csv"] = silence
    await page.goto(f"{url}/#members")
    section = page.locator("#members")
    csv = section.locator(".exports").get_by_role("link", name="CSV").first
    await csv.click()
    await expect(section).to_contain_text(re.compile(r"The file is being made, for [1-9] s"))
    await csv.click()
    assert api.requests.count("GET export/members.csv?sort=status") == 1
    await page.reload()
    api.answers["export/members.csv"] = problem(500, "Internal Server Error")
    await csv.click()
    alert = page.locator("#members-file-alert")
    await expect(alert).to_contain_text("The file could not be made: Internal Server Error")

    async def answer(route: Route) -> None:
        headers = {"Content-Disposition": 'attachment; filename="members-1.csv"', "Content-Type": "text/csv"}
        await route.fulfill(headers=headers, body="some")

    api.answers["export/members.csv"] = answer
    async with page.expect_download() as found:
        await csv.click()
    assert (await found.value).suggested_filename == "members-1.csv"
    await expect(alert).to_be_empty()
    await expect(section).not_to_contain_text("is being made")
