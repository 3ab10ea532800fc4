"""News that any number of watchers follow, each at a pace of its own and from the beginning."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

#: So many entries that are there already are given before others have their turn.
_AT_A_TIME = 20

Entry = TypeVar("Entry")


class Feed(Generic[Entry]):
    """A list that grows until it ends.

    It is held once however many watch it, so a watcher who is slow costs nothing and holds up nobody: it is up to
    whoever fills it that it stays small.
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        self.ended = False

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry) -> None:
        """Tell something new."""
        self._entries.append(entry)
        self._wake()

    def end(self, error: BaseException | None = None) -> None:
        """Say that nothing comes any more; an error is raised to all who come to the end."""
        self.ended, self._error = True, error
        self._wake()

    async def follow(self, start: int = 0) -> AsyncGenerator[tuple[int, Entry], None]:
        """Give the entries, those to come included, as (number, entry), until it ends.

        Args:
            start: the number of the first entry to give, from 0.
        """
        index = start
        while True:
            while index < len(self._entries):
                yield index, self._entries[index]
                index += 1
                if index % _AT_A_TIME == 0:
                    await asyncio.sleep(0)
            if self.ended:
                if self._error is not None:
                    raise self._error
                return
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
