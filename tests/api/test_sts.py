"""STS: what its responses say, and what they must not say."""

import pytest

from detective_async import DecodeError, ResponseMetadata
from detective_async.api.sts import ASSUME_ROLE, STS

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PARAMETERS = {"RoleArn": "arn:aws:iam::111122223333:role/Audit", "ExternalId": "very-secret-external-id"}

ROLE = (
    b"<R><AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey><SessionToken>c</SessionToken>"
    b"<Expiration>2027-01-01T00:00:00Z</Expiration><Arn>arn:aws:sts::111122223333:assumed-role/Audit/me</Arn></R>"
)


@pytest.mark.parametrize("quoted", [SECRET, PARAMETERS["ExternalId"]], ids=["key", "external id"])
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
    with pytest.raises(DecodeError, match="AssumeRole: the response contains no credentials"):
        STS.decode(ASSUME_ROLE, body, ResponseMetadata(request_id="id-1"))


def test_the_parts_of_a_role() -> None:
    """The keys, their end, and the account in the ARN."""
    role = STS.decode(ASSUME_ROLE, ROLE, ResponseMetadata())
    assert (role.access_key_id, role.secret_access_key, role.session_token) == ("a", "b", "c")
    assert (role.expires_at.isoformat(), role.account_id) == ("2027-01-01T00:00:00+00:00", "111122223333")
