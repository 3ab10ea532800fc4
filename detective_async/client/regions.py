"""The regions that have Detective, as botocore lists them, and what an error says of the region that it is from."""

import asyncio
import enum
from functools import cache

from detective_async.errors import ConfigurationError, HostNotFound, ServiceError
from detective_async.settings.endpoints import needs_no_opt_in, partition_of

#: The error code that AWS sends both if the account has not opted in to the region, and for keys that do not exist.
UNKNOWN_KEYS = "UnrecognizedClientException"
#: One of the API's common errors, and what STS says (IAM user guide, "Managing AWS STS in an AWS Region").
NOT_OPTED_IN = frozenset({"OptInRequired", "RegionDisabledException"})


class RegionFinding(enum.Enum):
    """What an error says of the region that it is from.

    Only `NOT_OPTED_IN` and `WITHOUT_DETECTIVE` mean that the account has nothing there: `is_closed`. After all others,
    the region has not been looked at, and may have a graph.
    """

    #: Nothing: an error that any region may have.
    NOTHING = enum.auto()
    #: The account has not opted in to the region.
    NOT_OPTED_IN = enum.auto()
    #: The region has no Detective.
    WITHOUT_DETECTIVE = enum.auto()
    #: The access keys do not exist, or, in a region to opt in to, it is not known whether the account has opted in.
    UNKNOWN_KEYS = enum.auto()
    #: The resolver does not know the host of a region that has Detective, or knows no names of AWS at all.
    HOST_NOT_FOUND = enum.auto()

    @property
    def is_closed(self) -> bool:
        """Whether the account has no Detective in the region, so that there is nothing to read."""
        return self in (RegionFinding.NOT_OPTED_IN, RegionFinding.WITHOUT_DETECTIVE)


def region_finding(
    error: BaseException | None,
    region: str | None = None,
    *,
    keys_accepted: bool = False,
    names_resolve: bool = False,
    has_detective: bool = True,
) -> RegionFinding:
    """Return what an error says of a region; pure.

    Args:
        error: of a call to Detective in the region.
        region: the region; None to know only what the error says by itself.
        keys_accepted: whether another region, or STS, has accepted the same access keys.
        names_resolve: whether the host of another region has responded, and the missing host is the region's own: not
            that of an endpoint URL or of FIPS.
        has_detective: whether botocore's list has the region, see `has_detective`. The host of such a region exists.
    """
    if isinstance(error, HostNotFound):
        is_absent = names_resolve and not has_detective
        return RegionFinding.WITHOUT_DETECTIVE if is_absent else RegionFinding.HOST_NOT_FOUND
    # Errors of AssumeRole are not ServiceErrors: they concern the region of the STS, usually a different one.
    if not isinstance(error, ServiceError):
        return RegionFinding.NOTHING
    if error.code in NOT_OPTED_IN:
        return RegionFinding.NOT_OPTED_IN
    if error.code != UNKNOWN_KEYS:
        return RegionFinding.NOTHING
    is_closed = keys_accepted and region is not None and not needs_no_opt_in(region)
    return RegionFinding.NOT_OPTED_IN if is_closed else RegionFinding.UNKNOWN_KEYS


def why_closed(error: BaseException | None) -> RegionFinding:
    """Return why a region is closed, of which a fleet's outcome says that it is; pure."""
    return RegionFinding.WITHOUT_DETECTIVE if isinstance(error, HostNotFound) else RegionFinding.NOT_OPTED_IN


async def has_detective(region: str) -> bool:
    """Return whether botocore lists the region as one that has Detective."""
    # In a thread: botocore reads files.
    return region in await asyncio.to_thread(_from_botocore, partition_of(region))


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
    return list(regions)


@cache
def _from_botocore(partition: str) -> tuple[str, ...]:
    # Imported on first use: the import would delay the start of programs that do not need it.
    from botocore.session import Session  # noqa: PLC0415

    # A session of its own reads no settings: only the list that botocore was released with.
    return tuple(sorted(Session().get_available_regions("detective", partition)))
