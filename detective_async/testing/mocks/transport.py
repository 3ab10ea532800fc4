"""The transport of a mocked client: it asks rules instead of a server."""

import asyncio
from collections.abc import Callable
from typing import Any

from attrs import fields, frozen

from detective_async.api.service import ServiceOperation
from detective_async.auth import FixedCredentials
from detective_async.errors import ClientClosed, ServiceError
from detective_async.http.call import Response, Transport
from detective_async.http.pool import CLOSED

#: Answers the call of an operation with a request, for an account, in a region, at a host.
Answer = Callable[[str, Any, str | None, str, str], Any]


@frozen(kw_only=True, eq=False)
class MockTransport(Transport):
    """A transport that sends nothing.

    Attributes:
        answer: returns the response to a call, or raises an error.
    """

    answer: Answer

    @classmethod
    def of(cls, transport: Transport, answer: Answer) -> "MockTransport":
        """Make one with all settings of another transport."""
        settings = {one.name: getattr(transport, one.name) for one in fields(Transport)}
        return cls(**settings, answer=answer)

    async def call(self, operation: ServiceOperation[Response], request: object) -> Response:
        """Validate a request as a real call does, and let the rules answer it."""
        self.service.encode(operation, request)
        if self.pool.closed:
            raise ClientClosed(CLOSED)
        # Other tasks get their turns, as they do in a real call.
        await asyncio.sleep(0)
        account_id, host = self.account_id, self.endpoint.host
        if account_id is None and isinstance(self.credentials, FixedCredentials):
            account_id = self.credentials.credentials.account_id
        try:
            response: Response = self.answer(operation.name, request, account_id, self.region, host)
        except ServiceError:
            self._note_response(host)
            raise
        self._note_response(host)
        return response

    def _note_response(self, host: str) -> None:
        if self.listener is not None:
            self.listener.note_response(host)
