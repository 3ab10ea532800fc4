"""The page at /_simulator/ in a headless browser."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Route, expect
from support.browser import BROWSER_MARKS, opened_page, tab_to
from support.browser.task_times import recorded_tasks
from support.page_checks import (
    check_accessibility,
    check_colour_scheme,
    check_colours_of_texts,
    check_control_names,
    check_every_look,
    check_layout,
    check_markup,
)

from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault

# Some faults are only to be shown.
pytestmark = [*BROWSER_MARKS, pytest.mark.filterwarnings("ignore::detective_async.testing.UnusedFaultWarning")]

ADMIN = "111122223333"
ROLE = f"arn:aws:iam::{ADMIN}:role/admin"


@pytest_asyncio.fixture
async def page(devtools_url: str) -> AsyncIterator[Page]:
    """A page in a context of its own; at the end, its console may only have errors of a server that was stopped."""
    async with opened_page(devtools_url) as (page, console):
        yield page
    assert [text for text in console if "ERR_CONNECTION_REFUSED" not in text] == []


async def look(page: Page, sim: DetectiveSimulator) -> None:
    """Open the page, and wait until it shows the state."""
    await page.goto(f"{sim.url}/_simulator/")
    await expect(page.get_by_role("status")).to_have_text("Live")


def section(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("region", name=name)


def fact(page: Page, term: str) -> Locator:
    return section(page, "Overview").locator("div", has=page.get_by_text(term, exact=True)).get_by_role("definition")


async def populate(sim: DetectiveSimulator, boto: Any, people: Any) -> str:
    """Create a world with entries in each of the page's sections."""
    admin = boto()
    sim.account("000000000003", "someone-else@example.com")
    sim.set_volume("000000000002", "VOLUME_TOO_HIGH")
    sim.close_region("ap-east-1")
    arn = str((await admin.create_graph(Tags={"team": "secops", "stage": "test"}))["GraphArn"])
    await boto("444455556666", region="us-east-1").create_graph()
    for accounts in (people(50), people(10, 51)):
        await admin.create_members(GraphArn=arn, Accounts=accounts)
    for member in ("000000000001", "000000000002"):
        await boto(member).accept_invitation(GraphArn=arn)
    since = sim.now - timedelta(days=1)
    await admin.start_investigation(GraphArn=arn, EntityArn=ROLE, ScopeStartTime=since, ScopeEndTime=sim.now)
    sim.throttle(operation="ListGraphs")
    with pytest.raises(admin.exceptions.TooManyRequestsException):
        await admin.list_graphs()
    sim.inject(Fault(Drop()))
    with pytest.raises(Exception, match="Connection was closed"):
        await admin.list_graphs()
    sim.inject(Fault(Failure(503, "Busy"), "ListMembers", ADMIN, "eu-west-1", count=3, probability=0.5))
    return arn


async def test_the_page_shows_the_whole_state(sim: DetectiveSimulator, boto: Any, people: Any, page: Page) -> None:
    """Accounts, graphs, members, invitations, investigations, requests, faults and the time."""
    arn = await populate(sim, boto, people)
    await sim.advance(3 * 3600)
    await look(page, sim)
    await expect(fact(page, "Virtual time")).to_contain_text("3 h ahead")
    await expect(fact(page, "Graphs")).to_have_text("2")
    await expect(fact(page, "Members")).to_contain_text("60")
    await expect(fact(page, "Regions not opted in")).to_have_text("ap-east-1")
    graphs = section(page, "Graphs").get_by_role("row")
    await expect(graphs.nth(1)).to_contain_text("VERIFICATION_FAILED 1")
    await expect(graphs.nth(1)).to_contain_text("team=secops")
    await expect(graphs.nth(2)).to_contain_text("444455556666, us-east-1")
    graph = section(page, f"Graph of {ADMIN}, eu-west-1")
    await expect(graph).to_contain_text(arn)
    await expect(graph.get_by_role("listitem").filter(has_text="DETECTIVE_CORE STARTED")).to_be_visible()
    members = graph.get_by_role("row")
    await expect(members).to_have_count(51)
    await expect(members.nth(1)).to_contain_text("ENABLED")
    await expect(members.nth(2)).to_contain_text("ACCEPTED_BUT_DISABLEDVOLUME_TOO_HIGH")
    await expect(members.nth(3)).to_contain_text("account-000000000003@example.com")
    await expect(section(page, "Open invitations").get_by_role("row").nth(1)).to_contain_text("000000000004")
    await expect(section(page, "Investigations").get_by_role("row").nth(1)).to_contain_text("SUCCESSFUL")
    requests = section(page, "Latest requests").get_by_role("row")
    await expect(requests.nth(1)).to_contain_text("connection dropped")
    await expect(requests.nth(2)).to_contain_text("429 TooManyRequestsException")
    await expect(requests.nth(2)).to_contain_text("Throttle")
    await expect(requests.last).to_contain_text("CreateGraph")
    fault = section(page, "Pending faults").get_by_role("row").nth(1)
    await expect(fault).to_contain_text("Failure(status=503, code='Busy')")
    await expect(fault).to_contain_text("3 times, probability 0.5")
    await expect(section(page, "Accounts").get_by_role("row", name="someone-else@example.com")).to_be_visible()


@pytest.mark.simulator(verification_delay=60)
async def test_the_page_refreshes_itself(sim: DetectiveSimulator, boto: Any, people: Any, page: Page) -> None:
    """Starting from an empty world, new entries appear and deleted ones disappear."""
    await look(page, sim)
    await expect(section(page, "Graphs")).to_contain_text("None yet")
    arn = (await boto().create_graph())["GraphArn"]
    await expect(section(page, "Graphs").get_by_role("link", name=ADMIN)).to_be_visible()
    await boto().create_members(GraphArn=arn, Accounts=people(2))
    status = section(page, f"Graph of {ADMIN}").get_by_role("row", name="000000000002").get_by_role("cell").first
    await expect(status).to_have_text("VERIFICATION_IN_PROGRESS")
    await sim.advance(60)
    await expect(status).to_have_text("INVITED")
    await expect(fact(page, "Virtual time")).to_contain_text("1 min ahead")
    await boto().delete_graph(GraphArn=arn)
    await expect(section(page, "Graphs")).to_contain_text("None yet")
    await expect(section(page, f"Graph of {ADMIN}")).to_be_hidden()
    await expect(section(page, "Latest requests").get_by_role("row").nth(1)).to_contain_text("DeleteGraph")


async def test_a_refresh_keeps_focus_and_scroll_position(
    sim: DetectiveSimulator, boto: Any, people: Any, page: Page
) -> None:
    """The focused link and the visible rows of a list stay the same nodes in the same place."""
    await populate(sim, boto, people)
    for _ in range(30):
        await boto("444455556666").list_graphs()
    await look(page, sim)
    link = section(page, "Graphs").get_by_role("link").last
    await link.focus()
    await page.evaluate("document.activeElement.mark = 'the same node'")
    read = section(page, "Latest requests").get_by_role("row", name="CreateGraph").last
    await read.evaluate("node => { node.scrollIntoView({ block: 'center' }); }")
    await page.evaluate("window.scrollTo(0, 200)")
    before = await read.bounding_box()
    for account in (ADMIN, "444455556666", "000000000001"):
        await boto(account).list_invitations()
    await expect(section(page, "Latest requests").get_by_role("row", name="ListInvitations")).to_have_count(3)
    assert await page.evaluate("document.activeElement.mark") == "the same node"
    assert await page.evaluate("window.scrollY") == 200
    assert await read.bounding_box() == pytest.approx(before, abs=1)


async def test_the_page_reconnects(sim: DetectiveSimulator, boto: Any, page: Page) -> None:
    """While the server does not respond, the page says so and shows the last state; then it continues."""
    await boto().create_graph()
    await look(page, sim)
    sim._listener._port = int(sim.url.rpartition(":")[2])
    await sim.stop()
    await expect(page.get_by_role("status")).to_have_text(
        re.compile(r"No response from the server; showing the state of .*Retrying")
    )
    await expect(page).to_have_title(re.compile("^Disconnected"))
    await expect(section(page, "Graphs").get_by_role("link", name=ADMIN)).to_be_visible()
    await sim.start()
    await expect(page.get_by_role("status")).to_have_text("Live")
    await expect(page).to_have_title("Detective simulator")
    await boto("444455556666").create_graph()
    await expect(section(page, "Graphs").get_by_role("link", name="444455556666")).to_be_visible()


async def test_markup_in_the_state_is_text(sim: DetectiveSimulator, boto: Any, page: Page) -> None:
    """Tags and e-mail addresses that contain markup are shown as text, and no script runs."""
    evil = "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'>"
    arn = (await boto().create_graph(Tags={"key": evil, "__proto__": "x", "a=b": "c", "a": "b=c"}))["GraphArn"]
    sim.account("000000000001", f"{evil}@example.com")
    sim.inject(Fault(Failure(code=evil), operation="DeleteGraph"))
    sim.inject(Fault(Failure(code=evil)))
    with pytest.raises(boto().exceptions.ClientError):
        await boto().list_graphs()
    await look(page, sim)
    tags = section(page, f"Graph of {ADMIN}").get_by_role("listitem")
    await expect(tags.filter(has_text=f"key={evil}")).to_be_visible()
    await expect(tags.filter(has_text="a=b=c")).to_have_count(2)
    await expect(section(page, "Accounts").get_by_text(f"{evil}@example.com")).to_be_visible()
    await expect(section(page, "Latest requests").get_by_text(f"500 {evil}")).to_be_visible()
    await expect(section(page, "Pending faults").get_by_text("<script>window.harmed")).to_be_visible()
    assert await page.locator("main script, main img").count() == 0
    assert await page.evaluate("window.harmed") is None
    await page.evaluate("hash => { location.hash = hash; }", f"graph={evil}")
    await expect(page.get_by_text("This graph does not exist any more.")).to_be_visible()
    await page.evaluate("hash => { location.hash = hash; }", f"graph={arn}")
    await expect(tags.filter(has_text="key=")).to_be_visible()


async def test_the_keyboard_is_sufficient(sim: DetectiveSimulator, boto: Any, people: Any, page: Page) -> None:
    """Tab and Enter select a graph, its members and their pages; the focus is never lost."""
    arn = (await boto("444455556666").create_graph())["GraphArn"]
    await populate(sim, boto, people)
    await look(page, sim)
    await tab_to(page, section(page, "Graphs").get_by_role("link", name=ADMIN))
    await page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name=f"Graph of {ADMIN}, eu-west-1")
    await expect(heading).to_be_focused()
    graph = section(page, f"Graph of {ADMIN}, eu-west-1")
    await expect(section(page, "Graphs").locator("[aria-current=true]")).to_have_text(f"{ADMIN}, eu-west-1")
    following = page.get_by_role("button", name="Next members")
    await tab_to(page, following)
    await page.keyboard.press("Enter")
    await expect(graph.get_by_role("row")).to_have_count(11)
    await expect(graph).to_contain_text("51 to 60 of 60")
    await expect(following).to_be_focused()
    await expect(following).to_have_attribute("aria-disabled", "true")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Space")
    await expect(graph).to_contain_text("1 to 50 of 60")
    choice = graph.get_by_role("combobox", name="Status")
    await choice.focus()
    await page.keyboard.type("ACC")
    await expect(graph.get_by_role("row")).to_have_count(2)
    await expect(graph.get_by_role("row").last).to_contain_text("000000000002")
    await expect(choice).to_be_focused()
    # Not by its letters, which would continue those above.
    await page.keyboard.press("Home")
    await page.keyboard.press("ArrowDown")
    await expect(choice).to_have_value("VERIFICATION_IN_PROGRESS")
    await expect(graph).to_contain_text("No members.")
    await page.go_back()
    await expect(page.get_by_role("heading", name="Graph of 444455556666, eu-west-1")).to_be_focused()
    await section(page, "Graphs").get_by_role("link").first.focus()
    await boto("444455556666").delete_graph(GraphArn=arn)
    await expect(page.get_by_role("heading", name="Graphs", exact=True)).to_be_focused()


async def test_selecting_the_selected_graph_again_focuses_it(sim: DetectiveSimulator, boto: Any, page: Page) -> None:
    """The link of the graph that is shown already works too; when it is deleted, the page says so."""
    arn = (await boto().create_graph())["GraphArn"]
    await look(page, sim)
    heading = page.get_by_role("heading", name=f"Graph of {ADMIN}")
    for _ in range(2):
        await section(page, "Graphs").get_by_role("link").click()
        await expect(heading).to_be_focused()
        await page.get_by_role("button", name="Pause").focus()
    await boto().delete_graph(GraphArn=arn)
    await expect(page.get_by_text("This graph does not exist any more.")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("This graph does not exist any more.")).to_be_visible()


async def test_a_hidden_or_paused_page_does_not_poll(sim: DetectiveSimulator, boto: Any, page: Page) -> None:
    """Polling stops while the page is hidden or paused, and continues at once afterwards."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.clock.install()
    await look(page, sim)
    await page.evaluate(
        """() => {
          window.hide = (hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
          };
          window.hide(true);
        }"""
    )
    await page.clock.pause_at(sim.now + timedelta(minutes=1))
    before = len(asked)
    await page.clock.run_for(60_000)
    assert len(asked) == before
    await boto().create_graph()
    await page.evaluate("window.hide(false)")
    await expect(section(page, "Graphs").get_by_role("link", name=ADMIN)).to_be_visible()

    pause = page.get_by_role("button", name="Pause")
    await pause.click()
    await expect(page.get_by_role("status")).to_have_text("Paused")
    await expect(page.get_by_role("button", name="Pause", pressed=True)).to_be_visible()
    before = len(asked)
    await page.clock.run_for(60_000)
    assert len(asked) == before
    await boto("444455556666").create_graph()
    await pause.click()
    await expect(page.get_by_role("status")).to_have_text("Live")
    await expect(section(page, "Graphs").get_by_role("link", name="444455556666")).to_be_visible()


async def test_the_page_fits_and_is_readable(
    sim: DetectiveSimulator, boto: Any, people: Any, page: Page, tmp_path: Path
) -> None:
    """No horizontal scrolling of the page, a contrast of at least 4.5, and nothing that axe-core finds."""
    await populate(sim, boto, people)
    await boto("1" * 12).create_graph(Tags={"k" * 128: "v" * 256})
    await look(page, sim)

    async def fits(width: int, _colours: str) -> None:
        await check_layout(page, width)

    async def is_readable(width: int, colours: str) -> None:
        await check_layout(page, width)
        # Dark differs from light by its colours alone.
        await (check_colours_of_texts if colours == "dark" else check_accessibility)(page)
        await check_colour_scheme(page, "light" if colours == "light" else "dark")
        if width < 640:
            # Rows are cards, in which each cell says its column.
            cell = section(page, "Latest requests").get_by_role("row").nth(1).get_by_role("cell").nth(1)
            assert await cell.evaluate("node => getComputedStyle(node, '::before').content") == '"Response"'
            box = section(page, "Latest requests").locator(".box")
            assert await box.evaluate("node => node.scrollWidth <= node.clientWidth")

    widths, colours = [320, 390, 1024, 1440], ["light", "dark", "forced dark"]
    for account, check in ((ADMIN, fits), ("1" * 12, is_readable)):
        await section(page, "Graphs").get_by_role("link", name=account).click()
        await expect(section(page, f"Graph of {account}")).to_be_visible()
        await check_every_look(page, account, check, widths=widths, colours=colours, folder=tmp_path)


#: Of each visible table: its name, by how much it is wider than its box, and the share of each column, by its heading.
_TABLES = """[...document.querySelectorAll(".box")].filter((box) => box.offsetParent).map((box) => {
  const table = box.firstElementChild;
  const shares = [...table.tHead.rows[0].cells].map((cell) => [cell.textContent, cell.offsetWidth / table.offsetWidth]);
  return [table.id, box.scrollWidth - box.clientWidth, Object.fromEntries(shares)];
})"""


@pytest.mark.parametrize("width", [1440, 1920])
async def test_all_columns_fit_on_a_wide_screen(
    sim: DetectiveSimulator, boto: Any, people: Any, page: Page, *, width: int
) -> None:
    """No table scrolls horizontally; the longest addresses and error codes leave room for the other columns."""
    region = "ap-southeast-2"
    await populate(sim, boto, people)
    longest = "department-of-security-operations@europe.subsidiary.example.com"
    sim.account("444455556666", longest)
    admin = boto(region=region)
    arn = (await admin.create_graph(Tags={"cost-center": "4711", "environment": "production"}))["GraphArn"]
    await admin.create_members(GraphArn=arn, Accounts=[{"AccountId": "444455556666", "EmailAddress": longest}])
    entity = f"arn:aws:iam::{ADMIN}:role/engineering/platform/AWSReservedSSO_AdministratorAccess_0123456789abcdef"
    since = sim.now - timedelta(days=1)
    await admin.start_investigation(GraphArn=arn, EntityArn=entity, ScopeStartTime=since, ScopeEndTime=sim.now)
    sim.inject(Fault(Failure(403, "AnErrorCodeThatAServiceMayInventTomorrowException"), region=region))
    with pytest.raises(admin.exceptions.ClientError):
        await admin.batch_get_graph_member_datasources(GraphArn=arn, AccountIds=["444455556666"])
    await page.set_viewport_size({"width": width, "height": 900})
    await page.goto(f"{sim.url}/_simulator/#graph={arn}")
    await expect(section(page, f"Graph of {ADMIN}, {region}").get_by_text(longest)).to_be_visible()
    tables = await page.evaluate(_TABLES)
    assert len(tables) == 7
    assert [name for name, excess, _ in tables if excess > 0] == []
    shares = {(name, heading): share for name, _, columns in tables for heading, share in columns.items()}
    assert shares["members", "E-mail address"] < 0.4
    assert shares["accounts", "E-mail address"] < 0.5
    assert shares["requests", "Response"] < 0.4


#: The words in the badges of tables that take more than one line.
_BROKEN = """[...document.querySelectorAll("tbody .badge")].flatMap(({ childNodes }) => [...childNodes])
  .filter(({ nodeType }) => nodeType === Node.TEXT_NODE).flatMap((text) =>
    [...text.data.matchAll(/[^ ]+/g)].filter(({ 0: word, index }) => {
      const range = document.createRange();
      range.setStart(text, index);
      range.setEnd(text, index + word.length);
      return range.getClientRects().length > 1;
    })).map(([word]) => word)"""


async def test_no_word_of_a_badge_is_broken(sim: DetectiveSimulator, boto: Any, people: Any, page: Page) -> None:
    """Neither of a tag nor of a severity; only words that are longer than any column may be."""
    await populate(sim, boto, people)
    sim.investigations(duration=0, severity="INFORMATIONAL")
    since = sim.now - timedelta(days=1)
    for number in range(1, 3):
        admin = boto(f"{number:012}", region="ap-southeast-2")
        arn = (await admin.create_graph(Tags={"team": "payments", "environment": "production"}))["GraphArn"]
        await admin.create_members(GraphArn=arn, Accounts=people(5))
        entity = f"arn:aws:iam::{number:012}:role/Deployer"
        await admin.start_investigation(GraphArn=arn, EntityArn=entity, ScopeStartTime=since, ScopeEndTime=sim.now)
    await page.set_viewport_size({"width": 1440, "height": 900})
    await look(page, sim)
    await expect(section(page, "Investigations").get_by_text("INFORMATIONAL")).to_have_count(2)
    assert await page.evaluate(_BROKEN) == []
    tables = await page.evaluate(_TABLES)
    assert [name for name, excess, _ in tables if excess > 0] == []


@pytest.mark.load
async def test_a_large_world_does_not_block_the_page(sim: DetectiveSimulator, raw: Any, page: Page) -> None:
    """No task takes 100 ms with 10,000 requests and accounts, while there are new ones and pages are turned."""
    regions = [f"eu-west-{number}" for number in (1, 2, 3)]
    members = [{"account": f"{number:012d}"} for number in range(1200)]
    accounts = [{"id": f"{number:012d}"} for number in range(10_000)]
    administered = [{"administrator": one["id"], "region": region} for one in accounts[-20:] for region in regions]
    sim.load({"accounts": accounts, "graphs": [{**one, "members": members} for one in administered]})
    for _ in range(10_000):
        await raw.ask("POST", "/graphs/list", b"{}")
    async with recorded_tasks(page) as tasks:
        await look(page, sim)
        await expect(section(page, "Latest requests")).to_contain_text("1 to 50 of 10,0")
        for start in (51, 101):
            for name in ("accounts", "members", "requests"):
                await page.get_by_role("button", name=f"Next {name}").click()
                await raw.ask("POST", "/graphs/list", b"{}")
            await expect(section(page, "Latest requests")).to_contain_text(f"{start} to {start + 49} of 10,0")
    assert 0 < max(tasks) < 100


async def test_a_malformed_response_does_not_end_the_polling(
    sim: DetectiveSimulator, boto: Any, devtools_url: str
) -> None:
    """The page says so, and shows the state that the next response has."""
    body = ""

    async def answer(route: Route) -> None:
        await route.fulfill(status=200, body=body)

    await boto().create_graph()
    async with opened_page(devtools_url) as (page, _console):
        await look(page, sim)
        for body in ("<html>", '{"now": 1, "totals": {}}'):  # noqa: B007 - `answer` uses it
            await page.route("**/state.json*", answer)
            await expect(page.get_by_role("status")).to_have_text(
                re.compile("^Malformed response from the server; showing the state of .*Retrying")
            )
            await page.unroute("**/state.json*")
            await expect(page.get_by_role("status")).to_have_text("Live")
        await boto("444455556666").create_graph()
        await expect(section(page, "Graphs").get_by_role("link", name="444455556666")).to_be_visible()


async def test_on_a_phone_only_the_page_scrolls(sim: DetectiveSimulator, page: Page) -> None:
    """A long list has its rows where the reader is, without a scroller of its own."""
    for number in range(300):
        sim.inject(Fault(Failure(code=f"Code{number:03}")))
    await page.set_viewport_size({"width": 390, "height": 800})
    await look(page, sim)
    faults = section(page, "Pending faults")
    await expect(faults.get_by_role("row").first).to_contain_text("Code000")
    assert await faults.locator(".box").evaluate("box => box.scrollHeight === box.clientHeight")
    assert await faults.get_by_role("row").count() < 60
    await faults.get_by_role("button", name="Skip this table").click()
    await expect(faults.get_by_role("row").last).to_contain_text("Code299")
    await expect(faults.get_by_role("row").last).to_be_in_viewport()


async def test_an_object_in_place_of_a_text_leaves_nothing_behind(
    sim: DetectiveSimulator, boto: Any, page: Page
) -> None:
    """It is shown as it came, and the next response shows what it would have shown anyway; a long id widens nothing."""
    await boto().create_graph()
    await look(page, sim)
    graphs = section(page, "Graphs")
    await expect(graphs.get_by_role("link")).to_have_text(f"{ADMIN}, eu-west-1")

    async def answer(route: Route) -> None:
        response = await route.fetch()
        state = await response.json()
        state["graphs"]["items"][0]["region"] = {"a": 1}
        state["graph"]["region"] = "x" * 3000
        await route.fulfill(json=state)

    await page.route("**/state.json*", answer)
    await expect(graphs.get_by_role("link")).to_have_text(f'{ADMIN}, {{"a":1}}')
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    await page.unroute("**/state.json*")
    await expect(graphs.get_by_role("link")).to_have_text(f"{ADMIN}, eu-west-1")
    await expect(page.get_by_text("undefined")).to_have_count(0)


async def test_the_page_is_accessible(sim: DetectiveSimulator, boto: Any, people: Any, page: Page) -> None:
    """Landmarks, headings, tables and controls have names and roles for screen readers."""
    await populate(sim, boto, people)
    await look(page, sim)
    await expect(page.get_by_role("banner")).to_match_aria_snapshot(
        """
        - banner:
          - heading "Detective simulator" [level=1]
          - paragraph: /Endpoint/
          - status: Live
          - button "Pause"
        """
    )
    names = ["Overview", "Graphs", f"Graph of {ADMIN}, eu-west-1", "Open invitations"]
    names += ["Latest requests", "Pending faults", "Investigations", "Accounts"]
    main = page.get_by_role("main")
    assert await main.get_by_role("heading", level=2).all_text_contents() == names
    for name in names:
        await expect(main.get_by_role("region", name=name, exact=True)).to_have_count(1)
    await expect(section(page, "Graphs")).to_match_aria_snapshot(
        f"""
        - region "Graphs":
          - heading "Graphs" [level=2]
          - group "Graphs; select one to see its members":
            - table "Graphs; select one to see its members":
              - rowgroup:
                - row:
                  - columnheader "Administrator, region"
                  - columnheader "Members"
                  - columnheader "Tags"
              - rowgroup:
                - row:
                  - rowheader "{ADMIN}, eu-west-1":
                    - link "{ADMIN}, eu-west-1"
                  - cell /INVITED 57/
                  - cell /team=secops/
        """
    )
    assert await page.get_by_role("table").count() == 7
    await check_markup(page)
    await check_control_names(page)
    # Only the state of the connection is announced automatically.
    assert await page.locator("[aria-live], [role=alert], [role=log]").count() == 0
    assert await page.get_by_role("status").count() == 1
