"""Paginators: items, pages, limits, resuming, prefetching, and early stops."""

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.wire_server import Request, serving

from detective_async import (
    Account,
    Credentials,
    DatasourcePackage,
    DetectiveClient,
    PaginationError,
    Paginator,
    ParameterError,
    StaticCredentials,
    ValidationException,
)
from detective_async.testing import DetectiveSimulator

ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16


@attrs.frozen
class NumberPage:
    numbers: list[int]
    next_token: str | None


class PagedService:
    """A service with fixed pages of numbers, which records the requests."""

    def __init__(self, pages: list[list[int]]) -> None:
        self.pages = pages
        self.requests: list[tuple[str | None, int | None]] = []

    async def fetch(self, token: str | None, size: int | None) -> NumberPage:
        self.requests.append((token, size))
        await asyncio.sleep(0)
        index = int(token or 0)
        return NumberPage(self.pages[index], str(index + 1) if index + 1 < len(self.pages) else None)

    def paginator(
        self,
        *,
        page_size: int | None = None,
        limit: int | None = None,
        starting_token: str | None = None,
        prefetch: int = 0,
    ) -> Paginator[int, NumberPage]:
        return Paginator(
            "ListNumbers",
            self.fetch,
            lambda page: page.numbers,
            max_page_size=200,
            page_size=page_size,
            limit=limit,
            starting_token=starting_token,
            prefetch=prefetch,
        )


class SizedPages(PagedService):
    """A service with a number of items, in pages of the requested size."""

    def __init__(self, count: int) -> None:
        super().__init__([])
        self.count = count

    async def fetch(self, token: str | None, size: int | None) -> NumberPage:
        self.requests.append((token, size))
        await asyncio.sleep(0)
        start = int(token or 0)
        end = min(start + (size or 200), self.count)
        return NumberPage(list(range(start, end)), str(end) if end < self.count else None)


@pytest.mark.parametrize("prefetch", [0, 1, 3, 50])
async def test_all_items_are_returned_in_order(prefetch: int) -> None:
    """Empty pages do not end the iteration."""
    service = PagedService([[1, 2], [], [3], [], []])
    paginator = service.paginator(prefetch=prefetch)
    assert [number async for number in paginator] == [1, 2, 3]
    assert await paginator.collect() == [1, 2, 3]
    assert paginator.resume_token is None
    assert service.requests[:5] == [(None, None), ("1", None), ("2", None), ("3", None), ("4", None)]


@pytest.mark.parametrize("prefetch", [0, 2])
async def test_pages_with_their_resume_tokens(prefetch: int) -> None:
    """After each page, the resume token continues after it."""
    paginator = PagedService([[1, 2], [], [3]]).paginator(prefetch=prefetch)
    seen = [(page.numbers, paginator.resume_token) async for page in paginator.pages()]
    assert seen == [([1, 2], "1"), ([], "2"), ([3], None)]


async def test_first_requests_pages_of_one_item() -> None:
    """Empty pages are skipped; the result is None if there are no items."""
    service = PagedService([[], [7, 8], [9]])
    paginator = service.paginator(prefetch=5, limit=5)
    assert await paginator.first() == 7
    assert service.requests == [(None, 1), ("1", 1)]
    # A page with a second item is fetched again.
    assert paginator.resume_token == "1"
    paginator = PagedService([[7], [8]]).paginator()
    assert await paginator.first() == 7
    assert paginator.resume_token == "1"
    assert await PagedService([[]]).paginator().first() is None
    assert await PagedService([[1]]).paginator(limit=0).first() is None


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize(
    ("limit", "page_size", "sizes"),
    [
        (0, None, []),
        (5, None, [5]),
        (5, 2, [2, 2, 1]),
        (250, None, [200, 50]),
        (1000, 150, [150, 150]),
    ],
)
async def test_requests_do_not_exceed_the_limit(
    limit: int, page_size: int | None, sizes: list[int], prefetch: int
) -> None:
    """The last page is smaller, so that a later iteration continues exactly where this one stopped."""
    service = SizedPages(300)
    paginator = service.paginator(limit=limit, page_size=page_size, prefetch=prefetch)
    got = await paginator.collect()
    assert got == list(range(min(limit, 300)))
    assert [size for _, size in service.requests] == sizes
    if 0 < limit < 300:
        rest = await service.paginator(starting_token=paginator.resume_token).collect()
        assert got + rest == list(range(300))


async def test_a_limit_ends_pages() -> None:
    """The iteration of pages ends when they contain that many items."""
    paginator = SizedPages(300).paginator(limit=5, page_size=2)
    assert [page.numbers async for page in paginator.pages()] == [[0, 1], [2, 3], [4]]


async def test_a_limit_of_zero_fetches_nothing() -> None:
    """Items and pages are empty, and resuming starts at the same token."""
    service = PagedService([[1], [2]])
    paginator = service.paginator(limit=0, starting_token="1")
    assert await paginator.collect() == []
    assert [page async for page in paginator.pages()] == []
    assert await paginator.first() is None
    assert service.requests == []
    assert paginator.resume_token == "1"


async def test_a_page_with_more_items_than_requested() -> None:
    """Items beyond the limit are left out, and resuming fetches that page again."""
    service = PagedService([[1, 2], [3, 4, 5], [6]])
    paginator = service.paginator(limit=3)
    assert await paginator.collect() == [1, 2, 3]
    assert paginator.resume_token == "1"
    assert await service.paginator(starting_token="1").collect() == [3, 4, 5, 6]


@pytest.mark.parametrize(("stop_after", "token"), [(1, None), (2, "1"), (3, "1"), (4, "2"), (5, None)])
async def test_resuming_after_a_break_loses_nothing(stop_after: int, token: str | None) -> None:
    """After a stop within a page, its first items are repeated."""
    service = PagedService([[1, 2], [3, 4], [5]])
    paginator = service.paginator()
    seen = []
    async with aclosing(aiter(paginator)) as numbers:
        async for number in numbers:
            seen.append(number)
            if len(seen) == stop_after:
                break
    assert paginator.resume_token == token
    if stop_after < 5:
        rest = await service.paginator(starting_token=paginator.resume_token).collect()
        assert sorted({*seen, *rest}) == [1, 2, 3, 4, 5]


@given(
    sizes=st.lists(st.integers(0, 4), max_size=8),
    stops=st.lists(st.integers(1, 9), max_size=8),
    prefetch=st.integers(0, 3),
)
async def test_any_number_of_breaks_loses_nothing(sizes: list[int], stops: list[int], prefetch: int) -> None:
    """Stopping at any items and resuming each time yields all items."""
    numbers = iter(range(100))
    pages = [[next(numbers) for _ in range(size)] for size in sizes] or [[]]
    service, token, seen = PagedService(pages), None, []
    for stop in [*stops, 1000]:
        paginator = service.paginator(starting_token=token, prefetch=prefetch)
        taken, complete = 0, True
        async with aclosing(aiter(paginator)) as items:
            async for number in items:
                seen.append(number)
                taken += 1
                if taken == stop:
                    complete = False
                    break
        token = paginator.resume_token
        if complete:
            break
    assert sorted(set(seen)) == list(range(sum(sizes)))


@pytest.mark.parametrize("prefetch", [0, 1, 4])
@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
async def test_a_repeated_token_raises(tokens: list[str], prefetch: int) -> None:
    """All items up to the repetition are yielded before."""
    remaining = iter(tokens)

    async def fetch(_token: str | None, _size: int | None) -> NumberPage:
        return NumberPage([1], next(remaining))

    paginator = Paginator("ListNumbers", fetch, lambda page: page.numbers, max_page_size=200, prefetch=prefetch)
    seen = []

    async def iterate() -> None:
        async for number in paginator:
            seen.append(number)  # noqa: PERF401 - the items before the error are needed

    with pytest.raises(PaginationError, match="ListNumbers: the service repeated a continuation token") as caught:
        await iterate()
    assert len(seen) == len(tokens)
    assert caught.value.operation == "ListNumbers"


async def test_a_repeated_starting_token_raises() -> None:
    """The starting token counts as a token that was used."""
    requests = []

    async def fetch(token: str | None, _size: int | None) -> NumberPage:
        requests.append(token)
        return NumberPage([], token)

    paginator = Paginator("ListNumbers", fetch, lambda page: page.numbers, max_page_size=200, starting_token="a")
    with pytest.raises(PaginationError):
        await paginator.collect()
    assert requests == ["a"]


async def test_an_empty_token_ends_the_iteration() -> None:
    """It means the same as no token, for items, pages and the first item."""

    async def fetch(_token: str | None, _size: int | None) -> NumberPage:
        return NumberPage([1], "")

    paginator = Paginator("ListNumbers", fetch, lambda page: page.numbers, max_page_size=200)
    assert await paginator.collect() == [1]
    assert paginator.resume_token is None
    assert [page.numbers async for page in paginator.pages()] == [[1]]
    assert paginator.resume_token is None
    assert await paginator.first() == 1
    assert paginator.resume_token is None


async def test_nothing_is_fetched_ahead_by_default() -> None:
    """Without `prefetch`, the next page is fetched when it is asked for."""
    service = PagedService([[1], [2], [3]])
    paginator = Paginator("ListNumbers", service.fetch, lambda page: page.numbers, max_page_size=200)
    async with aclosing(paginator.pages()) as pages:
        await anext(pages)
        await asyncio.sleep(0.01)
        assert service.requests == [(None, None)]


async def test_prefetch_bounds_the_pages_fetched_ahead() -> None:
    """Exactly that many pages are fetched while the consumer handles a page."""
    service = PagedService([[n] for n in range(20)])
    async with aclosing(service.paginator(prefetch=3).pages()) as pages:
        for yielded in (1, 2, 3):
            await anext(pages)
            await asyncio.sleep(0.01)
            assert len(service.requests) == yielded + 3


@pytest.mark.parametrize("stop", ["break", "cancel", "error"])
async def test_prefetching_ends_with_its_consumer(stop: str) -> None:  # noqa: C901 - three ways to stop, one test
    """If the consumer stops, for any reason, the fetch is cancelled and no task remains."""
    before = asyncio.all_tasks()
    fetching = asyncio.Event()
    stopped: list[bool] = []

    async def fetch(token: str | None, _size: int | None) -> NumberPage:
        if token is None:
            return NumberPage([1, 2], "a")
        fetching.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.append(True)
            raise
        raise AssertionError("never")

    async def consume() -> None:
        paginator = Paginator("ListNumbers", fetch, lambda page: page.numbers, max_page_size=200, prefetch=2)
        async for _ in paginator:
            await fetching.wait()
            if stop == "break":
                break
            if stop == "error":
                raise LookupError
            await asyncio.sleep(60)

    consumer = asyncio.create_task(consume())
    await fetching.wait()
    await asyncio.sleep(0)
    if stop == "cancel":
        consumer.cancel()
    await asyncio.wait({consumer})
    if not consumer.cancelled():
        consumer.exception()
    for _ in range(10):
        await asyncio.sleep(0)
    assert stopped == [True]
    assert asyncio.all_tasks() == before


async def test_a_prefetch_that_fails_after_the_consumer_stopped_is_not_reported() -> None:
    """Asyncio does not log the exception as never retrieved."""
    reports: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))

    async def fetch(token: str | None, _size: int | None) -> NumberPage:
        if token is None:
            return NumberPage([1, 2], "a")
        raise LookupError

    paginator = Paginator("ListNumbers", fetch, lambda page: page.numbers, max_page_size=200, prefetch=1)
    async with aclosing(aiter(paginator)) as numbers:
        assert await anext(numbers) == 1
        await asyncio.sleep(0.01)
    with pytest.raises(LookupError):
        await paginator.collect()
    assert reports == []


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"page_size": 0}, "page_size: must be 1 to 200, got 0"),
        ({"page_size": 201}, "page_size: must be 1 to 200, got 201"),
        ({"page_size": True}, "page_size: expected a whole number, got a bool"),
        ({"limit": -1}, "limit: must be at least 0, got -1"),
        ({"limit": 1.5}, "limit: expected a whole number"),
        ({"prefetch": -1}, "prefetch: must be at least 0"),
        ({"prefetch": "2"}, "prefetch: expected a whole number"),
    ],
)
def test_numbers_out_of_range_are_refused(parameters: dict[str, int], problem: str) -> None:
    """The iterator method raises before anything is fetched."""
    client = DetectiveClient(region="eu-west-1", credentials=StaticCredentials("a", "b"))
    with pytest.raises(ParameterError, match=problem):
        client.iter_members(ARN, **parameters)  # type: ignore[arg-type]


def test_repr() -> None:
    """It contains the operation and the settings."""
    assert repr(PagedService([]).paginator(page_size=5)) == "<Paginator ListNumbers [page_size: 5, limit: None]>"


@pytest.fixture
async def arn(client: DetectiveClient) -> str:
    arn = (await client.create_graph()).graph_arn
    assert arn
    await client.create_members(arn, [Account(f"{n:012}", f"account-{n:012}@example.com") for n in range(1, 26)])
    return arn


@pytest.mark.parametrize("prefetch", [0, 2])
async def test_members_of_the_simulator(client: DetectiveClient, arn: str, prefetch: int) -> None:
    """All members are returned once, in pages of the requested size."""
    paginator = client.iter_members(arn, page_size=10, prefetch=prefetch)
    assert [len(page.member_details) async for page in paginator.pages()] == [10, 10, 5]
    ids = [member.account_id for member in await paginator.collect()]
    assert sorted(map(str, ids)) == [f"{n:012}" for n in range(1, 26)]
    some = client.iter_members(arn, page_size=10, limit=12)
    ids = [m.account_id for m in await some.collect()]
    rest = client.iter_members(arn, starting_token=some.resume_token)
    ids += [m.account_id for m in await rest.collect()]
    assert sorted(map(str, ids)) == [f"{n:012}" for n in range(1, 26)]


async def test_each_iterator_calls_its_operation(client: DetectiveClient, arn: str, sim: DetectiveSimulator) -> None:
    """All seven iterators return the items of their operations."""
    graph = await client.iter_graphs().first()
    assert graph is not None
    assert graph.arn == arn
    member = client.with_options(credentials=sim.account(f"{1:012}"))
    invitation = await member.iter_invitations().first()
    assert invitation is not None
    assert invitation.graph_arn == arn
    packages = dict(await client.iter_datasource_packages(arn).collect())
    assert packages[DatasourcePackage.DETECTIVE_CORE].datasource_package_ingest_state == "STARTED"
    until = datetime.now(UTC)
    started = await client.start_investigation(
        arn, "arn:aws:iam::111122223333:role/x", until - timedelta(days=1), until
    )
    investigation = await client.iter_investigations(arn).first()
    assert investigation is not None
    assert investigation.investigation_id == started.investigation_id
    await sim.advance(86_400)
    assert started.investigation_id
    types = {i.indicator_type async for i in client.iter_indicators(arn, started.investigation_id, page_size=3)}
    assert len(types) == 8
    sim.organization("999999999999", ["111122223333"])
    management = client.with_options(credentials=sim.account("999999999999"))
    await management.enable_organization_admin_account("111122223333")
    administrator = await management.iter_organization_admin_accounts().first()
    assert administrator is not None
    assert administrator.account_id == "111122223333"


async def test_an_error_response_ends_the_iteration(client: DetectiveClient, arn: str) -> None:
    """An unknown starting token is refused by the service."""
    with pytest.raises(ValidationException):
        await client.iter_members(arn, starting_token="made up").collect()


def iterators_of(client: DetectiveClient) -> list[Callable[..., Paginator[Any, Any]]]:
    """Return all seven methods, less the parameters of their own."""
    return [
        client.iter_graphs,
        client.iter_invitations,
        client.iter_organization_admin_accounts,
        partial(client.iter_members, ARN),
        partial(client.iter_datasource_packages, ARN),
        partial(client.iter_investigations, ARN),
        partial(client.iter_indicators, ARN, "0" * 21),
    ]


@pytest.mark.parametrize(
    ("token", "kind"), [(5, "an int"), (["x"], "a list"), ({}, "a dict"), (bytearray(b"x"), "a bytearray")]
)
def test_a_token_that_is_no_string(token: object, kind: str) -> None:
    """It is refused before the iteration, also if it cannot be hashed."""
    client = DetectiveClient(region="eu-west-1", credentials=Credentials("a", "b"))
    for iterate in iterators_of(client):
        with pytest.raises(ParameterError, match=f"^starting_token: expected a string, got {kind}$"):
            iterate(starting_token=token)


@pytest.mark.parametrize("length", [1, 1025, 2049, 70_000])
async def test_tokens_go_back_as_they_came(length: int) -> None:
    """The service gives out longer ones than its model says; they are sent, and resumed from, unjudged."""
    token = "t/+=\n\u00e9"[:length].ljust(length, "t")
    requests: list[str] = []

    def react(request: Request) -> None:
        requests.append(request.token)
        more = {} if request.token == token else {"NextToken": token}
        request.answer(json.dumps({"GraphList": [], **more}).encode())

    async with (
        serving(react) as server,
        DetectiveClient(region="eu-west-1", credentials=Credentials("a", "b"), endpoint_url=server.url) as client,
    ):
        for iterate in iterators_of(client):
            requests.clear()
            assert await iterate().collect() == []
            assert requests == ["None", token]
            requests.clear()
            assert await iterate(starting_token=token).collect() == []
            assert requests == [token]
