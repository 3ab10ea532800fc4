"""The server of a measurement, the processes of those who use it, and the order in which they take turns."""

import http.client
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from urllib.parse import urlsplit

from children import Child
from contenders import Contender
from server import SEEN_PATH


class WorkDroppedError(Exception):
    """A contender did less, or other, than the rest."""


class Service:
    """The server.

    Args:
        stack: what ends it.
        cpu: the CPU that it is to take; None leaves it to the system.
        latency: milliseconds between a request and its answer.
    """

    def __init__(self, stack: ExitStack, cpu: int | None, latency: int = 0) -> None:
        options = ["--latency", str(latency), *([] if cpu is None else ["--cpu", str(cpu)])]
        self.url: str = stack.enter_context(Child("the server", "server.py", *options)).listen()["url"]

    def start(self, contender: Contender, job: str) -> AbstractContextManager[Child]:
        """Start a contender's process."""
        return Child(contender.name, "worker.py", job, contender.module, self.url)

    def seen(self) -> dict[str, Any]:
        """Give what the server was asked since this was last called."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request("GET", SEEN_PATH)
            seen: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return seen


def order(child: Child, **members: object) -> dict[str, Any]:
    """Have an order done, and give what it took.

    Raises:
        WorkDroppedError: something else came of it than the server sent.
    """
    took = child.ask(members)
    if "problem" in took:
        raise WorkDroppedError(f"{child.name}: {took['problem']}")
    return took


def demand(what: str, expected: object, got: object) -> None:
    """Check that something is as it has to be.

    Args:
        what: whose it is, and what.
        expected: what it has to be.
        got: what it is.

    Raises:
        WorkDroppedError: it is not.
    """
    if got != expected:
        raise WorkDroppedError(f"{what}: expected {expected}, got {got}")


def turns(
    title: str, contenders: Sequence[Contender], rounds: int, *, warmups: int = 0
) -> Iterator[tuple[bool, Contender]]:
    """Give whose turn it is, and whether it counts: everybody's in each round, beginning with another one each time.

    Args:
        title: what is measured, for those who watch.
        contenders: who take part.
        rounds: how many of them count.
        warmups: how many come before, and do not.
    """
    for number in range(rounds + warmups):
        # There may be nobody, where who was chosen has no part in this.
        first = number % max(1, len(contenders))
        for contender in [*contenders[first:], *contenders[:first]]:
            progress(f"{title}: round {number + 1} of {rounds + warmups}: {contender.name}")
            yield number >= warmups, contender
    progress("")


def progress(text: str) -> None:
    """Show what is going on, to whoever watches."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
