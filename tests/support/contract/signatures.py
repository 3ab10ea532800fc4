"""Checks signatures of received requests with botocore."""

import hmac
import re
from urllib.parse import unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from support.contract.clients import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from support.contract.server import Captured

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>\d{8}/[^/]+/detective/aws4_request), "
    r"SignedHeaders=(?P<signed>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


def problems_of_signature(captured: Captured, url: str) -> list[str]:
    """Return the problems of a request's signature; empty if it is valid.

    Args:
        captured: the request as it came.
        url: the server's.
    """
    match = _AUTHORIZATION.fullmatch(captured.headers["authorization"])
    if match is None:
        return ["the Authorization header is malformed"]
    signed = match["signed"].split(";")
    found = [f"{name} is signed and was not sent" for name in signed if name not in captured.headers]
    # Signature Version 4 requires these two.
    found += [f"{name} is not signed" for name in ("host", "x-amz-date") if name not in signed]
    if match["key"] != ACCESS_KEY_ID:
        found.append("another access key")
    timestamp = captured.headers["x-amz-date"]
    if match["scope"] != f"{timestamp[:8]}/{REGION}/detective/aws4_request":
        found.append(f"the scope is {match['scope']}")
    if captured.headers["host"] != urlsplit(url).netloc:
        found.append(f"the host is {captured.headers['host']}")
    if found:
        return found
    expected = _signature(captured, signed, timestamp)
    return [] if hmac.compare_digest(expected, match["signature"]) else ["the signature is wrong"]


def _signature(captured: Captured, signed: list[str], timestamp: str) -> str:
    # Only the signed headers: botocore would trust a hash in X-Amz-Content-SHA256.
    request = AWSRequest(
        method=captured.method,
        url=f"http://{captured.headers['host']}{captured.path}",
        headers={name: captured.headers[name] for name in signed},
        data=captured.body,
        # Decoded, since the service encodes the query itself: its values count, not its form.
        params=[
            (unquote(name, errors="strict"), unquote(value, errors="strict"))
            for name, _, value in (pair.partition("=") for pair in captured.query.split("&") if pair)
        ],
    )
    request.context["timestamp"] = timestamp
    auth = SigV4Auth(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY), "detective", REGION)
    signature: str = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return signature
