"""The short way of a request on sessions of our own: head and body are written at once, and without a task.

aiohttp's own requests can do more than ours need, such as streams, forms, and uploads that continue while the response
arrives; for that aiohttp starts a task for every body, which alone costs a seventh of a small call. The reasons are in
docs/design/short-requests.md; tests/http/test_request.py compares request line, headers and body on the wire with those
of aiohttp's own requests. `DETECTIVE_ASYNC_SHORT_REQUESTS=off` in the environment turns the short way off.
"""

import os
from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp.connector import Connection
from aiohttp.http_writer import StreamWriter
from yarl import URL

#: The versions of aiohttp whose sessions and connectors use no more of a request than `WholeRequest` has.
_SUPPORTED = "3.14."
_ENABLED = os.environ.get("DETECTIVE_ASYNC_SHORT_REQUESTS") != "off"


class WholeRequest(aiohttp.ClientRequest):
    """A request with a body of bytes and without a proxy.

    Created by aiohttp's session, and passed to its connector.
    """

    def __init__(self, method: str, url: URL, *, data: bytes | None, **options: Any) -> None:
        """Take over the session's values without checking or copying them again.

        aiohttp's own `__init__` is not called: its work is what this class saves.
        """
        self.headers = headers = options["headers"]
        for name, default in self.DEFAULT_HEADERS.items():
            headers.setdefault(name, default)
        self._content = data or b""
        if data is not None or method not in self.GET_METHODS:
            headers[hdrs.CONTENT_LENGTH] = str(len(self._content))
        self.method = method
        self.url = self.original_url = url
        self.loop = options["loop"]
        self.response_class = options["response_class"]
        self.server_hostname = options["server_hostname"]
        self.proxy = self.proxy_auth = self.proxy_headers = None
        self._session = options["session"]
        self._ssl = options["ssl"]
        self._timer = options["timer"]
        self._traces = options["traces"]

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Write head and body at once, and give the response object that will be filled."""
        protocol = conn.protocol
        assert protocol is not None  # noqa: S101 - it has just been connected
        writer = StreamWriter(protocol, self.loop)
        await writer.write_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers)
        # Without waiting for the socket: bodies are small, and a server may respond before it has read the request.
        await writer.write(self._content, drain=False)
        protocol.start_timeout()
        return self.response_class(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=self._traces,
            loop=self.loop,
            session=self._session,
            stream_writer=writer,
        )


def new_request(method: str, url: URL, **options: Any) -> aiohttp.ClientRequest:
    """Make a request, of the short kind unless it needs a proxy, authentication, or another version of aiohttp."""
    short = _ENABLED and options["proxy"] is None and options["auth"] is None
    if short and aiohttp.__version__.startswith(_SUPPORTED):
        return WholeRequest(method, url, **options)
    return aiohttp.ClientRequest(method, url, **options)
