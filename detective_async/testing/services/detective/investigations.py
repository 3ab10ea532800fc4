"""Investigations and their indicators."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import evolve

from detective_async.testing.services.call import Call
from detective_async.testing.services.detective.indicators import indicators_of
from detective_async.testing.services.errors import invalid, not_found
from detective_async.testing.services.parity import API, INFERRED, RUNNING, Fact, parity
from detective_async.testing.world.entities import Graph, Investigation

_ENTITY = re.compile(r"arn:aws[-\w]*:iam::\d{12}:(user|role)/[!-~]+", re.ASCII)
_PAGE = 100
# From the user guide, on the console.
_SHORTEST_SCOPE, _LONGEST_SCOPE = timedelta(hours=3), timedelta(days=30)
_SEVERITIES = {None: 0, "INFORMATIONAL": 1, "LOW": 2, "MEDIUM": 3, "HIGH": 4, "CRITICAL": 5}


@parity(
    Fact("IAM users and roles.", API),
    Fact("Those of accounts without data in the graph are of severity INFORMATIONAL.", INFERRED),
    Fact("A scope from 3 hours to 30 days.", RUNNING),
    gaps=("How many may run at once.", "Whether the entity exists."),
)
def start_investigation(call: Call) -> dict[str, Any]:
    """Start the investigation of a user or a role."""
    graph = call.own_graph()
    entity, start, end = (call.given[name] for name in ("EntityArn", "ScopeStartTime", "ScopeEndTime"))
    if not _ENTITY.fullmatch(entity):
        raise invalid("1 validation error detected: the ARN at 'entityArn' is not one of an IAM user or role")
    if end <= start:
        raise invalid("1 validation error detected: 'scopeEndTime' must be later than 'scopeStartTime'")
    if not _SHORTEST_SCOPE <= end - start <= _LONGEST_SCOPE:
        raise invalid("1 validation error detected: the scope time must be from 3 hours to 30 days")
    plan = call.world.investigations
    investigation = Investigation(
        f"{call.world.random.randrange(10**21):021d}",
        entity,
        start,
        end,
        created=call.now,
        finishes=call.now + plan.duration,
        outcome=plan.outcome,
        severity=plan.severity if _has_data(graph, entity) else "INFORMATIONAL",
    )
    graph.investigations[investigation.investigation_id] = investigation
    return {"InvestigationId": investigation.investigation_id}


@parity(Fact("Without a severity until it has succeeded.", INFERRED))
def get_investigation(call: Call) -> dict[str, Any]:
    """Describe an investigation."""
    graph, found = _find(call)
    return {
        "GraphArn": graph.arn,
        "ScopeStartTime": found.scope_start,
        "ScopeEndTime": found.scope_end,
        **_detail(found, call.now),
    }


@parity(Fact("It archives an investigation, or makes it active again.", API))
def update_investigation_state(call: Call) -> None:
    """Archive an investigation, or make it active again."""
    graph, found = _find(call)
    graph.investigations[found.investigation_id] = evolve(found, state=call.given["State"])


@parity(
    Fact("All filters and orders.", API),
    Fact("The newest first by default.", INFERRED),
    Fact("Archived ones are listed without a filter too, although it is said to list all active ones.", INFERRED),
    Fact("By status or severity, all pages have the order that there was at the first one.", INFERRED),
)
def list_investigations(call: Call) -> dict[str, Any]:
    """List the investigations that match the filter, by default the newest first."""
    graph = call.own_graph()
    sort = call.given.get("SortCriteria", {})
    field, order = sort.get("Field", "CREATED_TIME"), sort.get("SortOrder", "DESC")
    found = [one for one in graph.investigations.values() if _matches(one, call)]
    sign = 1 if order == "ASC" else -1
    scope = [field, order, call.given.get("FilterCriteria")]
    # Ranks change with the time: those of all pages are those at the time of the first one.
    last = call.resumed(scope=scope)
    first = call.now.timestamp() if last is None else last[0]
    then = datetime.fromtimestamp(first, UTC)
    # Pagination needs ascending keys: for a descending order, the ranks are negated.
    keys = sorted((first, sign * _rank(one, field, then), one.investigation_id) for one in found)
    chosen, token = call.page(keys, limit=_PAGE, scope=scope)
    details = [_detail(graph.investigations[name], call.now) for _, _, name in chosen]
    return {"InvestigationDetails": details, "NextToken": token}


@parity(
    Fact("All eight types, each with its own detail, and the filter.", API),
    Fact("None for entities of accounts without data in the graph.", INFERRED),
    gaps=("Three of each type, made up, in every other investigation that succeeds.",),
)
def list_indicators(call: Call) -> dict[str, Any]:
    """List the indicators of an investigation; there are none until it has succeeded."""
    graph, found = _find(call)
    kind = call.given.get("IndicatorType")
    done = found.status(call.now) == "SUCCESSFUL"
    numbered = dict(enumerate(indicators_of(found) if done and _has_data(graph, found.entity_arn) else ()))
    keys = [number for number, one in numbered.items() if kind in (None, one["IndicatorType"])]
    chosen, token = call.page(keys, limit=_PAGE, scope=[found.investigation_id, kind])
    return {
        "GraphArn": graph.arn,
        "InvestigationId": found.investigation_id,
        "Indicators": [numbered[number] for number in chosen],
        "NextToken": token,
    }


def _find(call: Call) -> tuple[Graph, Investigation]:
    graph = call.own_graph()
    found = graph.investigations.get(call.given["InvestigationId"])
    if found is None:
        raise not_found("The investigation does not exist")
    return graph, found


def _has_data(graph: Graph, entity_arn: str) -> bool:
    """Return whether the account of an entity is the graph's administrator or one of its enabled members."""
    account_id = entity_arn.split(":")[4]
    member = graph.members.get(account_id)
    return account_id == graph.administrator or (member is not None and member.status == "ENABLED")


def _detail(found: Investigation, now: datetime) -> dict[str, Any]:
    return {
        "InvestigationId": found.investigation_id,
        "Severity": _severity(found, now),
        "Status": found.status(now),
        "State": found.state,
        "CreatedTime": found.created,
        "EntityArn": found.entity_arn,
        "EntityType": "IAM_ROLE" if ":role/" in found.entity_arn else "IAM_USER",
    }


def _severity(found: Investigation, now: datetime) -> str | None:
    """Return the severity, which is None until the investigation has succeeded."""
    return found.severity if found.status(now) == "SUCCESSFUL" else None


def _matches(one: Investigation, call: Call) -> bool:
    criteria = call.given.get("FilterCriteria", {})
    facts = {
        "Severity": _severity(one, call.now),
        "Status": one.status(call.now),
        "State": one.state,
        "EntityArn": one.entity_arn,
    }
    created = criteria.get("CreatedTime")
    # A client knows the time in the precision in which it was sent.
    sent = one.created.replace(microsecond=one.created.microsecond // 1000 * 1000)
    if created and not created["StartInclusive"] <= sent <= created["EndInclusive"]:
        return False
    return all(criteria[name]["Value"] == fact for name, fact in facts.items() if name in criteria)


def _rank(one: Investigation, field: str, now: datetime) -> float:
    if field == "SEVERITY":
        return _SEVERITIES[_severity(one, now)]
    if field == "STATUS":
        return ("FAILED", "RUNNING", "SUCCESSFUL").index(one.status(now))
    return one.created.timestamp()
