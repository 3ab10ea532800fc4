"""Plans in words, for people who are to say yes to them."""

import textwrap
from collections.abc import Iterable, Sequence

from detective_async.membership.actions import Action, ActionKind, Problem
from detective_async.membership.report import count

_WIDTH = 110

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


def show_plan(regions: Sequence[str], actions: Iterable[Action], problems: Iterable[Problem]) -> str:
    """Show a plan: what is to be done in each region, by kind and account; regions with the same one together."""
    bodies: dict[tuple[str, ...], list[str]] = {}
    by_region: dict[str, tuple[list[Action], list[Problem]]] = {region: ([], []) for region in regions}
    for action in actions:
        by_region[action.region][0].append(action)
    for problem in problems:
        by_region[problem.region][1].append(problem)
    for region, (some, bad) in by_region.items():
        lines = (*_show_actions(some), *_show_problems(bad)) or ("nothing to do",)
        bodies.setdefault(lines, []).append(region)
    return "\n".join(
        line for lines, names in bodies.items() for line in (f"{', '.join(names)}:", *(_wrap(text) for text in lines))
    )


def _show_actions(actions: Iterable[Action]) -> Iterable[str]:
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
            yield f"{phrase} {count(len(ids), 'account')}: {', '.join(ids)}"


def _show_problems(problems: Iterable[Problem]) -> Iterable[str]:
    by_text: dict[str, list[str]] = {}
    for problem in problems:
        by_text.setdefault(problem.text, []).append(problem.account_id or "")
    for text, ids in by_text.items():
        yield (
            f"problem: {text}"
            if ids == [""]
            else f"problem with {count(len(ids), 'account')} ({text}): {', '.join(ids)}"
        )


def _wrap(text: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
