"""The contenders: one module each, so that one that is not installed stands in nobody's way.

Each module has `open_client(url)`, a context manager (asynchronous but for boto3) that opens one client, as the
client's own documentation says, and gives what can be done with it: a `Client`, and of boto3 its `calls` alone.
"""

import importlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from world import Keys

#: Operation -> makes the call, and gives the answer.
Calls = Mapping[str, Callable[[], object]]
AsyncCalls = Mapping[str, Callable[[], Awaitable[object]]]


@dataclass(frozen=True)
class Client:
    """What can be done with an open client.

    Attributes:
        calls: operation -> makes the call, and gives the answer.
        walk: takes the ARN of a graph and a callable, and tells that the account id of each member, page after page.
        another: takes an account's keys and a region, and makes a client of them; gives its ListGraphs. None where
            there is nothing that would be made for each.
    """

    calls: AsyncCalls
    walk: Callable[[str, Callable[[str], None]], Awaitable[None]]
    another: Callable[[Keys, str], Awaitable[Callable[[], Awaitable[object]]]] | None = None


@dataclass(frozen=True)
class Contender:
    """Who takes part.

    Attributes:
        name: what readers call it.
        module: the module that knows how to use it.
        package: what it imports; not installed means absent.
        versions: the distributions whose versions matter to the figures.
        signs: whether it signs its requests.
        asynchronous: whether its calls are coroutines.
        times_are_text: whether it leaves timestamps as they came.
    """

    name: str
    module: str
    package: str
    versions: tuple[str, ...]
    signs: bool = True
    asynchronous: bool = True
    times_are_text: bool = False

    @property
    def client(self) -> str:
        """The client's name, however it is used: what comes before a comma."""
        return self.name.partition(",")[0]


BASELINE = Contender(
    "bare aiohttp",
    "bare_aiohttp",
    "aiohttp",
    ("aiohttp", "yarl", "multidict"),
    signs=False,
    times_are_text=True,
)
OURS = Contender(
    "detective-async", "detective_async_client", "detective_async", ("detective-async", "attrs", "cattrs", "orjson")
)
CAPO = Contender("capo-detective", "capo", "capo_detective", ("capo-detective", "zapros", "h11"))
AIOBOTOCORE = Contender("aiobotocore", "aiobotocore_client", "aiobotocore", ("aiobotocore", "botocore"))
BOTO3 = Contender("boto3", "boto3_client", "boto3", ("boto3", "botocore", "urllib3"), asynchronous=False)
CONTENDERS = (BASELINE, OURS, CAPO, AIOBOTOCORE, BOTO3)


def absent(contenders: Iterable[Contender]) -> dict[str, str]:
    """Give the names of those that are not installed, and say so of each."""
    return {
        one.name: f"the package {one.package} is not installed" for one in contenders if find_spec(one.package) is None
    }


def versions(contenders: Iterable[Contender]) -> dict[str, str]:
    """Give the versions of what they use, less what is not installed."""
    found: dict[str, str] = {}
    for contender in contenders:
        for distribution in contender.versions:
            try:
                found[distribution] = version(distribution)
            except PackageNotFoundError:
                # Imported from a source folder, a package has no metadata.
                if distribution == contender.name:
                    module: Any = importlib.import_module(contender.package)
                    found[distribution] = str(module.__version__)
    return found
