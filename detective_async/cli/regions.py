"""The regions that have Detective, as botocore lists them."""

import asyncio

from detective_async.errors import ConfigurationError
from detective_async.settings.endpoints import partition_of


def known_regions(partition: str) -> list[str]:
    """Return the regions of a partition that have Detective, in alphabetical order; reads files."""
    # A fifth of a second, and not needed by other commands.
    from botocore.session import Session  # noqa: PLC0415

    return sorted(Session().get_available_regions("detective", partition))


async def all_regions(region: str) -> list[str]:
    """Return all regions of a region's partition that have Detective, opted in or not.

    Raises:
        ConfigurationError: botocore knows none.
    """
    partition = partition_of(region)
    found = await asyncio.to_thread(known_regions, partition)
    if not found:
        raise ConfigurationError(f"botocore knows no region of the partition {partition} that has Detective: name some")
    return found
