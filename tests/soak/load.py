"""What the soak's callers do, over and over, and what they make of what comes back."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TypeVar

from attrs import Factory, define, field
from soak.server import LONG

from detective_async import (
    Account,
    AttemptEvent,
    ConflictException,
    Credentials,
    DetectiveClient,
    DetectiveError,
    ResourceNotFoundException,
    ServiceError,
)
from detective_async.events import Event

REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-southeast-2")
ADMINS = [f"1000000000{number:02}" for number in range(10)]
MEMBERS = {admin: [f"20000000{admin[-2:]}{number:02}" for number in range(8)] for admin in ADMINS}
EVERYBODY = [*ADMINS, *(member for members in MEMBERS.values() for member in members)]
#: Seconds after which a call is taken to hang; its own timeouts end it long before.
_PATIENCE = 120.0
_DAYS = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)

#: What the faults come to where the attempts do not suffice.
_OF_FAULTS = {"TooManyRequestsException", "InternalServerException", "ConnectionLost", "AttemptTimeout", "DecodeError"}
#: What becomes of a signature whose date is off.
_REFUSED = "InvalidSignatureException"
_CODES_OF_FAULTS = {"502", "ServiceUnavailable", "SlowDown"}

T = TypeVar("T")


class WrongError(Exception):
    """Something came of a call that no fault explains."""


@define
class Tally:
    """How the calls went, for all callers together.

    Attributes:
        calls: how many have ended.
        outcomes: how they ended, and how often.
        attempts: how their attempts ended, and how often.
        jumps: how many times the service's clock has jumped.
        watchers: are told the number of calls after each of them.
    """

    calls: int = 0
    outcomes: Counter[str] = Factory(Counter)
    attempts: Counter[str] = Factory(Counter)
    jumps: int = 0
    watchers: list[Callable[[int], None]] = Factory(list)

    def count(self, outcome: str) -> None:
        self.calls += 1
        self.outcomes[outcome] += 1
        for tell in self.watchers:
            tell(self.calls)


_caller: ContextVar["Caller"] = ContextVar("_caller")


def watch(event: Event) -> None:
    """Note which caller's attempts have failed; a hook of the client."""
    if isinstance(event, AttemptEvent):
        caller = _caller.get()
        caller.tally.attempts[event.error_code or "fine"] += 1
        caller.note(event.error_code)


@define
class Caller:
    """One who administers a graph in one region, and lives through its whole life again and again.

    Args:
        client: what its own clients are made from.
        keys: everybody's.
        admin: the account.
        region: the region.
        tally: where to count.

    Attributes:
        troubled: whether an attempt has failed since its graph was gone for certain, so that what was done is not.
    """

    client: DetectiveClient
    keys: Mapping[str, Credentials]
    admin: str
    region: str
    tally: Tally
    troubled: bool = False
    _gave_up: bool = False
    _refusals: int = 0
    _members: list[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._members = MEMBERS[self.admin]

    def become_current(self) -> None:
        """Have what is called from here on counted as this caller's."""
        _caller.set(self)

    def note(self, error_code: str | None) -> None:
        """Record how an attempt ended."""
        self.troubled = self.troubled or error_code is not None
        self._gave_up = self._gave_up or error_code == "AttemptTimeout"
        self._refusals += error_code == _REFUSED

    async def live(self, calls: int) -> None:
        """Go on until there were so many calls of all callers.

        Raises:
            WrongError: something came of a call that no fault explains.
        """
        self.become_current()
        while self.tally.calls < calls:
            await self._live_once()
            if self._gave_up:
                # What was given up is done later, and not in the next life if that waits for it.
                await asyncio.sleep(LONG)
                self._gave_up = False

    async def _live_once(self) -> None:
        client = self._as(self.admin)
        graph = await self._call(client.create_graph(tags={"owner": self.admin}))
        if graph is None:
            return
        arn = graph.graph_arn or ""
        self._check("CreateGraph", f":{self.region}:{self.admin}:graph:" in arn)
        await self._invite(client, arn)
        for member in self._members[:4]:
            await self._join(self._as(member), arn)
        await self._call(self._as(self._members[4]).reject_invitation(arn))
        await self._call(self._as(self._members[3]).disassociate_membership(arn))
        await self._describe(client, arn)
        await self._investigate(client, arn)
        await self._call(client.delete_members(arn, self._members[:6]))
        await self._call(client.delete_graph(arn))
        graphs = await self._call(client.list_graphs())
        self._check("ListGraphs", graphs is None or not graphs.graph_list)
        if graphs is not None and not graphs.graph_list:
            self.troubled = False

    async def _invite(self, client: DetectiveClient, arn: str) -> None:
        accounts = [Account(member, f"account-{member}@example.com") for member in self._members]
        created = await self._call(client.create_members(arn, accounts))
        if created is not None:
            told = [
                *(one.account_id for one in created.members),
                *(one.account_id for one in created.unprocessed_accounts),
            ]
            self._check("CreateMembers", sorted(map(str, told)) == self._members)
        for two in (self._members[:2], self._members[2:4]):
            found = await self._call(client.get_members(arn, two))
            self._check("GetMembers", found is None or [one.account_id for one in found.member_details] == two)
        page = await self._call(client.list_members(arn, max_results=5))
        self._check("ListMembers", page is None or [one.account_id for one in page.member_details] == self._members[:5])
        members = await self._call(client.iter_members(arn, page_size=3, prefetch=1).collect())
        self._check("the pages", members is None or [one.account_id for one in members] == self._members)

    async def _join(self, member: DetectiveClient, arn: str) -> None:
        invitations = await self._call(member.list_invitations())
        self._check(
            "ListInvitations", invitations is None or [one.graph_arn for one in invitations.invitations] == [arn]
        )
        await self._call(member.accept_invitation(arn))
        await self._call(member.batch_get_membership_datasources([arn]))

    async def _describe(self, client: DetectiveClient, arn: str) -> None:
        await self._call(client.tag_resource(arn, {"a": "1", "b": "2"}))
        await self._call(client.untag_resource(arn, ["a", "b"]))
        tags = await self._call(client.list_tags_for_resource(arn))
        self._check("ListTagsForResource", tags is None or tags.tags == {"owner": self.admin})
        await self._call(client.update_datasource_packages(arn, ["EKS_AUDIT"]))
        await self._call(client.iter_datasource_packages(arn, page_size=2).collect())
        await self._call(client.batch_get_graph_member_datasources(arn, self._members[:2]))
        # An error that is the service's own: this member has been enabled. Garbage may hide it.
        await self._call(client.start_monitoring_member(arn, self._members[0]), refused=ConflictException)

    async def _investigate(self, client: DetectiveClient, arn: str) -> None:
        entity = f"arn:aws:iam::{self.admin}:role/{self.region}"
        started = await self._call(client.start_investigation(arn, entity, *_DAYS))
        if started is None:
            return
        name = started.investigation_id or ""
        found = await self._call(client.get_investigation(arn, name))
        self._check("GetInvestigation", found is None or found.entity_arn == entity)
        await self._call(client.iter_indicators(arn, name, page_size=5).collect())
        await self._call(client.update_investigation_state(arn, name, "ARCHIVED"))
        listed = await self._call(client.list_investigations(arn))
        self._check(
            "ListInvestigations",
            listed is None or [one.investigation_id for one in listed.investigation_details] == [name],
        )

    def _as(self, account: str) -> DetectiveClient:
        return self.client.with_options(region=self.region, credentials=self.keys[account])

    async def _call(self, call: Awaitable[T], refused: type[ServiceError] | None = None) -> T | None:
        """Return the answer, or None where the call failed as calls do under these faults."""
        self._refusals = 0
        jumps = self.tally.jumps
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await call
        except TimeoutError:
            raise WrongError(f"a call hangs, after {self.tally.calls} calls") from None
        except DetectiveError as error:
            self._judge(error, refused, jumped=self.tally.jumps > jumps)
            return None
        except Exception as error:
            raise WrongError(f"not an error of ours: {error!r}") from error
        self.tally.count("answers")
        return answer

    def _judge(self, error: DetectiveError, refused: type[ServiceError] | None, *, jumped: bool) -> None:
        kind = type(error).__name__
        code: Any = getattr(error, "code", kind)
        self.tally.count(kind if kind != "ServiceError" else f"ServiceError {code}")
        if kind in _OF_FAULTS or code in _CODES_OF_FAULTS or (refused is not None and isinstance(error, refused)):
            return
        # A call gets over one jump of the clock: it is sent again, and only another jump can be in the way of that.
        if code == _REFUSED and jumped and self._refusals > 1:
            return
        # What was done unseen is not there to be done again, and what was not done is missed later.
        if isinstance(error, ResourceNotFoundException | ConflictException) and self.troubled:
            return
        raise WrongError(f"no fault leads to {kind}: {error}") from error

    def _check(self, what: str, right: bool) -> None:
        if not right and not self.troubled:
            raise WrongError(f"{what} gave a wrong answer to {self.admin} in {self.region}")
