"""The page as an operator meets it: in a real browser, headless, with the backend and its simulated AWS behind it."""

import asyncio
import contextlib
import json
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from attrs import define, field
from web_backend import world
from web_backend.app import make_app
from web_backend.serving import serving
from web_backend.settings import Settings

from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Locator, Page, async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]

TARGETS = len(world.ACCOUNTS) * len(world.REGIONS)
CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8").partition("\n")[2].rstrip(";\n")
#: What the console says of answers that are refusals, and of a server that is gone: true, and no mistake of the page's.
EXPECTED = re.compile(r"Failed to load resource: (the server responded with a status of 4|net::ERR_)")
# A slow machine is no failure.
expect.set_options(timeout=30_000)


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    """A page in a browser of its own; at the end, its console must hold no complaint about the page itself."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    complaints: list[str] = []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        await browser.close()
    assert [text for text in complaints if not EXPECTED.match(text)] == []


@pytest.fixture
async def url(settings: Settings) -> AsyncIterator[str]:
    async with serving(make_app(settings)) as url:
        yield url


async def look(page: Page, url: str, view: str = "") -> None:
    """Open the page, and wait until the fleet has been seen."""
    await page.goto(f"{url}/{view and f'#{view}'}")
    await expect(page.locator("#fleet-count")).to_have_text(re.compile(rf"^{TARGETS} of {TARGETS} answered"))


def section(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("region", name=name, exact=isinstance(name, str))


async def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the focus is there."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await target.evaluate("node => node === document.activeElement"):
            return
    pytest.fail(f"Tab does not lead to {target}")


def truth(sim: DetectiveSimulator, *, without: str = world.CLOSED) -> dict[str, Counter[str]]:
    """Count the members that there are, by region and status."""
    counts: dict[str, Counter[str]] = {region: Counter() for region in world.REGIONS}
    for arn, graph in sim.snapshot().items():
        region, account = arn.split(":")[3:5]
        if account != without:
            counts[region].update(graph["members"].values())
    return counts


async def charted(page: Page) -> dict[str, dict[str, tuple[int, float]]]:
    """Read the chart: region -> status -> how many it says, and how wide that is."""
    found: dict[str, dict[str, tuple[int, float]]] = await page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#chart g")].map((row) => [row.dataset.region,
          Object.fromEntries([...row.querySelectorAll("[data-status]")].map((part) =>
            [part.dataset.status, [Number(part.dataset.count), Number(part.getAttribute("width"))]]))]))"""
    )
    return found


async def test_the_fleet_fills_while_it_is_looked_at(
    sim: DetectiveSimulator, url: str, page: Page, tmp_path: Path
) -> None:
    """Numbers appear as accounts answer, progress is told but not at every step, and in the end they are the truth."""
    sim.inject(Fault(Latency(0.6), count=None))
    await page.add_init_script(
        """window.said = []; document.addEventListener("DOMContentLoaded", () => {
          const status = document.getElementById("fleet-status");
          new MutationObserver(() => window.said.push(status.textContent)).observe(status, { childList: true });
        });"""
    )
    await page.goto(url)
    halfway = page.locator("#fleet-count", has_text=re.compile(rf"^([1-9]|[1-9]\d|10\d) of {TARGETS} answered"))
    await expect(halfway).to_be_visible()
    some = sum(number for counts in (await charted(page)).values() for number, _ in counts.values())
    await page.screenshot(path=tmp_path / "halfway.png")
    await expect(page.locator("#fleet-count")).to_have_text(re.compile(rf"^{TARGETS} of {TARGETS} answered, 3 failed"))
    expected = truth(sim)
    assert 0 <= some < sum(counts.total() for counts in expected.values())
    chart = await charted(page)
    assert {region: {s: n for s, (n, _) in one.items() if n} for region, one in chart.items()} == expected
    widths = [width / number for one in chart.values() for number, width in one.values() if number]
    assert max(widths) == pytest.approx(min(widths))
    rows = page.locator("#regions tbody tr")
    for index, region in enumerate(world.REGIONS):
        counts = expected[region]
        numbers = [counts["ENABLED"], counts["INVITED"], counts["VERIFICATION_IN_PROGRESS"]]
        numbers += [counts["VERIFICATION_FAILED"], counts["ACCEPTED_BUT_DISABLED"], counts.total()]
        assert await rows.nth(index).locator("th, td").all_text_contents() == [region, *map(str, numbers)]
    said = await page.evaluate("window.said")
    assert 1 <= len(said) <= 4
    assert "members" in said[-1]
    await page.screenshot(path=tmp_path / "whole.png", full_page=True)


async def test_accounts_are_found(sim: DetectiveSimulator, url: str, page: Page) -> None:
    """By a part of their ids, by region and by how their members are doing; each with a bar of its members."""
    await look(page, url)
    accounts = section(page, "Accounts")
    shown = accounts.locator("tbody tr")
    await expect(shown).to_have_count(60)
    await accounts.get_by_role("button", name="Show more").click()
    await expect(shown).to_have_count(TARGETS)
    bars = await shown.evaluate_all(
        """rows => rows.map(row => [
            `${row.cells[1].textContent}:${row.cells[0].textContent}`,
            Object.fromEntries([...row.querySelectorAll(".strip rect")].map(
                (part) => [part.dataset.status, Number(part.getAttribute("width"))],
            )),
        ])"""
    )
    members = {":".join(arn.split(":")[3:5]): Counter(one["members"].values()) for arn, one in sim.snapshot().items()}
    for place, counts in bars:
        seen = Counter() if place.endswith(world.CLOSED) else members.get(place, Counter())
        assert {status: number for status, number in counts.items() if number} == seen, place
    await accounts.get_by_label("Account", exact=True).fill(world.CLOSED[-3:])
    await expect(shown).to_have_count(len(world.REGIONS))
    await expect(shown.first).to_contain_text("failed")
    await accounts.get_by_label("Account", exact=True).fill("")
    await accounts.get_by_label("With", exact=True).select_option("VERIFICATION_FAILED")
    await accounts.get_by_label("Region", exact=True).select_option(world.REGIONS[0])
    expected = sum(
        f":{world.REGIONS[0]}:" in arn and world.CLOSED not in arn and "VERIFICATION_FAILED" in one["members"].values()
        for arn, one in sim.snapshot().items()
    )
    await expect(shown).to_have_count(expected)


async def test_what_fails_upstream_is_shown(sim: DetectiveSimulator, url: str, page: Page) -> None:
    """Which account, which region, what went wrong and the request's id; and it goes once it is mended."""
    broken = world.ACCOUNTS[3]
    sim.inject(Fault(Failure(403, "AccessDeniedException"), "ListMembers", broken, world.REGIONS[1], count=None))
    await look(page, url)
    row = section(page, "What could not be seen").get_by_role("row", name=broken)
    await expect(row).to_contain_text(world.REGIONS[1])
    await expect(row).to_contain_text("AccessDeniedException")
    failed = next(r for r in reversed(sim.requests) if r.error_code == "AccessDeniedException")
    await expect(row).to_contain_text(failed.request_id)
    sim.clear_faults()
    await page.get_by_role("button", name="Look again").first.click()
    await expect(row).to_have_count(0)
    await expect(page.locator("#fleet-count")).to_have_text(re.compile(rf"^{TARGETS} of {TARGETS} answered, 3 failed"))


async def test_the_server_goes_and_comes_back(settings: Settings, sim: DetectiveSimulator, page: Page) -> None:
    """The page says that it is gone, keeps what it knows, and goes on by itself when it is back."""
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
    await page.get_by_label("Accounts, one on a line").fill("111122223333,a@example.com")
    await page.get_by_role("button", name="Show the plan").click()
    await expect(page.locator("#plan-alert")).to_contain_text("The server is gone")


@define
class Wire:
    """What is between the browser and the backend, and can be cut."""

    backend: int
    port: int = 0
    _server: asyncio.Server | None = field(default=None, init=False)
    _writers: list[asyncio.StreamWriter] = field(factory=list, init=False)

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Break what is connected, and let nobody through until it is mended."""
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
    await wire.mend()
    yield wire
    wire.cut()


@pytest.mark.settings(linger=60)
async def test_a_connection_that_breaks(sim: DetectiveSimulator, wire: Wire, page: Page) -> None:
    """The page says so, and goes on where it broke by itself: nothing is counted twice, and nothing is asked again."""
    sim.inject(Fault(Latency(1.5), count=None))
    await page.add_init_script(
        """document.addEventListener("DOMContentLoaded", () => {
          const alert = document.getElementById("fleet-alert");
          window.alerts = [];
          new MutationObserver(() => window.alerts.push(alert.textContent)).observe(alert, { childList: true });
        });"""
    )
    await page.goto(f"http://127.0.0.1:{wire.port}")
    await expect(page.locator("#fleet-count")).to_have_text(re.compile(r"^\d\d+ of"))
    wire.cut()
    alert = page.locator("#fleet-alert")
    await expect(alert).to_contain_text("The connection is lost")
    # It tries more than once meanwhile.
    await asyncio.sleep(2.5)
    await wire.mend()
    await expect(alert).to_be_empty()
    await expect(page.locator("#fleet-count")).to_have_text(re.compile(rf"^{TARGETS} of {TARGETS} answered, 3 failed"))
    chart = await charted(page)
    assert {region: {s: n for s, (n, _) in one.items() if n} for region, one in chart.items()} == truth(sim)
    alerts = await page.evaluate("window.alerts")
    assert len([one for one in alerts if "connection is lost" in one]) == 1
    assert sum(request.operation == "ListGraphs" for request in sim.requests) == TARGETS - len(world.REGIONS)


async def test_onboarding(sim: DetectiveSimulator, url: str, page: Page, tmp_path: Path) -> None:
    """A pasted list, two of whose lines are wrong, becomes a plan, then a job with progress, then members."""
    sim.inject(Fault(Latency(0.1), count=None))
    sim.throttle(None, probability=0.05)
    await look(page, url, "onboarding")
    form = section(page, "Onboarding")
    await form.get_by_label("Administrator account").select_option(world.ACCOUNTS[5])
    await form.get_by_label(world.REGIONS[2]).uncheck()
    await form.get_by_label("Accounts, one on a line").fill(world.example())
    await form.get_by_role("button", name="Show the plan").click()
    plan = section(page, "Plan")
    await expect(plan.get_by_role("heading", name="Plan")).to_be_focused()
    await expect(plan).to_contain_text("2 lines that are no accounts")
    await expect(plan.get_by_role("row", name="3 expected an account id of 12 digits")).to_be_visible()
    await expect(plan.get_by_role("row", name="8 e-mail address")).to_be_visible()
    await expect(plan.get_by_role("row", name="invite 10 10")).to_be_visible()
    await expect(plan).to_contain_text("Nothing has been done yet")
    await page.screenshot(path=tmp_path / "plan.png", full_page=True)
    members = [member for one in sim.snapshot().values() for member in one["members"]]
    assert not set(members) & set(world.NEWCOMERS)
    await plan.get_by_role("button", name="Apply this plan").click()
    job = section(page, "Progress")
    await expect(job.get_by_role("heading", name="Progress")).to_be_focused()
    await expect(job.get_by_role("button", name="Stop")).to_be_visible()
    # A job goes on while nobody looks.
    await page.reload()
    await expect(job.get_by_role("status")).to_contain_text("Done. 18 of 20 memberships")
    await expect(job.get_by_role("button", name="Stop")).to_be_hidden()
    await expect(job.locator("tbody tr")).to_have_count(20)
    await expect(job.locator("tbody tr").first).to_contain_text(f"{world.MOVED}")
    await expect(job.locator("tbody tr").first).to_contain_text("Verification failed")
    await page.screenshot(path=tmp_path / "job.png", full_page=True)
    graphs = [one for arn, one in sim.snapshot().items() if f":{world.ACCOUNTS[5]}:" in arn]
    joined = [account for one in graphs for account, status in one["members"].items() if status == "ENABLED"]
    assert len(set(joined) & set(world.NEWCOMERS)) == 9
    await expect(section(page, "Latest jobs").get_by_role("listitem")).to_contain_text("done")

    await form.get_by_label("Administrator account").select_option(world.ACCOUNTS[5])
    await form.get_by_label(world.REGIONS[2]).uncheck()
    for lines, said in (
        (world.example(), "Nothing can be done"),
        (world.example().splitlines()[0], "Everything is as the list"),
    ):
        await form.get_by_label("Accounts, one on a line").fill(lines)
        await form.get_by_role("button", name="Show the plan").click()
        await expect(plan).to_contain_text(said)
        await expect(plan.get_by_role("button", name="Apply this plan")).to_be_hidden()


async def test_what_is_refused_is_said_where_it_was_asked(url: str, page: Page) -> None:
    """A list without an account in it, no region, a job that is gone: each in words."""
    await look(page, url, "onboarding")
    form = section(page, "Onboarding")
    await form.get_by_label("Accounts, one on a line").fill("12345,a@example.com")
    await form.get_by_role("button", name="Show the plan").click()
    await expect(form.get_by_role("alert")).to_contain_text("no line of it is an account")
    await form.get_by_label("Accounts, one on a line").fill(world.example())
    for region in world.REGIONS:
        await form.get_by_label(region).uncheck()
    await form.get_by_role("button", name="Show the plan").click()
    await expect(form.get_by_role("alert")).to_contain_text("Regions")
    await page.goto(f"{url}/#onboarding/{'0' * 32}")
    await expect(section(page, "Progress").get_by_role("alert")).to_contain_text("no such job")


async def test_a_job_is_stopped(sim: DetectiveSimulator, url: str, page: Page) -> None:
    """The button stops it, and the page says so."""
    sim.set_verification_delay(600)
    await look(page, url, "onboarding")
    await page.get_by_role("button", name="Fill in an example").click()
    await page.get_by_role("button", name="Show the plan").click()
    await page.get_by_role("button", name="Apply this plan").click()
    job = section(page, "Progress")
    await job.get_by_role("button", name="Stop").click()
    await expect(job.get_by_role("status")).to_contain_text("Stopped")


async def test_an_investigation(sim: DetectiveSimulator, url: str, page: Page, tmp_path: Path) -> None:
    """All of them are listed; one is followed to what it found, archived, and another one started and waited for."""
    sim.investigations(duration=2, severity="CRITICAL")
    await look(page, url, "investigations")
    all_ = section(page, "Investigations")
    await expect(all_.get_by_role("alert")).to_contain_text(f"Not all could be seen: {world.CLOSED}")
    await expect(all_.get_by_role("status")).to_have_text(re.compile(r"^\d\d found$"))
    await all_.get_by_label("Severity").select_option("CRITICAL")
    await all_.get_by_label("State").select_option("ACTIVE")
    rows = all_.locator("tbody tr")
    for row in await rows.all():
        await expect(row).to_contain_text("CRITICAL")
    await rows.first.get_by_role("link").click()
    one = section(page, re.compile("^Investigation of"))
    await expect(one.get_by_role("heading", level=2)).to_be_focused()
    await expect(one.locator("tbody tr")).to_have_count(24)
    await expect(one.get_by_role("row", name="ttp observed").first).to_contain_text("API name: ListBuckets")
    await page.screenshot(path=tmp_path / "investigation.png", full_page=True)
    await one.get_by_role("button", name="Archive").click()
    await expect(one.get_by_role("button", name="Take out of the archive")).to_be_visible()

    await all_.get_by_text("Start an investigation").click()
    arn = f"arn:aws:iam::{world.ACCOUNTS[0]}:role/<img/src=x/onerror='window.harmed=1'>"
    await all_.get_by_label("ARN of the user or role").fill("Admin")
    await all_.get_by_role("button", name="Start").click()
    await expect(page.locator("#start-alert")).to_contain_text("EntityArn")
    await all_.get_by_label("ARN of the user or role").fill(arn)
    await all_.get_by_role("button", name="Start").click()
    await expect(one.get_by_role("status")).to_have_text("running")
    await expect(one).to_contain_text(arn)
    await sim.advance(3)
    await expect(one.get_by_role("status")).to_have_text("successful, 24 indicators")
    assert await page.evaluate("window.harmed") is None
    assert await page.locator("main img").count() == 0


async def test_the_keyboard_is_enough(url: str, page: Page) -> None:
    """Tab, Enter and Space lead from the top of the page to a finished onboarding; the focus is never lost."""
    await look(page, url)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main")).to_be_focused()
    await tab_to(page, page.get_by_role("button", name="Look again").first)
    await page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    await tab_to(page, page.get_by_role("link", name="Onboarding"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Onboarding")).to_be_focused()
    await tab_to(page, page.get_by_label(world.REGIONS[1]))
    await page.keyboard.press("Space")
    await tab_to(page, page.get_by_label("Accounts, one on a line"))
    await page.keyboard.insert_text(world.example())
    await tab_to(page, page.get_by_role("button", name="Show the plan"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Plan", exact=True)).to_be_focused()
    await tab_to(page, page.get_by_role("button", name="Apply this plan"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Progress")).to_be_focused()
    await expect(page.locator("#job-status")).to_contain_text("Done. 18 of 20")
    await page.go_back()
    await expect(page.get_by_role("heading", name="Onboarding")).to_be_focused()


async def test_the_focus_is_to_be_seen(url: str, page: Page) -> None:
    """Whatever can be tabbed to shows that it has the focus."""
    await look(page, url)
    for _ in range(12):
        await page.keyboard.press("Tab")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert outline == "3px"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1280])
async def test_the_page_fits_and_is_legible(
    sim: DetectiveSimulator, url: str, page: Page, tmp_path: Path, *, scheme: Any, width: int
) -> None:
    """No sideways scrolling of the page, even on a phone; contrast is 4.5 at least, and 3 between bars and ground."""
    sim.set_verification_delay(0)
    await page.set_viewport_size({"width": width, "height": 800})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await look(page, url)

    async def check(name: str) -> None:
        await page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth") == width, name
        contrast, text = await page.evaluate(CONTRAST)
        assert contrast >= 4.5, (name, text)

    await check("fleet")
    await page.get_by_role("link", name="Onboarding").click()
    await page.get_by_role("button", name="Fill in an example").click()
    await page.get_by_role("button", name="Show the plan").click()
    await expect(section(page, "Plan")).to_be_visible()
    await page.get_by_text("In words").click()
    await check("plan")
    await page.get_by_role("button", name="Apply this plan").click()
    await expect(page.locator("#job-status")).to_contain_text("Done.")
    await check("job")
    await page.get_by_role("link", name="Investigations").click()
    await page.get_by_text("Start an investigation").click()
    await page.locator("#investigations-table a").first.click()
    await expect(page.locator("#investigation-status")).to_have_text(re.compile("indicators"))
    await check("investigations")
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(ground[4:].split(",")[0]) > 128) is (scheme == "light")
    assert (
        await page.evaluate("getComputedStyle(document.querySelector('#chart [data-status]')).transitionDuration")
        == "0s"
    )


async def test_the_page_makes_sense_unseen(url: str, page: Page) -> None:
    """Landmarks, headings, tables and controls have the names and roles that a screen reader tells."""
    await look(page, url)
    await expect(page.get_by_role("banner")).to_match_aria_snapshot(
        """
        - banner:
          - heading "Detective" [level=1]
          - navigation "Views":
            - link "Fleet"
            - link "Onboarding"
            - link "Investigations"
        """
    )
    await expect(page.get_by_role("link", name="Fleet")).to_have_attribute("aria-current", "page")
    await expect(page.get_by_role("img", name="Members by status and region")).to_be_visible()
    await expect(page.get_by_role("progressbar", name="Accounts and regions that have answered")).to_be_visible()
    for view, headings in {
        "Fleet": ["Fleet", "Members by status and region", "What could not be seen", "Accounts"],
        "Onboarding": ["Onboarding"],
        "Investigations": ["Investigations"],
    }.items():
        await page.get_by_role("link", name=view, exact=True).click()
        await expect(page).to_have_title(f"{view}: Detective")
        main = page.get_by_role("main")
        await expect(main.get_by_role("heading", level=2)).to_have_text(headings)
        for name in headings:
            await expect(main.get_by_role("region", name=name, exact=True)).to_have_count(1)
        for control in await page.locator("button:visible, select:visible, input:visible, textarea:visible").all():
            # What it is, and its name; a select's choices follow, on lines of their own.
            assert re.match(r"- '?\w+ \"[^\"]+\"", await control.aria_snapshot()), await control.evaluate(
                "node => node.outerHTML"
            )
    for table in await page.locator("table").all():
        assert await table.locator("caption").text_content()
        assert await table.locator("th:not([scope])").count() == 0
    ids = await page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")
    assert len(ids) == len(set(ids))
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_nothing_is_loaded_from_elsewhere(url: str, page: Page) -> None:
    """Every request of the page goes to the backend that it came from."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await look(page, url)
    await page.get_by_role("link", name="Investigations").click()
    await expect(page.locator("#investigations-status")).to_contain_text("found")
    assert len(asked) > 8
    assert [one for one in asked if not one.startswith(url)] == []
    assert json.dumps(asked).count("@") == 0
