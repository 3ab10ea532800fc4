"""A real HTTP server on loopback that keeps each request as it came and answers what it is told to.

It runs in threads and not on an event loop, so that boto3 can be called beside it, and it is http.server's and not
aiohttp's, because that one decodes paths and refuses long ones.
"""

import contextlib
import socket
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self

from attrs import Factory, frozen


@frozen
class Captured:
    """A request as it came over the socket."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@frozen
class Reply:
    """A response to send."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = Factory(dict)


class Server:
    """The server, and what it knows.

    Attributes:
        reply: what the next requests are answered with.
        captured: the requests so far.
        connections: those that are open.
    """

    # No attrs class, because hypothesis would print all its attributes for each failing example.
    def __init__(self) -> None:
        self.reply = Reply()
        self.captured: list[Captured] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        # Closing waits for the connections' threads, so that none remains after the tests.
        self._http.daemon_threads = False
        self.connections: set[socket.socket] = set()
        # A shutdown takes one interval, and each module has one.
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        # boto3's connections stay open until they are garbage-collected.
        for connection in tuple(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Buffered, so that head and body are one packet, without waiting for a delayed acknowledgement.
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            server.connections.add(self.connection)

        def finish(self) -> None:
            server.connections.discard(self.connection)
            with contextlib.suppress(OSError):
                super().finish()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            # `self.path` is not the raw path: http.server replaces two leading slashes by one.
            target = self.requestline.split(" ")[1]
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.captured.append(Captured(self.command, target, headers, body))
            reply = server.reply
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the names are http.server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            """Write no log lines."""

    return Handler
