"""Follows continuation tokens: pages, and their items, as async iterators."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

from detective_async.api.models.constraints import Integer, Text
from detective_async.errors import PaginationError


class Page(Protocol):
    """A response that may be followed by another page."""

    @property
    def next_token(self) -> str | None:
        """The token of the next page; None on the last page."""


Item = TypeVar("Item")
PageT = TypeVar("PageT", bound=Page)

_COUNT = Integer(0)


class Paginator(Generic[Item, PageT]):
    """The items of a List operation, page by page; created by the client's `iter_...` methods.

    `async for item in paginator` yields the items, `async for page in paginator.pages()` the responses that contain
    them. Each iteration starts at `starting_token` and fetches a page when it is needed, or in advance with `prefetch`.
    An iteration that stops early leaves no task running.
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
        """Describe the iteration; nothing is fetched before it starts.

        Args:
            operation: the API operation, for messages.
            fetch: called with a token and the maximum number of items (None for the service's default); fetches a page.
            items: returns the items of a page.
            max_page_size: the API's maximum for `page_size`.
            page_size: the number of items in each request; None uses the service's default.
            limit: the maximum number of items to return; None for no limit.
            starting_token: the token of the first page to fetch; None for the first page of all.
            prefetch: the number of pages to fetch ahead of the consumer.

        Raises:
            ParameterError: a number is out of range, or the token is no string.
        """
        if page_size is not None:
            Integer(1, max_page_size)(page_size, "page_size")
        if limit is not None:
            _COUNT(limit, "limit")
        _COUNT(prefetch, "prefetch")
        if starting_token is not None:
            Text(min_length=0)(starting_token, "starting_token")
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
        """The `starting_token` of a paginator that continues after the last page that was yielded completely.

        None after the last page of all. A page is complete when its last item was yielded: resuming after a stop in the
        middle of a page repeats the page's first items, and loses none.
        """
        return self._resume_token

    async def __aiter__(self) -> AsyncGenerator[Item, None]:
        """Yield the items.

        Raises:
            PaginationError: the service repeated a token.
        """
        remaining = self._limit
        async with aclosing(self._fetch_pages(remaining, self._prefetch)) as pages:
            async for page in pages:
                items = list(self._items(page))
                # A page with more items than the limit allows is not complete: resuming fetches it again.
                complete = remaining is None or len(items) <= remaining
                for item in items[:-1] if complete else items[:remaining]:
                    yield item
                if complete:
                    self._resume_token = page.next_token or None
                    if items:
                        yield items[-1]
                if remaining is not None:
                    remaining -= min(remaining, len(items))

    async def pages(self) -> AsyncGenerator[PageT, None]:
        """Yield the responses as the service sent them; with a `limit`, until they contain that many items.

        Raises:
            PaginationError: the service repeated a token.
        """
        async with aclosing(self._fetch_pages(self._limit, self._prefetch)) as pages:
            async for page in pages:
                self._resume_token = page.next_token or None
                yield page

    async def collect(self) -> list[Item]:
        """Return all items as a list."""
        return [item async for item in self]

    async def first(self) -> Item | None:
        """Return the first item, or None if there are no items."""
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
        remaining = limit
        # Hashes instead of tokens: a token has up to 2 KiB, and a long iteration has thousands.
        seen = {hash(token)} if token else set()
        while remaining is None or remaining > 0:
            # At most the rest of the limit, so that the next token continues exactly where the limit stopped.
            size = self._page_size if remaining is None else min(remaining, self._page_size or self._max_page_size)
            page = await self._fetch(token, size)
            token = page.next_token or None
            if remaining is not None:
                remaining -= sum(1 for _ in self._items(page))
            yield page
            if token is None:
                return
            if hash(token) in seen:
                raise PaginationError(self._operation)
            seen.add(hash(token))


async def _fetch_ahead(pages: AsyncGenerator[PageT, None], count: int) -> AsyncGenerator[PageT, None]:
    """Fetch up to `count` pages ahead of the consumer, in a task that ends with the iteration."""
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

    prefetcher = asyncio.create_task(fill())
    try:
        while (page := await fetched.get()) is not None:
            slots.release()
            yield page
        # All pages that were fetched before a failure have been yielded: now raise it.
        await prefetcher
    finally:
        prefetcher.cancel()
        # Gathered, because the consumer stopped before the failing page: a failure must not be raised here.
        await asyncio.gather(prefetcher, return_exceptions=True)
        # The task's exception has a traceback that refers to this frame: without this, a reference cycle remains.
        del prefetcher
