"""Whose request it is: everything that a signature can have wrong."""

import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import attrs
import pytest
from attrs import evolve
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from detective_async.auth import Credentials
from detective_async.testing import ClockSkew, DetectiveSimulator, Fault

pytestmark = pytest.mark.asyncio

LIST = ("POST", "/graphs/list")


def refused(reply: Any, code: Any, words: Any, status: Any = 403) -> Any:
    assert (reply.status, reply.code) == (status, code)
    assert words in reply.message
    assert reply.headers["x-amzn-requestid"]
    return True


async def test_a_good_signature_is_let_in(raw: Any) -> None:
    """What botocore signs passes."""
    assert (await raw.ask(*LIST, b"{}")).status == 200


async def test_an_unsigned_request_is_told_what_is_missing(raw: Any) -> None:
    """No Authorization header: MissingAuthenticationTokenException, whatever the path."""
    for target in ("/graphs/list", "/no/such/thing"):
        reply = await raw.send("POST", target, {"Host": "x"}, b"{}")
        assert refused(reply, "MissingAuthenticationTokenException", "Missing")


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
async def test_half_a_signature_is_called_incomplete(raw: Any, value: Any) -> None:
    """An Authorization header of another kind or without all its parts is IncompleteSignatureException."""
    reply = await raw.send(*LIST, {"Host": "x", "Authorization": value}, b"{}")
    assert refused(reply, "IncompleteSignatureException", "Authorization")


async def test_an_unknown_key_is_not_recognised(sim: DetectiveSimulator, raw: Any) -> None:
    """A key that the simulator never gave out: UnrecognizedClientException."""
    reply = await raw.ask(*LIST, b"{}", credentials=Credentials("AKIAIOSFODNN7EXAMPLE", "secret"))
    assert refused(reply, "UnrecognizedClientException", "security token")
    assert sim.requests[-1].account_id is None


async def test_a_wrong_secret_does_not_match(sim: DetectiveSimulator, raw: Any) -> None:
    """The right key with the wrong secret: InvalidSignatureException."""
    wrong = attrs.evolve(sim.account("111122223333"), secret_access_key="wrong")
    reply = await raw.ask(*LIST, b"{}", credentials=wrong)
    assert refused(reply, "InvalidSignatureException", "does not match")
    assert sim.requests[-1].account_id is None


async def test_a_changed_body_does_not_match(raw: Any) -> None:
    """The body is under the signature, whatever X-Amz-Content-SHA256 says."""
    headers = raw.sign(*LIST, b'{"MaxResults":1}')
    reply = await raw.send(*LIST, headers, b'{"MaxResults":2}')
    assert refused(reply, "InvalidSignatureException", "does not match")


async def test_a_hash_that_the_client_claims_is_not_believed(raw: Any) -> None:
    """A signed X-Amz-Content-SHA256 does not cover for another body."""
    request = AWSRequest("POST", raw.sim.url + "/graphs/list", data=b"{}", headers={"Host": raw.sim.url[7:]})
    request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    keys = raw.sim.account("111122223333")
    SigV4Auth(BotoCredentials(keys.access_key_id, keys.secret_access_key), "detective", "eu-west-1").add_auth(request)
    reply = await raw.send(*LIST, dict(request.headers.items()), b"{}")
    assert refused(reply, "InvalidSignatureException", "does not match")


@pytest.mark.parametrize("target", ["/graph", "/graphs/list?x=1", "/graphs/list/", "/graphs/./list"])
async def test_a_changed_path_or_query_does_not_match(raw: Any, target: Any) -> None:
    """Path and query are under the signature."""
    reply = await raw.send("POST", target, raw.sign("POST", "/graphs/list", b"{}"), b"{}")
    assert reply.code in {"InvalidSignatureException", "UnknownOperationException"}
    assert reply.status in {403, 404}


async def test_a_changed_method_does_not_match(raw: Any) -> None:
    """The method is under the signature."""
    reply = await raw.send("PUT", "/invitation", raw.sign("POST", "/invitation", b"{}"), b"{}")
    assert refused(reply, "InvalidSignatureException", "does not match")


@pytest.mark.parametrize("name", ["Host", "X-Amz-Date"])
async def test_a_changed_signed_header_does_not_match(raw: Any, name: Any) -> None:
    """Signed headers are under the signature."""
    headers = raw.sign(*LIST, b"{}")
    headers[name] = "elsewhere" if name == "Host" else f"{datetime.now(UTC) + timedelta(seconds=9):%Y%m%dT%H%M%SZ}"
    assert refused(await raw.send(*LIST, headers, b"{}"), "InvalidSignatureException", "does not match")


async def test_signed_headers_must_be_there_and_hold_the_host(raw: Any) -> None:
    """A signed header that did not come, or a signature without the host, is refused."""
    headers = raw.sign(*LIST, b"{}")
    without = {name: value for name, value in headers.items() if name != "X-Amz-Date"}
    assert refused(await raw.send(*LIST, without, b"{}"), "InvalidSignatureException", "x-amz-date")
    hostless = {**headers, "Authorization": headers["Authorization"].replace("=host;", "=")}
    assert refused(await raw.send(*LIST, hostless, b"{}"), "InvalidSignatureException", "Host")
    dateless = {**headers, "Authorization": headers["Authorization"].replace(";x-amz-date", "")}
    assert refused(await raw.send(*LIST, dateless, b"{}"), "InvalidSignatureException", "x-amz-date")


async def test_another_service_in_the_scope_is_refused(raw: Any) -> None:
    """A signature for another service does not serve."""
    assert refused(await raw.ask(*LIST, b"{}", service="guardduty"), "InvalidSignatureException", "detective")


async def test_a_date_that_is_no_date_is_incomplete(raw: Any) -> None:
    """A date that cannot be read, or none at all, is refused."""
    headers = raw.sign(*LIST, b"{}")
    for wrong in ("yesterday", "99999999T999999Z", ""):
        reply = await raw.send(*LIST, {**headers, "X-Amz-Date": wrong}, b"{}")
        assert refused(reply, "IncompleteSignatureException", "date")
    del headers["X-Amz-Date"]
    headers["Authorization"] = headers["Authorization"].replace(";x-amz-date", "")
    assert refused(await raw.send(*LIST, headers, b"{}"), "IncompleteSignatureException", "X-Amz-Date")


async def test_the_scope_is_of_the_day_of_the_request(raw: Any) -> None:
    """A credential scope of another day is refused."""
    headers = raw.sign(*LIST, b"{}")
    headers["Authorization"] = re.sub(r"/\d{8}/", "/20200101/", headers["Authorization"])
    assert refused(await raw.send(*LIST, headers, b"{}"), "InvalidSignatureException", "20200101")


async def test_a_signed_header_that_is_no_text_does_not_match(raw: Any) -> None:
    """Bytes that are not UTF-8, under the signature, are no reason to stumble."""
    headers = raw.sign(*LIST, b"{}")
    headers["Authorization"] = headers["Authorization"].replace("=host;", "=host;x-odd;")
    reply = await raw.send(*LIST, {**headers, "X-Odd": b"\xff\xfe"}, b"{}")
    assert refused(reply, "InvalidSignatureException", "does not match")


async def test_a_date_header_will_do(raw: Any) -> None:
    """A client that signs Date and not X-Amz-Date is let in."""
    request = AWSRequest("POST", raw.sim.url + "/graphs/list", data=b"{}", headers={"Host": raw.sim.url[7:]})
    request.headers["Date"] = format_datetime(datetime.now(UTC), usegmt=True)
    keys = raw.sim.account("111122223333")
    SigV4Auth(BotoCredentials(keys.access_key_id, keys.secret_access_key), "detective", "eu-west-1").add_auth(request)
    assert "X-Amz-Date" not in request.headers
    assert (await raw.send(*LIST, dict(request.headers.items()), b"{}")).status == 200


@pytest.mark.parametrize(("seconds", "words"), [(310, "expired"), (-310, "not yet current")])
async def test_five_minutes_off_is_too_much(raw: Any, seconds: Any, words: Any) -> None:
    """A request signed over 5 minutes ago, or ahead, is refused, with a Date header to set the clock by."""
    raw.sim.inject(Fault(ClockSkew(seconds)))
    reply = await raw.ask(*LIST, b"{}")
    assert refused(reply, "InvalidSignatureException", words)
    assert "GMT" in reply.headers["date"]
    assert (await raw.ask(*LIST, b"{}")).status == 200


async def test_four_minutes_off_will_do(raw: Any) -> None:
    """Less than 5 minutes either way is let in."""
    for seconds in (240, -240):
        raw.sim.inject(Fault(ClockSkew(seconds)))
        assert (await raw.ask(*LIST, b"{}")).status == 200


async def test_a_wall_clock_of_the_tests_own_is_used() -> None:
    """`wall_clock` is what signatures are judged by and what the Date header tells."""
    async with DetectiveSimulator(wall_clock=lambda: 0.0) as sim:
        assert sim.now == datetime(1970, 1, 1, tzinfo=UTC)
        assert time.time() > 0


async def test_virtual_time_does_not_age_signatures(sim: DetectiveSimulator, boto: Any) -> None:
    """Advancing the virtual clock by a year leaves clients with true clocks in."""
    await sim.advance(365 * 86400)
    await boto().list_graphs()


async def test_a_session_token_must_be_the_keys_own(sim: DetectiveSimulator, raw: Any) -> None:
    """Temporary keys without their token, with another, or a token on long-lived keys: UnrecognizedClientException."""
    session = sim.temporary_credentials("111122223333")
    assert (await raw.ask(*LIST, b"{}", credentials=session)).status == 200
    for credentials in (
        evolve(session, session_token=None),
        evolve(session, session_token="other"),
        evolve(sim.account("111122223333"), session_token="any"),
    ):
        assert refused(
            await raw.ask(*LIST, b"{}", credentials=credentials), "UnrecognizedClientException", "security token"
        )


async def test_a_region_not_opted_in_recognises_nobody(sim: DetectiveSimulator, boto: Any) -> None:
    """A closed region answers UnrecognizedClientException; others and a reopened one work."""
    sim.close_region("me-south-1")
    client = boto(region="me-south-1")
    with pytest.raises(client.exceptions.ClientError, match="UnrecognizedClientException") as caught:
        await client.list_graphs()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    await boto(region="eu-west-1").list_graphs()
    sim.open_region("me-south-1")
    await client.list_graphs()


async def test_awkward_tag_keys_and_values_are_signed_right(boto: Any) -> None:
    """Tags with every character that the API allows go through path and query."""
    client = boto()
    tags = {"+-=._:/,9": " ünï/?&=+%#\u2028", "a:b/c": "", "=": "==", "%".replace("%", "-"): "\U0001f600"}
    arn = (await client.create_graph(Tags=tags))["GraphArn"]
    assert (await client.list_tags_for_resource(ResourceArn=arn))["Tags"] == tags
    await client.untag_resource(ResourceArn=arn, TagKeys=list(tags)[:3])
    assert (await client.list_tags_for_resource(ResourceArn=arn))["Tags"] == {"-": "\U0001f600"}
