"""A growing list that any number of readers follow, each at its own pace."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

#: After this many available entries, a reader yields to the event loop.
_AT_A_TIME = 20
#: Seconds without an entry after which a reader gets None, so that it can tell its client that the work goes on.
SILENCE = 5.0

Entry = TypeVar("Entry")


class Feed(Generic[Entry]):
    """A list that grows until it is ended.

    All readers share the one list, so a slow reader needs no memory and delays no other. The list is not bounded: its
    writer must keep it small.
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        self.ended = False

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry) -> None:
        """Add an entry."""
        self._entries.append(entry)
        self._wake()

    def end(self, error: BaseException | None = None) -> None:
        """End the feed; with an error, it is raised in every reader that reaches the end."""
        self.ended, self._error = True, error
        self._wake()

    async def follow(
        self, start: int = 0, silence: float | None = None
    ) -> AsyncGenerator[tuple[int, Entry | None], None]:
        """Yield (number, entry) for the existing and all later entries, until the feed ends.

        After each silence, the entry is None.

        Args:
            start: the number of the first entry, from 0.
            silence: the seconds without an entry that are one; `SILENCE` by default.
        """
        if silence is None:
            silence = SILENCE
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
            try:
                async with asyncio.timeout(silence):
                    await self._changed.wait()
            except TimeoutError:
                yield index, None

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
