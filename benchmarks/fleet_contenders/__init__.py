"""The contenders of the job of many targets: one module each, so that one not installed stands in nobody's way.

Each module has `run(url, accounts, concurrency, tally)`, a coroutine function: it assumes the role of each account,
lists the graphs of each account and region, and the members of these, with no more requests at once than `concurrency`,
as the client's own documentation says, and tells the tally of every member.
"""

from dataclasses import replace

from contenders import AIOBOTOCORE, BASELINE, OURS

FLEET = replace(OURS, module="ours")
FLEET_CONTENDERS = (
    BASELINE,
    FLEET,
    replace(OURS, name="detective-async, no fleet", module="ours_by_hand"),
    replace(AIOBOTOCORE, module="aiobotocore_clients"),
)
