"""The example's page in a real browser, with documents and events of another shape than the API promises."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("playwright.async_api", reason="playwright, which drives the browser, is not installed")
from playwright.async_api import Page, Route, expect
from support.browser import BROWSER_MARKS
from support.page_api import (
    ADMINISTRATORS,
    CHANGES,
    REGIONS,
    SETTINGS,
    TIME,
    Answer,
    PageApi,
    cell,
    investigation,
    member,
    ndjson,
    problem,
    target,
    value,
)

pytestmark = BROWSER_MARKS
ACCOUNT, PLAN_ID, JOB_ID, INVESTIGATION_ID = "444455556666", "b" * 32, "c" * 32, f"{1:021}"
UNREADABLE = "The response cannot be read"
#: The views that read a document only once.
RELOADED = {"settings", f"onboarding/jobs/{JOB_ID}/events", "fleet/overview"}
LEAVE_AND_ENTER = "view => { location.hash = 'nowhere'; setTimeout(() => (location.hash = view)); }"
NONSENSE = ("NaN", "undefined", "[object")
FAILURE = {"Outcome": "failed", "Cause": "AccessDenied", "title": "Denied", "detail": "no"}
PLACE = {"AccountId": ADMINISTRATORS[0], "Region": REGIONS[0]}
CHANGE = {**PLACE, "Time": TIME, "MemberId": ACCOUNT, "Before": None, "After": "INVITED"}
ACTION = {"Kind": "invite", "Region": REGIONS[0], "AccountId": ACCOUNT, "Reason": "new", "Detail": None}
JOB = {
    "JobId": JOB_ID,
    "AdministratorId": ADMINISTRATORS[0],
    "StartedTime": TIME,
    "State": "done",
    "Done": 1,
    "Failed": 1,
    "Total": 1,
    "Ok": False,
    "Summary": "",
    "Regions": [{"Region": REGIONS[0], "Problem": "no"}],
}
ROW = {"AccountId": ACCOUNT, "Region": REGIONS[0], "Before": None, "After": None, "Done": ["invite"], "Problem": "no"}
SURVEY = {"SurveyId": "a" * 16, "StartedTime": TIME, "Total": 4}
SURVEYED = target(ADMINISTRATORS[0], REGIONS[0], counts={"ENABLED": 3}, error=FAILURE)
#: Path of the API -> the view that shows its document, where that says what is wrong with it, and a good document.
DOCUMENTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "settings": ("fleet", "alert", SETTINGS),
    "changes": ("fleet", "changes", {**CHANGES, "Changes": [CHANGE]}),
    f"accounts/{ACCOUNT}": (
        f"account/{ACCOUNT}",
        "account-alert",
        {
            "AccountId": ACCOUNT,
            "IsAdministrator": False,
            "Complete": True,
            "CoverageAsOf": TIME,
            "MembershipsAsOf": TIME,
            "Coverage": [cell(ACCOUNT, REGIONS[0], "off")],
            "Memberships": [member(ADMINISTRATORS[0], REGIONS[0], int(ACCOUNT))],
            "Failures": [{**PLACE, "Failure": FAILURE}],
            "Causes": [
                {"Cause": "AccessDenied", "Accounts": 1, "Regions": REGIONS, "First": {**PLACE, "Failure": FAILURE}}
            ],
            "Unread": {REGIONS[0]: [ADMINISTRATORS[1]]},
            "Silent": {REGIONS[0]: {"Count": 1, "AccountIds": [ADMINISTRATORS[1]]}},
            "Changes": [CHANGE],
        },
    ),
    f"accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations/{INVESTIGATION_ID}/indicators": (
        f"investigations/{ADMINISTRATORS[0]}/{REGIONS[0]}/{INVESTIGATION_ID}",
        "investigation-alert",
        {"Indicators": [{"IndicatorType": "NEW_ASO", "IndicatorDetail": {"NewAsoDetail": {"Aso": "one"}}}]},
    ),
    f"onboarding/plans/{PLAN_ID}": (
        f"onboarding?plan={PLAN_ID}",
        "plan-alert",
        {
            # Another one than the view asks for, so that it asks for it each time.
            "PlanId": "d" * 32,
            "AdministratorId": ADMINISTRATORS[0],
            "CreatedTime": TIME,
            "AccountIds": [ACCOUNT],
            "Regions": [REGIONS[0]],
            "Text": "a plan",
            "Lines": [{"Line": 2, "Problem": "no"}],
            "Actions": [ACTION],
            "Problems": [{"Region": REGIONS[0], "AccountId": ACCOUNT, "Problem": "no"}],
            "Notes": [{"Region": None, "AccountId": None, "Note": "note"}],
        },
    ),
    "onboarding/jobs": ("onboarding", "jobs-alert", {"Jobs": [JOB]}),
}
#: The same for events of a stream, by the place of the one that is odd.
STREAMS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "begin of fleet/overview": ("fleet", "fleet-alert", SURVEY),
    "target of fleet/overview": ("fleet", "fleet-alert", SURVEYED),
    f"rows of onboarding/jobs/{JOB_ID}/events": (f"onboarding/{JOB_ID}", "job-alert", ROW),
    f"report of onboarding/jobs/{JOB_ID}/events": (f"onboarding/{JOB_ID}", "job-alert", JOB),
}


def odd_ones(good: Any) -> Iterator[Any]:
    """Return a value with one thing in it, at any depth, that is of another type."""
    yield 5 if isinstance(good, list) else ["x"]
    if isinstance(good, dict):
        for name, one in good.items():
            yield from ({**good, name: odd} for odd in odd_ones(one))
    elif isinstance(good, list) and good:
        yield from ([odd] for odd in odd_ones(good[0]))


def stream(name: str, document: Any) -> Answer:
    """Answer with a stream of which one event is this."""
    kind, _, path = name.partition(" of ")
    found = {
        "begin": SURVEY if path == "fleet/overview" else {},
        kind: [document] if kind == "rows" else document,
        "end": {},
    }
    body = "".join(f"event: {event}\ndata: {json.dumps(data)}\n\n" for event, data in found.items())

    async def answer(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body=body)

    return answer


async def test_the_settings_of_a_server_that_was_restarted(url: str, page: Page, api: PageApi) -> None:
    """They are read again with a view: what is covered everywhere depends on them."""
    account = ADMINISTRATORS[0]
    api.answers["settings"] = value({**SETTINGS, "Accounts": [account], "Regions": REGIONS[:1]})
    api.answers["coverage"] = ndjson([cell(account, REGIONS[0], "on")])
    await page.goto(f"{url}/#coverage")
    await expect(page.locator("#coverage-summary")).to_have_text("1 of 1 account is covered in every region.")
    answer = value({**SETTINGS, "Accounts": [account]})

    async def late(route: Route) -> None:
        await asyncio.sleep(0.5)
        await answer(route)

    api.answers["settings"] = late
    api.answers["coverage"] = ndjson([cell(account, REGIONS[0], "on"), cell(account, REGIONS[1], "off")])
    await page.locator("#coverage-refresh").click()
    await expect(page.locator("#coverage-summary")).to_have_text("0 of 1 account are covered in every region.")
    await page.locator("#coverage-find").fill(account)
    await expect(page.locator("#coverage-shown")).to_have_text(
        f"{account} is not covered everywhere: covered in 1 of 2 regions."
    )
    api.answers["settings"] = value(SETTINGS)
    await page.get_by_role("link", name="Onboarding").click()
    await expect(page.locator("#plan-administrator option")).to_have_text(["Choose an administrator", *ADMINISTRATORS])
    # What is known will do without an answer.
    api.answers["settings"] = problem(500, "Internal Server Error")
    await page.get_by_role("link", name="Coverage").click()
    await expect(page.locator("#coverage-table tbody tr")).to_have_count(2)
    await expect(page.locator("#alert")).to_be_empty()


async def test_a_token_that_repeats_is_a_problem(url: str, page: Page, api: PageApi) -> None:
    """Its page would be asked for without end."""
    item = f"accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations/{INVESTIGATION_ID}"
    api.answers[item] = value(investigation(1, "HIGH")["Investigation"])
    api.answers[f"{item}/indicators"] = value({"Indicators": [], "NextToken": "again"})
    await page.goto(f"{url}/#investigations/{ADMINISTRATORS[0]}/{REGIONS[0]}/{INVESTIGATION_ID}")
    await expect(page.locator("#investigation-alert")).to_contain_text(UNREADABLE)
    assert len([one for one in api.requests if "indicators" in one]) == 2


async def test_an_archive_that_was_refused_is_tried_again(url: str, page: Page, api: PageApi) -> None:
    """By the button of its alert, which reads nothing instead."""
    item = f"accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations/{INVESTIGATION_ID}"
    api.answers[item] = value(investigation(1, "HIGH")["Investigation"])
    api.answers[f"{item}/indicators"] = value({"Indicators": []})
    api.answers[f"PATCH {item}"] = problem(503, "Service Unavailable")
    await page.goto(f"{url}/#investigations/{ADMINISTRATORS[0]}/{REGIONS[0]}/{INVESTIGATION_ID}")
    await page.get_by_role("button", name="Archive").click()
    alert = page.locator("#investigation-alert")
    await expect(alert).to_contain_text("It was not archived: Service Unavailable")
    api.answers[f"PATCH {item}"] = value({"State": "ARCHIVED"})
    await alert.get_by_role("button", name="Try again").click()
    await expect(alert).to_be_empty()
    await expect(page.locator("#investigation-archive")).to_have_text("Unarchive")


@pytest.mark.parametrize("name", [*DOCUMENTS, *STREAMS])
async def test_no_shape_takes_a_view_away(url: str, page: Page, api: PageApi, name: str) -> None:
    """Whatever is of another type is shown as it is, or the part says that the response cannot be read.

    The rest of the view stays, and no number is computed from it.
    """
    view, place, good = {**DOCUMENTS, **STREAMS}[name]
    path = name.rpartition(" of ")[2]
    item = f"accounts/{ADMINISTRATORS[0]}/regions/{REGIONS[0]}/investigations/{INVESTIGATION_ID}"
    api.answers[item] = value(investigation(1, "HIGH")["Investigation"])
    api.answers["onboarding/jobs"] = value({"Jobs": []})
    alert = page.locator(f"#{place}")
    for number, document in enumerate((None, {}, *odd_ones(good), good)):
        api.answers[path] = stream(name, document) if name in STREAMS else value(document)
        async with page.expect_response(lambda response: f"/api/{path}" in response.url):
            if number and path not in RELOADED:
                await page.evaluate(LEAVE_AND_ENTER, view)
            else:
                await page.goto("about:blank")
                await page.goto(f"{url}/#{view}")
        await page.wait_for_timeout(100)
        await expect(page.locator("#broken"), str(document)).to_have_count(0)
        text = await page.locator("main").inner_text()
        assert not [one for one in NONSENSE if one in text], (document, text)
        if document is None:
            await expect(alert).to_contain_text(UNREADABLE)
    await expect(alert).not_to_contain_text(UNREADABLE)
