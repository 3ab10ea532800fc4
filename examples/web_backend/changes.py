"""What has changed from one survey of members to the next."""

from collections import deque
from collections.abc import Iterator
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
    """The record of changes, from the first survey on, which has nothing to be compared with."""

    def __init__(self) -> None:
        self._began = datetime.now(UTC)
        self._seen_at: datetime | None = None
        #: The places whose last reading failed -> when they were read before; None for never.
        self._not_seen: dict[Place, datetime | None] = {}
        self._read_at: dict[Place, datetime] = {}
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
            self._not_seen[place] = self._read_at.get(place)
            return
        self._not_seen.pop(place, None)
        # Always later than before, whatever the clock says: a reader asks for what came after its last answer.
        last = self._seen_at or datetime.min.replace(tzinfo=UTC)
        self._seen_at = self._read_at[place] = time = max(found.time, last + _TICK)
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
        """Return the changes after a time, newest first, and how many places could not be read since, as JSON.

        Args:
            since: the time; None for all that are stored.
            account_id: only the changes of this account, as a member or as the administrator; None for all.
        """
        wanted = list(self._after(since, account_id))
        missing = [place for place, read_at in self._not_seen.items() if _is_before(read_at, since)]
        return {
            "Since": to_json(self._began),
            "AsOf": to_json(self._seen_at),
            "Complete": since is None or since >= self._began,
            "NotSeen": {
                "Accounts": len({account_id for account_id, _ in missing}),
                "Regions": len({region for _, region in missing}),
                "Targets": len(missing),
            },
            "Left": max(0, len(wanted) - _MAX_SHOWN),
            "Changes": list(islice(wanted, _MAX_SHOWN)),
        }

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
