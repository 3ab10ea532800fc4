"""The whole simulated world: its accounts, keys, graphs and organizations, and the changes that are due later."""

import copy
import hashlib
import heapq
from base64 import b32encode, b64encode
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from attrs import define, evolve, field

from detective_async.auth.credentials import Credentials
from detective_async.testing.world.entities import (
    CORE_PACKAGE,
    Account,
    Graph,
    Key,
    Member,
    Organization,
    Role,
    Session,
)
from detective_async.testing.world.read_lag import ReadLag

#: Bytes a day from which on a graph gets no new members; from the user guide.
VOLUME_LIMIT = 10_000_000_000_000
#: The members that a graph has at most.
MEMBERS_PER_GRAPH = 1200
PACKAGES = ("ASFF_SECURITYHUB_FINDING", CORE_PACKAGE, "EKS_AUDIT")

_PARTITIONS = {
    "cn-": "aws-cn",
    "eu-isoe-": "aws-iso-e",
    "eusc-": "aws-eusc",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
}


def partition_of(region: str) -> str:
    """Return the partition that a region is in, such as `aws`."""
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


def unique_id(prefix: str, *names: str) -> str:
    """Return a unique id of IAM's form, such as `AIDA...`, derived from names."""
    return prefix + b32encode(hashlib.sha256("/".join(names).encode()).digest())[:17].decode()


@define
class InvestigationPlan:
    """The duration and result of the investigations that are started from now on."""

    duration: timedelta = timedelta(0)
    outcome: str = "SUCCESSFUL"
    severity: str = "HIGH"


@define
class Delays:
    """How long the services take for what they do after they have responded.

    Args:
        verification: from an invitation, or the enabling of an organization's account, to the end of its verification.
        activation: from a member's acceptance to the end of the check of its data volume.
        package: from the start of a data source package until it is STARTED.
        deletion: from DeleteGraph until the graph is gone.
        delegation: from an organization's first delegation until other regions can have one.
    """

    verification: timedelta = timedelta(0)
    activation: timedelta = timedelta(0)
    package: timedelta = timedelta(0)
    deletion: timedelta = timedelta(0)
    delegation: timedelta = timedelta(0)


@define
class World:
    """The complete state of the services. It has no clock: each change takes the time as an argument."""

    random: Random
    delays: Delays = field(factory=Delays)
    # Bytes a day that a graph takes in; accounts that would exceed them are not enabled.
    volume_limit: int = VOLUME_LIMIT
    accounts: dict[str, Account] = field(factory=dict)
    keys: dict[str, Key] = field(factory=dict)
    # For temporary keys alone: what else is random does not depend on how many of them there are.
    key_random: Random = field(factory=lambda: Random(0))  # noqa: S311
    # By account and name.
    roles: dict[tuple[str, str], Role] = field(factory=dict)
    graphs: dict[str, Graph] = field(factory=dict)
    closed_regions: set[str] = field(factory=set)
    investigations: InvestigationPlan = field(factory=InvestigationPlan)
    # Management account -> its organization, and the same by each account in it.
    organizations: dict[str, Organization] = field(factory=dict)
    organization_of: dict[str, Organization] = field(factory=dict)
    # (account, region) -> the ARN of the graph that it administers, and the ARNs of those that it is a member of.
    _administered: dict[tuple[str, str], str] = field(factory=dict)
    _memberships: dict[tuple[str, str], tuple[str, ...]] = field(factory=dict)
    reads: ReadLag = field(factory=ReadLag)
    # When disabled members that fit by then are enabled, if that is scheduled.
    pass_due: datetime | None = None
    _due: list[tuple[datetime, int, Callable[..., None], tuple[Any, ...]]] = field(factory=list)
    _count: int = 0

    def register(self, account_id: str, email: str | None = None, name: str | None = None) -> Credentials:
        """Register an account if necessary, and return its long-term credentials, which are derived from its id."""
        account = self.accounts.get(account_id)
        if account is None:
            account = Account(account_id, f"account-{account_id}@example.com", f"account-{account_id}")
            self.accounts[account_id] = account
        if email:
            account.email = email
            self._compare_addresses(account_id)
        account.name = name or account.name
        digest = hashlib.sha256(account_id.encode()).digest()
        key_id = f"AKIA{b32encode(digest)[:16].decode()}"
        secret = b64encode(hashlib.sha256(b"secret" + digest).digest())[:40].decode()
        self.keys[key_id] = Key(account_id, secret)
        return Credentials(key_id, secret, account_id=account_id)

    def _compare_addresses(self, account_id: str) -> None:
        """Let the invitations of an account that are being verified depend on their addresses."""
        # Verifications are due later, so there are none if nothing is: the search takes long in a large world.
        found = self._memberships.items() if self._due else ()
        for graph in [self.graphs[arn] for (name, _), arns in found if name == account_id for arn in arns]:
            if graph.members[account_id].any_address:
                graph.change(graph.members[account_id], any_address=False)

    def keep_keys(self, before: "World", now: datetime, ahead: timedelta) -> None:
        """Accept the keys of the world `before` this one too, but for those that have expired `now`.

        They are valid until the same time of the wall clock, which the virtual time `now` is `ahead` of. What has
        expired in this world already remains expired.
        """
        kept = {name: key for name, key in self.keys.items() if key.expires_at is not None and key.expires_at <= now}
        for name, key in (self.keys | before.keys).items():
            expires_at = key.expires_at
            if expires_at is None:
                kept[name] = key
            elif name not in kept and expires_at + ahead - key.ahead > now:
                kept[name] = evolve(key, expires_at=expires_at + ahead - key.ahead, ahead=ahead)
        self.keys = kept
        # Otherwise the next temporary keys would be those again that another account has.
        self.key_random = before.key_random

    def copy(self) -> "World":
        """Return a copy that no change of this world changes; members, keys and other immutable parts are shared."""
        # Large tables of immutable parts, which need no copies of their own.
        tables: tuple[dict[Any, Any], ...] = (self.keys, self.roles, self._administered, self._memberships)
        return copy.deepcopy(self, {id(one): dict(one) for one in tables})

    def add_role(self, role: Role) -> None:
        """Create or replace a role."""
        self.register(role.account_id)
        self.roles[role.account_id, role.name] = role

    def issue(
        self, account_id: str, expires_at: datetime, ahead: timedelta, session: Session | None = None
    ) -> Credentials:
        """Issue temporary credentials of an account's user or, with a session, of a role.

        The virtual time is `ahead` of the wall clock: clients, who compare with the latter, must not see them expire
        any sooner.
        """
        self.register(account_id)
        key_id = f"ASIA{b32encode(self.key_random.randbytes(10)).decode()}"
        secret = b64encode(self.key_random.randbytes(30)).decode()
        token = b64encode(self.key_random.randbytes(60)).decode()
        self.keys[key_id] = Key(account_id, secret, token, expires_at, session, ahead)
        return Credentials(key_id, secret, token, expires_at - min(ahead, timedelta(0)), account_id)

    def ensure_graph(self, account_id: str, region: str, now: datetime) -> Graph:
        """Return the graph that an account administers in a region; create it if there is none."""
        graph = self.administered(account_id, region)
        if graph is None:
            graph = self.create_graph(account_id, region, now)
            if self.delays.package:
                for package in PACKAGES:
                    graph.packages[package] = "DISABLED"
                    graph.history[package] = {"DISABLED": now}
                    self.start_package(graph, package, now)
        return graph

    def create_graph(self, account_id: str, region: str, now: datetime, graph_id: str | None = None) -> Graph:
        """Create a graph with all packages started, as the service does."""
        name = graph_id or self.random.randbytes(16).hex()
        arn = f"arn:{partition_of(region)}:detective:{region}:{account_id}:graph:{name}"
        graph = Graph(arn, region, account_id, now)
        for package in PACKAGES:
            graph.packages[package] = "STARTED"
            graph.history[package] = {"STARTED": now}
        organization = self.organization_of.get(account_id)
        administrator = organization.administrators.get(region) if organization else None
        if organization and administrator and administrator.account_id == account_id:
            graph.organization = organization.management_account
        self.graphs[arn] = graph
        self._administered[account_id, region] = arn
        return graph

    def start_package(self, graph: Graph, package: str, now: datetime, due: datetime | None = None) -> None:
        """Start a package of a graph, by default after the delay for packages."""
        graph.starting[package] = due = due or now + self.delays.package
        self.when_due(due, now, _complete_start, graph, package)

    def delete_graph(self, graph: Graph, now: datetime, due: datetime | None = None) -> None:
        """End all memberships of a graph at once, and delete it, by default after the delay for deletions."""
        if graph.deleted_at is None:
            for account_id in list(graph.members):
                self.leave(graph, account_id)
            # It may belong to no organization any more, and only an organization's graph enrolls accounts.
            graph.auto_enable = False
            graph.deleted_at = due or now + self.delays.deletion
            self.when_due(graph.deleted_at, now, _complete_deletion, graph)

    def forget_graph(self, graph: Graph) -> None:
        """Remove a graph, and the memberships of it."""
        for account_id in list(graph.members):
            self.leave(graph, account_id)
        del self.graphs[graph.arn]
        del self._administered[graph.administrator, graph.region]

    def administered(self, account_id: str, region: str) -> Graph | None:
        """Return the graph that an account administers in a region."""
        return self.graphs.get(self._administered.get((account_id, region), ""))

    def memberships(self, account_id: str, region: str) -> dict[str, Graph]:
        """Return the graphs that an account is a member of in a region, by ARN."""
        return {arn: self.graphs[arn] for arn in self._memberships.get((account_id, region), ())}

    def join(self, graph: Graph, member: Member) -> None:
        """Make an account a member of a graph."""
        graph.add(member)
        place = member.account_id, graph.region
        self._memberships[place] = (*self._memberships.get(place, ()), graph.arn)

    def leave(self, graph: Graph, account_id: str) -> None:
        """End an account's membership of a graph."""
        graph.remove(account_id)
        place = account_id, graph.region
        self._memberships[place] = tuple(arn for arn in self._memberships[place] if arn != graph.arn)
        if not self._memberships[place]:
            del self._memberships[place]

    def when_due(self, due: datetime, now: datetime, action: Callable[..., None], *arguments: Any) -> None:
        """Call `action(world, due, *arguments)` when it is due: at once, or later by `complete_due`.

        A function of a module, not one that holds the world or a graph: worlds are copied.
        """
        if due <= now:
            action(self, due, *arguments)
        else:
            self._count += 1
            heapq.heappush(self._due, (due, self._count, action, arguments))

    def complete_due(self, now: datetime) -> None:
        """Make the changes that are due, in their order."""
        while self._due and self._due[0][0] <= now:
            due, _, action, arguments = heapq.heappop(self._due)
            action(self, due, *arguments)
            self.record(due)

    def set_read_lag(self, now: datetime, lag: timedelta, operations: Iterable[str] | None = None) -> None:
        """Let operations, by default all that can, see changes so much later; those until now are seen at once."""
        self.reads.set(lag, operations, now)
        self.record(now)

    def record(self, now: datetime) -> None:
        """Note a change, for the operations that see it later."""
        self.reads.record(now, self.graphs, self.organizations, self._administered, self._memberships)

    def as_seen(self, moment: datetime) -> "World":
        """Return the world as it was at a moment, for reading only; what is not Detective's is as it is now."""
        state = self.reads.at(moment)
        organizations = {
            management: evolve(one, administrators=state.administrators.get(management, {}))
            for management, one in self.organizations.items()
        }
        return evolve(
            self,
            graphs=state.graphs,
            administered=state.administered,
            memberships=state.memberships,
            organizations=organizations,
        )

    def snapshot(self) -> dict[str, Any]:
        """Return the graphs with their members' statuses as plain data, for assertions and comparisons."""
        return {
            arn: {
                "administrator": graph.administrator,
                "members": {name: graph.members[name].status for name in graph.order},
                "packages": dict(graph.packages),
                "tags": dict(graph.tags),
            }
            for arn, graph in sorted(self.graphs.items())
        }


def _complete_start(_world: World, due: datetime, graph: Graph, package: str) -> None:
    if graph.starting.get(package) == due:
        graph.set_package(package, "STARTED", due)


def _complete_deletion(world: World, _due: datetime, graph: Graph) -> None:
    world.forget_graph(graph)
