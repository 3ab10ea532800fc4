"""Measure which outage of a server the calls in flight survive, by retry policy; prints a table in Markdown.

Usage: `python benchmarks/outages.py [--repeat N]`. Takes about two minutes for each repetition.

A server on this machine has received so many requests, and has answered none, when it closes its socket and all
connections. It opens the same port again after the outage.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version
from typing import Any

from attrs import define, field

from detective_async import Credentials, DetectiveClient, RetryPolicy

OUTAGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
CALLS = (1, 30, 100)
#: Below those that the system gives to clients: one of them might take the port while the server is gone.
_FIRST_PORT = 21_000
GRAPH = "arn:aws:detective:eu-west-1:111122223333:graph:" + "a" * 32
KEYS = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "secret"}
MEMBER = {"AccountId": "111122223333", "GraphArn": GRAPH, "Status": "ENABLED"}
BODY = json.dumps({"MemberDetails": [MEMBER], "UnprocessedAccounts": []}).encode()
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)

Call = Callable[[], Awaitable[object]]


@define(eq=False)
class Server:
    """A server that can go and come back."""

    port: int
    _server: asyncio.Server | None = None
    _hold_until: int = 0
    _requests: int = 0
    _held: asyncio.Event = field(factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(factory=set)

    async def start(self) -> None:
        """Listen at the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def stop(self) -> None:
        """Close the socket and break all connections."""
        assert self._server is not None
        self._server.close()
        self._server = None
        for writer in self._writers:
            writer.transport.abort()

    async def hold(self, requests: int) -> None:
        """Answer no further request; return when so many have come."""
        self._hold_until = requests
        await self._held.wait()
        self._hold_until = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            # A connection may have been made before the server was stopped, and come here afterwards.
            while self._server is not None:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = (line.lower() for line in head.split(b"\r\n"))
                length = next(line for line in lines if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
                if self._hold_until:
                    self._requests += 1
                    if self._requests == self._hold_until:
                        self._held.set()
                elif self._server is not None:
                    writer.write(RESPONSE)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


async def ours(retry: RetryPolicy, stack: AsyncExitStack, url: str, _calls: int) -> Call:
    """Make a client; return what makes a call."""
    client = await stack.enter_async_context(
        DetectiveClient(region="eu-west-1", endpoint_url=url, credentials=Credentials("AKIA", "secret"), retry=retry)
    )
    return partial(client.get_members, GRAPH, ["111122223333"])


async def boto3(stack: AsyncExitStack, url: str, calls: int) -> Call:
    """Make a client; return what makes a call."""
    import boto3  # noqa: PLC0415 - each process needs one client
    from botocore.config import Config  # noqa: PLC0415

    config = Config(max_pool_connections=100)
    client = boto3.client("detective", region_name="eu-west-1", endpoint_url=url, config=config, **KEYS)
    threads = stack.enter_context(ThreadPoolExecutor(calls))
    work = partial(client.get_members, GraphArn=GRAPH, AccountIds=["111122223333"])
    return partial(asyncio.get_running_loop().run_in_executor, threads, work)


async def aiobotocore(stack: AsyncExitStack, url: str, _calls: int) -> Call:
    """Make a client; return what makes a call."""
    from aiobotocore.config import AioConfig  # noqa: PLC0415
    from aiobotocore.session import get_session  # noqa: PLC0415

    config = AioConfig(max_pool_connections=100)
    session = get_session()
    client = await stack.enter_async_context(
        session.create_client("detective", region_name="eu-west-1", endpoint_url=url, config=config, **KEYS)
    )
    return partial(client.get_members, GraphArn=GRAPH, AccountIds=["111122223333"])


#: Name -> the environment, and what makes a call.
POLICIES: dict[str, tuple[dict[str, str], Callable[[AsyncExitStack, str, int], Awaitable[Call]]]] = {
    "default": ({}, partial(ours, RetryPolicy())),
    "2026=false": ({"AWS_NEW_RETRIES_2026": "false"}, partial(ours, RetryPolicy())),
    "patient": ({}, partial(ours, RetryPolicy.patient())),
    "boto3": ({}, boto3),
    "aiobotocore": ({}, aiobotocore),
}


async def survivors(policy: str, calls: int, outage: float, port: int, ready: asyncio.Barrier) -> int:
    """Return how many of the calls in flight succeed; starts when all are ready: making a client blocks the loop."""
    server = Server(port)
    await server.start()
    async with AsyncExitStack() as stack:
        call = await POLICIES[policy][1](stack, f"http://127.0.0.1:{server.port}", calls)
        await asyncio.gather(*(call() for _ in range(calls)))
        await ready.wait()
        tasks = [asyncio.ensure_future(call()) for _ in range(calls)]
        await server.hold(calls)
        server.stop()
        await asyncio.sleep(outage)
        await server.start()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        server.stop()
    return sum(not isinstance(result, BaseException) for result in results)


async def measure(policy: str) -> dict[str, int]:
    """Measure one policy, one outage after the other."""
    found: dict[str, int] = {}
    port = _FIRST_PORT + len(OUTAGES) * len(CALLS) * list(POLICIES).index(policy)
    for outage in OUTAGES:
        ready = asyncio.Barrier(len(CALLS))
        counts = await asyncio.gather(
            *(survivors(policy, calls, outage, port + index, ready) for index, calls in enumerate(CALLS))
        )
        port += len(CALLS)
        found |= {f"{calls} {outage:g}": count for calls, count in zip(CALLS, counts, strict=True)}
    return found


def measure_all() -> dict[str, dict[str, int]]:
    """Measure each policy in a process of its own, all at the same time."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    children = {
        name: subprocess.Popen(
            [sys.executable, __file__, "--policy", name], env=plain | environ, stdout=subprocess.PIPE, text=True
        )
        for name, (environ, _) in POLICIES.items()
    }
    return {name: json.loads(child.communicate()[0]) for name, child in children.items()}


def table(runs: list[dict[str, dict[str, int]]]) -> str:
    """Write the table: of the calls in flight, how many survived, from the worst to the best repetition."""
    lines = [f"| calls | outage | {' | '.join(POLICIES)} |", f"| --- | --- |{' --- |' * len(POLICIES)}"]
    for calls in CALLS:
        for outage in OUTAGES:
            cells = []
            for policy in POLICIES:
                counts = [run[policy][f"{calls} {outage:g}"] for run in runs]
                low, high = min(counts), max(counts)
                cells.append(f"{low}" if low == high else f"{low} to {high}")
            lines.append(f"| {calls} | {outage:g} s | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="repetitions")
    parser.add_argument("--policy", choices=POLICIES, help="measure only this one, and print JSON")
    arguments: Any = parser.parse_args()
    if arguments.policy:
        print(json.dumps(asyncio.run(measure(arguments.policy))))
        return
    versions = ", ".join(f"{name} {version(name)}" for name in ("boto3", "botocore", "aiobotocore"))
    print(f"{arguments.repeat} repetitions; {versions}\n")
    print(table([measure_all() for _ in range(arguments.repeat)]))


if __name__ == "__main__":
    main()
