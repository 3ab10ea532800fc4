"""The callers of the soak test: the calls that they repeat, and the checks of the results."""

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
#: Seconds after which a call has failed to time out; its own timeouts end it long before.
_HANG_TIMEOUT = 120.0
_DAYS = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)

#: The errors that the faults lead to when all attempts fail.
_OF_FAULTS = {"TooManyRequestsException", "InternalServerException", "ConnectionLost", "AttemptTimeout", "DecodeError"}
#: The error of a signature with a wrong date.
_REFUSED = "InvalidSignatureException"
_CODES_OF_FAULTS = {"502", "ServiceUnavailable", "SlowDown"}

T = TypeVar("T")


class WrongError(Exception):
    """A result of a call that no fault explains."""


@define
class Tally:
    """The counts of all callers together.

    Attributes:
        calls: the number of finished calls.
        outcomes: outcome of a call -> number.
        attempts: outcome of an attempt -> number.
        jumps: how many times the simulator's clock has jumped.
        watchers: are called with the number of calls after each call.
    """

    calls: int = 0
    outcomes: Counter[str] = Factory(Counter)
    attempts: Counter[str] = Factory(Counter)
    jumps: int = 0
    watchers: list[Callable[[int], None]] = Factory(list)

    def count(self, outcome: str) -> None:
        self.calls += 1
        self.outcomes[outcome] += 1
        for watcher in self.watchers:
            watcher(self.calls)


_caller: ContextVar["Caller"] = ContextVar("_caller")


def watch(event: Event) -> None:
    """Record the outcome of an attempt for its caller; a hook of the client."""
    if isinstance(event, AttemptEvent):
        caller = _caller.get()
        caller.tally.attempts[event.error_code or "success"] += 1
        caller.record(event.error_code)


@define
class Caller:
    """The administrator of a graph in one region, which creates, uses and deletes it again and again.

    Args:
        client: the client that its own clients are derived from.
        keys: the keys of all accounts.
        admin: the account.
        region: the region.
        tally: the counts.

    Attributes:
        troubled: whether an attempt has failed since its graph certainly did not exist, so that the state is uncertain.
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
        """Count all later calls in this context as this caller's."""
        _caller.set(self)

    def record(self, error_code: str | None) -> None:
        """Record the outcome of an attempt."""
        self.troubled = self.troubled or error_code is not None
        self._gave_up = self._gave_up or error_code == "AttemptTimeout"
        self._refusals += error_code == _REFUSED

    async def run(self, calls: int) -> None:
        """Repeat until all callers together have made that many calls.

        Raises:
            WrongError: no fault explains the result of a call.
        """
        self.become_current()
        while self.tally.calls < calls:
            await self._run_once()
            if self._gave_up:
                # The simulator still carries out the attempts that timed out; they must not affect the next graph.
                await asyncio.sleep(LONG)
                self._gave_up = False

    async def _run_once(self) -> None:
        client = self._as(self.admin)
        graph = await self._call(client.create_graph(tags={"owner": self.admin}))
        if graph is None:
            return
        arn = graph.graph_arn
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
            returned = [one.account_id for one in created.members]
            returned += [one.account_id for one in created.unprocessed_accounts]
            self._check("CreateMembers", sorted(map(str, returned)) == self._members)
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
        # A real error of the service: this member is enabled already. A garbage answer may replace it.
        await self._call(client.start_monitoring_member(arn, self._members[0]), refused=ConflictException)

    async def _investigate(self, client: DetectiveClient, arn: str) -> None:
        entity = f"arn:aws:iam::{self.admin}:role/{self.region}"
        started = await self._call(client.start_investigation(arn, entity, *_DAYS))
        if started is None:
            return
        name = started.investigation_id
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
        """Return the answer, or None if the call failed in a way that the faults explain."""
        self._refusals = 0
        jumps = self.tally.jumps
        try:
            async with asyncio.timeout(_HANG_TIMEOUT):
                response = await call
        except TimeoutError:
            raise WrongError(f"a call does not end, after {self.tally.calls} calls") from None
        except DetectiveError as error:
            self._judge(error, refused, jumped=self.tally.jumps > jumps)
            return None
        except Exception as error:
            raise WrongError(f"not a DetectiveError: {error!r}") from error
        self.tally.count("answers")
        return response

    def _judge(self, error: DetectiveError, refused: type[ServiceError] | None, *, jumped: bool) -> None:
        kind = type(error).__name__
        code: Any = getattr(error, "code", kind)
        self.tally.count(kind if kind != "ServiceError" else f"ServiceError {code}")
        if kind in _OF_FAULTS or code in _CODES_OF_FAULTS or (refused is not None and isinstance(error, refused)):
            return
        # A call survives one jump of the clock, since it is sent again; only a second jump makes it fail.
        if code == _REFUSED and jumped and self._refusals > 1:
            return
        # After a failed attempt, an earlier change may have been made or not, so that a later one may fail.
        if isinstance(error, ResourceNotFoundException | ConflictException) and self.troubled:
            return
        raise WrongError(f"no fault explains {kind}: {error}") from error

    def _check(self, what: str, right: bool) -> None:
        if not right and not self.troubled:
            raise WrongError(f"{what} returned a wrong answer to {self.admin} in {self.region}")
