"""What plans and reports consist of: actions, problems and notes with reasons, results of accounts and graphs."""

import enum
from abc import abstractmethod
from collections import Counter
from typing import Any, NoReturn, Self

from attrs import evolve, frozen

from detective_async.api.models.base import TablesInNotebooks
from detective_async.api.models.members import MemberStatus
from detective_async.api.values import fields_to_dict
from detective_async.errors import printable

#: The number of failures in the text of a report.
_SHOWN = 20


class ActionKind(enum.StrEnum):
    """A kind of change, in the order in which the kinds are carried out."""

    ENABLE_ADMINISTRATOR = "enable administrator"  #: make an account the organization's Detective administrator
    CREATE_GRAPH = "create graph"  #: enable Detective
    TAG_GRAPH = "tag graph"  #: set tags of the graph
    START_PACKAGES = "start packages"  #: start data source packages
    SET_AUTO_ENABLE = "set auto-enable"  #: set whether accounts new to the organization become members automatically
    REMOVE = "remove"  #: remove a member that is not among the desired accounts, or is named to be removed
    #: remove a member whose e-mail address was not verified, and invite it with the address of the list
    REINVITE = "reinvite"
    INVITE = "invite"  #: invite an account
    #: enable an account of the organization, which needs no invitation; AWS invites one from outside
    ENABLE_MEMBER = "enable member"
    ACCEPT = "accept"  #: accept the invitation, as the member account
    START_MONITORING = "start monitoring"  #: try to enable a member that has accepted but is disabled
    DELETE_GRAPH = "delete graph"  #: disable Detective, for all members; only a teardown does this


class Reason(enum.StrEnum):
    """Why an action is planned, why something is not as wanted, or what a note is about."""

    NO_GRAPH = "no graph"  #: the account has no graph in the region
    NO_ADMINISTRATOR = "no administrator"  #: the organization has no Detective administrator in the region
    TAGS_DIFFER = "tags differ"  #: tags of the graph are missing or have other values
    PACKAGES_NOT_STARTED = "packages not started"  #: data source packages are not started
    AUTO_ENABLE_DIFFERS = "auto-enable differs"  #: the organization's setting for new accounts is another one
    NOT_IN_LIST = "not in list"  #: the member is not among the desired accounts
    TO_BE_REMOVED = "to be removed"  #: the member is one of those that are named to be removed
    NOT_A_MEMBER = "not a member"  #: the account is not a member
    ADDRESS_DIFFERS = "address differs"  #: the address that was not verified differs from that in the list
    INVITED = "invited"  #: the invitation was not accepted
    TEARDOWN = "teardown"  #: the teardown was asked for
    VERIFICATION_FAILED = "verification failed"  #: the e-mail address is not that of the account's root user
    #: AWS has not enabled the member, because the graph's data volume would be too high
    VOLUME_TOO_HIGH = "volume too high"
    VOLUME_UNKNOWN = "volume unknown"  #: AWS has not enabled the member, because its data volume is not known
    DISABLED = "disabled"  #: AWS has not enabled the member, for a reason that this release does not know
    NO_CREDENTIALS = "no credentials"  #: there are no credentials to accept the invitation with, or they do not work
    #: the account was invited instead of enabled, or is accepted for if it will be
    NOT_IN_ORGANIZATION = "not in organization"
    DECLINED = "declined"  #: the account was invited, and is no member any more
    UNKNOWN_STATUS = "unknown status"  #: the member has a status that this release does not know
    #: the credentials are those of another account than the administrator or member, or of an unknown one
    WRONG_ACCOUNT = "wrong account"
    WRONG_ADMINISTRATOR = "wrong administrator"  #: the organization's Detective administrator is another account
    #: the client's account is not the organization's Detective administrator, and nothing was given to designate it
    #: with
    NOT_ADMINISTRATOR = "not administrator"
    NOT_ORGANIZATION_GRAPH = "not organization graph"  #: the graph is not the organization's
    REMOVAL_NOT_CONFIRMED = "removal not confirmed"  #: more members would be removed than `max_removals` says
    #: a member is not removed, because its e-mail address is that of another account in the list
    SAME_ADDRESS = "same address"
    INVALID_ADDRESS = "invalid address"  #: the account's e-mail address is none that Detective accepts
    LIST_NOT_READ = "list not read"  #: members are not removed, because lines of the list could not be read
    NOT_PLANNED = "not planned"  #: an action has become necessary that the plan does not have; plan again
    TIMED_OUT = "timed out"  #: the time was over
    INTERRUPTED = "interrupted"  #: applying the plan was cancelled
    REFUSED = "refused"  #: AWS left the account unprocessed
    QUOTA_EXCEEDED = "quota exceeded"  #: a quota of AWS is exhausted, such as the number of members
    ACCESS_DENIED = "access denied"  #: AWS denied the access, or the role to assume
    REGION_UNAVAILABLE = "region unavailable"  #: Detective is not available to the account in the region
    KEYS_EXPIRED = "keys expired"  #: the credentials have expired
    #: AWS does not know the access keys, or Detective is not available to the account in the region
    UNKNOWN_KEYS = "unknown keys"
    NO_RESPONSE = "no response"  #: no response arrived
    FAILED = "failed"  #: another error
    OWN_ACCOUNT = "own account"  #: the administrator's own account is in the list; it needs no membership
    SUSPENDED = "suspended"  #: an account of the list is suspended, or is being closed
    #: an account of the list is not active for another reason, such as that it is being activated
    NOT_ACTIVE = "not active"
    LINE_CHANGED = "line changed"  #: a line of the list was read with a change
    MANY_MEMBERS = "many members"  #: the graph would have more members than AWS's default quota
    REGION_NOT_OPTED_IN = "region not opted in"  #: the account has not opted in to the region


#: The actions that remove a membership, of which each is for the one that the plan saw.
REMOVING = frozenset({ActionKind.REMOVE, ActionKind.REINVITE})
#: What people read, where it is not the name: that a membership is removed has to be said.
_WORDS = {ActionKind.REINVITE: "remove and invite again"}


@frozen
class PlainData:
    """Something that is also plain data."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, ready for JSON."""
        return fields_to_dict(self)


@frozen
class Action(PlainData):
    """One planned change.

    Attributes:
        kind: the kind of change.
        region: the region.
        account_id: the account; None if the action concerns the graph.
        reason: why it is necessary.
        detail: more about it in words, such as the member's status; may be empty.
        items: the keys of the tags, or the data source packages, that it is about.
    """

    kind: ActionKind
    region: str
    account_id: str | None = None
    reason: Reason | None = None
    detail: str = ""
    items: tuple[str, ...] = ()


@frozen
class Problem(PlainData):
    """Something that the plan cannot solve.

    Attributes:
        region: the region.
        account_id: the account; None if the problem concerns the whole region.
        text: what is wrong and what may help; contains no e-mail addresses.
        error: the error that caused it, or None.
        reason: what is wrong, for programs.
        number: with REMOVAL_NOT_CONFIRMED, the memberships that would be removed; with LIST_NOT_READ, the lines that
            could not be read; otherwise None.
    """

    region: str
    account_id: str | None
    text: str
    error: Exception | None = None
    reason: Reason = Reason.FAILED
    number: int | None = None


@frozen
class Note(PlainData):
    """Something that is worth knowing, and no problem.

    Attributes:
        reason: what it is about, for programs.
        text: the same in words; contains no e-mail addresses.
        region: the region; None if it concerns all of them.
        account_id: the account, or None.
    """

    reason: Reason
    text: str
    region: str | None = None
    account_id: str | None = None


@frozen(kw_only=True)
class Plan(TablesInNotebooks):
    """What all plans have in common: all of them is immutable but the reports of their applications."""

    def __copy__(self) -> Self:
        """Return a plan with reports of its own, for the same client."""
        return evolve(self)

    def __deepcopy__(self, _memo: object) -> Self:
        return evolve(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a plan cannot be pickled, because its client cannot: plan again")


@frozen
class Result(PlainData):
    """The result of something that was to be as wanted."""

    @property
    @abstractmethod
    def ok(self) -> bool:
        """Whether it is as wanted."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data, ready for JSON."""
        return {"ok": self.ok, **fields_to_dict(self)}


@frozen(kw_only=True)
class _Report(Result):
    """What the results of accounts and of graphs have in common."""

    region: str
    done: tuple[ActionKind, ...] = ()
    maybe_done: tuple[ActionKind, ...] = ()
    problem: str | None = None
    error: Exception | None = None
    reason: Reason | None = None

    @property
    def ok(self) -> bool:
        """Whether it is in its desired state; of a graph, regardless of its accounts."""
        return self.problem is None


@frozen(kw_only=True)
class AccountReport(_Report):
    """The result for one account in one region.

    Attributes:
        account_id: the account.
        region: the region.
        before: its status at the beginning; None if it was not a member.
        after: its status when last read; None if it is not a member, or its status could not be read.
        done: the actions that were carried out for it, in order; `remove` also if it is to be invited again, and only
            the removal was carried out.
        maybe_done: the actions of which it is not known whether they were carried out: they were in flight at the end,
            or no response arrived, and the account's state does not show their effect.
        problem: why it is not in its desired state; None if it is.
        error: the error that caused the problem, or None.
        reason: the problem for programs; None if there is none.
    """

    account_id: str
    before: MemberStatus | None = None
    after: MemberStatus | None = None


@frozen(kw_only=True)
class RegionReport(_Report):
    """The result for the graph of one region.

    Attributes:
        region: the region.
        graph_arn: the graph; None if there is none, or it could not be read.
        auto_enable: what auto-enable was set to; None if it was not set.
        done: the actions that were carried out on the graph, in order.
        maybe_done: the actions of which it is not known whether they were carried out: they were in flight at the end,
            or no response arrived, and the graph does not show their effect.
        problem: why it is not in its desired state; None if it is.
        error: the error that caused the problem, or None.
        reason: the problem for programs; None if there is none.
    """

    graph_arn: str | None = None
    auto_enable: bool | None = None


@frozen(kw_only=True)
class MembershipReport(Result, TablesInNotebooks):
    """The result of a membership plan.

    Attributes:
        rows: one for each account in each region that should be a member or should be removed.
        regions: one for each region.
        notes: those of the plan.
        administrator_id: the account as which the plan was applied; None if it is not known.
    """

    rows: tuple[AccountReport, ...]
    regions: tuple[RegionReport, ...]
    notes: tuple[Note, ...] = ()
    administrator_id: str | None = None

    @property
    def ok(self) -> bool:
        """Whether all accounts and all graphs are in their desired state."""
        return not self.failures and all(region.ok for region in self.regions)

    @property
    def failures(self) -> tuple[AccountReport, ...]:
        """The rows of the accounts that are not in their desired state."""
        return tuple(row for row in self.rows if not row.ok)

    def __str__(self) -> str:
        """Summarize actions and failures in a few lines."""
        done = Counter(kind for region in self.regions for kind in region.done)
        done.update(kind for row in self.rows for kind in row.done)
        bad = [region for region in self.regions if not region.ok]
        maybe = Counter(kind for region in self.regions for kind in region.maybe_done)
        maybe.update(kind for row in self.rows for kind in row.maybe_done)
        parts = [_totals(done)] if done else []
        parts += [f"not known whether it was done: {_totals(maybe)}"] if maybe else []
        parts += [
            f"auto-enable is {setting} now"
            for setting, is_on in (("on", True), ("off", False))
            if any(region.auto_enable is is_on for region in self.regions)
        ]
        nothing = "nothing was done" if bad or self.failures else "nothing had to be done"
        if self.rows:
            good = f"{len(self.rows) - len(self.failures)} of {len(self.rows)} memberships in "
        else:
            good = f"{len(self.regions) - len(bad)} of "
        verb = "is" if not self.rows and len(self.regions) == 1 else "are"
        lines = [f"{good}{count(len(self.regions), 'region')} {verb} as wanted; {'; '.join(parts) or nothing}"]
        lines += [f"  {region.region}: {region.problem}" for region in bad]
        # A region's problem is shown once, and not again for each of its accounts for which nothing was done.
        shown = {(region.region, region.problem) for region in bad}
        rows = [row for row in self.failures if row.done or (row.region, row.problem) not in shown]
        # Ids of accounts that were removed are from responses.
        lines += [printable(f"  {row.region} {row.account_id}: {row.problem}") for row in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            lines.append(f"  ... and {len(rows) - _SHOWN} more")
        return "\n".join(lines)


@frozen(kw_only=True)
class TeardownReport(Result, TablesInNotebooks):
    """The result of a teardown.

    Attributes:
        regions: one for each region that had a graph, or whose graph could not be read.
    """

    regions: tuple[RegionReport, ...]

    @property
    def ok(self) -> bool:
        """Whether no graph remains."""
        return not self.failures

    @property
    def failures(self) -> tuple[RegionReport, ...]:
        """The regions in which a graph may remain."""
        return tuple(region for region in self.regions if not region.ok)

    def __str__(self) -> str:
        """Summarize deletions and failures in a few lines."""
        deleted = [region for region in self.regions if ActionKind.DELETE_GRAPH in region.done]
        maybe = sum(bool(region.maybe_done) for region in self.regions)
        also = f"; {count(maybe, 'graph')} of which it is not known whether it is gone" if maybe else ""
        unread = sum(region.graph_arn is None for region in self.failures)
        also += f"; {count(unread, 'region')} not looked at, where there may be more" if unread else ""
        lines = [f"{count(len(deleted), 'graph')} gone{also}"]
        lines += [f"  {region.region}: {region.problem}" for region in self.failures]
        return "\n".join(lines)


def _totals(numbers: Counter[ActionKind]) -> str:
    return ", ".join(f"{_WORDS.get(kind, kind)}: {numbers[kind]}" for kind in ActionKind if numbers[kind])


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 graph`, `2 graphs`."""
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"
