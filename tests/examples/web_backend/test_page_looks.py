"""How the example's page looks in a real browser: at each width, in each colour scheme, on paper, and by keyboard."""

import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Page, expect
from support.browser import BROWSER_MARKS, tab_to
from support.page_api import (
    ADMINISTRATORS,
    EXPIRED,
    REGIONS,
    SETTINGS,
    PageApi,
    cell,
    events,
    investigation,
    member,
    ndjson,
    plan,
    target,
    value,
)
from support.page_checks import (
    check_accessibility,
    check_colour_scheme,
    check_colours_of_texts,
    check_control_names,
    check_every_look,
    check_layout,
    check_markup,
)
from support.page_steps import open_start

pytestmark = BROWSER_MARKS


async def test_everything_prints(url: str, page: Page, api: PageApi) -> None:
    """All rows are printed, not only those in sight, and nothing that can only be clicked."""
    api.answers["fleet/members"] = ndjson([member(ADMINISTRATORS[0], REGIONS[0], number) for number in range(300)])
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-shown")).to_contain_text("300 of 300")
    assert await page.locator("#members-table tbody tr").count() < 100
    await page.emulate_media(media="print")
    await expect(page.locator("#members-table tbody tr")).to_have_count(300)
    await expect(page.locator("#members-refresh")).to_be_hidden()
    assert await page.locator("#members .box").last.evaluate("box => box.scrollHeight <= box.clientHeight + 1")
    # Chromium repeats the texts of a header on each sheet, but no boxes of buttons.
    heading = page.locator("#members-table thead button").first
    assert await heading.evaluate("button => getComputedStyle(button).display") == "contents"


async def test_names_and_addresses_are_shown_if_asked_for(url: str, page: Page, api: PageApi) -> None:
    """They are not even requested before."""
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-shown")).to_contain_text("1 of 1")
    api.answers["fleet/members"] = ndjson([member(ADMINISTRATORS[0], REGIONS[0], 1, EmailAddress="root@example.com")])
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await expect(page.locator("#members-table")).to_contain_text("root@example.com")
    assert [one for one in api.requests if "emails" in one] == ["GET fleet/members?max_age=3600&emails=true"]


@pytest.mark.parametrize("width", [1024, 1440])
async def test_what_is_wrong_is_seen_without_scrolling_sideways(url: str, page: Page, api: PageApi, width: int) -> None:
    """Status, reason, since when and whose graph are in sight, however long names and addresses are; at best, all is.

    An e-mail address breaks after its @, and in no word that fits.
    """
    line = member(
        ADMINISTRATORS[0], "ap-southeast-2", 1, "VERIFICATION_FAILED", EmailAddress=f"operations@{'x' * 52}.example"
    )
    line["Member"]["DatasourcePackageIngestStates"] = dict.fromkeys(
        ("DETECTIVE_CORE", "EKS_AUDIT", "ASFF_SECURITYHUB_FINDING"), "STOPPED"
    )
    api.answers |= {
        "settings": value({**SETTINGS, "Names": {f"{1:012}": "payments " * 5}}),
        "fleet/members": ndjson([line]),
    }
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(f"{url}/#members")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await expect(page.locator("#members-table")).to_contain_text(".example")
    box = await page.locator(".box", has=page.locator("#members-table")).bounding_box()
    assert box
    wanted = ["Account", "Name", "Status", "Reason", "Since (UTC)", "Region", "Administrator"]
    if width == 1440:
        wanted += ["E-mail", "Data a day", "Invited (UTC)", "Packages"]
    for label in wanted:
        cell = await page.locator(f"#members-table [data-label='{label}']").bounding_box()
        assert cell
        assert cell["x"] + cell["width"] <= box["x"] + box["width"], label
    first_line = """cell => {
      const text = document.createRange();
      text.selectNodeContents(cell.firstChild);
      return text.getClientRects().length;
    }"""
    assert await page.locator("#members-table [data-label='E-mail']").evaluate(first_line) == 1


@pytest.mark.parametrize("width", [1024, 1440])
async def test_a_matrix_with_names_is_seen_without_scrolling_sideways(
    url: str, page: Page, api: PageApi, width: int
) -> None:
    """Of three regions, with reasons of several words; the id of an account stays whole."""
    regions = ["eu-west-1", "us-east-1", "ap-southeast-2"]
    found = [cell("444455556666", region, "off", "verification in progress") for region in regions]
    names = {"444455556666": "payments-production-archive-of-the-former-group"}
    api.answers |= {
        "settings": value({**SETTINGS, "Regions": regions, "Names": names}),
        "coverage": ndjson(found),
    }
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(f"{url}/#members")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await page.goto(f"{url}/#coverage")
    account = page.locator("#coverage-table tbody th", has_text="444455556666")
    await expect(account).to_contain_text("payments")
    table = page.locator("#coverage-table")
    assert await table.evaluate("table => table.offsetWidth <= table.closest('.box').clientWidth")
    assert await account.locator("a").evaluate("link => link.getClientRects().length") == 1


async def test_on_a_phone_only_the_page_scrolls(url: str, page: Page, api: PageApi) -> None:
    """No table has a scroller of its own; rows are still only near the screen, and what follows can be reached."""
    api.answers["fleet/members"] = ndjson([member(ADMINISTRATORS[0], REGIONS[0], number) for number in range(1000)])
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.goto(f"{url}/#members?sort=account")
    rows = page.locator("#members-table tbody tr:not(.gap)")
    await expect(rows.first).to_contain_text(f"{0:012}")
    await expect(page.get_by_text("1,000 of 1,000 memberships")).to_be_visible()
    box = page.locator(".box", has=page.locator("#members-table"))
    assert await box.evaluate("box => box.scrollHeight === box.clientHeight")
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    await page.wait_for_function("() => document.elementFromPoint(195, 400)?.closest('tr')?.dataset.index > 400")
    assert await rows.count() < 60
    await page.evaluate("scrollTo(0, 0)")
    await page.get_by_role("button", name="Skip this table: Memberships, problems first").click()
    await expect(page.locator("#members .exports")).to_be_in_viewport()
    await expect(rows.last).to_contain_text(f"{999:012}")
    await page.keyboard.press("Tab")
    await expect(page.locator("#members .exports a").first).to_be_focused()
    # Where the phone is turned, the table has its own scroller again.
    await page.set_viewport_size({"width": 1024, "height": 800})
    await expect(rows.first).to_contain_text(f"{0:012}")
    assert await box.evaluate("box => box.scrollHeight > box.clientHeight")


@pytest.mark.parametrize("words", [10, 30, 100])
async def test_the_end_of_a_table_is_reached(url: str, page: Page, api: PageApi, words: int) -> None:
    """However high its rows are, on a slow phone, and right after the reader has scrolled; then the reader scrolls."""
    api.answers |= {
        "settings": value({**SETTINGS, "Names": {f"{number:012}": "payments " * words for number in range(1000)}}),
        "fleet/members": ndjson([member(ADMINISTRATORS[0], REGIONS[0], number) for number in range(1000)]),
    }
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.goto(f"{url}/#members?sort=account")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": 3})
    rows = page.locator("#members-table tbody tr:not(.gap)")
    for place in (0.2, 0.35, 0.5, 0.65, 0.8):
        # Anew, so that no row has been measured.
        await page.reload()
        await expect(rows.first).to_contain_text(f"{0:012}")
        # Not only the first ones of them have arrived.
        await expect(page.get_by_text("1,000 of 1,000 memberships")).to_be_visible()
        for part in (place, 0):
            await page.evaluate(f"scrollTo(0, document.documentElement.scrollHeight * {part})")
        await page.evaluate("document.querySelector('#members .near + p button').click()")
        await expect(rows.last).to_have_attribute("data-index", "999")
        await expect(page.locator("#members .exports")).to_be_in_viewport()
    await page.mouse.wheel(0, -5000)
    await expect(page.locator("#members .exports")).not_to_be_in_viewport()
    await page.wait_for_timeout(300)
    await expect(page.locator("#members .exports")).not_to_be_in_viewport()


async def test_a_keyboard_skips_a_table(url: str, page: Page, api: PageApi) -> None:
    """On a wide screen too: what follows would be behind each of its links. Only who uses the keyboard sees it."""
    api.answers["fleet/investigations"] = ndjson([investigation(number, "HIGH") for number in range(76)])
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.goto(f"{url}/#investigations")
    skip = page.get_by_role("button", name=re.compile("^Skip this table"))
    assert await skip.evaluate("button => button.parentElement.offsetHeight") == 1
    await tab_to(page, skip)
    assert await skip.evaluate("button => button.parentElement.offsetHeight") > 20
    await page.keyboard.press("Enter")
    # What has the focus is between the table and the text that follows, and on none of its words.
    await expect(page.locator(":focus")).to_have_attribute("tabindex", "-1")
    bottom = await page.locator(":focus").evaluate("node => node.getBoundingClientRect().bottom")
    following = await page.locator("#investigations .exports").first.bounding_box()
    assert following is not None
    assert bottom <= following["y"]
    await page.keyboard.press("Tab")
    await expect(page.locator("#investigations .exports :is(a, input)").first).to_be_focused()
    await expect(page.locator(":focus")).to_be_in_viewport()


@pytest.mark.parametrize("width", [390, 1440])
async def test_the_end_and_the_top_are_reached_at_once(url: str, page: Page, api: PageApi, width: int) -> None:
    """Of a long table, by their keys: the rows that are measured on the way do not move the reader."""
    api.answers |= {
        "settings": value({**SETTINGS, "Names": {f"{number:012}": "payments " * 30 for number in range(1000)}}),
        "fleet/members": ndjson([member(ADMINISTRATORS[0], REGIONS[0], number) for number in range(1000)]),
    }
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(f"{url}/#members?sort=account")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    rows = page.locator("#members-table tbody tr:not(.gap)")
    await expect(rows.first).to_contain_text(f"{0:012}")
    await expect(page.get_by_text("1,000 of 1,000 memberships")).to_be_visible()
    scroller = await page.evaluate_handle(
        "phone => phone ? document.documentElement : document.querySelector('#members .box')", width == 390
    )
    if width != 390:
        await page.locator("#members .box").first.focus()
    await page.keyboard.press("End")
    await expect(rows.last).to_have_attribute("data-index", "999")
    await page.wait_for_timeout(1000)
    assert await scroller.evaluate("one => one.scrollTop + one.clientHeight >= one.scrollHeight - 1")
    await page.keyboard.press("Home")
    await expect(rows.first).to_contain_text(f"{0:012}")
    await page.wait_for_timeout(1000)
    assert await scroller.evaluate("one => one.scrollTop") == 0


async def test_ids_are_printed_whole(url: str, page: Page, api: PageApi) -> None:
    """On a sheet of paper, with names and e-mail addresses, no id and no word of a status is cut in two."""
    line = member(ADMINISTRATORS[0], REGIONS[0], 1, "VERIFICATION_FAILED", EmailAddress=f"{'x' * 52}@example.com")
    api.answers |= {
        "settings": value({**SETTINGS, "Names": {f"{1:012}": "payments-01"}}),
        "fleet/members": ndjson([line]),
    }
    await page.set_viewport_size({"width": 794, "height": 1123})
    await page.goto(f"{url}/#members")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await expect(page.locator("#members-table")).to_contain_text("@example.com")
    await page.emulate_media(media="print")
    for label in ("Account", "Administrator"):
        link = page.locator(f"#members-table [data-label='{label}'] a")
        assert await link.evaluate("link => link.getClientRects().length") == 1, label
    # As wide as its longest word.
    assert await page.locator("#members-table .badge").evaluate("badge => badge.offsetWidth > 70")
    table = page.locator("#members-table")
    assert await table.evaluate("table => table.offsetWidth <= table.parentElement.offsetWidth")


async def test_what_a_card_says_is_beside_its_label(url: str, page: Page, api: PageApi) -> None:
    """Also the second part of a cell, such as the name below an account's id."""
    api.answers |= {
        "settings": value({**SETTINGS, "Names": {"444455556666": "payments-01"}}),
        "coverage": ndjson([cell("444455556666", region, "on") for region in REGIONS]),
    }
    await page.set_viewport_size({"width": 320, "height": 800})
    await page.goto(f"{url}/#members")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await page.goto(f"{url}/#coverage")
    account = page.locator("#coverage-table tbody th", has_text="444455556666")
    await expect(account).to_contain_text("payments-01")
    left = "part => part.getBoundingClientRect().left"
    assert await account.locator("small").evaluate(left) == await account.locator("a").evaluate(left)


@pytest.mark.parametrize(
    "view", ["fleet", "coverage", "members", "investigations", "onboarding", "account/444455556666", "nowhere"]
)
async def test_every_view_is_accessible_and_fits(
    url: str, page: Page, api: PageApi, tmp_path: Path, *, view: str
) -> None:
    """By axe-core; no view scrolls horizontally, and texts have contrast, at four widths and in all colours."""
    many = [
        member(ADMINISTRATORS[0], REGIONS[0], n, s)
        for n, s in enumerate(["VERIFICATION_FAILED", "INVITED", "ENABLED"] * 30)
    ]
    api.answers |= {
        "fleet/members": ndjson(many),
        "fleet/overview": events(
            [
                target(ADMINISTRATORS[0], REGIONS[0], counts={"ENABLED": 3, "VERIFICATION_FAILED": 1}),
                target(ADMINISTRATORS[0], REGIONS[1], graph=False),
                target(ADMINISTRATORS[1], REGIONS[0], error=EXPIRED),
            ]
        ),
        "coverage": ndjson(
            [cell("444455556666", REGIONS[0], "off", "verification failed"), cell("444455556666", REGIONS[1], "on")]
        ),
        "POST onboarding/plans": value(plan(), 201),
    }
    await page.goto(f"{url}/#{view}")
    if view == "onboarding":
        await page.get_by_label(re.compile("^Administrator account")).select_option(ADMINISTRATORS[0])
        await page.get_by_label("Accounts, one per line").fill("444455556666,root@example.com")
        await page.get_by_role("button", name="Show the plan").click()
        await expect(page.locator("#plan-apply")).to_be_visible()
    if view == "investigations":
        await open_start(page)
    await expect(page.get_by_role("heading", level=2).first).to_be_visible()
    await page.wait_for_timeout(200)

    async def check(width: int, colours: str) -> None:
        if colours.endswith("dark"):
            # It differs from light by its colours alone.
            await check_colours_of_texts(page)
        else:
            await check_accessibility(page)
        if colours == "light":
            # They depend on no colours.
            await check_control_names(page)
            await check_markup(page)
        if colours.startswith("forced"):
            assert await page.evaluate("document.documentElement.scrollWidth") == width
        else:
            await check_layout(page, width)
            await check_colour_scheme(page, colours)

    await check_every_look(
        page,
        view.partition("/")[0],
        check,
        widths=[320, 390, 1024, 1440],
        colours=["light", "dark", "forced", "forced dark"],
        folder=tmp_path,
    )


@pytest.mark.parametrize("view", ["members", "investigations"])
@pytest.mark.usefixtures("api")
async def test_a_filter_has_space_around_it(url: str, page: Page, view: str) -> None:
    """Also where nothing has failed, so that it comes right after the heading's buttons."""
    await page.goto(f"{url}/#{view}")
    await expect(page.locator(f"#{view}-shown")).to_be_visible()
    bar, filters = await page.locator(f"#{view} .bar").bounding_box(), await page.locator("form.filter").bounding_box()
    assert bar
    assert filters
    assert filters["y"] - bar["y"] - bar["height"] >= 8


@pytest.mark.parametrize("width", [320, 1024])
async def test_the_focus_is_never_hidden(url: str, page: Page, api: PageApi, width: int) -> None:
    """Whatever Tab and Shift+Tab lead to is in sight, below no sticky header (WCAG 2.4.11)."""
    await page.set_viewport_size({"width": width, "height": 500})
    api.answers["fleet/members"] = ndjson([member(ADMINISTRATORS[0], REGIONS[0], number) for number in range(100)])
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-shown")).to_contain_text("100 of 100")
    in_sight = """() => {
      const { left, top, right, bottom } = document.activeElement.getBoundingClientRect();
      const found = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
      const { activeElement } = document;
      return activeElement === document.body || activeElement.contains(found) || bottom - top > innerHeight;
    }"""
    for key, times in (("Tab", 45), ("Shift+Tab", 40)):
        for _ in range(times):
            await page.keyboard.press(key)
            assert await page.evaluate(in_sight), await page.evaluate("document.activeElement.outerHTML")


@pytest.mark.parametrize("width", [390, 1440])
async def test_the_hint_is_wherever_rows_are_missing(url: str, page: Page, api: PageApi, width: int) -> None:
    """With many columns, or on a phone, fewer rows are in the page: the hint goes by that, and not by a number."""
    regions = [f"eu-west-{number}" for number in range(1, 21)]
    api.answers["settings"] = value({**SETTINGS, "Regions": regions})
    api.answers["coverage"] = ndjson([cell(f"{n:012}", region, "on") for n in range(30) for region in regions])
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(f"{url}/#coverage")
    await expect(page.locator("#coverage-shown")).to_contain_text("32 of 32")
    await expect(page.locator("#matrix .near")).to_contain_text("use the filters")
    assert await page.locator("#coverage-table tbody tr:not(.gap)").count() < 32
    await page.locator("#coverage-find").fill("0000000000001")
    await expect(page.locator("#matrix .near")).to_have_count(0)
    await page.locator("#coverage-find").fill(f"{1:012}")
    await expect(page.locator("#coverage-table tbody tr")).to_have_count(1)
