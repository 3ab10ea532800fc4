"""A complete response, which is an ASGI application."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from detective_async.integrations.asgi.types import Receive, Scope, Send


@frozen
class Response:
    """A response with a body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        headers = encode_headers({**self.headers, "Content-Length": str(len(self.body))})
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers in ASGI's form."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def header_values(scope: Mapping[str, Any], name: str) -> list[str]:
    """Return the values of all headers of a name."""
    wanted = name.lower().encode()
    return [value.decode(errors="surrogateescape") for found, value in scope["headers"] if found.lower() == wanted]
