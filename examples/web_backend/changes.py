"""What has changed from one survey of members to the next."""

from collections import deque
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from detective_async.integrations.aiohttp_web import to_json
from web_backend.survey import Found, Place

#: The most changes that are stored; the oldest are dropped first.
_MAX_STORED = 10_000
#: The most changes of one answer.
_MAX_SHOWN = 1_000
_TICK = timedelta(microseconds=1)


class Changes:
    """The record of changes, from the first survey on, which has nothing to be compared with.

    Args:
        places: the accounts and regions that are read.
    """

    def __init__(self, places: Collection[Place] = ()) -> None:
        self._places = places
        self._began = datetime.now(UTC)
        self._seen_at: datetime | None = None
        #: The places whose last reading failed.
        self._failed: set[Place] = set()
        self._read_at: dict[Place, datetime] = {}
        self._first_read_at: dict[Place, datetime] = {}
        self._statuses: dict[Place, dict[str, str | None]] = {}
        self._changes: deque[tuple[datetime, dict[str, Any]]] = deque()

    def see(self, kind: str, found: Found) -> None:
        """Compare the members of an account in a region with those of the survey before.

        A failure says only that they were not seen.
        """
        if kind != "members":
            return
        place = found.account_id, found.region
        if found.failure is not None:
            self._failed.add(place)
            return
        self._failed.discard(place)
        # Always later than before, whatever the clock says: a reader asks for what came after its last answer.
        last = self._seen_at or datetime.min.replace(tzinfo=UTC)
        self._seen_at = self._read_at[place] = time = max(found.time, last + _TICK)
        self._first_read_at.setdefault(place, time)
        now = {row.id: row.status for row in found.rows}
        before = self._statuses.get(place)
        self._statuses[place] = now
        if before is None or before == now:
            return
        for member_id in {**before, **now}:
            old, new = before.get(member_id), now.get(member_id)
            if old != new:
                self._add(time, found, member_id, old, new)

    def since(self, since: datetime | None, account_id: str | None = None) -> dict[str, Any]:
        """Return the changes after a time, newest first, and how many places were not read since, as JSON.

        They are complete if all places were read before that time, so that there was something to compare with.

        Args:
            since: the time; None for all that are stored.
            account_id: only the changes of this account, as a member or as the administrator; None for all.
        """
        wanted = list(self._after(since, account_id))
        missing = self._not_read(since)
        return {
            "Since": to_json(self._began),
            "AsOf": to_json(self._seen_at),
            "Complete": since is None
            or (since >= self._began and all(self._was_read(place, since) for place in self._places)),
            "NotSeen": {
                "Accounts": len({account_id for account_id, _ in missing}),
                "Regions": len({region for _, region in missing}),
                "Targets": len(missing),
            },
            "Left": max(0, len(wanted) - _MAX_SHOWN),
            "Changes": list(islice(wanted, _MAX_SHOWN)),
        }

    def _was_read(self, place: Place, until: datetime) -> bool:
        first = self._first_read_at.get(place)
        return first is not None and first <= until

    def _not_read(self, since: datetime | None) -> list[Place]:
        # If nothing was read since, there was no survey, which is no failure.
        is_newer = since is not None and self._seen_at is not None and self._seen_at > since
        candidates = {*self._places, *self._failed} if is_newer else self._failed
        never = [place for place in self._places if place not in self._read_at and place not in candidates]
        return [*never, *(place for place in candidates if _is_before(self._read_at.get(place), since))]

    def _after(self, since: datetime | None, account_id: str | None) -> Iterator[dict[str, Any]]:
        for time, change in reversed(self._changes):
            if since is not None and time <= since:
                return
            if account_id in (None, change["AccountId"], change["MemberId"]):
                yield change

    def _add(self, time: datetime, found: Found, member_id: str, old: str | None, new: str | None) -> None:
        if len(self._changes) == _MAX_STORED:
            # What was dropped is no longer complete.
            self._began, _ = self._changes.popleft()
        change = {
            "Time": to_json(time),
            "AccountId": found.account_id,
            "Region": found.region,
            "MemberId": member_id,
            "Before": old,
            "After": new,
        }
        self._changes.append((time, change))


def _is_before(read_at: datetime | None, since: datetime | None) -> bool:
    return read_at is None or since is None or read_at <= since
