"""Responses that are too large, and redirects."""

import tracemalloc

import pytest
from support import faults
from support.fault_matrix import ExpectedResult, check
from support.operation_cases import ACCEPT, LIST_MEMBERS, OPERATION_CASES, START_INVESTIGATION, OperationCase
from support.proxied_call import proxied_client
from support.virtual_time import in_virtual_time
from support.wire_server import serving

from detective_async import DecodeError, ServiceError

_MIB = 2**20
every_operation = pytest.mark.parametrize("operation", OPERATION_CASES.values(), ids=OPERATION_CASES)


@pytest.mark.parametrize("operation", [LIST_MEMBERS, ACCEPT, START_INVESTIGATION], ids=lambda operation: operation.name)
@pytest.mark.parametrize(
    ("status", "error"), [(200, DecodeError), (400, ServiceError)], ids=["a good answer", "an error"]
)
@in_virtual_time
async def test_decompression_stops_at_the_limit(
    status: int, error: type[DecodeError | ServiceError], operation: OperationCase
) -> None:
    """1 MiB that decompresses to 1 GiB is read up to 16 MiB; an error is then known by its status."""
    expected = ExpectedResult(
        faults.gzip_bomb(b"%d Whatever" % status),
        error,
        executed=True,
        unknown=status == 200,
        passing=False,
        status=status,
    )
    async with proxied_client(operation) as running:
        tracemalloc.start()
        try:
            result = await check(running, expected, faulty=1, pooled=True)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 80 * _MIB
    assert result.error is not None


@in_virtual_time
async def test_the_error_for_a_response_that_is_too_large() -> None:
    """The message contains the limit, and the next call uses another connection."""
    async with proxied_client(LIST_MEMBERS) as running:
        running.proxy.plan.append(faults.TOO_LARGE_IN_CHUNKS)
        with pytest.raises(DecodeError, match=r"the response is larger than 16 MiB @ \$"):
            await LIST_MEMBERS.call(running.client)
        await LIST_MEMBERS.call(running.client)
        assert [one.connection for one in running.proxy.exchanges] == [1, 2]


@pytest.mark.parametrize("faulty", [1, 3], ids=["once", "always"])
@every_operation
@in_virtual_time
async def test_an_error_response_that_is_too_large(operation: OperationCase, faulty: int) -> None:
    """Its body is not read: a 500 is retried with any body."""
    expected = ExpectedResult(faults.TOO_LARGE_FAILURE, ServiceError, executed=True, status=500)
    async with proxied_client(operation) as running:
        await check(running, expected, faulty=faulty, pooled=operation.repeatable)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@every_operation
@in_virtual_time
async def test_redirects_are_not_followed(operation: OperationCase, status: int) -> None:
    """A signed request is not sent to another host: no connection is opened there."""
    async with serving() as elsewhere:
        expected = ExpectedResult(
            faults.page(f"{status} Moved", f"location: {elsewhere.url}/"),
            ServiceError,
            unknown=False,
            passing=False,
            status=status,
            keeps=True,
        )
        async with proxied_client(operation) as running:
            result = await check(running, expected, faulty=1, pooled=operation.repeatable)
        assert isinstance(result.error, ServiceError)
        assert result.error.code == str(status)
        assert elsewhere.most_connections == 0
