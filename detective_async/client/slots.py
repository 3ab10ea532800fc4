"""A limit on concurrent work that several parties share fairly."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from attrs import Factory, define, field

#: Seconds of use by which a party can be behind or ahead: what was used during a long rest is not made up for in full.
#: One call that hangs is made up for by as many seconds of all others together.
_MOST_AHEAD = 5.0
#: What is left of a long use in what is known of a party's uses, after each further one.
_REMEMBERED = 0.98


@define(eq=False)
class _Party:
    in_use: int = 0
    # The seconds for which it has used slots, so far as they count, and how long a use of it was lately.
    used: float = 0.0
    lately: float = 0.0
    waiting: deque[asyncio.Future[None]] = Factory(deque)


def _by_name(names: Iterable[str]) -> dict[str, _Party]:
    return {name: _Party() for name in names}


@define(eq=False)
class SharedSlots:
    """A limit on concurrent work, shared by parties such as regions, so that a slow one does not starve the others.

    A party may use more than its equal share only while a slot stays free for each other one that uses none. Where
    several wait, the one that uses the fewest slots is next, and of these the one that has used them for the shortest
    time: with more slow parties than slots, a quick one would wait for all of them before each of its turns.

    Args:
        limit: the maximum number of slots in use.
        names: the parties.
    """

    _limit: int
    _parties: dict[str, _Party] = field(converter=_by_name)

    @asynccontextmanager
    async def of(self, name: str, *, first: bool = False) -> AsyncIterator[None]:
        """Use a slot of a party.

        Args:
            name: the party.
            first: whether this goes before whatever else of the party waits.
        """
        party = self._parties.setdefault(name, _Party())
        if party.waiting or not self._may_take(party):
            await self._wait(party, first=first)
        else:
            party.in_use += 1
        began = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            party.in_use -= 1
            self._count(party, asyncio.get_running_loop().time() - began)
            self._grant()

    def _count(self, party: _Party, seconds: float) -> None:
        """Count what a party has used: one long use among short ones for little, and for all if they come again."""
        counted = min(seconds, max(_MOST_AHEAD / len(self._parties), 2 * party.lately))
        # Its quick looks come between its slow changes.
        party.lately = max(counted, _REMEMBERED * party.lately)
        party.used += counted

    def leave(self, name: str) -> None:
        """Note that a party has ended: nothing is kept free for it any more."""
        party = self._parties.get(name)
        if party is not None and not party.in_use and not party.waiting:
            del self._parties[name]
            self._grant()

    async def _wait(self, party: _Party, *, first: bool) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if first:
            party.waiting.appendleft(turn)
        else:
            party.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in party.waiting:
                party.waiting.remove(turn)
            elif not turn.cancelled():
                # It was given a slot at the same moment.
                party.in_use -= 1
                self._grant()
            raise

    def _grant(self) -> None:
        while ready := [party for party in self._parties.values() if party.waiting and self._may_take(party)]:
            least = min(one.used for one in ready)
            for one in ready:
                one.used = min(one.used, least + _MOST_AHEAD)
            party = min(ready, key=lambda one: (one.in_use, one.used))
            turn = party.waiting.popleft()
            # One that was cancelled may not have removed itself yet.
            if not turn.done():
                party.in_use += 1
                turn.set_result(None)

    def _may_take(self, party: _Party) -> bool:
        parties = self._parties.values()
        free = self._limit - sum(one.in_use for one in parties)
        if free <= 0 or party.in_use < max(1, self._limit // len(parties)):
            return free > 0
        return free > sum(not one.in_use for one in parties)
