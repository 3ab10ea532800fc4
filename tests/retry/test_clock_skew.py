"""Correction of the clock after a refusal."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aioresponses import aioresponses
from support.fakes import FakeTime

from detective_async import (
    AssumeRole,
    Clock,
    Credentials,
    DetectiveClient,
    EnvironmentCredentials,
    RetryPolicy,
    ServiceError,
)
from detective_async.retry.clock_skew import ClockCorrection
from detective_async.testing import ClockSkew, DetectiveSimulator, Fault

DATE = "Mon, 23 Nov 2026 10:00:00 GMT"
NOW = 1_795_428_000.0


_SKEWED = 403, "InvalidSignatureException"


@pytest.mark.parametrize(
    ("status", "code", "date", "signed_at", "now", "again", "offset"),
    [
        (403, "RequestTimeTooSkewed", DATE, NOW - 600, NOW - 600, True, 600.0),
        (403, "RequestExpired", DATE, NOW - 600, NOW - 600, True, 600.0),
        (403, "RequestInTheFuture", DATE, NOW + 3600, NOW + 3600, True, -3600.0),
        (403, "InvalidSignatureException", DATE, NOW + 241, NOW + 241, True, -241.0),
        (403, "SignatureDoesNotMatch", DATE, NOW - 86400, NOW - 86400, True, 86400.0),
        (403, "AuthFailure", DATE, NOW - 600, NOW - 600, True, 600.0),
        # Services differ in the status.
        (401, "SignatureDoesNotMatch", DATE, NOW - 600, NOW - 600, True, 600.0),
        (400, "InvalidSignatureException", DATE, NOW - 600, NOW - 600, True, 600.0),
        (500, "InvalidSignatureException", DATE, NOW - 600, NOW - 600, False, 0.0),
        (403, "AccessDeniedException", DATE, NOW - 600, NOW - 600, False, 0.0),
        # The clock is right: the signature is wrong for another reason.
        (403, "SignatureDoesNotMatch", DATE, NOW + 239, NOW + 239, False, 0.0),
        # The signature aged on the way, and the clock is right.
        (*_SKEWED, DATE, NOW - 420, NOW, True, 0.0),
        (*_SKEWED, "", NOW - 420, NOW, True, 0.0),
        # The clock went wrong meanwhile.
        (*_SKEWED, DATE, NOW, NOW - 600, False, 600.0),
        # No time of AWS.
        (*_SKEWED, None, NOW - 600, NOW - 600, False, 0.0),
        (*_SKEWED, "yesterday", NOW - 600, NOW - 600, False, 0.0),
        (*_SKEWED, "Mon, 99 Nov 2026 10:00:00 GMT", NOW - 600, NOW - 600, False, 0.0),
        (*_SKEWED, "Fri, 31 Dec 9999 23:59:59 GMT", NOW, NOW, False, 0.0),
        (*_SKEWED, "Sat, 01 Jan 2101 00:00:00 GMT", NOW, NOW, False, 0.0),
        (*_SKEWED, "Fri, 31 Dec 9999 23:59:59 -2359", NOW, NOW, False, 0.0),
        (*_SKEWED, "Mon, 01 Jan 0001 00:00:00 +2359", NOW, NOW, False, 0.0),
        (*_SKEWED, "Thu, 01 Jan 1970 00:00:00 GMT", NOW, NOW, False, 0.0),
        (*_SKEWED, "Mon, 23 Nov 2026 10:00:00 +99999999999999999999", NOW, NOW, False, 0.0),
    ],
)
def test_what_a_refusal_teaches(  # noqa: PLR0917 - a table
    status: int, code: str, date: str | None, signed_at: float, now: float, again: bool, offset: float
) -> None:
    """Whether to sign anew, by the date that was signed; and the correction, by the time now."""
    clock = ClockCorrection()
    headers = {} if date is None else {"Date": date}
    assert clock.refused(status, code, headers, signed_at=signed_at, wall=now, monotonic=0.0) is again
    assert clock.offset == offset


@pytest.mark.usefixtures("local_time_of_tokyo")
@pytest.mark.parametrize(
    "date",
    [DATE, DATE.removesuffix(" GMT"), DATE.replace("GMT", "-0000"), DATE.replace("10:00:00 GMT", "12:00:00 +0200")],
)
def test_dates_with_and_without_a_time_zone(date: str) -> None:
    """Without one, it is UTC; the time zone of the machine does not matter."""
    clock = ClockCorrection()
    clock.refused(403, "RequestExpired", {"Date": date}, signed_at=NOW - 600, wall=NOW - 600, monotonic=0.0)
    assert clock.offset == 600.0


class Mended:
    """A service with the right time, and a client whose clock is some seconds off, which changes.

    Args:
        off: seconds that the client's clock is ahead.
        dates: whether the service's responses have a Date.
    """

    def __init__(self, off: float, *, dates: bool = True) -> None:
        self.off = off
        self.dates = dates
        self.elapsed = 0.0
        self.correction = ClockCorrection()

    def refused(self) -> int:
        """Make a call and return how often it was refused; it is signed anew once."""
        for number in range(2):
            wall, monotonic = NOW + self.elapsed + self.off, self.elapsed
            offset = self.correction.current(wall, monotonic)
            if abs(self.off + offset) < 300:
                self.correction.accepted(offset)
                return number
            headers = {"Date": format_datetime(datetime.fromtimestamp(NOW + self.elapsed, UTC))} if self.dates else {}
            self.correction.refused(*_SKEWED, headers, signed_at=wall + offset, wall=wall, monotonic=monotonic)
        return 2


@pytest.mark.parametrize("off", [-7200.0, 7200.0])
@pytest.mark.parametrize("mended", [-86_400.0, -7200.0, -250.0, 0.0, 250.0, 7200.0, 86_400.0])
def test_a_clock_that_is_set_is_noticed(off: float, mended: float) -> None:
    """Whatever it was and is set to: a call is refused only where the clock is wrong, and then once."""
    machine = Mended(off)
    assert [machine.refused(), machine.refused()] == [1, 0]
    machine.off, machine.elapsed = mended, 10.0
    assert [machine.refused(), machine.refused()] == [int(abs(mended) > 300 and mended != off), 0]


@pytest.mark.parametrize("off", [-7200.0, 7200.0])
def test_a_clock_that_is_mended_slowly(off: float) -> None:
    """No jump is seen, so a refusal teaches it; without dates the second refusal of a call drops the correction."""
    machine = Mended(off)
    machine.refused()
    machine.correction._anchor -= off
    machine.off = 0.0
    machine.dates = False
    assert [machine.refused(), machine.refused()] == [2, 0]
    assert machine.correction.offset == 0.0


def test_a_correction_from_elsewhere_is_dropped() -> None:
    """A middlebox sent a plausible date, and the service sends none: the correction goes before it was ever good."""
    machine = Mended(0.0, dates=False)
    headers = {"Date": "Mon, 23 Nov 2027 10:00:00 GMT"}
    assert machine.correction.refused(*_SKEWED, headers, signed_at=NOW, wall=NOW, monotonic=0.0)
    assert machine.correction.offset > 0
    assert machine.refused() == 1
    assert machine.correction.offset == 0.0


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
    arn = (await client.create_graph()).graph_arn
    day = datetime(2026, 1, 1, tzinfo=UTC)
    started = await client.start_investigation(arn, "arn:aws:iam::111122223333:user/a", day, day + timedelta(1))
    assert started.response_metadata.attempts == 2
    assert len(await client.iter_investigations(arn).collect()) == 1


@pytest.mark.parametrize("behind", [7200.0, -7200.0])
@pytest.mark.parametrize("source", ["callable", "role", "environment"])
async def test_keys_that_expire_survive_a_clock_that_is_mended(
    sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch, behind: float, source: str
) -> None:
    """Cached keys, AssumeRole's own requests, and AWS_CREDENTIAL_EXPIRATION: nothing is locked out, in any order."""
    keys = sim.temporary_credentials("111122223333", 1800)

    async def vault() -> Credentials:
        return sim.temporary_credentials("111122223333", 1800)

    if source == "environment":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
        monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token or "")
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", str(keys.expires_at))
    role = AssumeRole(sim.role("444455556666", "Audit", trusted=["111122223333"]), source=vault, duration=1800)
    credentials: Any = {"callable": vault, "role": role, "environment": EnvironmentCredentials()}[source]
    late = [behind]
    clock = Clock(time=lambda: time.time() - late[-1])
    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=credentials, clock=clock
    ) as client:
        assert (await client.list_graphs()).response_metadata.attempts <= 2
        for seconds in (0.0, -behind, behind, 0.0):
            late.append(seconds)
            for attempts in (2, 1):
                assert (await client.list_graphs()).response_metadata.attempts <= attempts
    errors = [request.error_code for request in sim.requests if request.error_code]
    assert set(errors) <= {"InvalidSignatureException", "SignatureDoesNotMatch"}
    assert len(errors) <= (5 if source == "role" else 3)


async def test_keys_survive_a_poisoned_clock_while_their_source_is_down(sim: DetectiveSimulator) -> None:
    """A plausible Date that is not AWS's: the next call is dated with it, and its refusal takes the correction back."""
    asked = 0

    async def vault() -> Credentials:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise OSError("down")
        return sim.temporary_credentials("111122223333", 3600)

    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=vault) as client:
        await client.list_graphs()
        headers = {"Date": "Thu, 01 Jan 2099 00:00:00 GMT"}
        now = time.time()
        client._transport.shared.clock.refused(*_SKEWED, headers, signed_at=now, wall=now, monotonic=time.monotonic())
        assert client._transport.shared.clock.offset > 0
        for attempts in (2, 1):
            assert (await client.list_graphs()).response_metadata.attempts == attempts
    assert asked == 2


async def test_a_date_far_off_poisons_nothing(mock_aws: aioresponses, fake_time: FakeTime) -> None:
    """The refusal itself is raised, and the next calls are dated as before."""
    url = "https://api.detective.eu-west-1.amazonaws.com/graphs/list"
    headers = {"x-amzn-errortype": "InvalidSignatureException", "Date": "Fri, 31 Dec 9999 23:59:59 GMT"}
    mock_aws.post(url, status=403, headers=headers)
    mock_aws.post(url, payload={"GraphList": []})
    async with DetectiveClient(
        region="eu-west-1", credentials=Credentials("a", "b"), clock=fake_time.clock()
    ) as client:
        with pytest.raises(ServiceError, match="InvalidSignatureException"):
            await client.list_graphs()
        await client.list_graphs()
    (calls,) = mock_aws.requests.values()
    dates = {call.kwargs["headers"]["x-amz-date"] for call in calls}
    assert dates == {f"{datetime.fromtimestamp(fake_time.now, UTC):%Y%m%dT%H%M%SZ}"}


async def test_a_signature_that_aged_on_the_way_is_made_anew(mock_aws: aioresponses) -> None:
    """The process was frozen between signing and sending; by now its clock is right, and nothing is corrected."""
    url = "https://api.detective.eu-west-1.amazonaws.com/graphs/list"
    mock_aws.post(url, status=403, headers={"x-amzn-errortype": "InvalidSignatureException", "Date": DATE})
    mock_aws.post(url, payload={"GraphList": []})
    clock = Clock(time=lambda: NOW if mock_aws.requests else NOW - 420)
    async with DetectiveClient(region="eu-west-1", credentials=Credentials("a", "b"), clock=clock) as client:
        response = await client.with_options(retry=RetryPolicy(max_attempts=1)).list_graphs()
        assert response.response_metadata.attempts == 2
        assert client._transport.shared.clock.offset == 0.0
