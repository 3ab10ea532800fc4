"""Correction of the clock after a refusal."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aioresponses import aioresponses
from support.fakes import FakeTime

from detective_async import Credentials, DetectiveClient, RetryPolicy, ServiceError
from detective_async.retry.clock_skew import correction
from detective_async.testing import ClockSkew, DetectiveSimulator, Fault

DATE = "Mon, 23 Nov 2026 10:00:00 GMT"
NOW = 1_795_428_000.0


@pytest.mark.parametrize(
    ("status", "code", "headers", "now", "offset"),
    [
        (403, "RequestTimeTooSkewed", {"Date": DATE}, NOW - 600, 600.0),
        (403, "RequestExpired", {"Date": DATE}, NOW - 600, 600.0),
        (403, "RequestInTheFuture", {"Date": DATE}, NOW + 3600, -3600.0),
        (403, "InvalidSignatureException", {"Date": DATE}, NOW + 241, -241.0),
        (403, "SignatureDoesNotMatch", {"Date": DATE}, NOW - 86400, 86400.0),
        (403, "AuthFailure", {"Date": DATE}, NOW - 600, 600.0),
        # The clock is right: the signature is wrong for another reason.
        (403, "SignatureDoesNotMatch", {"Date": DATE}, NOW + 239, None),
        (403, "AccessDeniedException", {"Date": DATE}, NOW - 600, None),
        (401, "SignatureDoesNotMatch", {"Date": DATE}, NOW - 600, None),
        (403, "SignatureDoesNotMatch", {}, NOW - 600, None),
        (403, "SignatureDoesNotMatch", {"Date": "yesterday"}, NOW - 600, None),
        (403, "SignatureDoesNotMatch", {"Date": "Mon, 99 Nov 2026 10:00:00 GMT"}, NOW - 600, None),
    ],
)
def test_which_refusals_correct_the_clock(
    status: int, code: str, headers: dict[str, str], now: float, offset: float | None
) -> None:
    """Signature errors, if the service's time differs by more than four minutes."""
    assert correction(status, code, headers, now) == offset


@pytest.mark.usefixtures("local_time_of_tokyo")
@pytest.mark.parametrize(
    "date",
    [DATE, DATE.removesuffix(" GMT"), DATE.replace("GMT", "-0000"), DATE.replace("10:00:00 GMT", "12:00:00 +0200")],
)
def test_dates_with_and_without_a_time_zone(date: str) -> None:
    """Without one, it is UTC; the time zone of the machine does not matter."""
    assert correction(403, "RequestExpired", {"Date": date}, NOW - 600) == 600.0


@pytest.mark.parametrize("seconds", [-7200, 7200])
async def test_the_correction_is_kept(
    sim: DetectiveSimulator, client: DetectiveClient, fake_time: FakeTime, seconds: float
) -> None:
    """The first call is sent twice, without a delay; later calls, also of derived clients, are sent once."""
    sim.inject(Fault(ClockSkew(seconds), count=None))
    once = client.with_options(retry=RetryPolicy(max_attempts=1))
    another = once.with_options(region="us-east-1", credentials=sim.account("444455556666"))
    for caller, attempts in ((once, 2), (once, 1), (another, 1)):
        assert (await caller.list_graphs()).response_metadata.attempts == attempts
    # The correction is undone when the clock is right again.
    sim.clear_faults()
    for attempts in (2, 1):
        assert (await once.list_graphs()).response_metadata.attempts == attempts
    assert fake_time.slept == []


async def test_concurrent_calls_that_are_refused_are_all_repeated(
    sim: DetectiveSimulator, client: DetectiveClient
) -> None:
    """The first refusal corrects the clock; the other calls were signed before that."""
    sim.inject(Fault(ClockSkew(7200), count=None))
    responses = await asyncio.gather(*(client.list_graphs() for _ in range(50)))
    assert {response.response_metadata.attempts for response in responses} == {2}


async def test_a_call_corrects_the_clock_once(mock_aws: aioresponses, fake_time: FakeTime) -> None:
    """If the service sends another time in its second refusal, the error is raised."""
    url = "https://api.detective.eu-west-1.amazonaws.com/graphs/list"
    for date in ("Mon, 23 Nov 2026 10:00:00 GMT", "Mon, 23 Nov 2020 10:00:00 GMT", DATE):
        mock_aws.post(url, status=403, headers={"x-amzn-errortype": "RequestExpired", "Date": date})
    async with DetectiveClient(
        region="eu-west-1", credentials=Credentials("a", "b"), clock=fake_time.clock()
    ) as client:
        with pytest.raises(ServiceError, match="RequestExpired") as caught:
            await client.list_graphs()
    assert caught.value.attempts == 2
    assert not caught.value.outcome_unknown


async def test_start_investigation_is_repeated_after_a_correction(
    sim: DetectiveSimulator, client: DetectiveClient
) -> None:
    """A request that was refused for its date was not carried out."""
    sim.inject(Fault(ClockSkew(7200), operation="StartInvestigation", count=None))
    arn = (await client.create_graph()).graph_arn or ""
    day = datetime(2026, 1, 1, tzinfo=UTC)
    started = await client.start_investigation(arn, "arn:aws:iam::111122223333:user/a", day, day + timedelta(1))
    assert started.response_metadata.attempts == 2
    assert len(await client.iter_investigations(arn).collect()) == 1
