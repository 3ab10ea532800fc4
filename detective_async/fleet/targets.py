"""A fleet's targets: accounts in regions, with their credentials."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice

from attrs import Factory, field, frozen

from detective_async.api.models.constraints import ACCOUNT_ID, DistinctItems, Integer, Text, list_if_iterable
from detective_async.auth import CredentialsProvider, CredentialsSource
from detective_async.client.assume_role import AssumeRole
from detective_async.errors import ParameterError
from detective_async.settings import endpoints

_ROLE_NAME = Text(
    1, 576, r"(?!/|arn:)([!-~]+/)?[\w+=,.@-]{1,64}", "a role's name, with its path if it has one (path/NAME)"
)

#: Accounts per round: the targets of a round go region by region.
_ACCOUNTS_PER_ROUND = 64


@frozen
class Target:
    """An account in a region.

    Args:
        account_id: 12 digits, as a string. It identifies the target in outcomes; the credentials decide which account
            is actually called.
        region: such as `eu-west-1`.
        credentials: anything that a client accepts as `credentials`. None uses the fleet's credentials.

    Raises:
        ParameterError: the account id or the region is malformed.
    """

    account_id: str
    region: str
    credentials: CredentialsSource | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        ACCOUNT_ID(self.account_id, "account_id")
        endpoints.check_region_label(self.region, "region")

    def __str__(self) -> str:
        return f"{self.account_id} in {self.region}"


@frozen(eq=False)
class RoleTargets:
    """Every account in every region, by a role that has the same name in all accounts.

    Each account's role provider is created with its first target and shared by its regions, so that the role is
    assumed once per account. The arguments are those of `DetectiveFleet.assume_role`.

    Args:
        sts_region: the region whose STS is called for all roles: an account may not have opted in to the target's own
            region. None, or a region of another partition, uses the first of `regions` that needs no opt-in, else the
            region that every account has.

    Raises:
        ParameterError: an argument is malformed, or a list is empty or contains duplicates.
    """

    role_name: str
    account_ids: Sequence[str] = field(converter=list_if_iterable)
    regions: Sequence[str] = field(converter=list_if_iterable)
    sts_region: str | None = None
    source: CredentialsProvider | None = field(default=None, repr=False)
    session_name: str | None = None
    external_id: str | None = field(default=None, repr=False)
    duration: int = 3600
    _roles: dict[str, AssumeRole] = field(init=False, repr=False, default=Factory(dict))

    def __attrs_post_init__(self) -> None:
        _ROLE_NAME(self.role_name, "role_name")
        DistinctItems(ACCOUNT_ID)(self.account_ids, "account_ids")
        DistinctItems(endpoints.check_region)(self.regions, "regions")
        first = self.regions[0]
        for index, region in enumerate(self.regions):
            if endpoints.partition_of(region) != endpoints.partition_of(first):
                problem = f"{region} and {first} are in different partitions of AWS: make a fleet for each"
                raise ParameterError(f"regions[{index}]", problem)
        if self.sts_region is None or endpoints.partition_of(self.sts_region) != endpoints.partition_of(first):
            everywhere = (region for region in self.regions if endpoints.needs_no_opt_in(region))
            # The class is frozen.
            object.__setattr__(self, "sts_region", next(everywhere, endpoints.home_region(first)))
        # Creating the first provider validates the remaining arguments.
        self._role(self.account_ids[0])

    def __len__(self) -> int:
        return len(self.account_ids) * len(self.regions)

    def __iter__(self) -> Iterator[Target]:
        # Not account by account: then all slots would wait for the roles of a few accounts, while no other role is
        # being assumed.
        for start in range(0, len(self.account_ids), _ACCOUNTS_PER_ROUND):
            for region in self.regions:
                for account_id in self.account_ids[start : start + _ACCOUNTS_PER_ROUND]:
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


class SingleUseTargets:
    """The targets of an iterator, for one run: a second run would silently get only what the first one left."""

    def __init__(self, targets: Iterator[Target]) -> None:
        self._targets: Iterator[Target] | None = targets

    def __iter__(self) -> Iterator[Target]:
        targets, self._targets = self._targets, None
        if targets is None:
            raise RuntimeError("the targets were an iterator and were taken already: make the fleet of a list")
        return targets


class Shard:
    """Every `count`-th target, beginning at `index`: `count` machines with the same targets divide the work."""

    def __init__(self, targets: Iterable[Target], index: int, count: int) -> None:
        Integer(1)(count, "count")
        Integer(0, count - 1)(index, "index")
        self._targets = targets
        self._index = index
        self._count = count

    def __iter__(self) -> Iterator[Target]:
        return islice(self._targets, self._index, None, self._count)

    def size(self) -> int | None:
        """Return the number of targets in this shard; None if it cannot be known without iterating."""
        total = target_count(self._targets)
        return None if total is None else len(range(self._index, total, self._count))


def target_count(targets: Iterable[Target]) -> int | None:
    """Return the number of targets; None if it cannot be known without iterating."""
    if isinstance(targets, Shard):
        return targets.size()
    return len(targets) if isinstance(targets, Sized) else None


def validated(targets: Iterable[Target]) -> Iterator[Target]:
    """Iterate over targets, and raise a `ParameterError` for an element that is none."""
    for index, target in enumerate(targets):
        if not isinstance(target, Target):
            raise ParameterError(f"targets[{index}]", f"expected a Target, got {type(target).__name__}")
        yield target
