"""The rows of the example's page in a real browser: those of one administrator, older ones, and odd ones."""

import json
from typing import Any

import pytest

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Page, expect
from support.browser import BROWSER_MARKS
from support.page_api import (
    ADMINISTRATORS,
    REGIONS,
    SETTINGS,
    TIME,
    PageApi,
    cell,
    investigation,
    member,
    ndjson,
    problem,
    silence,
    value,
)

pytestmark = BROWSER_MARKS
LATER = "2026-11-26T11:30:00Z"
ODD: list[Any] = [None, 5, -3, 0.5, {}, [], [1], {"X": 1}, "", True]
#: What no text of the page may have.
NONSENSE = ("NaN", "undefined", "[object", "null")
#: Kind -> the members of its records that may be odd.
FIELDS = {
    "members": (
        *("Status", "DisabledReason", "EmailAddress", "InvitedTime", "UpdatedTime"),
        *("VolumeUsageInBytes", "DatasourcePackageIngestStates"),
    ),
    "graphs": ("Arn", "CreatedTime", "Packages", "AutoEnable", "Problems"),
    "investigations": ("EntityArn", "Severity", "Status", "State", "CreatedTime"),
    "coverage": ("State", "Reason", "Cause", "AdministratorId", "Since"),
}
#: Those that are not shown, or only where another one is odd too.
UNSEEN = {"Arn", "InvitedTime", "Problems", "Cause", "AdministratorId", "Since"}


def graph(account: str = ADMINISTRATORS[0], **more: Any) -> dict[str, Any]:
    """Return the line of a graph."""
    found = {"Arn": f"arn:{account}", "CreatedTime": TIME, "Packages": {}, "AutoEnable": True, "Problems": {}}
    return {"AccountId": account, "Region": REGIONS[0], "Graph": {**found, **more}}


async def test_the_members_of_an_administrator_are_listed(url: str, page: Page, api: PageApi) -> None:
    """From its own page, or by a filter, which the address has; the graphs and the file are those of it alone."""
    own, other = ADMINISTRATORS
    found = {"AccountId": own, "IsAdministrator": True, "Complete": True, "Coverage": [], "Memberships": []}
    lines = [member(one, REGIONS[0], 300000000001 + n) for n, one in enumerate((own, own, other))]
    api.answers |= {f"accounts/{own}": value(found), "fleet/members": ndjson(lines)}
    api.answers["fleet/graphs"] = ndjson([graph(own), graph(other)])
    await page.goto(f"{url}/#account/{own}")
    await page.get_by_role("link", name="Show their members").click()
    await expect(page).to_have_url(f"{url}/#members?administrator={own}")
    await expect(page.locator("#members-shown")).to_have_text("2 of 3 memberships, 2 accounts")
    await expect(page.locator("#members-table tbody th")).to_have_text(["300000000001", "300000000002"])
    await expect(page.locator("#graphs-table tbody th")).to_have_text([own])
    exports = page.locator("#members .exports")
    await expect(exports.get_by_role("link", name="CSV", exact=True)).to_have_attribute(
        "href", f"api/export/members.csv?account_id={own}&sort=status"
    )
    await page.get_by_label("Administrator").select_option(other)
    await expect(page).to_have_url(f"{url}/#members?administrator={other}")
    await expect(page.locator("#members-table tbody th")).to_have_text(["300000000003"])
    await page.get_by_label("Administrator").select_option("any")
    await expect(page.locator("#members-shown")).to_have_text("3 of 3 memberships, 3 accounts")


async def test_an_administrator_that_is_none_has_no_members(url: str, page: Page, api: PageApi) -> None:
    """Of an address with one that was removed, all members would pass for its own; an id with dashes is one."""
    own = ADMINISTRATORS[0]
    api.answers["fleet/members"] = ndjson([member(one, REGIONS[0], 300000000001) for one in ADMINISTRATORS])
    await page.goto(f"{url}/#members?administrator=999999999999")
    await expect(page.locator("#members-shown")).to_have_text("There is no administrator 999999999999 here.")
    await expect(page.get_by_label("Administrator")).to_have_value("999999999999")
    await expect(page.locator("#members-table tbody tr")).to_have_count(0)
    await expect(page.locator("#members .exports")).to_contain_text("nothing to export")
    await page.goto(f"{url}/#members?administrator={own[:4]}-{own[4:8]}-{own[8:]}")
    await expect(page.locator("#members-shown")).to_have_text("1 of 2 memberships, 1 account")
    await expect(page.get_by_label("Administrator")).to_have_value(own)


async def test_an_administrator_that_could_not_be_read_has_no_number(url: str, page: Page, api: PageApi) -> None:
    """Its members are not known, which is not 0; in a region where it answered, there are none."""
    own, other = ADMINISTRATORS
    failure = {"Outcome": "failed", "Cause": "AccessDenied", "title": "Denied", "detail": ""}
    lines = [member(own, REGIONS[0], 300000000001), {"AccountId": other, "Region": REGIONS[0], "Failure": failure}]
    api.answers["fleet/members"] = ndjson(lines)
    await page.goto(f"{url}/#members?administrator={other}")
    await expect(page.locator("#members-shown")).to_have_text(f"Not known: administrator {other} could not be read.")
    await page.locator("#members-region").select_option(REGIONS[1])
    await expect(page.locator("#members-shown")).to_have_text("0 of 1 membership, 0 accounts")
    await page.locator("#members-region").select_option(REGIONS[0])
    await expect(page.locator("#announcement")).to_have_text(f"Not known: administrator {other} could not be read.")


async def test_a_table_without_filters_names_those_that_are_for_it(url: str, page: Page, api: PageApi) -> None:
    """The graphs have none of their own: the filters of the members are for them, too."""
    accounts = [f"{200000000001 + n}" for n in range(100)]
    api.answers["fleet/graphs"] = ndjson([graph(one) for one in accounts])
    await page.goto(f"{url}/#members")
    await expect(page.locator("#graphs .near")).to_contain_text(
        "To find a row, use the filters of the members above, which are for these too: only rows"
    )


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


async def test_a_refresh_that_is_refused_dates_the_coverage(url: str, page: Page, api: PageApi) -> None:
    """Each cell, and what is said of them all, in the matrix and on the page of an account."""
    account = "444455556666"
    cells = [cell(account, REGIONS[0], "on"), cell(account, REGIONS[1], "off", "invited")]
    found = {"AccountId": account, "Complete": True, "CoverageAsOf": TIME, "MembershipsAsOf": TIME, "Memberships": []}
    api.answers |= {"coverage": ndjson(cells), f"accounts/{account}": value({**found, "Coverage": cells})}
    for view, name, words in (
        ("coverage", "coverage", "#coverage-summary"),
        (f"account/{account}", "account", "#account-verdict"),
    ):
        await page.goto(f"{url}/#{view}")
        old = page.locator("main .cell.old")
        await expect(page.locator(words)).not_to_contain_text("as of")
        await expect(old).to_have_count(0)
        api.answers["coverage" if name == "coverage" else f"accounts/{account}"] = problem(500, "Internal Server Error")
        offer = page.get_by_role("link", name="Onboard this account")
        await expect(offer).to_have_count(1 if name == "account" else 0)
        await page.locator(f"#{name}-refresh").click()
        await expect(old).to_have_count(2)
        # What is not known now is nothing to be acted on.
        await expect(offer).to_have_count(0)
        await expect(old.first).to_have_attribute("title", "as of 2026-11-26 10:00 UTC")
        await expect(page.locator(words)).to_contain_text("; as of 2026-11-26 10:00 UTC.")


def of_account(account: str, *cells: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the answer about one account."""
    times = {"CoverageAsOf": LATER, "MembershipsAsOf": LATER}
    found = {"AccountId": account, "IsAdministrator": False, "Complete": True, "Memberships": [], "Failures": []}
    return {**found, **times, "Coverage": list(cells), **more}


async def test_an_account_says_why_it_could_not_be_checked(url: str, page: Page, api: PageApi) -> None:
    """In the words of the matrix: the cause, and not that there was one."""
    account = "300000000001"
    cells = [{**cell(account, one, "failed", "could not look"), "Cause": "ExpiredToken"} for one in REGIONS]
    api.answers[f"accounts/{account}"] = value(of_account(account, *cells))
    await page.goto(f"{url}/#account/{account}")
    await expect(page.locator("#account-coverage td[data-label=Reason]")).to_have_text(["ExpiredToken"] * 2)


async def test_a_refresh_of_an_account_starts_at_nothing(url: str, page: Page, api: PageApi) -> None:
    """And not where the answer before has ended."""
    account = "300000000001"
    found = of_account(account, cell(account, REGIONS[0], "on"), Done=240, Total=240)
    api.answers[f"accounts/{account}"] = value(found)
    await page.goto(f"{url}/#account/{account}")
    await expect(page.locator("#account-freshness")).to_have_text("As of 2026-11-26 11:30 UTC")
    api.answers[f"accounts/{account}"] = silence
    await page.locator("#account-refresh").click()
    await expect(page.locator("#account-freshness")).to_have_text("Asking, shown: as of 2026-11-26 11:30 UTC")


async def test_an_account_is_as_the_other_views_know_it(url: str, page: Page, api: PageApi) -> None:
    """What they still show of it, dated, is not unknown on its own page."""
    account = "300000000001"
    api.answers |= {
        "coverage": ndjson([cell(account, REGIONS[0], "on")]),
        "fleet/members": ndjson([member(ADMINISTRATORS[0], REGIONS[0], int(account))]),
    }
    await page.goto(f"{url}/#members")
    await expect(page.locator("#members-freshness")).to_have_text("As of 2026-11-26 10:00 UTC")
    await page.get_by_role("link", name="Coverage").click()
    await expect(page.locator("#coverage-freshness")).to_have_text("As of 2026-11-26 10:00 UTC")
    failed = [cell(account, one, "failed", "could not look") for one in REGIONS]
    unread = {one: [ADMINISTRATORS[0]] for one in REGIONS}
    api.answers[f"accounts/{account}"] = value(of_account(account, *failed, Unread=unread))
    await page.locator("#coverage-table").get_by_role("link", name=account).click()
    await expect(page.locator("#account-verdict")).to_contain_text("covered in 1 of 2 regions, and not known in 1")
    await expect(page.locator("#account-coverage .cell.old")).to_have_attribute("title", "as of 2026-11-26 10:00 UTC")
    await expect(page.locator("#account-memberships tbody tr.old")).to_contain_text("as of 2026-11-26 10:00")


async def test_who_did_not_answer_is_offered_no_account(url: str, page: Page, api: PageApi) -> None:
    """A plan for the graph of that administrator could only fail."""
    account = "300000000001"
    cells = [{**cell(account, one, "off", "invited"), "AdministratorId": ADMINISTRATORS[0]} for one in REGIONS]
    silent = {one: {"Count": 1, "AccountIds": [by]} for one, by in zip(REGIONS, ADMINISTRATORS, strict=True)}
    api.answers[f"accounts/{account}"] = value(of_account(account, *cells, Silent=silent))
    await page.goto(f"{url}/#account/{account}")
    await expect(page.locator("#account-unsure a")).to_have_text(
        [f"Onboard this account in {REGIONS[1]}, to the graph of {ADMINISTRATORS[0]}"]
    )


async def test_an_investigation_is_named_though_it_cannot_be_read(url: str, page: Page, api: PageApi) -> None:
    """What the list has of it is said, with its time; the code of the error is said once."""
    words = {"title": "ExpiredToken", "code": "ExpiredToken", "detail": "Renew them.", "request_id": "r-1"}
    path = f"accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations/{1:021}"
    api.answers[path] = value({**words, "status": 502}, 502)
    await page.goto(f"{url}/#investigations")
    await page.get_by_role("link", name="role/R1").click()
    await expect(page.locator("#investigation-alert p")).to_have_text(["ExpiredToken: Renew them.", "request id r-1"])
    await expect(page.locator("#investigation-title")).to_have_text(f"Investigation of {ADMINISTRATORS[0]}:role/R1")
    facts = page.locator("#one .facts")
    await expect(facts.locator("dt")).to_have_text(["Severity", "State", "Started", "Entity", "Id", "As of"])
    await expect(facts.locator("dd").first).to_contain_text("CRITICAL")
    await expect(facts.locator("dd").last).to_have_text("2026-11-26 10:00 UTC")


async def test_a_file_of_coverage_says_what_it_has(url: str, page: Page, api: PageApi) -> None:
    """All cells without a filter, those of the accounts that are shown, or what of the filter a file can have."""
    api.answers["coverage"] = ndjson([cell(f"{300000000001 + n}", REGIONS[0], "on") for n in range(30)])
    await page.goto(f"{url}/#coverage")
    exports = page.locator("#matrix .exports")
    await expect(exports).to_contain_text("Export all cells, by account and region")
    await page.locator("#coverage-find").fill("00001")
    await expect(exports).to_contain_text("Export these, by account and region")
    await page.locator("#coverage-state").select_option("gaps")
    await expect(exports).to_contain_text("Export all cells of this filter, by account and region")


def odd_lines(kind: str) -> list[tuple[dict[str, Any], str, Any]]:
    """Return lines of which each has one odd value, with that member and value; each line has a region of its own."""
    make: dict[str, Any] = {
        "members": lambda region, n, odd: member(ADMINISTRATORS[0], region, 300000000000 + n, **odd),
        "graphs": lambda region, _, odd: {**graph(**odd), "Region": region},
        "investigations": lambda region, n, odd: {**investigation(n, "HIGH", **odd), "Region": region},
        "coverage": lambda region, n, odd: {**cell(f"{300000000000 + n}", region, "off", "invited"), **odd},
    }
    pairs = [(name, one) for name in FIELDS[kind] for one in ODD]
    return [(make[kind](f"xx-odd-{n}", n, {name: one}), name, one) for n, (name, one) in enumerate(pairs, 100)]


def shown(name: str, odd: Any) -> str:
    """Return what the page says of an odd value."""
    if odd is None or odd == "":
        return "not known" if name in {"Status", "Severity", "State", "EntityArn"} else ""
    if name == "VolumeUsageInBytes" and odd in (5, 0.5) and odd is not True:
        return " b"
    if isinstance(odd, dict) and name in {"DatasourcePackageIngestStates", "Packages"}:
        return "x (1)" if odd else ""
    return "yes" if name == "AutoEnable" and odd is True else json.dumps(odd, separators=(",", ":")).lower()


@pytest.mark.parametrize("kind", FIELDS)
async def test_an_odd_value_takes_nothing_away(url: str, page: Page, api: PageApi, kind: str) -> None:
    """It is shown as it is, or as not known, in whichever order; no number is computed from it."""
    found = odd_lines(kind)
    if kind == "coverage":
        regions = [line["Region"] for line, _, _ in found]
        api.answers["settings"] = value({**SETTINGS, "Accounts": [], "Regions": regions})
    api.answers["coverage" if kind == "coverage" else f"fleet/{kind}"] = ndjson([line for line, _, _ in found])
    view = "members" if kind == "graphs" else kind
    await page.goto(f"{url}/#{view}")
    if view == "members":
        await page.get_by_role("button", name="Show names and e-mail addresses").click()
    table = page.locator(f"#{kind}-table")
    for heading in await table.get_by_role("button").all() if kind != "coverage" else []:
        await heading.click()
    # Then all of the rows are in the document.
    await page.emulate_media(media="print")
    await expect(table.locator("tbody tr[data-index]")).to_have_count(len(found))
    rows = await table.locator("tbody tr").all_inner_texts()
    for line, name, odd in found:
        own = line["AccountId"] if kind == "coverage" else line["Region"]
        [text] = [row for row in rows if own in row]
        assert not [one for one in NONSENSE if one in text], (name, odd, text)
        if name not in UNSEEN:
            assert shown(name, odd) in text.lower(), (name, odd, text)


async def test_an_account_with_odd_values_is_shown(url: str, page: Page, api: PageApi) -> None:
    """Its cells, its memberships and its failures."""
    account = "300000000001"
    cells = [{**line, "AccountId": account} for line, _, _ in odd_lines("coverage")]
    failures = [
        {"AccountId": account, "Region": REGIONS[0], "Failure": failure}
        for name in ("Outcome", "Cause", "code", "title", "detail", "request_id")
        for failure in ({"title": "Denied", "detail": "no", name: one} for one in ODD)
    ] + [{"AccountId": account, "Region": REGIONS[0], "Failure": odd} for odd in ODD]
    api.answers["settings"] = value({**SETTINGS, "Regions": [one["Region"] for one in cells]})
    found: dict[str, Any] = {
        "AccountId": account,
        "IsAdministrator": False,
        "Complete": True,
        "CoverageAsOf": TIME,
        "MembershipsAsOf": TIME,
        "Coverage": cells,
        "Memberships": [line for line, _, _ in odd_lines("members")],
        "Failures": failures,
        "Silent": {},
        "Changes": [],
    }
    api.answers[f"accounts/{account}"] = value(found)
    await page.goto(f"{url}/#account/{account}")
    await page.emulate_media(media="print")
    await expect(page.locator("#account-memberships tbody tr[data-index]")).to_have_count(len(found["Memberships"]))
    await expect(page.locator("#account-verdict")).to_contain_text("not known in 10 regions")
    text = await page.locator("main").inner_text()
    assert not [one for one in NONSENSE if one in text]


async def test_the_name_of_an_account_is_said_once(url: str, page: Page, api: PageApi) -> None:
    """In the heading, and not in each row of its memberships, which would not fit a narrow screen."""
    account = "300000000001"
    found = {"AccountId": account, "IsAdministrator": False, "Complete": True, "Coverage": []}
    memberships = [member(ADMINISTRATORS[0], region, int(account), EmailAddress="a@example.com") for region in REGIONS]
    api.answers[f"accounts/{account}"] = value({**found, "Memberships": memberships})
    api.answers["settings"] = value({**SETTINGS, "Names": {account: "Payments"}})
    await page.goto(f"{url}/#members")
    await page.get_by_role("button", name="Show names and e-mail addresses").click()
    await page.goto(f"{url}/#account/{account}")
    await expect(page.locator("#account-title")).to_have_text(f"Account {account}: Payments")
    await expect(page.locator("#account-memberships")).to_contain_text("a@example.com")
    await expect(page.locator("#account-memberships")).not_to_contain_text("Payments")


async def test_odd_failures_are_shown(url: str, page: Page, api: PageApi) -> None:
    """By cause, also where what they say is of another type."""
    failures = [
        {"AccountId": f"{200000000000 + 10 * n + m}", "Region": REGIONS[0], "Failure": {"title": "Denied", name: odd}}
        for n, name in enumerate(("Cause", "code", "title", "detail", "request_id"))
        for m, odd in enumerate(ODD)
    ] + [{"AccountId": f"{200000001000 + m}", "Region": REGIONS[0], "Failure": odd} for m, odd in enumerate(ODD)]
    api.answers["fleet/members"] = ndjson(failures)
    await page.goto(f"{url}/#members")
    causes = page.locator("#members-failures .group strong")
    await expect(causes.filter(has_text="Unknown")).to_have_count(1)
    text = await page.locator("#members-failures").inner_text()
    assert not [one for one in NONSENSE if one in text], text
