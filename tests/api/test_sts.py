"""STS: what its responses say, and what they must not say."""

from datetime import UTC

import pytest
from botocore.utils import parse_timestamp

from detective_async import DecodeError, ResponseMetadata
from detective_async.api.expiration import read_expiration
from detective_async.api.sts import ASSUME_ROLE, GET_CALLER_IDENTITY, STS, CallerIdentity

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PARAMETERS = {
    "RoleArn": "arn:aws:iam::111122223333:role/Audit",
    "ExternalId": "very-secret-external-id",
    "TokenCode": "654321",
}

ROLE = (
    b"<R><AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey><SessionToken>c</SessionToken>"
    b"<Expiration>2027-01-01T00:00:00Z</Expiration><Arn>arn:aws:sts::111122223333:assumed-role/Audit/me</Arn></R>"
)


@pytest.mark.parametrize("quoted", [SECRET, PARAMETERS["ExternalId"], "654321"], ids=["key", "external id", "code"])
def test_errors_do_not_quote_secrets(quoted: str) -> None:
    """In the code, the message and the request id of an error response, secrets of the request are redacted."""
    error_element = f"<Error><Code>Oops {quoted}</Code><Message>bad {quoted}</Message></Error>"
    body = f"<E>{error_element}<RequestId>{quoted}</RequestId></E>"
    error = STS.read_error(
        "AssumeRole", 403, {}, body.encode(), request_id=None, attempts=1, secrets=(SECRET, *STS.secrets(PARAMETERS))
    )
    assert (error.code, error.message, error.request_id) == ("403", "bad ***", None)


def test_the_parts_of_an_error() -> None:
    """Code, message and id are those of the body; the id is that of the headers if the body has none."""
    body = b"<E><Error><Code>AccessDenied</Code><Message>no</Message></Error></E>"
    error = STS.read_error("AssumeRole", 403, {}, body, request_id="id-1", attempts=2, secrets=STS.secrets({}))
    assert (error.code, error.message, error.request_id, error.attempts) == ("AccessDenied", "no", "id-1", 2)


@pytest.mark.parametrize(
    "body", [None, b"", b"<html>", b"<!DOCTYPE a><a/>", b"<a/>", b"\xff", b"{}", ROLE + b" " * 2**16]
)
def test_responses_without_credentials(body: bytes | None) -> None:
    """Whatever arrives instead of credentials is a DecodeError, which does not quote it."""
    with pytest.raises(DecodeError, match=r"AssumeRole: the response contains no credentials @ \$"):
        STS.decode(ASSUME_ROLE, body, ResponseMetadata(request_id="id-1"))


IDENTITY = b"<R><Arn>arn:aws:iam::1:user/me</Arn><UserId>AIDA</UserId><Account>111122223333</Account></R>"


@pytest.mark.parametrize("body", [None, b"<html>", ROLE, IDENTITY.replace(b"111122223333", b"1111")])
def test_responses_without_an_account(body: bytes | None) -> None:
    """Whatever arrives instead of an identity is a DecodeError, which does not quote it."""
    with pytest.raises(DecodeError, match=r"GetCallerIdentity: the response contains no account id @ \$") as caught:
        STS.decode(GET_CALLER_IDENTITY, body, ResponseMetadata())
    assert caught.value.__context__ is None


def test_an_identity() -> None:
    """The account whose keys have signed the request."""
    assert STS.decode(GET_CALLER_IDENTITY, IDENTITY, ResponseMetadata()) == CallerIdentity("111122223333")


def test_the_parts_of_a_role() -> None:
    """The keys, their end, and the account in the ARN."""
    role = STS.decode(ASSUME_ROLE, ROLE, ResponseMetadata())
    assert (role.access_key_id, role.secret_access_key, role.session_token) == ("a", "b", "c")
    assert (role.expires_at.isoformat(), role.account_id) == ("2027-01-01T00:00:00+00:00", "111122223333")


_JSON = b'{"Error": {"Code": "AccessDenied", "Message": "no", "Type": "Sender"}, "RequestId": "id-2"}'


@pytest.mark.parametrize(
    ("status", "body", "code", "message", "request_id"),
    [
        (403, _JSON, "AccessDenied", "no", "id-2"),
        (403, b'{"code": "a.B", "message": "no"}', "a.B", "no", "id-1"),
        (400, b'{"__type": "com.amazon#Oops", "Message": "no"}', "Oops", "no", "id-1"),
        (403, b'{"Error": "x", "message": 5}', "403", "", "id-1"),
        (403, b"[]", "403", "Forbidden", "id-1"),
        (502, b"<html><TITLE>\n Bad \n gateway\xff</TITLE><br></html>", "502", "Bad gateway\ufffd", "id-1"),
        (503, b"<html><head><title>Down</title></head></html>", "503", "Down", "id-1"),
        (403, b"<html>", "403", "Forbidden", "id-1"),
        (400, None, "400", "Bad Request", "id-1"),
        (499, b"", "499", "", "id-1"),
        (403, b"<E><Code>not a code</Code></E>", "403", "Forbidden", "id-1"),
        (403, b"<E><Code>A</Code><Message>%s</Message></E>" % (b"m" * 20_000), "A", "m" * 4_000 + " [...]", "id-1"),
        (403, b"<E><Code>%s</Code></E>" % (b"C" * 129), "403", "Forbidden", "id-1"),
    ],
)  # fmt: skip
def test_errors_that_are_not_of_sts(status: int, body: bytes | None, code: str, message: str, request_id: str) -> None:
    """JSON and pages of gateways are read; what is missing is replaced by the status; all of it has a maximum."""
    error = STS.read_error("AssumeRole", status, {}, body, request_id="id-1", attempts=1, secrets=())
    assert (error.code, error.message, error.request_id) == (code, message, request_id)


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-15T08:00:00Z",
        "2027-01-15T09:00:00+01:00",
        "2027-01-15T08:00:00",
        "2027-01-15 08:00:00 UTC",
        "2027-01-15T08:00:00 GMT",
        "20270115T080000Z",
        "1800000000",
        "1.8e9",
        "1800000000.0",
        "Fri, 15 Jan 2027 08:00:00 GMT",
    ],
)
def test_expirations_are_read_as_botocore_reads_them(text: str) -> None:
    """A number is of seconds since the epoch, and a time without a zone is in UTC."""
    by_botocore = parse_timestamp(text)
    assert read_expiration(text) == (by_botocore if by_botocore.tzinfo else by_botocore.replace(tzinfo=UTC))
    assert read_expiration(text).timestamp() == 1_800_000_000.0


_FAR_ZONE = "Fri, 15 Jan 2027 08:00:00 +99999999999999999999"


@pytest.mark.parametrize(
    "text", ["", "soon", "nan", "inf", "1e300", "-1e30", "2027-13-01", "Fri, 99 Jan 2027", _FAR_ZONE]
)
def test_expirations_that_are_none(text: str) -> None:
    """They raise ValueError and nothing else."""
    with pytest.raises(ValueError):  # noqa: PT011 - its text quotes the response and is dropped
        read_expiration(text)
