"""Answers that are too large, and redirects."""

import tracemalloc

import pytest
from support import faults
from support.fault_matrix import Expected, check
from support.fault_trial import trial
from support.operation_kinds import ACCEPT, DEEDS, LIST_MEMBERS, START_INVESTIGATION, Deed
from support.virtual_time import in_virtual_time
from support.wire_server import serving

from detective_async import DecodeError, ServiceError

_MIB = 2**20
every_deed = pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)


@pytest.mark.parametrize("deed", [LIST_MEMBERS, ACCEPT, START_INVESTIGATION], ids=lambda deed: deed.name)
@pytest.mark.parametrize(
    ("status", "error"), [(200, DecodeError), (400, ServiceError)], ids=["a good answer", "an error"]
)
@in_virtual_time
async def test_a_bomb_is_not_unpacked(status: int, error: type[DecodeError | ServiceError], deed: Deed) -> None:
    """1 MiB that unpacks to 1 GiB is given up at 16 MiB; an error keeps its status."""
    expected = Expected(
        faults.gzip_bomb(b"%d Whatever" % status),
        error,
        executed=True,
        unknown=status == 200,
        passing=False,
        status=status,
    )
    async with trial(deed) as running:
        tracemalloc.start()
        try:
            ending = await check(running, expected, faulty=1, pooled=True)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 80 * _MIB
    assert ending.error is not None


@in_virtual_time
async def test_the_error_names_the_limit() -> None:
    """And the next call has another connection."""
    async with trial(LIST_MEMBERS) as running:
        running.proxy.plan.append(faults.TOO_LARGE_IN_CHUNKS)
        with pytest.raises(DecodeError, match="the response is larger than 16 MiB"):
            await LIST_MEMBERS.call(running.client)
        await LIST_MEMBERS.call(running.client)
        assert [one.connection for one in running.proxy.exchanges] == [1, 2]


@pytest.mark.parametrize("faulty", [1, 3], ids=["once", "always"])
@every_deed
@in_virtual_time
async def test_an_error_that_is_too_large(deed: Deed, faulty: int) -> None:
    """Its body is ignored: a 500 is retried."""
    expected = Expected(faults.TOO_LARGE_FAILURE, ServiceError, executed=True, status=500)
    async with trial(deed) as running:
        await check(running, expected, faulty=faulty, pooled=deed.repeatable)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@every_deed
@in_virtual_time
async def test_no_redirect_is_followed(deed: Deed, status: int) -> None:
    """The error has the status; the other server gets no connection."""
    async with serving() as elsewhere:
        expected = Expected(
            faults.page(f"{status} Moved", f"location: {elsewhere.url}/"),
            ServiceError,
            unknown=False,
            passing=False,
            status=status,
            keeps=True,
        )
        async with trial(deed) as running:
            ending = await check(running, expected, faulty=1, pooled=deed.repeatable)
        assert isinstance(ending.error, ServiceError)
        assert ending.error.code == str(status)
        assert elsewhere.most_connections == 0
