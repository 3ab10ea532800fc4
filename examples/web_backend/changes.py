"""What has changed from one survey of members to the next."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from detective_async.integrations.aiohttp_web import to_json
from web_backend.survey import Found

#: The most changes that are stored; the oldest are dropped first.
_MAX_STORED = 10_000
#: The most changes of one answer.
_MAX_SHOWN = 1_000


class Changes:
    """The record of changes, from the first survey on, which has nothing to be compared with."""

    def __init__(self) -> None:
        self._began = datetime.now(UTC)
        self._seen_at: datetime | None = None
        self._statuses: dict[tuple[str, str], dict[str, str | None]] = {}
        self._changes: deque[tuple[datetime, dict[str, Any]]] = deque()

    def see(self, kind: str, found: Found) -> None:
        """Compare the members of an account in a region with those of the survey before; a failure says nothing."""
        if kind != "members" or found.failure is not None:
            return
        place = found.account_id, found.region
        now = {row.id: row.status for row in found.rows}
        before = self._statuses.get(place)
        self._statuses[place], self._seen_at = now, found.time
        if before is None or before == now:
            return
        for member_id in {**before, **now}:
            old, new = before.get(member_id), now.get(member_id)
            if old != new:
                self._add(found, member_id, old, new)

    def since(self, since: datetime | None, account_id: str | None = None) -> dict[str, Any]:
        """Return the changes after a time, newest first, as JSON.

        Args:
            since: the time; None for all that are stored.
            account_id: only the changes of this account, as a member or as the administrator; None for all.
        """
        wanted = list(self._after(since, account_id))
        return {
            "Since": to_json(self._began),
            "AsOf": to_json(self._seen_at),
            "Complete": since is None or since >= self._began,
            "Left": max(0, len(wanted) - _MAX_SHOWN),
            "Changes": list(islice(wanted, _MAX_SHOWN)),
        }

    def _after(self, since: datetime | None, account_id: str | None) -> Iterator[dict[str, Any]]:
        for time, change in reversed(self._changes):
            if since is not None and time <= since:
                return
            if account_id in (None, change["AccountId"], change["MemberId"]):
                yield change

    def _add(self, found: Found, member_id: str, old: str | None, new: str | None) -> None:
        if len(self._changes) == _MAX_STORED:
            # What was dropped is no longer complete.
            self._began, _ = self._changes.popleft()
        change = {
            "Time": to_json(found.time),
            "AccountId": found.account_id,
            "Region": found.region,
            "MemberId": member_id,
            "Before": old,
            "After": new,
        }
        self._changes.append((found.time, change))
