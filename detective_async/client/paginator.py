"""Following continuation tokens: pages, and the items in them, as async iterators."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

from detective_async.api.models.constraints import Integer
from detective_async.errors import PaginationError


class Page(Protocol):
    """An answer that may have a successor."""

    @property
    def next_token(self) -> str | None:
        """What asks for the next page; None on the last one."""


Item = TypeVar("Item")
PageT = TypeVar("PageT", bound=Page)


class Paginator(Generic[Item, PageT]):
    """The items of a List operation, page after page.

    `async for item in paginator` gives items, `async for page in paginator.pages()` the answers that hold them. Each
    iteration begins at `starting_token` and fetches a page when it is needed, or ahead of that with `prefetch`. An
    iteration that stops early leaves nothing running.

    Made by the client's `iter_...` methods.
    """

    def __init__(
        self,
        operation: str,
        fetch: Callable[[str | None, int | None], Awaitable[PageT]],
        items: Callable[[PageT], Iterable[Item]],
        *,
        max_page_size: int,
        page_size: int | None = None,
        limit: int | None = None,
        starting_token: str | None = None,
        prefetch: int = 0,
    ) -> None:
        """Set out how to page.

        Args:
            operation: the API operation, for messages.
            fetch: fetches the page at a token, of at most so many items; None for the service's own number.
            items: takes the items out of a page.
            max_page_size: the most that the API lets a page hold.
            page_size: how many items to ask for at a time; None leaves it to the service.
            limit: how many items to give in all; None for no limit.
            starting_token: where to begin; None for the beginning.
            prefetch: how many pages to fetch ahead of the consumer.

        Raises:
            ParameterError: a number is out of range.
        """
        if page_size is not None:
            Integer(1, max_page_size)(page_size, "page_size")
        if limit is not None:
            Integer(0)(limit, "limit")
        Integer(0)(prefetch, "prefetch")
        self._operation = operation
        self._fetch = fetch
        self._items = items
        self._max_page_size = max_page_size
        self._page_size = page_size
        self._limit = limit
        self._starting_token = starting_token
        self._prefetch = prefetch
        self._resume_token = starting_token

    def __repr__(self) -> str:
        return f"<Paginator {self._operation} [page_size: {self._page_size}, limit: {self._limit}]>"

    @property
    def resume_token(self) -> str | None:
        """Where to go on: the `starting_token` of a paginator that continues after the last page handed out.

        None once the last page of all was handed out. A page of items counts as handed out with its last item: going
        on after a stop in its middle repeats the page's first items, and loses none.
        """
        return self._resume_token

    async def __aiter__(self) -> AsyncGenerator[Item, None]:
        """Give item after item.

        Raises:
            PaginationError: the service repeated a token.
        """
        left = self._limit
        async with aclosing(self._fetch_pages(left, self._prefetch)) as pages:
            async for page in pages:
                items = list(self._items(page))
                # A page with more items than the limit leaves is not handed out whole, and fetched again when resuming.
                whole = left is None or len(items) <= left
                for item in items[:-1] if whole else items[:left]:
                    yield item
                if whole:
                    self._resume_token = page.next_token or None
                    if items:
                        yield items[-1]
                if left is not None:
                    left -= min(left, len(items))

    async def pages(self) -> AsyncGenerator[PageT, None]:
        """Give answer after answer, as the service cut them; with a `limit`, until that many items were given.

        Raises:
            PaginationError: the service repeated a token.
        """
        async with aclosing(self._fetch_pages(self._limit, self._prefetch)) as pages:
            async for page in pages:
                self._resume_token = page.next_token or None
                yield page

    async def collect(self) -> list[Item]:
        """Give all items at once."""
        return [item async for item in self]

    async def first(self) -> Item | None:
        """Give the first item, or None where there is none."""
        async with aclosing(self._fetch_pages(1 if self._limit is None else min(1, self._limit), prefetch=0)) as pages:
            async for page in pages:
                items = list(self._items(page))
                if len(items) <= 1:
                    self._resume_token = page.next_token or None
                if items:
                    return items[0]
        return None

    async def _fetch_pages(self, limit: int | None, prefetch: int) -> AsyncGenerator[PageT, None]:
        self._resume_token = self._starting_token
        if prefetch:
            async with aclosing(_fetch_ahead(self._fetch_pages(limit, 0), prefetch)) as pages:
                async for page in pages:
                    yield page
            return
        token = self._starting_token
        left = limit
        # Hashes and not tokens, which are up to 2 KB each and thousands in a long walk.
        seen = {hash(token)} if token else set()
        while left is None or left > 0:
            # No more than the limit leaves, so that the next token continues exactly where the limit stopped.
            size = self._page_size if left is None else min(left, self._page_size or self._max_page_size)
            page = await self._fetch(token, size)
            token = page.next_token or None
            if left is not None:
                left -= sum(1 for _ in self._items(page))
            yield page
            if token is None:
                return
            if hash(token) in seen:
                raise PaginationError(self._operation)
            seen.add(hash(token))


async def _fetch_ahead(pages: AsyncGenerator[PageT, None], count: int) -> AsyncGenerator[PageT, None]:
    """Fetch up to `count` pages ahead of the consumer, in a task that ends with it."""
    slots = asyncio.Semaphore(count)
    fetched: asyncio.Queue[PageT | None] = asyncio.Queue()

    async def fill() -> None:
        try:
            async with aclosing(pages):
                while True:
                    await slots.acquire()
                    page = await anext(pages, None)
                    if page is None:
                        return
                    fetched.put_nowait(page)
        finally:
            fetched.put_nowait(None)

    filler = asyncio.create_task(fill())
    try:
        while (page := await fetched.get()) is not None:
            slots.release()
            yield page
        # Raises what ended it, once all the pages from before that were handed out.
        await filler
    finally:
        filler.cancel()
        # Not awaited itself: a failure that the consumer never came to is nobody's concern any more.
        await asyncio.gather(filler, return_exceptions=True)
        # It keeps what ended it, whose traceback holds this frame.
        del filler
