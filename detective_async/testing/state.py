"""What the simulated service remembers: plain data, without behaviour of its own."""

from bisect import bisect_left, insort
from datetime import datetime

from attrs import define, field, frozen

CORE_PACKAGE = "DETECTIVE_CORE"

# Per data source package and ingest state: when that state began last.
History = dict[str, dict[str, datetime]]


@frozen
class Role:
    """An IAM role of an account, and who may assume it.

    Args:
        trusted: the ids of the accounts that may.
        external_id: what they must say to be let in, if anything.
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
    """A role in use, under the name that whoever assumed it has chosen."""

    role: Role
    name: str


@frozen
class Key:
    """One access key: whose it is, and what must come with it; without a session it is a user's."""

    account_id: str
    secret: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    session: Session | None = None


@define
class Account:
    """An AWS account that the simulator knows: its root e-mail address decides whether an invitation verifies."""

    account_id: str
    email: str
    # VOLUME_TOO_HIGH or VOLUME_UNKNOWN keep it from being enabled.
    volume_problem: str | None = None


@define
class Member:
    """An account's membership of one graph."""

    account_id: str
    email: str
    status: str
    invitation_type: str
    invited_at: datetime | None
    updated_at: datetime
    disabled_reason: str | None = None
    ingest: History = field(factory=dict)
    # When its e-mail address is verified; of interest until then.
    verifies_at: datetime | None = None


@define
class Investigation:
    """One investigation; how far it is follows from the time."""

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
        """Return RUNNING, or what it came to."""
        return "RUNNING" if now < self.finishes else self.outcome


@define
class Graph:
    """A behavior graph: its members are kept in the order of their account ids, so that a page has a place."""

    arn: str
    region: str
    administrator: str
    created: datetime
    tags: dict[str, str] = field(factory=dict)
    # Package -> its ingest state now; and when each state began.
    packages: dict[str, str] = field(factory=dict)
    history: History = field(factory=dict)
    investigations: dict[str, Investigation] = field(factory=dict)
    members: dict[str, Member] = field(factory=dict)
    order: list[str] = field(factory=list, repr=False)
    # The management account of the organization that it belongs to.
    organization: str | None = None
    auto_enable: bool = False

    def add(self, member: Member) -> None:
        """Take in a member."""
        insort(self.order, member.account_id)
        self.members[member.account_id] = member

    def remove(self, account_id: str) -> None:
        """Let a member go."""
        del self.members[account_id]
        del self.order[bisect_left(self.order, account_id)]


@frozen
class Administrator:
    """The account that administers Detective for an organization in one region."""

    account_id: str
    since: datetime


@define
class Organization:
    """An organization in AWS Organizations."""

    management_account: str
    accounts: set[str]
    # The delegated administrator, which outlives the administrator's removal from a region.
    delegated: str | None = None
    administrators: dict[str, Administrator] = field(factory=dict)
