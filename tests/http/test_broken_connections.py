"""Requests over connections that break are retried by the library only, not by aiohttp."""

import aiohttp
import pytest
from support.fakes import FakeTime
from support.operation_cases import ACCEPT, LIST_MEMBERS, LIST_TAGS, UNTAG, OperationCase
from support.wire_server import Request, serving

from detective_async import ConnectionLost, Credentials, DetectiveClient, RetryPolicy

#: One operation per method that aiohttp would send again by itself, and one that it would not.
METHODS = {"PUT": ACCEPT, "DELETE": UNTAG, "GET": LIST_TAGS, "POST": LIST_MEMBERS}


@pytest.mark.parametrize("session", ["ours", "ours, and aiohttp has no such setting", "the caller's"])
@pytest.mark.parametrize(("method", "operation"), METHODS.items(), ids=METHODS)
async def test_aiohttp_does_not_retry_itself(
    method: str, operation: OperationCase, session: str, fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reused connection that drops is one attempt, with any method and any session."""
    if session == "ours, and aiohttp has no such setting":
        monkeypatch.setattr("detective_async.http.exchange._RETRIES", "_something_else")

    def answer_once(request: Request) -> None:
        if len(server.requests) == 1:
            request.answer()
        else:
            request.drop()

    async with serving(answer_once) as server, aiohttp.ClientSession() as callers:
        client = DetectiveClient(
            region="eu-west-1",
            credentials=Credentials("a", "b"),
            endpoint_url=server.url,
            clock=fake_time.clock(),
            retry=RetryPolicy(max_attempts=1),
            session=callers if session == "the caller's" else None,
        )
        await operation.call(client)
        with pytest.raises(ConnectionLost) as caught:
            await operation.call(client)
        await client.aclose()
    assert (caught.value.attempts, caught.value.outcome_unknown) == (1, True)
    assert [request.head.split(" ")[0] for request in server.requests] == [method, method]
