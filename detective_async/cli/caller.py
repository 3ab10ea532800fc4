"""Who calls, and the regions in which the credentials are of use."""

from attrs import evolve, frozen

from detective_async.cli.exits import CommandError
from detective_async.cli.options import Job
from detective_async.client.identity import caller_account
from detective_async.errors import HostNotFound, ServiceError
from detective_async.settings.endpoints import partition_of

#: What STS says of keys of another partition, or that do not exist.
_UNKNOWN_KEY = "InvalidClientTokenId"


@frozen
class Caller:
    """Who calls, and where.

    Attributes:
        job: the job in the regions of the credentials' partition, or in the one that STS was asked in if it has none.
        account_id: the account of the caller's own credentials; None if nobody had to ask.
        regions: the regions of the job that are of the credentials' partition.
        elsewhere: its other regions -> why they cannot be asked.
    """

    job: Job
    account_id: str | None
    regions: list[str]
    elsewhere: dict[str, str]


async def find_caller(job: Job, *, need_account: bool) -> Caller:
    """Ask STS who calls: in the configured region, and then in the first region of each other partition of the job.

    Args:
        job: the job.
        need_account: whether to ask also if that would tell nothing about regions.

    Raises:
        CredentialsError: there are no usable credentials.
        ServiceError: STS refused them.
        TransportError: STS sent no response.
    """
    names = await job.region_names()
    firsts: dict[str, str] = {}
    for name in (job.configured_region() or names[0], *names):
        firsts.setdefault(partition_of(name), name)
    if len(firsts) == 1 and not need_account:
        return Caller(job, None, names, {})
    account_id, region = await _ask(job, list(firsts.values()))
    partition = partition_of(region)
    regions = [name for name in names if partition_of(name) == partition]
    if regions == names:
        return Caller(job, account_id, names, {})
    elsewhere = {
        name: f"{name} is of another partition ({partition_of(name)}); these credentials are of {partition}"
        for name in names
        if name not in regions
    }
    return Caller(evolve(job, regions=tuple(regions) or (region,)), account_id, regions, elsewhere)


async def check_partition(job: Job) -> None:
    """Check that all regions of a job that changes something are of the credentials' partition.

    Raises:
        CommandError: they are not.
        CredentialsError: as `find_caller`, and so on.
    """
    caller = await find_caller(job, need_account=False)
    if caller.elsewhere:
        raise CommandError(f"{'; '.join(caller.elsewhere.values())}: nothing was done")


async def _ask(job: Job, regions: list[str]) -> tuple[str, str]:
    """Return the account, and the first of the regions whose STS knows the keys."""
    *others, last = regions
    for region in others:
        try:
            return await _account_in(job, region), region
        except (ServiceError, HostNotFound) as error:
            if isinstance(error, ServiceError) and error.code != _UNKNOWN_KEY:
                raise
    return await _account_in(job, last), last


async def _account_in(job: Job, region: str) -> str:
    async with job.client(region=region, credentials=job.own_credentials()) as client:
        return await caller_account(client)
