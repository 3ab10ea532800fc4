"""Whole calls, and the parts of a call, each done over and over in forks of one process, for valgrind to count.

A line is printed for each fork: its process, the part, and how often it was done. `instructions.py` runs this.
"""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from typing import Any

from children import environment
from server import response
from workloads import GRAPH_ARN, LIST_GRAPHS, LIST_MEMBERS
from world import KEYS, PAGE, REGION

Part = Callable[[], object]


def yardstick() -> Part:
    """Read a page with Python's own json: the unit for the other parts."""
    body = LIST_MEMBERS.body
    return lambda: json.loads(body)


def sign() -> Part:
    """Sign a request; the second changes every ten requests."""
    from detective_async import Credentials  # noqa: PLC0415
    from detective_async.auth.signing import sign  # noqa: PLC0415

    credentials = Credentials(*KEYS)
    moments = iter(range(10_000_000_000, 100_000_000_000))
    return lambda: sign(
        method="POST",
        host=f"api.detective.{REGION}.amazonaws.com",
        path=LIST_MEMBERS.path,
        query="",
        body=b'{"GraphArn":"arn","MaxResults":200}',
        region=REGION,
        service="detective",
        credentials=credentials,
        time=next(moments) / 10,
    )


def build() -> Part:
    """Validate and encode a request."""
    from detective_async.api import models, operations, wire  # noqa: PLC0415

    def part() -> object:
        request = models.ListMembersRequest(GRAPH_ARN, next_token="x" * 100, max_results=PAGE)
        return wire.encode(operations.LIST_MEMBERS, request)

    return part


def read_little() -> Part:
    """Decode a short answer into a model."""
    from detective_async.api import operations, wire  # noqa: PLC0415
    from detective_async.api.models.base import ResponseMetadata  # noqa: PLC0415

    body, metadata = LIST_GRAPHS.body, ResponseMetadata()
    return lambda: wire.decode(operations.LIST_GRAPHS, body, metadata)


def read_page() -> Part:
    """Decode a page of members that have every field."""
    from detective_async.api import operations, wire  # noqa: PLC0415
    from detective_async.api.models.base import ResponseMetadata  # noqa: PLC0415

    body, metadata = LIST_MEMBERS.body, ResponseMetadata()
    # Only few responses are read without msgspec; from now on, none is.
    wire.decode(operations.LIST_MEMBERS, body, metadata)
    return lambda: wire.decode(operations.LIST_MEMBERS, body, metadata)


class _Transport(asyncio.Transport):
    """A connection without a network: the response to each request arrives in the next round of the event loop."""

    def __init__(self, protocol: asyncio.Protocol, loop: asyncio.AbstractEventLoop) -> None:
        # The client looks for input at the socket, before it uses a connection again.
        self._sockets = socket.socketpair()
        super().__init__({"socket": self._sockets[0]})
        self._protocol, self._loop = protocol, loop
        self._response = response("200 OK", LIST_GRAPHS.body)
        protocol.connection_made(self)

    def write(self, data: object) -> None:  # noqa: ARG002 - each write is a whole request
        self._loop.call_soon(self._protocol.data_received, self._response)

    def is_closing(self) -> bool:
        return False


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that opens such connections only."""

    async def sock_connect(self, sock: object, address: object) -> None:
        pass

    async def create_connection(self, protocol_factory: Callable[[], Any], *_: object, **__: object) -> Any:
        protocol = protocol_factory()
        return _Transport(protocol, self), protocol


def call() -> Part:
    """Make eight calls at once, with keys from the environment."""
    from detective_async import DetectiveClient  # noqa: PLC0415

    os.environ.update(environment({}))
    client = DetectiveClient(region=REGION, endpoint_url="http://127.0.0.1:80")
    # It makes its event loop when it is first used, which is in the fork.
    runner = asyncio.Runner(loop_factory=_Loop)

    async def calls() -> None:
        await asyncio.gather(*(client.list_graphs() for _ in range(8)))

    return lambda: runner.run(calls())


#: Name -> the function that prepares the part, and how many times it is run for a figure.
PARTS: dict[str, tuple[Callable[[], Part], int]] = {
    "yardstick": (yardstick, 4),
    "signing a request": (sign, 200),
    "building a request": (build, 200),
    "reading a small answer": (read_little, 200),
    "reading a page of 200": (read_page, 4),
    "eight calls at once": (call, 25),
}


def main() -> None:
    """Do each part not at all and often, in forks, after it was done once, for what is done once in a program."""
    parts = {name: (make(), times) for name, (make, times) in PARTS.items()}
    for name, (part, most) in parts.items():
        for times in (0, most):
            process = os.fork()
            if not process:
                part()
                for _ in range(times):
                    part()
                os._exit(0)
            os.waitpid(process, 0)
            print(process, times, name)


if __name__ == "__main__":
    main()
