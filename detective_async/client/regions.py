"""The regions that have Detective, as botocore lists them."""

import asyncio

from detective_async.errors import ConfigurationError


async def detective_regions(partition: str) -> list[str]:
    """Return the regions of a partition that have Detective, in alphabetical order.

    They include regions that have to be opted in to. botocore's list is as new as its release.

    Args:
        partition: as in ARNs: `aws`, `aws-us-gov`.

    Raises:
        ConfigurationError: botocore knows none.
    """
    # In a thread: botocore reads files.
    regions = await asyncio.to_thread(_from_botocore, partition)
    if not regions:
        raise ConfigurationError(f"botocore knows no region of the partition {partition} that has Detective")
    return regions


def _from_botocore(partition: str) -> list[str]:
    # Imported on first use: the import would delay the start of programs that do not need it.
    from botocore.session import Session  # noqa: PLC0415

    # A session of its own reads no settings: only the list that botocore was released with.
    return sorted(Session().get_available_regions("detective", partition))
