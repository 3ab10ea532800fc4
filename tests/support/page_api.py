"""An API for the example's page that answers as a test says: it hangs, cuts off, fails or floods."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from attrs import define, field
from playwright.async_api import Page, Route

REGIONS = ["eu-west-1", "us-east-1"]
ADMINISTRATORS = ["200000000001", "200000000002"]
TIME = "2026-11-26T10:00:00Z"
LIMITS = {"Silence": 15, "Answer": 75, "Plan": 135, "File": 615}
SETTINGS = {
    "Accounts": ADMINISTRATORS,
    "Regions": REGIONS,
    "Names": {},
    "Accepts": True,
    "Example": None,
    "Limits": LIMITS,
}
#: What could not be read since.
NOT_SEEN = {"Accounts": 0, "Regions": 0, "Targets": 0}
CHANGES = {"Since": TIME, "AsOf": TIME, "Complete": True, "Left": 0, "NotSeen": NOT_SEEN, "Changes": []}
EXPIRED = {"Cause": "ExpiredToken", "title": "The keys have expired", "detail": "", "code": "ExpiredTokenException"}

Answer = Callable[[Route], Awaitable[None]]


def value(body: Any, status: int = 200) -> Answer:
    """Answer with JSON."""

    async def answer(route: Route) -> None:
        await route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    return answer


def problem(status: int, title: str, **more: Any) -> Answer:
    """Answer with a problem (RFC 9457)."""
    return value({"title": title, "status": status, **more}, status)


def ndjson(lines: Iterable[Any], *, end: bool = True, finished: str = TIME, survey: str = "a" * 16) -> Answer:
    """Answer with a stream of lines; without its end mark, it was cut off."""
    found = [json.dumps(line) for line in lines]
    if end:
        found.append(json.dumps({"End": {"Lines": len(found), "StartedTime": finished, "FinishedTime": finished}}))
    found.insert(0, json.dumps({"Begin": {"SurveyId": survey, "StartedTime": finished, "Total": 4}}))

    async def answer(route: Route) -> None:
        await route.fulfill(content_type="application/x-ndjson", body="\n".join(found) + "\n")

    return answer


def events(
    targets: Iterable[Any],
    *,
    survey: str = "a" * 16,
    total: int = 4,
    started: str = TIME,
    end: bool = True,
    error: Any = None,
) -> Answer:
    """Answer with the server-sent events of a survey; with an error, they end with it."""
    found = [("begin", {"SurveyId": survey, "StartedTime": started, "Total": total})]
    found += [("target", target) for target in targets]
    if error is not None:
        found.append(("error", error))
    body = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in found)

    async def answer(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body=body + ("event: end\ndata: {}\n\n" if end else ""))

    return answer


async def silence(_route: Route) -> None:
    """Never answer."""
    await asyncio.Event().wait()


def target(account: str, region: str, *, counts: Any = None, graph: bool = True, error: Any = None) -> dict[str, Any]:
    """Return the event of one account in one region."""
    return {
        "AccountId": account,
        "Region": region,
        "Outcome": "failed" if error else "succeeded",
        "GraphArn": f"arn:aws:detective:{region}:{account}:graph:{'0' * 32}" if graph and not error else None,
        "Counts": counts or {},
        "Error": error,
        "Done": 1,
        "Time": TIME,
    }


def member(account: str, region: str, number: int, status: str | None = "ENABLED", **more: Any) -> dict[str, Any]:
    """Return the line of a member of an account's graph."""
    details = {"AccountId": f"{number:012}", "Status": status, "InvitedTime": TIME, "UpdatedTime": TIME, **more}
    return {"AccountId": account, "Region": region, "Member": details}


def investigation(number: int, severity: str, **more: Any) -> dict[str, Any]:
    """Return the line of an investigation."""
    details = {
        "InvestigationId": f"{number:021}",
        "EntityArn": f"arn:aws:iam::{ADMINISTRATORS[0]}:role/R{number}",
        "Severity": severity,
        "Status": "SUCCESSFUL",
        "State": "ACTIVE",
        "CreatedTime": TIME,
    }
    return {"AccountId": ADMINISTRATORS[0], "Region": REGIONS[0], "Investigation": {**details, **more}}


def cell(account: str, region: str, state: str, reason: str | None = None) -> dict[str, Any]:
    """Return the line of a cell of the coverage matrix."""
    return {"AccountId": account, "Region": region, "State": state, "Reason": reason, "AdministratorId": None}


def plan(administrator: str = ADMINISTRATORS[0], **more: Any) -> dict[str, Any]:
    """Return the plan of one account."""
    action = {"Kind": "invite", "Region": REGIONS[0], "AccountId": "444455556666", "Reason": "new", "Detail": None}
    return {
        "PlanId": "b" * 32,
        "AdministratorId": administrator,
        "AccountIds": ["444455556666"],
        "Regions": [REGIONS[0]],
        "Text": "a plan",
        "Lines": [],
        "Actions": [action],
        "Problems": [],
        "Notes": [],
        **more,
    }


@define(slots=False)
class PageApi:
    """The answers, and the requests that were sent.

    Attributes:
        answers: the end of a path, after `/api/` -> its answer; the longest one counts.
        requests: method and path of every request, in order.
        bodies: the bodies of those that have one.
    """

    answers: dict[str, Answer] = field(factory=dict)
    requests: list[str] = field(factory=list)
    bodies: list[Any] = field(factory=list)

    async def install(self, page: Page) -> None:
        """Let this answer all requests of a page to its API."""
        self.answers = {
            "settings": value(SETTINGS),
            "fleet/overview": events(
                [target(one, region, counts={"ENABLED": 3}) for one in ADMINISTRATORS for region in REGIONS]
            ),
            "fleet/members": ndjson([member(ADMINISTRATORS[0], REGIONS[0], 300000000001)]),
            "fleet/graphs": ndjson([]),
            "fleet/investigations": ndjson([investigation(1, "CRITICAL")]),
            "coverage": ndjson([]),
            "changes": value(CHANGES),
            "onboarding/jobs": value({"Jobs": []}),
            **self.answers,
        }
        await page.route("**/api/**", self._answer)

    async def _answer(self, route: Route) -> None:
        request = route.request
        path = request.url.partition("/api/")[2]
        self.requests.append(f"{request.method} {path}")
        if request.post_data:
            self.bodies.append(json.loads(request.post_data))
        plain = path.partition("?")[0]
        name = next(
            (one for one in sorted(self.answers, key=len, reverse=True) if one in (plain, f"{request.method} {plain}")),
            None,
        )
        await (self.answers[name] if name else problem(404, "Not Found"))(route)
