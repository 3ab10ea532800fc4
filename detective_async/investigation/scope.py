"""The time scope of an investigation."""

from datetime import UTC, datetime, timedelta

from attrs import frozen

from detective_async.api.models.constraints import AwareDatetime
from detective_async.errors import ParameterError

#: The limits of the console (user guide, "Running a Detective investigation"); the API documents none.
SHORTEST = timedelta(hours=3)
LONGEST = timedelta(days=30)
#: What is looked at before and after what a finding has seen, and without a finding: inferred from public callers of
#: StartInvestigation, most of which choose a day.
MARGIN = timedelta(days=1)
#: Scopes that end now are taken for the same one for so long, as nothing much can have happened in between.
_SOON = timedelta(hours=1)
#: Scopes in the past are compared like this, because the service may round to milliseconds: inferred.
_ROUNDING = timedelta(seconds=1)


@frozen
class Scope:
    """The activity that is investigated, from `start` to `end`."""

    start: datetime
    end: datetime

    def includes(self, other: "Scope") -> bool:
        """Return whether the other scope is a part of this one."""
        return self.start <= other.start and other.end <= self.end

    def is_like(self, other: "Scope", now: datetime) -> bool:
        """Return whether an investigation of the other scope answers for this one."""
        tolerance = _SOON if self.end >= now - _SOON else _ROUNDING
        return abs(other.start - self.start) <= tolerance and abs(other.end - self.end) <= tolerance


def requested(start: datetime | None, end: datetime | None, now: datetime) -> Scope:
    """Return the scope that was asked for; by default the day that ends with `end`, and that is now.

    Raises:
        ParameterError: a time has no time zone, or they are in the wrong order.
    """
    for name, moment in (("start", start), ("end", end)):
        if moment is not None:
            AwareDatetime()(moment, name)
    end = now if end is None else end
    start = before(end, MARGIN) if start is None else start
    if start >= end:
        raise ParameterError("start", f"must be before the end, {end.isoformat()}, got {start.isoformat()}")
    return Scope(start, end)


def around(first: datetime, last: datetime, now: datetime) -> Scope:
    """Return the scope for what a finding has seen: a day more on both sides, but not in the future.

    It is at least 3 hours and at most 30 days long; of longer times, it is the last 30 days.
    """
    end = min(after(last, MARGIN), now)
    start = min(before(first, MARGIN), before(end, SHORTEST))
    return Scope(max(start, before(end, LONGEST)), end)


def joined(scopes: list[Scope]) -> list[Scope]:
    """Return the scopes of one entity with those that overlap made one, as long as that is no longer than 30 days."""
    found: list[Scope] = []
    for scope in sorted(scopes, key=lambda one: (one.start, one.end)):
        if (
            found
            and scope.start <= found[-1].end
            and (end := max(scope.end, found[-1].end)) - found[-1].start <= LONGEST
        ):
            found[-1] = Scope(found[-1].start, end)
        else:
            found.append(scope)
    return found


def before(moment: datetime, length: timedelta) -> datetime:
    """Return the moment that is so much earlier; the earliest possible one, if there is none."""
    try:
        return moment - length
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def after(moment: datetime, length: timedelta) -> datetime:
    """Return the moment that is so much later; the last possible one, if there is none."""
    try:
        return moment + length
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
