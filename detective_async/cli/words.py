"""What memberships say in words of Python, said in words of the command."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from attrs import evolve

from detective_async.cli.exits import CommandError, remedy_for
from detective_async.errors import ParameterError
from detective_async.membership import MembershipReport, Problem, Reason, TeardownReport
from detective_async.membership.actions import count

T = TypeVar("T", bound=Any)
R = TypeVar("R", MembershipReport, TeardownReport)

#: Parameter -> the option that it comes from.
OPTIONS = {
    "datasource_packages": "--packages",
    "disable_email_notification": "--no-email",
    "end": "--end",
    "max_removals": "--max-removals",
    "message": "--message",
    "start": "--start",
    "tags": "--tag",
    "timeout": "--timeout",
}
#: The reason of a problem without an error -> what to say of it: for who types a command, and not for a program.
_SENTENCES = {
    Reason.NOT_ADMINISTRATOR: (
        "the account has no graph here, so it is not the organization's Detective administrator: run this with "
        "credentials of the management account, and name the administrator with --account and --role-name"
    ),
    Reason.NO_CREDENTIALS: (
        "it is invited, but there are no credentials to accept the invitation: add --role-name, and see that the role "
        "exists there"
    ),
}


def plan_in_words(plan: T) -> T:
    """Return a plan whose problems name options."""
    return evolve(plan, problems=tuple(map(_with_option, _reworded(plan.problems, "text"))))


def report_in_words(report: R) -> R:
    """Return a report whose problems name options."""
    report = evolve(report, regions=_reworded(report.regions, "problem"))
    if isinstance(report, MembershipReport):
        # What helps against an error of many accounts is not said for each.
        return evolve(report, rows=_reworded(report.rows, "problem", has_remedies=False))
    return report


def option_error(error: ParameterError) -> CommandError:
    """Return the error for a parameter, under the name of the option that it comes from."""
    words = set(re.findall(r"\w+", error.parameter))
    named = next((option for parameter, option in OPTIONS.items() if parameter in words), error.parameter)
    return CommandError(f"{named}: {error.problem}")


def _with_option(problem: Problem) -> Problem:
    number = problem.number
    if problem.reason is not Reason.REMOVAL_NOT_CONFIRMED or number is None:
        return problem
    text = f"it would be removed: --max-removals {number} removes {count(number, 'membership')}"
    return evolve(problem, text=text)


def _reworded(things: Sequence[T], field: str, *, has_remedies: bool = True) -> tuple[T, ...]:
    def text_of(one: T) -> str | None:
        text: str | None = getattr(one, field)
        if one.error is None:
            return _SENTENCES.get(one.reason, text)
        remedy = remedy_for(one.error) if has_remedies else None
        # That of a plan is in its report, too.
        return text if remedy is None or remedy in str(text) else f"{text}; {remedy}"

    return tuple(evolve(one, **{field: text_of(one)}) for one in things)


def join(texts: Iterable[str]) -> str:
    """Return texts as a list in a sentence: `a, b and c`."""
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last
