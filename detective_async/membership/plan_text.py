"""The text of plans, for people who approve them."""

import textwrap
from collections.abc import Iterable, Sequence

from detective_async.errors import printable
from detective_async.membership.actions import Action, ActionKind, Problem
from detective_async.membership.report import count

_WIDTH = 110
#: The number of accounts of an action that are named.
_NAMED = 10

_PHRASES = {
    ActionKind.ENABLE_ADMINISTRATOR: "make the organization's Detective administrator",
    ActionKind.CREATE_GRAPH: "create the graph",
    ActionKind.TAG_GRAPH: "set tags of the graph",
    ActionKind.START_PACKAGES: "start data source packages",
    ActionKind.REMOVE: "remove",
    ActionKind.REINVITE: "invite again with another e-mail address",
    ActionKind.INVITE: "invite",
    ActionKind.ENABLE_MEMBER: "enable without invitation",
    ActionKind.ACCEPT: "accept the invitation of",
    ActionKind.START_MONITORING: "try to enable after it was disabled",
    ActionKind.DELETE_GRAPH: "delete the graph, for all members too",
}


def format_plan(regions: Sequence[str], actions: Iterable[Action], problems: Iterable[Problem]) -> str:
    """Return the text of a plan: the actions by region, kind and account; regions with equal plans are grouped."""
    by_region: dict[str, tuple[list[Action], list[Problem]]] = {region: ([], []) for region in regions}
    for action in actions:
        by_region[action.region][0].append(action)
    for problem in problems:
        by_region[problem.region][1].append(problem)
    # Compared by their whole content: the text omits some of it.
    groups: dict[object, list[str]] = {}
    for region, (some, bad) in by_region.items():
        content = (
            tuple((action.kind, action.account_id, action.detail) for action in some),
            tuple((problem.account_id, problem.text) for problem in bad),
        )
        groups.setdefault(content, []).append(region)
    lines: list[str] = []
    for names in groups.values():
        some, bad = by_region[names[0]]
        lines.append(f"{', '.join(names)}:")
        lines += [_wrap(text) for text in (*_format_actions(some), *_format_problems(bad))] or ["  nothing to do"]
    return "\n".join(lines)


def _format_actions(actions: Iterable[Action]) -> Iterable[str]:
    kinds: dict[ActionKind, list[Action]] = {}
    for action in actions:
        kinds.setdefault(action.kind, []).append(action)
    for kind, some in kinds.items():
        phrase = _PHRASES[kind]
        ids = [action.account_id for action in some if action.account_id is not None]
        if not ids:
            detail = some[0].detail
            yield f"{phrase} ({detail})" if detail else phrase
        else:
            # Removals are all named, so that they can be checked.
            named = len(ids) if kind is ActionKind.REMOVE else _NAMED
            more = f" and {len(ids) - named} more" if len(ids) > named else ""
            yield f"{phrase} {count(len(ids), 'account')}: {', '.join(ids[:named])}{more}"


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
