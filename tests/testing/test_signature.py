"""Signature checking: valid and invalid signatures, dates, keys and session tokens."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest
from attrs import evolve

from detective_async.auth import Credentials
from detective_async.testing import ClockSkew, DetectiveSimulator, Fault

LIST = ("POST", "/graphs/list")


def check_refused(reply: Any, code: str, words: str) -> None:
    assert (reply.status, reply.code) == (403, code)
    assert words in reply.message
    assert reply.headers["x-amzn-requestid"]


def check_mismatch(reply: Any, words: str = "does not match") -> None:
    check_refused(reply, "InvalidSignatureException", words)


async def test_a_request_without_a_signature_is_rejected(raw: Any) -> None:
    """No Authorization header: MissingAuthenticationTokenException, also for unknown paths."""
    for target in ("/graphs/list", "/no/such/thing"):
        reply = await raw.send("POST", target, {"Host": "x"}, b"{}")
        check_refused(reply, "MissingAuthenticationTokenException", "Missing")


@pytest.mark.parametrize(
    "value",
    [
        "Basic dXNlcjpwYXNz",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/detective, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/detective/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=A/2026/eu-west-1/detective/aws4_request, SignedHeaders=host, Signature="
        + "0" * 64,
    ],
)
async def test_an_incomplete_authorization_header_is_rejected(raw: Any, value: str) -> None:
    """A header of another scheme or without one of its parts: IncompleteSignatureException."""
    reply = await raw.send(*LIST, {"Host": "x", "Authorization": value}, b"{}")
    check_refused(reply, "IncompleteSignatureException", "Authorization")


async def test_the_key_must_be_known_and_the_secret_right(sim: DetectiveSimulator, raw: Any) -> None:
    """The request is not attributed to an account if it has an unknown key, or a wrong secret."""
    reply = await raw.ask(*LIST, b"{}", credentials=Credentials("AKIAIOSFODNN7EXAMPLE", "secret"))
    check_refused(reply, "UnrecognizedClientException", "security token")
    wrong = evolve(sim.account("111122223333"), secret_access_key="wrong")
    check_mismatch(await raw.ask(*LIST, b"{}", credentials=wrong))
    assert [request.account_id for request in sim.requests] == [None, None]
    assert (await raw.ask(*LIST, b"{}")).status == 200
    assert sim.requests[-1].account_id == "111122223333"


async def test_the_signature_covers_the_request(raw: Any) -> None:
    """A changed body, method or signed header does not match, whatever X-Amz-Content-SHA256 says."""
    headers = raw.sign(*LIST, b"{}")
    check_mismatch(await raw.send(*LIST, raw.sign(*LIST, b'{"MaxResults":1}'), b'{"MaxResults":2}'))
    unsigned = raw.sign(*LIST, b"{}", headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    check_mismatch(await raw.send(*LIST, unsigned, b"{}"))
    check_mismatch(await raw.send("PUT", "/invitation", raw.sign("POST", "/invitation", b"{}"), b"{}"))
    later = f"{datetime.now(UTC) + timedelta(seconds=9):%Y%m%dT%H%M%SZ}"
    for changed in ({"Host": "elsewhere"}, {"X-Amz-Date": later}):
        check_mismatch(await raw.send(*LIST, {**headers, **changed}, b"{}"))
    # A signed header that is not UTF-8 is not an error of the simulator.
    headers["Authorization"] = headers["Authorization"].replace("=host;", "=host;x-odd;")
    check_mismatch(await raw.send(*LIST, {**headers, "X-Odd": b"\xff\xfe"}, b"{}"))


@pytest.mark.parametrize("target", ["/graph", "/graphs/list?x=1", "/graphs/list/", "/graphs/./list"])
async def test_the_signature_covers_path_and_query(raw: Any, target: str) -> None:
    """A changed path or query does not match."""
    reply = await raw.send("POST", target, raw.sign("POST", "/graphs/list", b"{}"), b"{}")
    assert reply.code in {"InvalidSignatureException", "UnknownOperationException"}
    assert reply.status in {403, 404}


async def test_host_and_date_must_be_signed_and_signed_headers_present(raw: Any) -> None:
    """A signature without the host or the date is rejected, and one of a header that is absent."""
    headers = raw.sign(*LIST, b"{}")
    without = {name: value for name, value in headers.items() if name != "X-Amz-Date"}
    check_mismatch(await raw.send(*LIST, without, b"{}"), "x-amz-date")
    for signed, words in (("=host;", "Host"), (";x-amz-date", "x-amz-date")):
        changed = headers["Authorization"].replace(signed, "=" if signed[0] == "=" else "")
        check_mismatch(await raw.send(*LIST, {**headers, "Authorization": changed}, b"{}"), words)


async def test_the_scope_must_be_of_this_service_and_day(raw: Any) -> None:
    """A signature for another service, or with the credential scope of another day, is rejected."""
    check_mismatch(await raw.ask(*LIST, b"{}", service="guardduty"), "detective")
    headers = raw.sign(*LIST, b"{}")
    headers["Authorization"] = re.sub(r"/\d{8}/", "/20200101/", headers["Authorization"])
    check_mismatch(await raw.send(*LIST, headers, b"{}"), "20200101")


async def test_an_invalid_date_is_incomplete(raw: Any) -> None:
    """A date that cannot be parsed, or no date: IncompleteSignatureException."""
    headers = raw.sign(*LIST, b"{}")
    for wrong in ("yesterday", "99999999T999999Z", ""):
        reply = await raw.send(*LIST, {**headers, "X-Amz-Date": wrong}, b"{}")
        check_refused(reply, "IncompleteSignatureException", "date")
    del headers["X-Amz-Date"]
    headers["Authorization"] = headers["Authorization"].replace(";x-amz-date", "")
    check_refused(await raw.send(*LIST, headers, b"{}"), "IncompleteSignatureException", "X-Amz-Date")


async def test_the_date_header_is_sufficient(raw: Any) -> None:
    """A request with a signed Date and without X-Amz-Date is accepted."""
    headers = raw.sign(*LIST, b"{}", headers={"Date": format_datetime(datetime.now(UTC), usegmt=True)})
    assert "X-Amz-Date" not in headers
    assert (await raw.send(*LIST, headers, b"{}")).status == 200


async def test_clocks_may_differ_by_five_minutes(raw: Any) -> None:
    """A request that was signed over 5 minutes ago, or ahead, is rejected, with the server's time in Date."""
    for seconds, words in ((310, "expired"), (-310, "not yet current")):
        raw.sim.inject(Fault(ClockSkew(seconds)))
        reply = await raw.ask(*LIST, b"{}")
        check_mismatch(reply, words)
        ahead = parsedate_to_datetime(reply.headers["date"]) - datetime.now(UTC)
        assert abs(ahead.total_seconds() - seconds) < 60
    for seconds in (240, -240):
        raw.sim.inject(Fault(ClockSkew(seconds)))
        assert (await raw.ask(*LIST, b"{}")).status == 200


async def test_virtual_time_does_not_expire_signatures(sim: DetectiveSimulator, boto: Any) -> None:
    """After the virtual time has been advanced by a year, the requests of clients are still accepted."""
    await sim.advance(365 * 86400)
    await boto().list_graphs()


async def test_signatures_are_checked_by_the_given_wall_clock(raw: Any) -> None:
    """With `wall_clock`, a signature of the present is one of the future."""
    raw.sim = DetectiveSimulator(wall_clock=lambda: 0.0)
    assert raw.sim.now == datetime(1970, 1, 1, tzinfo=UTC)
    async with raw.sim:
        reply = await raw.ask(*LIST, b"{}")
    check_mismatch(reply, "not yet current")
    assert reply.headers["date"] == "Thu, 01 Jan 1970 00:00:00 GMT"


async def test_a_session_token_must_belong_to_its_key(sim: DetectiveSimulator, raw: Any) -> None:
    """Rejected: temporary keys without their token or with another one, and long-term keys with a token."""
    session = sim.temporary_credentials("111122223333", duration=900)
    assert (await raw.ask(*LIST, b"{}", credentials=session)).status == 200
    for credentials in (
        evolve(session, session_token=None),
        evolve(session, session_token="other"),
        evolve(sim.account("111122223333"), session_token="any"),
    ):
        reply = await raw.ask(*LIST, b"{}", credentials=credentials)
        check_refused(reply, "UnrecognizedClientException", "security token")
    await sim.advance(901)
    check_refused(await raw.ask(*LIST, b"{}", credentials=session), "ExpiredTokenException", "expired")


async def test_a_closed_region_rejects_all_keys(sim: DetectiveSimulator, boto: Any) -> None:
    """A closed region answers UnrecognizedClientException; other regions and a reopened one work."""
    sim.close_region("me-south-1")
    client = boto(region="me-south-1")
    refused = await client.refused("UnrecognizedClientException", "list_graphs")
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 403
    await boto(region="eu-west-1").list_graphs()
    sim.open_region("me-south-1")
    await client.list_graphs()
