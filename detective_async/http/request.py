"""Requests as sessions of our own make them: what never changes is not looked at, and all goes out in one piece.

aiohttp's own requests can do much more than these need, such as streams, forms and uploads that are under way while
the answer comes in already; for that it starts a task for every body, which alone costs a seventh of a small call.
"""

from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp.connector import Connection
from aiohttp.http_writer import StreamWriter
from yarl import URL

#: The versions of aiohttp whose sessions and pools are known to ask no more of a request than `WholeRequest` has.
_KNOWN = "3.14."


class WholeRequest(aiohttp.ClientRequest):
    """A request whose body is there as bytes, and which goes straight to its host.

    Made by aiohttp's session, and handed to its pool.
    """

    def __init__(self, method: str, url: URL, *, data: bytes | None, **options: Any) -> None:
        """Take over what the session has settled; nothing is checked again, and nothing is copied."""
        # Not aiohttp's own: what that does is what is spared here.
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
        """Write head and body at once, and give what the answer is going to be."""
        protocol = conn.protocol
        assert protocol is not None  # noqa: S101 - as it has just been connected
        writer = StreamWriter(protocol, self.loop)
        await writer.write_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers)
        # It is small. Whoever waited here until it is gone would miss an answer to a request that is not read.
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
    """Make a request, in the short way where it can do what is wanted."""
    if _is_plain(options):
        return WholeRequest(method, url, **options)
    return aiohttp.ClientRequest(method, url, **options)


def _is_plain(options: dict[str, Any]) -> bool:
    return options["proxy"] is None and options["auth"] is None and aiohttp.__version__.startswith(_KNOWN)
