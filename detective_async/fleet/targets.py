"""Where a fleet's work is done: an account in a region, with the credentials for it."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice

from attrs import Factory, field, frozen

from detective_async.api.models.constraints import ACCOUNT_ID, Distinct, Integer, Text, as_list
from detective_async.auth import CredentialsProvider, CredentialsSource
from detective_async.client.assume_role import AssumeRole
from detective_async.errors import ParameterError
from detective_async.settings import endpoints

_REGION = Text(1, 63, r"(?!-)[A-Za-z0-9-]+(?<!-)", "a region name, such as eu-west-1")
_ROLE_NAME = Text(
    1, 576, r"(?!/|arn:)([!-~]+/)?[\w+=,.@-]{1,64}", "a role's name, with its path if it has one (path/NAME)"
)

#: So many accounts are gone through region by region, before the next ones.
_ACCOUNTS_AT_A_TIME = 64


@frozen
class Target:
    """An account in a region.

    Args:
        account_id: 12 digits, as a string: what the target is called in outcomes. Which account is really asked is up
            to the credentials.
        region: such as `eu-west-1`.
        credentials: whatever a client takes as `credentials`. None takes those of the fleet.

    Raises:
        ParameterError: the account id or the region is malformed.
    """

    account_id: str
    region: str
    credentials: CredentialsSource | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        ACCOUNT_ID(self.account_id, "account_id")
        _REGION(self.region, "region")

    def __str__(self) -> str:
        return f"{self.account_id} in {self.region}"


@frozen(eq=False)
class RoleTargets:
    """Every account in every region, by a role that has the same name in all of them.

    The roles are made as the targets are taken, one for an account, which its regions share: it is assumed once.

    Args:
        role_name: its name, with its path if it has one.
        account_ids: whose role.
        regions: all of one partition.
        sts_region: whose STS is asked; one and the same for all, because a target's own may not be opted in to. None,
            or one of another partition, takes the first of `regions`.
        source: who assumes the roles; None takes the fleet's credentials.
        session_name: see `AssumeRole`, as for the following.
        external_id: as above.
        duration: as above.

    Raises:
        ParameterError: an argument is malformed, or a list empty or with something in it twice.
    """

    role_name: str
    account_ids: Sequence[str] = field(converter=as_list)
    regions: Sequence[str] = field(converter=as_list)
    sts_region: str | None = None
    source: CredentialsProvider | None = field(default=None, repr=False)
    session_name: str | None = None
    external_id: str | None = field(default=None, repr=False)
    duration: int = 3600
    _roles: dict[str, AssumeRole] = field(init=False, repr=False, default=Factory(dict))

    def __attrs_post_init__(self) -> None:
        _ROLE_NAME(self.role_name, "role_name")
        Distinct(ACCOUNT_ID)(self.account_ids, "account_ids")
        Distinct(endpoints.check_region)(self.regions, "regions")
        first = self.regions[0]
        for index, region in enumerate(self.regions):
            if endpoints.partition_of(region) != endpoints.partition_of(first):
                problem = f"{region} and {first} are in different partitions of AWS: make a fleet for each"
                raise ParameterError(f"regions[{index}]", problem)
        if self.sts_region is None or endpoints.partition_of(self.sts_region) != endpoints.partition_of(first):
            # A frozen class is written to in this way.
            object.__setattr__(self, "sts_region", first)
        # The first one tells whether the rest of the arguments is in order, before anything is sent.
        self._role(self.account_ids[0])

    def __len__(self) -> int:
        return len(self.account_ids) * len(self.regions)

    def __iter__(self) -> Iterator[Target]:
        # Not account by account: all regions of a few would wait for the roles of these, and others not be asked for.
        for start in range(0, len(self.account_ids), _ACCOUNTS_AT_A_TIME):
            for region in self.regions:
                for account_id in self.account_ids[start : start + _ACCOUNTS_AT_A_TIME]:
                    yield Target(account_id, region, self._role(account_id))

    def _role(self, account_id: str) -> AssumeRole:
        if account_id not in self._roles:
            self._roles[account_id] = AssumeRole(
                f"arn:{endpoints.partition_of(self.regions[0])}:iam::{account_id}:role/{self.role_name}",
                source=self.source,
                session_name=self.session_name,
                external_id=self.external_id,
                duration=self.duration,
                region=self.sts_region,
            )
        return self._roles[account_id]


class Once:
    """The targets of an iterator: whoever comes second would get what the first one left, and not know.

    Args:
        targets: what to iterate over.

    Raises:
        RuntimeError: while iterating: they were taken already.
    """

    def __init__(self, targets: Iterator[Target]) -> None:
        self._targets: Iterator[Target] | None = targets

    def __iter__(self) -> Iterator[Target]:
        targets, self._targets = self._targets, None
        if targets is None:
            raise RuntimeError("the targets were an iterator and were taken already: make the fleet of a list")
        return targets


class Shard:
    """Every n-th of the targets, so that n machines that have the same ones share them out.

    Args:
        targets: what is shared out.
        index: whose part: 0 to `count` - 1.
        count: how many parts.

    Raises:
        ParameterError: a number is out of range.
    """

    def __init__(self, targets: Iterable[Target], index: int, count: int) -> None:
        Integer(1)(count, "count")
        Integer(0, count - 1)(index, "index")
        self._targets = targets
        self._index = index
        self._count = count

    def __iter__(self) -> Iterator[Target]:
        return islice(self._targets, self._index, None, self._count)

    def count(self) -> int | None:
        """Tell how many there are; None where nobody knows without taking them."""
        whole = count_of(self._targets)
        return None if whole is None else len(range(self._index, whole, self._count))


def count_of(targets: Iterable[Target]) -> int | None:
    """Tell how many there are; None where nobody knows without taking them."""
    if isinstance(targets, Shard):
        return targets.count()
    return len(targets) if isinstance(targets, Sized) else None


def checked(targets: Iterable[Target]) -> Iterator[Target]:
    """Give them one after the other.

    Raises:
        ParameterError: one is none.
    """
    for index, target in enumerate(targets):
        if not isinstance(target, Target):
            raise ParameterError(f"targets[{index}]", f"expected a Target, got {type(target).__name__}")
        yield target
