"""Every way in which an exchange goes wrong, once and always, for every kind of operation."""

import aiohttp
import pytest
from support import faults
from support.certificates import Certificates
from support.fault_matrix import Expected, check
from support.fault_trial import TIMEOUTS, trial
from support.operation_kinds import DEEDS, LIST_MEMBERS, LIST_TAGS, Deed
from support.virtual_time import in_virtual_time

from detective_async import AttemptTimeout, ConnectionLost, DecodeError, ServiceError

pytestmark = pytest.mark.slow

READ, ATTEMPT = TIMEOUTS.read or 0, TIMEOUTS.attempt or 0

#: The connection breaks.
LOST = [
    Expected(faults.RESET_AT_ONCE, ConnectionLost, seen=False),
    Expected(faults.CLOSED_BEFORE, ConnectionLost),
    Expected(faults.RESET_BEFORE, ConnectionLost),
    Expected(faults.CLOSED_AFTER, ConnectionLost, executed=True),
    Expected(faults.RESET_AFTER, ConnectionLost, executed=True),
    Expected(faults.CLOSED_IN_HEAD, ConnectionLost, executed=True),
    Expected(faults.RESET_IN_HEAD, ConnectionLost, executed=True),
    Expected(faults.CLOSED_IN_BODY, ConnectionLost, executed=True),
    Expected(faults.RESET_IN_BODY, ConnectionLost, executed=True),
    Expected(faults.UNENDED_CHUNKS, ConnectionLost, executed=True),
]
#: The answer does not come, or comes too slowly.
LATE = [
    Expected(faults.NEVER_READS, AttemptTimeout, READ, seen=False),
    Expected(faults.SILENT, AttemptTimeout, READ),
    Expected(faults.SILENT_AFTER, AttemptTimeout, READ, executed=True),
    Expected(faults.UNFINISHED_HEAD, AttemptTimeout, READ, executed=True),
    Expected(faults.STALLED_BODY, AttemptTimeout, READ, executed=True),
    Expected(faults.STALLED_CHUNKS, AttemptTimeout, READ, executed=True),
    Expected(faults.DRIPPING_HEAD, AttemptTimeout, ATTEMPT, executed=True),
    Expected(faults.ENDLESS_1XX, AttemptTimeout, ATTEMPT, executed=True),
    Expected(faults.DRIPPING_BODY, AttemptTimeout, ATTEMPT, executed=True),
]
#: The answer is no HTTP.
MALFORMED = [
    Expected(faults.MALFORMED_STATUS, ConnectionLost, executed=True),
    Expected(faults.OTHER_PROTOCOL, ConnectionLost, executed=True),
    Expected(faults.HEADER_FLOOD, ConnectionLost, executed=True),
    Expected(faults.HUGE_HEADER, ConnectionLost, executed=True),
    Expected(faults.SURPLUS, ConnectionLost, executed=True),
    Expected(faults.BAD_CHUNKS, ConnectionLost, executed=True),
    Expected(faults.WRONG_GZIP, ConnectionLost, executed=True),
]
#: The answer is HTTP, but cannot be decoded: the service has acted, and would only do so again.
MEANINGLESS = [
    Expected(faults.SHORT_GZIP, DecodeError, executed=True, passing=False, status=200, keeps=True),
    Expected(faults.DEEP_JSON, DecodeError, executed=True, passing=False, status=200, keeps=True),
    Expected(faults.TOO_LARGE, DecodeError, executed=True, passing=False, status=200),
    Expected(faults.TOO_LARGE_IN_CHUNKS, DecodeError, executed=True, passing=False, status=200),
]


def _page(status: str, *headers: str, executed: bool = False) -> Expected:
    """Expect what an HTML page of a machine on the way comes to."""
    number = int(status[:3])
    return Expected(
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


@pytest.mark.parametrize("faulty", [1, 3], ids=["once", "always"])
@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
@pytest.mark.parametrize("expected", FAULTS, ids=str)
@in_virtual_time
async def test_an_exchange_that_goes_wrong(expected: Expected, deed: Deed, faulty: int) -> None:
    """Error, attempts, time and what the service has done are as expected; nothing is left behind."""
    async with trial(deed) as running:
        await check(running, expected, faulty=faulty, pooled=deed.repeatable)


@pytest.mark.parametrize("expected", [one for one in FAULTS if one.seen], ids=str)
@in_virtual_time
async def test_the_same_over_tls(expected: Expected, certificates: Certificates) -> None:
    """TLS changes nothing."""
    async with trial(LIST_MEMBERS, certificates=certificates) as running:
        await check(running, expected, faulty=1, pooled=True)


@pytest.mark.parametrize("expected", FAULTS, ids=str)
@in_virtual_time
async def test_the_same_on_the_callers_session(expected: Expected) -> None:
    """Although aiohttp would repeat a GET there by itself."""
    async with trial(LIST_TAGS, session=aiohttp.ClientSession) as running:
        await check(running, expected, faulty=1, pooled=True)
