"""Runs a part of a call that does no I/O several times: `hot_parts.py PART TIMES`.

`instructions.py` counts the cost of each part; so nothing is printed here, and a part imports only what it needs.
"""

import json
import sys
from collections.abc import Callable

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
    return lambda: wire.decode(operations.LIST_MEMBERS, body, metadata)


#: Name -> the function that prepares the part, and how many times it is run for a figure.
PARTS: dict[str, tuple[Callable[[], Part], int]] = {
    "yardstick": (yardstick, 4),
    "signing a request": (sign, 200),
    "building a request": (build, 200),
    "reading a small answer": (read_little, 200),
    "reading a page of 200": (read_page, 4),
}


def main() -> None:
    """Run a part that many times, after a first run that does one-time work."""
    name, times = sys.argv[1:]
    part = PARTS[name][0]()
    for _ in range(1 + int(times)):
        part()


if __name__ == "__main__":
    main()
