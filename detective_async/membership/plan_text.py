"""The text of a plan, and the same as plain data."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from detective_async.errors import printable
from detective_async.membership.actions import REMOVING, Action, ActionKind, Note, Problem, Reason, count

#: The width of the text of a plan.
_WIDTH = 110
#: The number of accounts of an action, or of a change, that are named.
_NAMED = 10

#: With the accounts in place of the braces.
_PHRASES = {
    ActionKind.ENABLE_ADMINISTRATOR: "make account {} the organization's Detective administrator",
    ActionKind.CREATE_GRAPH: "create the graph",
    ActionKind.TAG_GRAPH: "set tags of the graph",
    ActionKind.START_PACKAGES: "start data source packages",
    ActionKind.SET_AUTO_ENABLE: "turn auto-enable {}: accounts that join the organization later {} members",
    ActionKind.REMOVE: "remove {}",
    ActionKind.REINVITE: "remove {}, and invite again with the e-mail address of the list",
    ActionKind.INVITE: "invite {}",
    # Before it is added, nothing says whether an account is outside of the organization.
    ActionKind.ENABLE_MEMBER: "enable {} without invitation, or invite if outside the organization",
    ActionKind.ACCEPT: "accept the invitation of {}",
    ActionKind.START_MONITORING: "ask AWS to enable {} that it has not enabled because of the volume",
    ActionKind.DELETE_GRAPH: "delete the graph, for all members too",
}
_PHRASES_BY_REASON: Mapping[tuple[ActionKind, Reason | None], str] = {
    (ActionKind.REINVITE, Reason.VERIFICATION_FAILED): "remove {}, and invite again with the same e-mail address",
    (ActionKind.ACCEPT, Reason.NOT_IN_ORGANIZATION): "if invited, accept the invitation of {}",
}
#: The actions that cost money, and who pays. A free trial comes once only, which nothing of a plan says.
_BILLED = {
    ActionKind.CREATE_GRAPH: "billed to the administrator by volume",
    ActionKind.ENABLE_ADMINISTRATOR: "billed to the administrator by volume",
    ActionKind.START_PACKAGES: "billed to each account by volume",
    ActionKind.ENABLE_MEMBER: "billed to each by volume",
    ActionKind.ACCEPT: "billed to each by volume",
    ActionKind.START_MONITORING: "billed to each by volume",
}
#: The actions for which AWS sends e-mails, and to whom.
_E_MAILS = {
    ActionKind.INVITE: "an e-mail to each",
    ActionKind.REINVITE: "an e-mail to each",
    ActionKind.ENABLE_MEMBER: "an e-mail to each that is invited",
}


def named(ids: Sequence[str]) -> str:
    """Return account ids as text, of which the first ones are named."""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return f"{', '.join(ids[:_NAMED])}{more}"


def _grouped(notes: Iterable[Note]) -> Iterable[Note]:
    """Return the notes, with those on regions that were not opted in to as one."""
    regions = [note.region or "" for note in notes if note.reason is Reason.REGION_NOT_OPTED_IN]
    yield from (note for note in notes if note.reason is not Reason.REGION_NOT_OPTED_IN)
    if regions:
        yield Note(Reason.REGION_NOT_OPTED_IN, f"the account has not opted in to {', '.join(regions)}")


class _Plan(Protocol):
    """What the text of a plan is made of."""

    @property
    def actions(self) -> tuple[Action, ...]: ...
    @property
    def problems(self) -> tuple[Problem, ...]: ...
    @property
    def notes(self) -> tuple[Note, ...]: ...
    @property
    def administrator_id(self) -> str | None: ...


def plan_data(plan: _Plan, regions: Iterable[str]) -> dict[str, Any]:
    """Return a plan as plain data, ready for JSON."""
    return {
        "administrator_id": plan.administrator_id,
        "regions": list(regions),
        "actions": [action.to_dict() for action in plan.actions],
        "problems": [problem.to_dict() for problem in plan.problems],
        "notes": [note.to_dict() for note in plan.notes],
    }


def format_plan(plan: _Plan, regions: Sequence[str], *, sends_email: bool = False) -> str:
    """Return the text of a plan: the actions by region, kind and account; regions with equal plans are grouped."""
    as_whom = [] if plan.administrator_id is None else [f"as account {plan.administrator_id}"]
    notes = [printable(f"note: {note.text}") for note in _grouped(plan.notes)]
    return "\n".join((*as_whom, *_format_regions(plan, regions, sends_email=sends_email), *notes))


def _format_regions(plan: _Plan, regions: Sequence[str], *, sends_email: bool) -> Iterable[str]:
    by_region: dict[str, tuple[list[Action], list[Problem]]] = {region: ([], []) for region in regions}
    for action in plan.actions:
        by_region[action.region][0].append(action)
    for problem in plan.problems:
        by_region[problem.region][1].append(problem)
    # Compared by their whole content: the text omits some of it.
    groups: dict[object, list[str]] = {}
    for region, (some, bad) in by_region.items():
        content = (
            tuple((action.kind, action.account_id, action.reason, action.detail) for action in some),
            tuple((problem.account_id, problem.text) for problem in bad),
        )
        groups.setdefault(content, []).append(region)
    for names in groups.values():
        some, bad = by_region[names[0]]
        yield f"{', '.join(names)}:"
        texts = (*_format_actions(some, sends_email=sends_email), *_format_problems(bad))
        yield from map(_wrap, texts or ("nothing to do",))


def _format_actions(actions: Iterable[Action], *, sends_email: bool) -> Iterable[str]:
    phrases: dict[str, list[Action]] = {}
    for action in actions:
        phrase = _PHRASES_BY_REASON.get((action.kind, action.reason), _PHRASES[action.kind])
        phrases.setdefault(phrase, []).append(action)
    for phrase, some in phrases.items():
        kind = some[0].kind
        ids = [action.account_id for action in some if action.account_id is not None]
        # What costs money, and what other people notice.
        detail, texts = some[0].detail, [count(len(ids), "account")]
        if kind is ActionKind.ENABLE_ADMINISTRATOR:
            texts, ids = ids, []
        if ids:
            detail = ""
        if kind is ActionKind.SET_AUTO_ENABLE:
            texts, detail = [detail, "become" if detail == "on" else "do not become"], ""
        notes = [detail, _BILLED.get(kind, ""), _E_MAILS.get(kind, "") if sends_email else ""]
        more = "; ".join(filter(None, notes))
        what = f"{phrase.format(*texts)}{f' ({more})' if more else ''}"
        if ids:
            # Removals are all named, so that they can be checked.
            what = f"{what}: {', '.join(ids) if kind in REMOVING else named(ids)}"
        yield what


def _format_problems(problems: Iterable[Problem]) -> Iterable[str]:
    by_text: dict[str, list[str]] = {}
    for problem in problems:
        by_text.setdefault(problem.text, []).append(problem.account_id or "")
    for text, ids in by_text.items():
        whose = f"problem with {count(len(ids), 'account')} ({text}): {', '.join(ids)}"
        yield f"problem: {text}" if ids == [""] else whose


def _wrap(text: str) -> str:
    # Ids of accounts may be from responses.
    text = printable(text)
    return textwrap.fill(
        text, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
