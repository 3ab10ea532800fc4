"""The clients that are compared: one module each, so that one that is not installed does not affect the others.

A module has up to two functions, written as the client's own documentation says:

- `open_client(url)`: a context manager (asynchronous, except for boto3) that opens one client and yields a `Client`;
  for boto3, only the client's `calls`.
- `run_fleet(url, accounts, concurrency, tally)`: a coroutine function for the job of many targets. It assumes the role
  of each account, lists the graphs of each account and region and the members of each graph, with at most `concurrency`
  requests at once, and adds every member to the tally.
"""

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from world import Keys

#: Operation -> makes the call and returns the answer.
Calls = Mapping[str, Callable[[], object]]
AsyncCalls = Mapping[str, Callable[[], Awaitable[object]]]


@dataclass(frozen=True)
class Client:
    """An open client.

    Attributes:
        calls: operation -> makes the call and returns the answer.
        walk: takes the ARN of a graph and a callable, and passes the account id of each member to the callable.
        derive: takes an account's keys and a region, makes a client for them, and returns that client's ListGraphs.
            None where the client has nothing to make per account and region.
    """

    calls: AsyncCalls
    walk: Callable[[str, Callable[[str], None]], Awaitable[None]]
    derive: Callable[[Keys, str], Awaitable[Callable[[], Awaitable[object]]]] | None = None


@dataclass(frozen=True)
class Contender:
    """A client in the comparison.

    Attributes:
        name: the name in tables.
        module: the module of this package that uses the client.
        package: the package that it imports; if it is not installed, the contender is absent.
        versions: the distributions whose versions matter to the figures.
        signs: whether it signs its requests.
        asynchronous: whether its calls are coroutines.
        times_are_text: whether it leaves timestamps as text.
        assumes_role: whether it sends an AssumeRole before its first call.
    """

    name: str
    module: str
    package: str
    versions: tuple[str, ...]
    signs: bool = True
    asynchronous: bool = True
    times_are_text: bool = False
    assumes_role: bool = False

    @property
    def client(self) -> str:
        """The name of the client, without the way of using it: the part before the comma."""
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
    "detective-async", "detective_async_client", "detective_async", ("detective-async", "attrs", "cattrs", "msgspec")
)
CAPO = Contender("capo-detective", "capo", "capo_detective", ("capo-detective", "zapros", "h11"))
AIOBOTOCORE = Contender("aiobotocore", "aiobotocore_client", "aiobotocore", ("aiobotocore", "botocore"))
BOTO3 = Contender("boto3", "boto3_client", "boto3", ("boto3", "botocore", "urllib3"), asynchronous=False)
CONTENDERS = (BASELINE, OURS, CAPO, AIOBOTOCORE, BOTO3)

ROLE = replace(OURS, name="detective-async, role", module="detective_async_role", assumes_role=True)
#: The contenders whose calls are measured one by one.
CALLERS = (BASELINE, OURS, ROLE, CAPO, AIOBOTOCORE, BOTO3)

FLEET = replace(OURS, module="detective_async_fleet")
#: The contenders that have `run_fleet`.
FLEET_CONTENDERS = (BASELINE, FLEET, replace(OURS, name="detective-async, no fleet"), AIOBOTOCORE)


async def pages(list_members: Callable[..., Awaitable[Any]], **request: Any) -> AsyncIterator[Any]:
    """Yield the pages of ListMembers, for the clients without a paginator for it.

    Args:
        list_members: takes the members of a request, and returns the answer under the API's names.
        **request: the members of the first request.
    """
    while True:
        page = await list_members(**request)
        yield page
        if "NextToken" not in page:
            return
        request["NextToken"] = page["NextToken"]


def absent(contenders: Iterable[Contender]) -> dict[str, str]:
    """Return the names of the contenders that are not installed, each with the reason."""
    return {
        one.name: f"the package {one.package} is not installed" for one in contenders if find_spec(one.package) is None
    }


def versions(contenders: Iterable[Contender]) -> dict[str, str]:
    """Return the versions of the installed distributions that the contenders use."""
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
