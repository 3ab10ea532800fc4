"""detective-async: a fleet, and the stream of all its members."""

from collections.abc import Sequence

from tally import Tally
from world import REGIONS, ROLE_NAME, STS_REGION

from detective_async import DetectiveFleet


async def run_fleet(url: str, accounts: Sequence[str], concurrency: int, tally: Tally) -> None:
    """List all members; each role is assumed once, at its first use, with keys from the environment."""
    async with DetectiveFleet.assume_role(
        ROLE_NAME,
        accounts,
        REGIONS,
        concurrency=concurrency,
        region=STS_REGION,
        endpoint_url=url,
    ) as fleet:
        members = fleet.iter_members()
        async for target, member in members:
            name = f"{member.account_id} {member.graph_arn}"
            tally.add(target.account_id, target.region, name, member)
        for outcome in members.outcomes:
            outcome.result()
