"""The example's page in a real browser, headless, with the backend and a simulated AWS."""

import asyncio
import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from attrs import define, field
from support.backend import TARGETS, readable_members
from web_backend import world
from web_backend.app import make_app
from web_backend.serving import serving
from web_backend.settings import Settings

from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Locator, Page, expect
from support.browser import BROWSER_MARKS, opened_page, tab_to
from support.page_checks import (
    check_accessibility,
    check_colour_scheme,
    check_control_names,
    check_every_look,
    check_layout,
    check_markup,
)
from support.page_steps import open_start

pytestmark = BROWSER_MARKS
#: Console messages about refused requests and a stopped server, which some tests cause.
EXPECTED = re.compile(r"Failed to load resource: (the server responded with a status of 4|net::ERR_)")


@pytest_asyncio.fixture
async def page(devtools_url: str) -> AsyncIterator[Page]:
    """A page in a browser context of its own; at the end, its console may only have expected messages."""
    async with opened_page(devtools_url) as (page, console):
        yield page
    assert [text for text in console if not EXPECTED.match(text)] == []


async def survey_is_complete(page: Page, failed: str = "3") -> None:
    """Wait for the end of the survey; the closed account fails in each region."""
    text = re.compile(rf"^{TARGETS} of {TARGETS} done, {failed} failed")
    await expect(page.locator("#fleet-count")).to_have_text(text)


async def load(page: Page, url: str, view: str = "") -> None:
    """Open a view; if it is that of the fleet, wait until its survey is complete."""
    await page.goto(f"{url}/{view and f'#{view}'}")
    if not view:
        await survey_is_complete(page, failed=r"\d")


async def record_texts(page: Page, element_id: str) -> None:
    """Record the texts of an element in `window.recorded`, from the next load of the page on."""
    await page.add_init_script(
        f"""window.recorded = []; document.addEventListener("DOMContentLoaded", () => {{
          const record = () => {{
            const text = document.getElementById("{element_id}")?.textContent ?? "";
            if (text !== (window.recorded.at(-1) ?? "")) window.recorded.push(text);
          }};
          const changes = {{ childList: true, characterData: true, subtree: true }};
          new MutationObserver(record).observe(document.body, changes);
        }});"""
    )


async def make_plan(page: Page, accounts: str | None = None) -> None:
    """Ask for the plan of a list of accounts; None inserts the example.

    The administrator is the first one if none was chosen.
    """
    choice = page.get_by_label("Administrator account")
    if not await choice.input_value():
        await choice.select_option(world.ACCOUNTS[0])
    if accounts is None:
        await page.get_by_role("button", name="Insert an example").click()
    else:
        await page.get_by_label("Accounts, one per line").fill(accounts)
    await page.get_by_role("button", name="Show the plan").click()


async def apply_plan(page: Page) -> None:
    """Apply the plan that is shown."""
    await page.get_by_role("button", name="Apply to administrator").click()


def section(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("region", name=name, exact=isinstance(name, str))


def members_by_region(sim: DetectiveSimulator) -> dict[str, Counter[str]]:
    """Count the members by region and status."""
    counts: dict[str, Counter[str]] = {region: Counter() for region in world.REGIONS}
    for (region, _), statuses in readable_members(sim).items():
        counts[region].update(statuses)
    return counts


def numbers_in(chart: dict[str, dict[str, tuple[int, float]]]) -> dict[str, dict[str, int]]:
    """Return the numbers of a chart without zeros, in the form of `members_by_region`."""
    return {region: {status: n for status, (n, _) in one.items() if n} for region, one in chart.items()}


async def read_chart(page: Page) -> dict[str, dict[str, tuple[int, float]]]:
    """Read the chart: region -> status -> number of members and width of the bar."""
    found: dict[str, dict[str, tuple[int, float]]] = await page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#chart g")].map((row) => [row.dataset.region,
          Object.fromEntries([...row.querySelectorAll("[data-status]")].map((part) =>
            [part.dataset.status, [Number(part.dataset.count), parseFloat(part.getAttribute("width"))]]))]))"""
    )
    return found


async def test_the_fleet_is_updated_while_the_survey_runs(
    sim: DetectiveSimulator, url: str, page: Page, tmp_path: Path
) -> None:
    """Numbers appear as accounts answer, the progress is announced at most four times, and in the end all is right."""
    sim.inject(Fault(Latency(0.6), count=None))
    await record_texts(page, "announcement")
    await page.goto(url)
    halfway = page.locator("#fleet-count", has_text=re.compile(rf"^([1-9]|[1-9]\d|10\d) of {TARGETS} done"))
    await expect(halfway).to_be_visible()
    some = sum(number for counts in (await read_chart(page)).values() for number, _ in counts.values())
    await page.screenshot(path=tmp_path / "halfway.png")
    await survey_is_complete(page)
    expected = members_by_region(sim)
    assert 0 <= some < sum(counts.total() for counts in expected.values())
    chart = await read_chart(page)
    assert numbers_in(chart) == expected
    widths = [width / number for one in chart.values() for number, width in one.values() if number]
    assert max(widths) == pytest.approx(min(widths))
    rows = page.locator("#regions tbody tr")
    for index, region in enumerate(world.REGIONS):
        counts = expected[region]
        numbers = [counts["ENABLED"], counts["INVITED"], counts["VERIFICATION_IN_PROGRESS"]]
        numbers += [counts["VERIFICATION_FAILED"], counts["ACCEPTED_BUT_DISABLED"], counts.total()]
        texts = await rows.nth(index).locator("th, td").all_text_contents()
        assert texts[:7] == [region, *map(str, numbers)]
        # The closed account failed, and nobody else has not answered.
        assert texts[8:] == ["1", ""]
    await expect(page.locator("#announcement")).to_contain_text("memberships")
    announced = await page.evaluate("window.recorded")
    assert 1 <= len(announced) <= 4
    await page.screenshot(path=tmp_path / "whole.png", full_page=True)


async def test_accounts_are_filtered(sim: DetectiveSimulator, url: str, page: Page) -> None:
    """By a part of the id, by region and by the status of members; each row has the numbers of its members."""
    await load(page, url)
    accounts = section(page, "Accounts with graphs")
    shown = accounts.locator("tbody tr:not(.gap)")
    await expect(accounts.locator("#targets-shown")).to_have_text(
        f"{TARGETS} of {TARGETS} accounts and regions that were asked; 3 of them could not be checked"
    )
    await accounts.get_by_label("Region", exact=True).select_option(world.REGIONS[0])
    await expect(shown).to_have_count(len(world.ACCOUNTS))
    rows = await shown.evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()))")
    members = readable_members(sim)
    for account, region, graph, *numbers, _time in rows:
        counts = members.get((region, account))
        if account == world.CLOSED:
            assert graph == "AccessDenied"
        elif counts is None:
            assert (graph, set(numbers)) == ("no graph", {"\u2013"})
        else:
            assert (graph, numbers[0], numbers[-1]) == ("graph", str(counts["ENABLED"]), str(counts.total()))
    await accounts.get_by_label("Region", exact=True).select_option("")
    await accounts.get_by_label("Account", exact=True).fill(world.CLOSED[-3:])
    await expect(shown).to_have_count(len(world.REGIONS))
    await expect(shown.first).to_contain_text("AccessDenied")
    await accounts.get_by_label("Account", exact=True).fill("")
    await accounts.get_by_label("Status", exact=True).select_option("VERIFICATION_FAILED")
    await accounts.get_by_label("Region", exact=True).select_option(world.REGIONS[0])
    expected = sum(
        region == world.REGIONS[0] and "VERIFICATION_FAILED" in counts
        for (region, _), counts in readable_members(sim).items()
    )
    await expect(shown).to_have_count(expected)


async def test_failures_are_shown(sim: DetectiveSimulator, url: str, page: Page) -> None:
    """By cause, each with account, region and request id; a group disappears once it was asked again with success."""
    broken = world.ACCOUNTS[3]
    sim.inject(Fault(Failure(403, "ExpiredTokenException"), "ListMembers", broken, world.REGIONS[1], count=None))
    await load(page, url)
    group = page.locator("#failures > li", has_text="ExpiredToken")
    await group.get_by_text("1 account and region", exact=True).click()
    row = group.get_by_role("row", name=broken)
    await expect(row).to_contain_text(world.REGIONS[1])
    failed = next(r for r in reversed(sim.requests) if r.error_code == "ExpiredTokenException")
    await expect(row).to_contain_text(failed.request_id)
    sim.clear_faults()
    asked = len(sim.requests)
    await group.get_by_role("button", name="Ask these again").click()
    await expect(group).to_have_count(0)
    await survey_is_complete(page)
    # The others were not asked again.
    assert {request.account_id for request in sim.requests[asked:] if request.operation == "ListMembers"} == {broken}


async def test_the_first_questions_are_answered(sim: DetectiveSimulator, url: str, page: Page, tmp_path: Path) -> None:
    """Is 4444-5555-6666 covered everywhere; which accounts failed verification, and since when; what is critical."""
    await load(page, url)
    await page.get_by_label("Find an account").fill("4444-5555-6666")
    await page.keyboard.press("Enter")
    await expect(page.locator("#account-verdict")).to_have_text(
        re.compile("Account 444455556666 is (not )?covered everywhere")
    )
    await expect(page.locator("#account-coverage tbody tr")).to_have_count(len(world.REGIONS))
    await page.screenshot(path=tmp_path / "account.png", full_page=True)
    await page.get_by_role("link", name="Fleet").click()
    await page.get_by_role("link", name="Show which, and since when").first.click()
    failed = sum(counts["VERIFICATION_FAILED"] for counts in readable_members(sim).values())
    await expect(page.locator("#members-shown")).to_have_text(re.compile(f"^{failed} of "))
    first = page.locator("#members-table tbody tr").first
    await expect(first).to_have_text(re.compile(r"Verification failed.*20\d\d-\d\d-\d\d \d\d:\d\d"))
    await page.get_by_role("link", name="Investigations").click()
    await expect(page.locator("#investigations-table tbody tr").first).to_contain_text("CRITICAL")
    await page.get_by_role("link", name="Coverage").click()
    await expect(page.locator("#coverage-summary")).to_have_text(
        re.compile(r"^\d+ of \d+ accounts are covered in every region")
    )
    await page.screenshot(path=tmp_path / "coverage.png", full_page=True)


async def test_the_server_is_restarted(settings: Settings, sim: DetectiveSimulator, page: Page) -> None:
    """The page shows that the connection is lost, and works again after the restart."""
    sim.inject(Fault(Latency(0.5), count=None))
    async with serving(make_app(settings)) as url:
        await page.goto(url)
        await expect(page.locator("#fleet-count")).to_have_text(re.compile("^[1-9]"))
    port = int(url.rpartition(":")[2])
    alert = page.locator("#fleet-alert")
    await expect(alert).to_contain_text(re.compile("going down|connection is lost"))
    await expect(alert.get_by_role("button", name="Try again")).to_be_visible()
    async with serving(make_app(settings), port=port):
        await alert.get_by_role("button", name="Try again").click()
        await expect(alert).to_be_empty()
        await expect(page.locator("#fleet-count")).to_have_text(re.compile(rf"^{TARGETS} of"))
    await page.get_by_role("link", name="Onboarding").click()
    await make_plan(page, "111122223333,a@example.com")
    await expect(page.locator("#plan-alert")).to_contain_text("The server cannot be reached")


@define
class Wire:
    """A TCP proxy between the browser and the backend, whose connections can be cut."""

    backend: int
    port: int = 0
    _server: asyncio.Server | None = field(default=None, init=False)
    _writers: list[asyncio.StreamWriter] = field(factory=list, init=False)

    async def connect(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Abort all connections, and accept no new ones until `connect` is called."""
        if self._server is not None:
            self._server.close()
        while self._writers:
            self._writers.pop().transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection("127.0.0.1", self.backend)
        self._writers += [writer, here]
        await asyncio.gather(self._pass(reader, here), self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
async def wire(url: str) -> AsyncIterator[Wire]:
    wire = Wire(int(url.rpartition(":")[2]))
    await wire.connect()
    yield wire
    wire.cut()


@pytest.mark.settings(linger=60)
async def test_a_lost_connection_is_resumed(sim: DetectiveSimulator, wire: Wire, page: Page) -> None:
    """The page shows it once and continues by itself: nothing is counted twice, and nothing is requested again."""
    sim.inject(Fault(Latency(1.5), count=None))
    await record_texts(page, "fleet-alert")
    await page.goto(f"http://127.0.0.1:{wire.port}")
    await expect(page.locator("#fleet-count")).to_have_text(re.compile(r"^\d\d+ of"))
    wire.cut()
    alert = page.locator("#fleet-alert")
    await expect(alert).to_contain_text("The connection is lost")
    # The browser tries to reconnect more than once meanwhile.
    await asyncio.sleep(2.5)
    await wire.connect()
    await expect(alert).to_be_empty()
    await survey_is_complete(page)
    assert numbers_in(await read_chart(page)) == members_by_region(sim)
    alerts = await page.evaluate("window.recorded")
    assert len([one for one in alerts if "connection is lost" in one]) == 1
    assert sum(request.operation == "ListGraphs" for request in sim.requests) == TARGETS - len(world.REGIONS)


async def test_onboarding(sim: DetectiveSimulator, url: str, page: Page, tmp_path: Path) -> None:
    """A pasted list with two invalid lines becomes a plan, then a job with progress, then members."""
    sim.inject(Fault(Latency(0.1), count=None))
    sim.throttle(None, probability=0.05)
    await load(page, url, "onboarding")
    form = section(page, "Onboarding")
    await form.get_by_label("Administrator account").select_option(world.ACCOUNTS[5])
    await form.get_by_label(world.REGIONS[2]).uncheck()
    await make_plan(page, world.example())
    plan = section(page, f"Plan for administrator {world.ACCOUNTS[5]}")
    await expect(plan.get_by_role("heading", level=2)).to_be_focused()
    await expect(plan).to_contain_text("2 invalid lines")
    await expect(plan.get_by_role("row", name=re.compile("^3 .* expected an account id of 12 digits"))).to_be_visible()
    await expect(plan.get_by_role("row", name=re.compile("^8 .* e-mail address: expected"))).to_be_visible()
    await expect(plan.get_by_role("row", name="invite 10 10")).to_be_visible()
    await expect(plan).to_contain_text("Nothing has been changed yet")
    await page.screenshot(path=tmp_path / "plan.png", full_page=True)
    members = [member for one in sim.snapshot().values() for member in one["members"]]
    assert not set(members) & set(world.NEWCOMERS)
    await apply_plan(page)
    job = section(page, re.compile("^Progress"))
    await expect(job.get_by_role("heading", level=2)).to_be_focused()
    await expect(job.get_by_role("button", name="Stop")).to_be_visible()
    # The job runs while the page is reloaded.
    await page.reload()
    await expect(job.locator("#job-status")).to_contain_text("Done, 2 failed 18 of 20 memberships")
    await expect(job.get_by_role("button", name="Stop")).to_be_hidden()
    await expect(job.locator("tbody tr")).to_have_count(20)
    await expect(job.locator("tbody tr").first).to_contain_text(f"{world.MOVED}")
    await expect(job.locator("tbody tr").first).to_contain_text("Verification failed")
    await page.screenshot(path=tmp_path / "job.png", full_page=True)
    graphs = [one for arn, one in sim.snapshot().items() if f":{world.ACCOUNTS[5]}:" in arn]
    joined = [account for one in graphs for account, status in one["members"].items() if status == "ENABLED"]
    assert len(set(joined) & set(world.NEWCOMERS)) == 9
    await expect(section(page, "Latest jobs").get_by_role("listitem")).to_contain_text("Done, 2 failed")

    await form.get_by_label("Administrator account").select_option(world.ACCOUNTS[5])
    await form.get_by_label(world.REGIONS[2]).uncheck()
    # The address may have been corrected since, on AWS's side.
    await make_plan(page, world.example())
    await expect(plan).to_contain_text(
        f"remove 1 account, and invite again with the same e-mail address (an e-mail to each): {world.MOVED}"
    )
    await make_plan(page, world.example().splitlines()[0])
    await expect(plan).to_contain_text("There is nothing to do")
    await expect(plan.get_by_role("button", name="Apply to")).to_be_hidden()
    await make_plan(page, f"{world.ACCOUNTS[5]},root@example.com")
    await expect(plan.get_by_role("row", name=f"{world.ACCOUNTS[5]} is the administrator itself")).to_be_visible()


async def test_refused_requests_are_explained(url: str, page: Page) -> None:
    """A list without a valid line, no region, an unknown job: the error is shown in the section of the request."""
    await load(page, url, "onboarding")
    form = section(page, "Onboarding")
    await make_plan(page, "12345,a@example.com")
    await expect(form.get_by_role("alert")).to_contain_text("has no valid line")
    for region in world.REGIONS:
        await form.get_by_label(region).uncheck()
    await make_plan(page, world.example())
    await expect(form.get_by_role("alert")).to_contain_text("Regions")
    await page.goto(f"{url}/#onboarding/{'0' * 32}")
    await expect(page.locator("#job-alert")).to_contain_text("The server does not know this job any more")


async def test_a_job_is_stopped(sim: DetectiveSimulator, url: str, page: Page) -> None:
    """The button stops it, and the page shows that."""
    sim.set_verification_delay(600)
    await load(page, url, "onboarding")
    await make_plan(page)
    await apply_plan(page)
    job = section(page, re.compile("^Progress"))
    await job.get_by_role("button", name="Stop").click()
    await expect(job.locator("#job-status")).to_contain_text("Stopped")


async def test_an_investigation(sim: DetectiveSimulator, url: str, page: Page, tmp_path: Path) -> None:
    """All are listed; one is opened and archived, and another one is started and awaited."""
    # Longer than the test takes on a busy machine, and short enough that signatures stay valid.
    sim.investigations(duration=120, severity="CRITICAL")
    await load(page, url, "investigations")
    all_ = section(page, "Investigations")
    await expect(all_.locator("#investigations-failures")).to_contain_text("1 account in 3 regions")
    await expect(all_.locator("#investigations-shown")).to_have_text(re.compile(r"^(\d\d) of \1 investigations$"))
    await all_.get_by_label("Severity").select_option("CRITICAL")
    await all_.get_by_label("State").select_option("ACTIVE")
    rows = all_.locator("#investigations-table tbody tr")
    await expect(rows.filter(has_not_text="CRITICAL")).to_have_count(0)
    await rows.first.get_by_role("link").first.click()
    one = section(page, re.compile("^Investigation of"))
    await expect(one.get_by_role("heading", level=2)).to_be_focused()
    await expect(one.locator("tbody tr:not(.gap)")).to_have_count(24)
    await expect(one.get_by_role("row", name="ttp observed").first).to_contain_text("API name: ListBuckets")
    await page.screenshot(path=tmp_path / "investigation.png", full_page=True)
    await one.get_by_role("button", name="Archive").click()
    await expect(one.get_by_role("button", name="Unarchive")).to_be_visible()

    await open_start(page, world.ACCOUNTS[0], world.REGIONS[0])
    arn = f"arn:aws:iam::{world.ACCOUNTS[0]}:role/<img/src=x/onerror='window.harmed=1'>"
    await all_.get_by_label("ARN of the user or role").fill("Admin")
    await all_.get_by_role("button", name="Start", exact=True).click()
    await expect(page.locator("#start-alert")).to_contain_text("ARN of the user or role: expected")
    await all_.get_by_label("ARN of the user or role").fill(arn)
    await all_.get_by_role("button", name="Start", exact=True).click()
    await expect(one.locator("#investigation-status")).to_have_text("running")
    await expect(one).to_contain_text(arn)
    await sim.advance(120)
    await expect(one.locator("#investigation-status")).to_have_text("successful, 24 indicators")
    assert await page.evaluate("window.harmed") is None
    assert await page.locator("main img").count() == 0


async def test_the_keyboard_is_enough(url: str, page: Page) -> None:
    """Tab, Enter and Space lead from the top of the page to a finished onboarding; the focus is always visible."""
    await load(page, url)
    for _ in range(12):
        await page.keyboard.press("Tab")
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    await load(page, url)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main")).to_be_focused()
    await tab_to(page, page.get_by_role("button", name="Refresh").first)
    await page.reload()
    await tab_to(page, page.get_by_role("link", name="Onboarding"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Onboarding")).to_be_focused()
    await tab_to(page, page.get_by_label("Administrator account"))
    await page.keyboard.press("ArrowDown")
    await tab_to(page, page.get_by_label(world.REGIONS[1]))
    await page.keyboard.press("Space")
    await tab_to(page, page.get_by_label("Accounts, one per line"))
    await page.keyboard.insert_text(world.example())
    await tab_to(page, page.get_by_role("button", name="Show the plan"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Plan for administrator")).to_be_focused()
    await tab_to(page, page.get_by_role("button", name="Apply to administrator"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Progress")).to_be_focused()
    await expect(page.locator("#job-status")).to_contain_text("Done, 2 failed 18 of 20")
    await page.go_back()
    await expect(page.get_by_role("heading", name="Onboarding")).to_be_focused()


async def test_the_page_fits_and_is_legible(sim: DetectiveSimulator, url: str, page: Page, tmp_path: Path) -> None:
    """The page does not scroll horizontally, even on a phone; the contrast of all texts is at least 4.5."""
    sim.set_verification_delay(0)
    await page.emulate_media(reduced_motion="reduce")
    await load(page, url)

    async def check_look(width: int, colours: str) -> None:
        await check_layout(page, width)
        await check_colour_scheme(page, colours)

    async def check(name: str) -> None:
        await check_every_look(
            page, name, check_look, widths=[320, 360, 1280], colours=["light", "dark"], folder=tmp_path
        )

    await check("fleet")
    transition = "getComputedStyle(document.querySelector('#chart [data-status]')).transitionDuration"
    assert await page.evaluate(transition) == "0s"
    await page.get_by_role("link", name="Onboarding").click()
    await make_plan(page)
    await expect(section(page, re.compile("^Plan for"))).to_be_visible()
    await page.get_by_text("As text").click()
    await check("plan")
    await apply_plan(page)
    await expect(page.locator("#job-status")).to_contain_text("Done")
    await check("job")
    await page.get_by_role("link", name="Investigations").click()
    await page.get_by_text("Start an investigation").click()
    await page.locator("#investigations-table a").first.click()
    await expect(page.locator("#investigation-status")).to_have_text(re.compile("indicators"))
    await check("investigations")


async def test_the_page_is_accessible(url: str, page: Page) -> None:
    """Landmarks, headings, tables and controls have roles and names; all requests go to the page's own origin."""
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    await load(page, url)
    await expect(page.get_by_role("banner")).to_match_aria_snapshot(
        """
        - banner:
          - heading "Detective" [level=1]
          - navigation "Views":
            - link "Fleet"
            - link "Coverage"
            - link "Members"
            - link "Investigations"
            - link "Onboarding"
          - search:
            - searchbox "Find an account"
            - button "Find"
        """
    )
    await expect(page.get_by_role("link", name="Fleet")).to_have_attribute("aria-current", "page")
    await expect(page.get_by_role("img", name="Memberships by status and region")).to_be_visible()
    await expect(page.get_by_role("progressbar", name="Accounts and regions that are done")).to_be_visible()
    attention = ["Fleet", "What needs attention", "Memberships by status and region"]
    views: dict[str, list[str | re.Pattern[str]]] = {
        "Fleet": [*attention, re.compile("^What changed since"), "Accounts with graphs"],
        "Coverage": ["Coverage", "Could not be checked", "Accounts and regions"],
        "Members": ["Members", "Graphs: packages and auto-enable"],
        "Onboarding": ["Onboarding"],
        "Investigations": ["Investigations"],
    }
    for view, headings in views.items():
        await page.get_by_role("link", name=view, exact=True).click()
        await expect(page).to_have_title(f"{view}: Detective")
        main = page.get_by_role("main")
        await expect(main.get_by_role("heading", level=2)).to_have_text(headings)
        await expect(main.get_by_role("heading", level=2).first).to_be_focused()
        for freshness in await page.locator("p.freshness").all():
            await expect(freshness).to_contain_text("As of")
        for name in headings:
            await expect(main.get_by_role("region", name=name, exact=True)).to_have_count(1)
        await check_control_names(page)
        await check_accessibility(page)
    await check_markup(page)
    await expect(page.locator("#investigations-shown")).to_contain_text("investigations")
    assert len(urls) > 8
    assert [one for one in urls if not one.startswith(url) or "@" in one] == []


async def test_a_file_has_the_order_of_the_table(page: Page, url: str) -> None:
    """Of every column and in both directions, with names and e-mail addresses, and where rows do not differ."""
    await page.goto(f"{url}/#members?find=3000000001&region={world.REGIONS[0]}")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await page.get_by_label("with names and e-mail addresses").check()
    await expect(page.locator("#members-freshness")).to_contain_text("As of")
    await expect(page.locator("#members-table")).to_contain_text("@example.com")
    # On paper, all rows are in the document.
    await page.emulate_media(media="print")
    headings = page.locator("#members-table thead th")
    link = page.locator("#members .exports a", has_text="CSV").first
    for heading in await headings.all():
        for direction in ("ascending", "descending"):
            if await heading.get_attribute("aria-sort") != direction:
                await heading.locator("button").dispatch_event("click")
            await expect(heading).to_have_attribute("aria-sort", direction)
            shown = await page.locator("#members-table tbody tr").evaluate_all(
                """rows => rows.map((row) => ["Account", "Region", "Administrator"].map(
                  (label) => row.querySelector(`[data-label="${label}"]`).textContent))"""
            )
            assert len(shown) > 60
            response = await page.request.get(f"{url}/{await link.get_attribute('href')}")
            rows = csv.DictReader(io.StringIO((await response.body()).decode("utf-8-sig")))
            exported = [[row["MemberId"], row["Region"], row["AdministratorId"]] for row in rows]
            assert exported == shown, (await heading.inner_text(), direction)
