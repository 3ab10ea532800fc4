"""Random input of every operation, without sockets: it never raises."""

import json
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hypothesis_profiles import examples

from detective_async.testing.faults import FaultPlan
from detective_async.testing.server.backend import Backend, Response
from detective_async.testing.server.requests import Headers, Request, RequestLog
from detective_async.testing.services.detective.rest_json import operations
from detective_async.testing.world.clock import Clock
from detective_async.testing.world.world import World

REGION = "eu-west-1"
GENERATOR = Random(0)  # noqa: S311
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def send(backend: Backend, method: str, target: str, body: bytes) -> Response:
    """Sign a request and pass it to the backend, without a socket."""
    keys = backend.world.register("111122223333")
    request = AWSRequest(method, f"http://localhost{target}", data=body, headers={"Host": "localhost"})
    SigV4Auth(BotoCredentials(keys.access_key_id, keys.secret_access_key), "detective", REGION).add_auth(request)
    received = Request(method, target, Headers(request.headers.items()), body)
    admitted = backend.admit(received)
    return admitted if isinstance(admitted, Response) else backend.carry_out(admitted)


@settings(max_examples=examples(300))
@given(
    name=st.sampled_from(sorted(operations())),
    values=st.lists(JSON, min_size=6, max_size=6),
    resource=st.text(min_size=1),
    query=st.lists(st.tuples(st.sampled_from(["tagKeys", "x"]), st.text())),
)
def test_any_json_gets_a_response_in_awss_form(
    name: str, values: list[Any], resource: str, query: list[tuple[str, str]]
) -> None:
    """Random values of real members of each operation: a success or a documented error, and no exception."""
    backend = Backend(World(GENERATOR), Clock(), FaultPlan(GENERATOR), RequestLog(0))
    operation = operations()[name]
    names = ["GraphArn", "Accounts", "AccountIds", "Tags", "FilterCriteria", "NextToken"]
    body = json.dumps(dict(zip(names, values, strict=True))).encode()
    target = operation.uri.replace("{ResourceArn}", quote(resource, safe=""))
    if query:
        target += "?" + urlencode(query, quote_via=quote)
    response = send(backend, operation.method, target, body)
    assert response.status in {200, 204, 400, 403, 404, 409}
    assert response.headers["x-amzn-RequestId"]
    if response.status >= 400:
        assert response.headers["x-amzn-ErrorType"] in {
            "ValidationException",
            "AccessDeniedException",
            "ResourceNotFoundException",
            "UnknownOperationException",
        }
        assert json.loads(response.body)
