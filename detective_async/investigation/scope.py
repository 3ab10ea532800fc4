"""The time scope of an investigation."""

from datetime import UTC, datetime, timedelta

from attrs import field, frozen

from detective_async.api.models.constraints import AwareDatetime
from detective_async.errors import ParameterError

#: The limits of the console (user guide, "Running a Detective investigation"); the API documents none.
SHORTEST = timedelta(hours=3)
LONGEST = timedelta(days=30)
#: What is looked at before and after what a finding has seen, and without a finding: inferred from public callers of
#: StartInvestigation, most of which choose a day.
MARGIN = timedelta(days=1)
#: Times that move with the present are taken for the same one for so long, as nothing much can have happened meanwhile.
_SOON = timedelta(hours=1)
#: "Detective maintains up to a year" of data (user guide, "What is Amazon Detective?").
_KEPT = timedelta(days=366)
#: Other times are compared like this, because the service may round to milliseconds: inferred.
_ROUNDING = timedelta(seconds=1)


@frozen
class Scope:
    """The activity that is investigated, from `start` to `end`.

    Attributes:
        start_moves: whether nobody has asked for this start, but for one that depends on the present time.
        end_moves: likewise, of the end.
    """

    start: datetime
    end: datetime
    start_moves: bool = field(default=False, eq=False)
    end_moves: bool = field(default=False, eq=False)

    def includes(self, other: "Scope") -> bool:
        """Return whether the other scope is a part of this one."""
        return self.start <= other.start and other.end <= self.end

    def is_like(self, other: "Scope") -> bool:
        """Return whether an investigation of the other scope answers for this one."""
        return abs(other.start - self.start) <= (_SOON if self.start_moves else _ROUNDING) and abs(
            other.end - self.end
        ) <= (_SOON if self.end_moves else _ROUNDING)


def requested(start: datetime | None, end: datetime | None, now: datetime, *, end_moves: bool = False) -> Scope:
    """Return the scope that was asked for; by default the day that ends with `end`, and that is now.

    Args:
        start: the start, or None.
        end: the end, or None.
        now: the present time.
        end_moves: whether the end depends on the present time; it does anyway without one.

    Raises:
        ParameterError: a time has no time zone, or they are in the wrong order.
    """
    for name, moment in (("start", start), ("end", end)):
        if moment is not None:
            AwareDatetime()(moment, name)
    end_moves = end_moves or end is None
    start_moves = end_moves and start is None
    end = now if end is None else end
    start = before(end, MARGIN) if start is None else start
    if start >= end:
        raise ParameterError("start", f"must be before the end, {end.isoformat()}, got {start.isoformat()}")
    return Scope(start, end, start_moves, end_moves)


def is_recent(moment: datetime | None, now: datetime) -> bool:
    """Return whether the end of what a finding has seen may depend on when it was read."""
    return moment is None or moment >= now - _SOON


def is_kept(moment: datetime, now: datetime) -> bool:
    """Return whether Detective may still have the data of a moment."""
    return moment >= before(now, _KEPT)


def around(first: datetime, last: datetime, now: datetime) -> Scope:
    """Return the scope for what a finding has seen: a day more on both sides, but not in the future.

    It is at least 3 hours and at most 30 days long; of longer times, it is the last 30 days.
    """
    end = min(after(last, MARGIN), now)
    start = min(before(first, MARGIN), before(end, SHORTEST))
    return Scope(max(start, before(end, LONGEST)), end)


def left_out(first: datetime, last: datetime, scope: Scope, now: datetime) -> list[str]:
    """Return what an investigation of `around` leaves out of what a finding has seen: nothing, in most cases."""
    texts = []
    if not is_kept(last, now):
        texts.append("its findings are more than a year old, and Detective keeps data for a year")
    if first < scope.start:
        texts.append(f"its findings are of more than {LONGEST.days} days, of which only the last are investigated")
    # Clocks differ, and nothing much can have happened meanwhile.
    if last > scope.end + _SOON:
        texts.append("its findings are of the future, so the time until now is investigated")
    return texts


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
