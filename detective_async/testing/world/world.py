"""The whole simulated world: its accounts, keys, graphs and organizations, and the verifications that are pending."""

import hashlib
import heapq
import random
from base64 import b32encode, b64encode
from datetime import datetime, timedelta
from typing import Any

from attrs import define, field

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
class World:
    """The complete state of the services. It has no clock: each change takes the time as an argument."""

    random: random.Random
    verification_delay: timedelta = timedelta(0)
    accounts: dict[str, Account] = field(factory=dict)
    keys: dict[str, Key] = field(factory=dict)
    # By account and name.
    roles: dict[tuple[str, str], Role] = field(factory=dict)
    graphs: dict[str, Graph] = field(factory=dict)
    closed_regions: set[str] = field(factory=set)
    investigations: InvestigationPlan = field(factory=InvestigationPlan)
    # Management account -> its organization, and the same by each account in it.
    organizations: dict[str, Organization] = field(factory=dict)
    organization_of: dict[str, Organization] = field(factory=dict)
    _administered: dict[tuple[str, str], Graph] = field(factory=dict)
    # (account, region) -> the graphs that it is a member of.
    _memberships: dict[tuple[str, str], dict[str, Graph]] = field(factory=dict)
    _verifications: list[tuple[datetime, int, Graph, Member]] = field(factory=list)
    _count: int = 0

    def register(self, account_id: str, email: str | None = None, name: str | None = None) -> Credentials:
        """Register an account if necessary, and return its long-term credentials, which are derived from its id."""
        account = self.accounts.get(account_id)
        if account is None:
            account = Account(account_id, f"account-{account_id}@example.com", f"account-{account_id}")
            self.accounts[account_id] = account
        account.email = email or account.email
        account.name = name or account.name
        digest = hashlib.sha256(account_id.encode()).digest()
        key_id = f"AKIA{b32encode(digest)[:16].decode()}"
        secret = b64encode(hashlib.sha256(b"secret" + digest).digest())[:40].decode()
        self.keys[key_id] = Key(account_id, secret)
        return Credentials(key_id, secret, account_id=account_id)

    def add_role(self, role: Role) -> None:
        """Create or replace a role."""
        self.register(role.account_id)
        self.roles[role.account_id, role.name] = role

    def issue(self, account_id: str, expires_at: datetime, session: Session | None = None) -> Credentials:
        """Issue temporary credentials of an account's user or, with a session, of a role."""
        self.register(account_id)
        key_id = f"ASIA{b32encode(self.random.randbytes(10)).decode()}"
        secret = b64encode(self.random.randbytes(30)).decode()
        token = b64encode(self.random.randbytes(60)).decode()
        self.keys[key_id] = Key(account_id, secret, token, expires_at, session)
        return Credentials(key_id, secret, token, expires_at, account_id)

    def ensure_graph(self, account_id: str, region: str, now: datetime, graph_id: str | None = None) -> Graph:
        """Return the graph that an account administers in a region; create it if there is none."""
        graph = self._administered.get((account_id, region))
        if graph is None:
            name = graph_id or self.random.randbytes(16).hex()
            arn = f"arn:{partition_of(region)}:detective:{region}:{account_id}:graph:{name}"
            graph = Graph(arn, region, account_id, now)
            for package in PACKAGES:
                state = "STARTED" if package == CORE_PACKAGE else "DISABLED"
                graph.packages[package] = state
                graph.history[package] = {state: now}
            organization = self.organization_of.get(account_id)
            administrator = organization.administrators.get(region) if organization else None
            if organization and administrator and administrator.account_id == account_id:
                graph.organization = organization.management_account
            self.graphs[arn] = self._administered[account_id, region] = graph
        return graph

    def delete_graph(self, graph: Graph) -> None:
        """Delete a graph and all memberships of it."""
        for account_id in list(graph.members):
            self.leave(graph, account_id)
        del self.graphs[graph.arn]
        del self._administered[graph.administrator, graph.region]

    def administered(self, account_id: str, region: str) -> Graph | None:
        """Return the graph that an account administers in a region."""
        return self._administered.get((account_id, region))

    def memberships(self, account_id: str, region: str) -> dict[str, Graph]:
        """Return the graphs that an account is a member of in a region, by ARN."""
        return self._memberships.get((account_id, region), {})

    def join(self, graph: Graph, member: Member) -> None:
        """Make an account a member of a graph."""
        graph.add(member)
        self._memberships.setdefault((member.account_id, graph.region), {})[graph.arn] = graph

    def leave(self, graph: Graph, account_id: str) -> None:
        """End an account's membership of a graph."""
        graph.remove(account_id)
        graphs = self._memberships[account_id, graph.region]
        del graphs[graph.arn]
        if not graphs:
            del self._memberships[account_id, graph.region]

    def schedule_verification(self, graph: Graph, member: Member, due: datetime) -> None:
        """Schedule the verification of an invitation."""
        self._count += 1
        member.verifies_at = due
        heapq.heappush(self._verifications, (due, self._count, graph, member))

    def complete_verifications(self, now: datetime) -> None:
        """Complete the verifications that are due."""
        while self._verifications and self._verifications[0][0] <= now:
            due, _, graph, member = heapq.heappop(self._verifications)
            # The member may have been removed in the meantime, and invited again.
            if graph.members.get(member.account_id) is member and member.status == "VERIFICATION_IN_PROGRESS":
                account = self.accounts.get(member.account_id)
                verified = account is None or account.email.casefold() == member.email.casefold()
                member.status = "INVITED" if verified else "VERIFICATION_FAILED"
                member.updated_at = due

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
