"""The contenders of the job of many targets: one module each, so that one not installed stands in nobody's way.

Each module has `run(url, accounts, concurrency, tally)`, a coroutine function: it assumes the role of each account,
lists the graphs of each account and region, and the members of these, with no more requests at once than `concurrency`,
as the client's own documentation says, and tells the tally of every member.
"""

from contenders import Contender

BASELINE = Contender(
    "bare aiohttp", "bare_aiohttp", "aiohttp", ("aiohttp", "yarl", "multidict"), signs=False, times_are_text=True
)
OURS = Contender("detective-async", "ours", "detective_async", ("detective-async", "attrs", "cattrs"))
FLEET_CONTENDERS = (
    BASELINE,
    OURS,
    Contender("detective-async, no fleet", "ours_by_hand", "detective_async", OURS.versions),
    Contender("aiobotocore", "aiobotocore_clients", "aiobotocore", ("aiobotocore", "botocore")),
)
