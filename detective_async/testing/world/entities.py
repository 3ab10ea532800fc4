"""The entities of the simulated world: accounts, roles, keys, graphs, members, investigations, organizations."""

from bisect import bisect_left, insort
from datetime import datetime, timedelta
from typing import Any

from attrs import define, evolve, field, frozen

CORE_PACKAGE = "DETECTIVE_CORE"

# The phases of an account's life, in AWS Organizations' terms.
ACCOUNT_STATES = ("PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED")

# Data source package -> ingest state -> the last time that the state began.
History = dict[str, dict[str, datetime]]


@frozen
class Role:
    """An IAM role of an account.

    Args:
        trusted: the ids of the accounts that may assume it.
        external_id: the ExternalId that they must give, if any.
        max_session_duration: in seconds.
    """

    account_id: str
    name: str
    path: str
    trusted: frozenset[str]
    external_id: str | None
    max_session_duration: int


@frozen
class Session:
    """A session of an assumed role."""

    role: Role
    name: str


@frozen
class Key:
    """One access key, of a role session or, without one, of a user."""

    account_id: str
    secret: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    session: Session | None = None
    # By how much the virtual time was ahead of the wall clock when `expires_at` was set; negative if it was behind.
    ahead: timedelta = timedelta(0)


@define
class Account:
    """A registered AWS account: an invitation verifies only if it was sent to the account's root e-mail address."""

    account_id: str
    email: str
    name: str
    # One of ACCOUNT_STATES.
    state: str = "ACTIVE"
    # VOLUME_TOO_HIGH or VOLUME_UNKNOWN: the account cannot be enabled.
    volume_problem: str | None = None
    # The regions that it has not opted in to, beside those that are closed to all.
    closed_regions: set[str] = field(factory=set)

    def __deepcopy__(self, _memo: dict[int, Any]) -> "Account":
        return evolve(self, closed_regions=set(self.closed_regions))


@frozen
class Member:
    """An account's membership of one graph. It is replaced, never changed: what is read late has the earlier one."""

    account_id: str
    email: str
    status: str
    invitation_type: str
    invited_at: datetime | None
    updated_at: datetime
    disabled_reason: str | None = None
    ingest: History = field(factory=dict)
    # When the verification ends, while it is in progress.
    verifies_at: datetime | None = None
    # Whether any e-mail address verifies: nothing was known about the account when it was invited.
    any_address: bool = False
    # When the check of its data volume ends, while it is in progress.
    checked_at: datetime | None = None


@frozen
class Investigation:
    """One investigation; its status follows from the time. It is replaced, never changed, like a `Member`."""

    investigation_id: str
    entity_arn: str
    scope_start: datetime
    scope_end: datetime
    created: datetime
    finishes: datetime
    outcome: str
    severity: str
    state: str = "ACTIVE"

    def status(self, now: datetime) -> str:
        """Return RUNNING, or the outcome once it has finished."""
        return "RUNNING" if now < self.finishes else self.outcome


@define
class Graph:
    """A behavior graph. `order` has the account ids of its members in ascending order, as pagination needs them."""

    arn: str
    region: str
    administrator: str
    created: datetime
    tags: dict[str, str] = field(factory=dict)
    # Package -> its present ingest state.
    packages: dict[str, str] = field(factory=dict)
    history: History = field(factory=dict)
    investigations: dict[str, Investigation] = field(factory=dict)
    members: dict[str, Member] = field(factory=dict)
    order: list[str] = field(factory=list, repr=False)
    # Package -> when it will be STARTED.
    starting: dict[str, datetime] = field(factory=dict)
    # The management account of the organization that it belongs to.
    organization: str | None = None
    auto_enable: bool = False
    # When it ceases to exist, while it is queued to be deleted.
    deleted_at: datetime | None = None

    def add(self, member: Member) -> None:
        """Add a member."""
        insort(self.order, member.account_id)
        self.members[member.account_id] = member

    def remove(self, account_id: str) -> None:
        """Remove a member."""
        del self.members[account_id]
        del self.order[bisect_left(self.order, account_id)]

    def change(self, member: Member, **changes: Any) -> Member:
        """Replace a member by one with other values, and return that."""
        changed = self.members[member.account_id] = evolve(member, **changes)
        return changed

    def set_package(self, package: str, state: str, now: datetime) -> None:
        """Change the ingest state of a data source package, for the graph and for each of its enabled members."""
        self.packages[package] = state
        self.starting.pop(package, None)
        self.history = with_state(self.history, package, state, now)
        for member in list(self.members.values()):
            if member.status == "ENABLED":
                self.change(member, ingest=with_state(member.ingest, package, state, now))

    def copy(self) -> "Graph":
        """Return a copy that keeps the present state when this graph changes."""
        return evolve(
            self,
            tags=dict(self.tags),
            packages=dict(self.packages),
            starting=dict(self.starting),
            investigations=dict(self.investigations),
            members=dict(self.members),
            order=list(self.order),
            history=dict(self.history),
        )

    def __deepcopy__(self, _memo: dict[int, Any]) -> "Graph":
        return self.copy()


def with_state(history: History, package: str, state: str, now: datetime) -> History:
    """Return a history in which a package has got a state."""
    return {**history, package: {**history.get(package, {}), state: now}}


@frozen
class Administrator:
    """The account that administers Detective for an organization in one region."""

    account_id: str
    since: datetime


@define
class Organization:
    """An organization in AWS Organizations."""

    management_account: str
    # Account -> when it joined.
    accounts: dict[str, datetime]
    # The delegated administrator; removing the administrator of a region does not end the delegation.
    delegated: str | None = None
    delegated_since: datetime | None = None
    # The region of the first delegation, and when other regions can follow.
    settling_region: str | None = None
    settles_at: datetime | None = None
    # By region. In AWS this is Detective's, and everything above is AWS Organizations'.
    administrators: dict[str, Administrator] = field(factory=dict)

    def __deepcopy__(self, _memo: dict[int, Any]) -> "Organization":
        return evolve(self, accounts=dict(self.accounts), administrators=dict(self.administrators))
