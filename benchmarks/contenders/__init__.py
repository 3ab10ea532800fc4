"""The contenders: one module each, so that one that is not installed stands in nobody's way.

Each module has `open_calls(url)`, a context manager (asynchronous but for boto3) that opens one client, as the
client's own documentation says, and gives the operation's name -> a callable that makes the call.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Calls = Mapping[str, Callable[[], object]]
AsyncCalls = Mapping[str, Callable[[], Awaitable[object]]]


@dataclass(frozen=True)
class Contender:
    """Who takes part.

    Attributes:
        name: what readers call it.
        module: the module of this package that knows how to use it.
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


BASELINE = Contender(
    "bare aiohttp",
    "bare_aiohttp",
    "aiohttp",
    ("aiohttp", "yarl", "multidict"),
    signs=False,
    times_are_text=True,
)
CONTENDERS = (
    BASELINE,
    Contender("detective-async", "detective_async_client", "detective_async", ("detective-async", "attrs", "cattrs")),
    Contender("capo-detective", "capo", "capo_detective", ("capo-detective", "zapros", "h11")),
    Contender("aiobotocore", "aiobotocore_client", "aiobotocore", ("aiobotocore", "botocore")),
    Contender("boto3", "boto3_client", "boto3", ("boto3", "botocore", "urllib3"), asynchronous=False),
)
