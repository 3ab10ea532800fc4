"""The server of a measurement, the contenders' processes, and the order of the contenders in each round."""

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
    """A contender did not do all of the work, or got another result."""


class Service:
    """The server's process.

    Args:
        stack: ends the process when it is closed.
        cpu: the CPU to run on; None leaves that to the system.
        latency: milliseconds between a request and its answer.
    """

    def __init__(self, stack: ExitStack, cpu: int | None, latency: int = 0) -> None:
        options = ["--latency", str(latency), *([] if cpu is None else ["--cpu", str(cpu)])]
        self.url: str = stack.enter_context(Child("the server", "server.py", *options)).read()["url"]

    def start(self, contender: Contender, job: str, under: Sequence[str] = ()) -> AbstractContextManager[Child]:
        """Start a contender's process, under another command if one is given."""
        return Child(contender.name, "worker.py", job, contender.module, self.url, under=under)

    def seen(self) -> dict[str, Any]:
        """Return the server's counts since the last call of this method."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request("GET", SEEN_PATH)
            seen: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return seen


def run_job(child: Child, **parameters: object) -> dict[str, Any]:
    """Run a contender's job once, and return its results.

    Raises:
        WorkDroppedError: the contender got another answer than the server sent.
    """
    results = child.ask(parameters)
    if "problem" in results:
        raise WorkDroppedError(f"{child.name}: {results['problem']}")
    return results


def check_equal(what: str, expected: object, got: object) -> None:
    """Check a result of a contender.

    Args:
        what: names the contender and the result, for the error message.
        expected: the expected value.
        got: the actual value.

    Raises:
        WorkDroppedError: the values differ.
    """
    if got != expected:
        raise WorkDroppedError(f"{what}: expected {expected}, got {got}")


def turns(
    title: str, contenders: Sequence[Contender], rounds: int, *, warmups: int = 0
) -> Iterator[tuple[bool, Contender]]:
    """Yield whether a turn counts, and the contender whose turn it is; each round starts with another contender.

    Args:
        title: the name of the measurement, for the display of progress.
        contenders: the contenders.
        rounds: the number of rounds that count.
        warmups: the number of rounds before them, which do not count.
    """
    for number in range(rounds + warmups):
        # The list is empty where no chosen contender takes part in this measurement.
        first = number % max(1, len(contenders))
        for contender in [*contenders[first:], *contenders[:first]]:
            progress(f"{title}: round {number + 1} of {rounds + warmups}: {contender.name}")
            yield number >= warmups, contender
    progress("")


def progress(text: str) -> None:
    """Show the progress in the terminal, if stderr is one."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
