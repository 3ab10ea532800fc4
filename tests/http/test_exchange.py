"""All faults of an exchange, once and always, for all kinds of operations."""

import aiohttp
import pytest
from support import faults
from support.certificates import Certificates
from support.fault_matrix import ExpectedResult, check
from support.operation_cases import LIST_MEMBERS, LIST_TAGS, OPERATION_CASES, OperationCase
from support.proxied_call import TIMEOUTS, proxied_client
from support.virtual_time import in_virtual_time

from detective_async import AttemptTimeout, ConnectionLost, DecodeError, ServiceError

pytestmark = pytest.mark.slow

READ, ATTEMPT = TIMEOUTS.read or 0, TIMEOUTS.attempt or 0

#: The connection breaks.
LOST = [
    ExpectedResult(faults.RESET_AT_ONCE, ConnectionLost, seen=False),
    ExpectedResult(faults.CLOSED_BEFORE, ConnectionLost),
    ExpectedResult(faults.RESET_BEFORE, ConnectionLost),
    ExpectedResult(faults.CLOSED_AFTER, ConnectionLost, executed=True),
    ExpectedResult(faults.RESET_AFTER, ConnectionLost, executed=True),
    ExpectedResult(faults.CLOSED_IN_HEAD, ConnectionLost, executed=True),
    ExpectedResult(faults.RESET_IN_HEAD, ConnectionLost, executed=True),
    ExpectedResult(faults.CLOSED_IN_BODY, ConnectionLost, executed=True),
    ExpectedResult(faults.RESET_IN_BODY, ConnectionLost, executed=True),
    ExpectedResult(faults.UNENDED_CHUNKS, ConnectionLost, executed=True),
]
#: The response does not arrive, or too slowly.
LATE = [
    ExpectedResult(faults.NEVER_READS, AttemptTimeout, READ, seen=False),
    ExpectedResult(faults.SILENT, AttemptTimeout, READ),
    ExpectedResult(faults.SILENT_AFTER, AttemptTimeout, READ, executed=True),
    ExpectedResult(faults.UNFINISHED_HEAD, AttemptTimeout, READ, executed=True),
    ExpectedResult(faults.STALLED_BODY, AttemptTimeout, READ, executed=True),
    ExpectedResult(faults.STALLED_CHUNKS, AttemptTimeout, READ, executed=True),
    ExpectedResult(faults.DRIPPING_HEAD, AttemptTimeout, ATTEMPT, executed=True),
    ExpectedResult(faults.ENDLESS_1XX, AttemptTimeout, ATTEMPT, executed=True),
    ExpectedResult(faults.DRIPPING_BODY, AttemptTimeout, ATTEMPT, executed=True),
]
#: The response is not HTTP.
MALFORMED = [
    ExpectedResult(faults.MALFORMED_STATUS, ConnectionLost, executed=True),
    ExpectedResult(faults.OTHER_PROTOCOL, ConnectionLost, executed=True),
    ExpectedResult(faults.HEADER_FLOOD, ConnectionLost, executed=True),
    ExpectedResult(faults.HUGE_HEADER, ConnectionLost, executed=True),
    ExpectedResult(faults.SURPLUS, ConnectionLost, executed=True),
    ExpectedResult(faults.BAD_CHUNKS, ConnectionLost, executed=True),
    ExpectedResult(faults.WRONG_GZIP, ConnectionLost, executed=True),
]
#: The response is HTTP but malformed: the service has carried out the request, so it is not retried.
MEANINGLESS = [
    ExpectedResult(faults.SHORT_GZIP, DecodeError, executed=True, passing=False, status=200, keeps=True),
    ExpectedResult(faults.DEEP_JSON, DecodeError, executed=True, passing=False, status=200, keeps=True),
    ExpectedResult(faults.TOO_LARGE, DecodeError, executed=True, passing=False, status=200),
    ExpectedResult(faults.TOO_LARGE_IN_CHUNKS, DecodeError, executed=True, passing=False, status=200),
]


def _page(status: str, *headers: str, executed: bool = False) -> ExpectedResult:
    """Return the expected result of a gateway's page."""
    number = int(status[:3])
    return ExpectedResult(
        faults.page(status, *headers, executed=executed),
        ServiceError,
        executed=executed,
        unknown=number >= 500,
        passing=number >= 429,
        throttled=number == 429,
        status=number,
        keeps=True,
    )


PAGES = [
    _page("400 Bad Request"),
    _page("404 Not Found"),
    _page("429 Too Many Requests"),
    _page("500 Internal Server Error"),
    _page("502 Bad Gateway"),
    _page("502 Bad Gateway", executed=True),
    _page("504 Gateway Timeout", executed=True),
]
FAULTS = [*LOST, *LATE, *MALFORMED, *MEANINGLESS, *PAGES]


@pytest.mark.exhaustive
@pytest.mark.parametrize("faulty", [1, 3], ids=["once", "always"])
@pytest.mark.parametrize("operation", OPERATION_CASES.values(), ids=OPERATION_CASES)
@pytest.mark.parametrize("expected", FAULTS, ids=str)
@in_virtual_time
async def test_a_faulty_exchange(expected: ExpectedResult, operation: OperationCase, faulty: int) -> None:
    """Error class, outcome, attempts, duration and effect are as expected, and nothing remains."""
    async with proxied_client(operation) as running:
        await check(running, expected, faulty=faulty, pooled=operation.repeatable)


@pytest.mark.parametrize("expected", [one for one in FAULTS if one.seen], ids=str)
@in_virtual_time
async def test_a_faulty_exchange_over_tls(expected: ExpectedResult, certificates: Certificates) -> None:
    """The results are the same with TLS."""
    async with proxied_client(LIST_MEMBERS, certificates=certificates) as running:
        await check(running, expected, faulty=1, pooled=True)


@pytest.mark.parametrize("expected", FAULTS, ids=str)
@in_virtual_time
async def test_a_faulty_exchange_on_the_callers_session(expected: ExpectedResult) -> None:
    """The results are the same, although aiohttp could retry a GET itself."""
    async with proxied_client(LIST_TAGS, session=aiohttp.ClientSession) as running:
        await check(running, expected, faulty=1, pooled=True)
