"""Signatures are equal to botocore's for the same request and time."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import example, given
from hypothesis import strategies as st

from detective_async import Credentials
from detective_async.auth.signing import sign

TIME = 1_440_938_160.0
ARN = "arn:aws-us-gov:detective:us-gov-west-1:111122223333:graph:" + "0a" * 16


def sign_by_botocore(  # noqa: PLR0917 - the same list as `sign` has
    method: str,
    host: str,
    path: str,
    query: str,
    body: bytes | None,
    region: str,
    credentials: Credentials,
    time: float,
    target: str | None = None,
) -> str:
    """Sign the same request with botocore, with the same headers and time."""
    request = AWSRequest(
        method=method,
        url=f"https://{host}{path}" + (f"?{query}" if query else ""),
        data=body or b"",
        headers={"host": host},
    )
    request.context["timestamp"] = datetime.fromtimestamp(time, UTC).strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    if credentials.session_token:
        request.headers["X-Amz-Security-Token"] = credentials.session_token
    if target:
        request.headers["X-Amz-Target"] = target
    signer = SigV4Auth(
        BotocoreCredentials(credentials.access_key_id, credentials.secret_access_key, credentials.session_token),
        "detective",
        region,
    )
    signature: str = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return signature


@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("POST", "/graphs/list", "", b"{}"),
        ("POST", "/orgs/disableAdminAccount", "", None),
        ("GET", f"/tags/{quote(ARN, safe='-._~')}", "", None),
        ("DELETE", f"/tags/{quote(ARN, safe='-._~')}", "tagKeys=b&tagKeys=a&tagKeys=A", None),
        ("POST", "/prefix/graph", "", "é".encode()),
        ("POST", "/a%20b/%c3%A9/;,=@:!$&'()*+~/graph", "", b"{}"),
    ],
)
def test_every_form_of_request_is_signed_as_by_botocore(
    method: str, path: str, query: str, body: bytes | None, token: str | None
) -> None:
    """All forms of requests of the API, with and without a session token."""
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    host = "api.detective.us-gov-west-1.amazonaws.com"
    headers = sign(
        method=method,
        host=host,
        path=path,
        query=query,
        body=body,
        region="us-gov-west-1",
        service="detective",
        credentials=credentials,
        time=TIME,
    )
    expected = sign_by_botocore(method, host, path, query, body, "us-gov-west-1", credentials, TIME)
    assert headers["Authorization"].endswith(f"Signature={expected}")
    assert headers["x-amz-date"] == "20150830T123600Z"
    assert headers.get("x-amz-security-token") == token
    assert "Credential=AKIAIOSFODNN7EXAMPLE/20150830/us-gov-west-1/detective/aws4_request" in headers["Authorization"]


@pytest.mark.parametrize("token", [None, "a/session+token=="])
def test_a_target_is_signed_as_by_botocore(token: str | None) -> None:
    """The header that names the operation in other protocols is part of the signature."""
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    target = "AWSOrganizationsV20161128.ListAccounts"
    headers = sign(
        method="POST",
        host="localhost",
        path="/",
        query="",
        body=b"{}",
        region="us-east-1",
        service="detective",
        credentials=credentials,
        time=TIME,
        target=target,
    )
    expected = sign_by_botocore("POST", "localhost", "/", "", b"{}", "us-east-1", credentials, TIME, target)
    assert headers["Authorization"].endswith(f"x-amz-target, Signature={expected}")
    assert headers["x-amz-target"] == target


@pytest.mark.usefixtures("local_time_of_tokyo")
def test_the_time_is_in_utc() -> None:
    """The time zone of the machine does not matter."""
    headers = sign(
        method="POST",
        host="localhost",
        path="/",
        query="",
        body=None,
        region="eu-west-1",
        service="detective",
        credentials=Credentials("key", "secret"),
        # A time that no other test signs: timestamps are cached.
        time=TIME + 1,
    )
    assert headers["x-amz-date"] == "20150830T123601Z"


@example(keys=["0"], time=1.9999995231628418)
@given(keys=st.lists(st.text(min_size=1), min_size=1, max_size=5), time=st.floats(0, 4e9))
def test_any_query_is_signed_as_by_botocore(keys: list[str], time: float) -> None:
    """Tag keys with any characters, in any order."""
    try:
        query = "&".join(f"tagKeys={quote(key, safe='-._~')}" for key in keys)
    except UnicodeEncodeError:
        return
    credentials = Credentials("key", "secret")
    headers = sign(
        method="DELETE",
        host="localhost:4580",
        path="/tags/x",
        query=query,
        body=None,
        region="eu-west-1",
        service="detective",
        credentials=credentials,
        time=time,
    )
    # Signatures have whole seconds; a datetime would round a time just below a second up.
    expected = sign_by_botocore("DELETE", "localhost:4580", "/tags/x", query, None, "eu-west-1", credentials, int(time))
    assert headers["Authorization"].endswith(f"Signature={expected}")
