"""What planning and applying have in common: clients, a limit to the calls at once, patience, and words for errors."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import TypeVar

from attrs import Factory, define, field

from detective_async.api.models.exceptions import ConflictException
from detective_async.auth import CredentialsSource
from detective_async.client import polling
from detective_async.client.client import DetectiveClient
from detective_async.errors import AssumeRoleError, DetectiveError, ServiceError, TransportError
from detective_async.fleet.outcomes import OutcomeKind, kind_of
from detective_async.membership.actions import ActionKind
from detective_async.settings.clock import Clock

#: How many times something is tried, or looked at, again without anything having changed.
ROUNDS = 5
_GROWTH = 1.25

T = TypeVar("T")


class Hindrance(Exception):
    """Something stands in the way for which there is no error of the library's; its text says what."""


@define(eq=False)
class Job:
    """A piece of work in the name of one administrator account.

    Attributes:
        client: the administrator's.
        concurrency: how many calls may be under way at once.
        gate: entered for each call; not by way of the client, whose timeouts would count the wait.
        sources: account id -> the credentials that were given for it, so that a role is assumed once for all regions.
    """

    client: DetectiveClient
    concurrency: int
    gate: asyncio.Semaphore = field(
        init=False, default=Factory(lambda self: asyncio.Semaphore(self.concurrency), takes_self=True)
    )
    sources: dict[str, CredentialsSource] = field(init=False, repr=False, factory=dict)

    @property
    def clock(self) -> Clock:
        """Time and chance, as the client has them."""
        return self.client._transport.clock  # noqa: SLF001 - of our own class

    def at(
        self, region: str, credentials: CredentialsSource | None = None, account_id: str | None = None
    ) -> DetectiveClient:
        """Give a client for a region, and in another account's name if need be."""
        return self.client.with_options(region=region, credentials=credentials, account_id=account_id)


@define(eq=False)
class Record:
    """What is done in a region about the graph itself.

    Attributes:
        graph_arn: the graph; None until there is one.
        done: what was done.
        problem: why not all is as it is wanted; None where it is.
        error: the error that this follows from, or None.
        unfinished: how many things are still being done.
    """

    region: str
    graph_arn: str | None = None
    done: list[ActionKind] = Factory(list)
    problem: str | None = None
    error: Exception | None = None
    unfinished: int = 0

    def fail(self, error: Exception) -> None:
        """Note what went wrong, after what did so before."""
        problem = explain(error)
        self.problem = problem if self.problem is None else f"{self.problem}; {problem}"
        self.error = self.error or cause_of(error)


def pauses(clock: Clock) -> Iterator[float]:
    """Give the seconds between one look and the next, so that waiting for the slowest takes not much longer than it."""
    return polling.pauses(clock, growth=_GROWTH)


def may_pass(error: BaseException | None) -> bool:
    """Tell whether it may look different when the state is read again, so that it is worth deciding anew.

    That is so for what fails in a passing way, for what may have been carried out all the same, and for a conflict,
    which says that the state is another than it was thought to be, or is changing.
    """
    if isinstance(error, AssumeRoleError):
        return may_pass(error.__cause__)
    if not isinstance(error, DetectiveError) or kind_of(error) is OutcomeKind.REGION_UNAVAILABLE:
        return False
    if isinstance(error, ServiceError) and error.retryable:
        return True
    return error.outcome_unknown or isinstance(error, TransportError | ConflictException)


def explain(error: Exception) -> str:
    """Say in a report what went wrong."""
    if isinstance(error, DetectiveError) and kind_of(error) is OutcomeKind.REGION_UNAVAILABLE:
        return f"Detective is not available to the account in this region: {error}"
    return str(error)


def cause_of(error: Exception) -> Exception | None:
    """Give the error of the library that something follows from, if one does."""
    if isinstance(error, Hindrance):
        return error.__cause__ if isinstance(error.__cause__, Exception) else None
    return error


async def patiently(job: Job, read: Callable[[], Awaitable[T]]) -> T:
    """Read something, a few times if need be.

    Raises:
        DetectiveError: it failed for good, or time after time.
        Hindrance: it makes no sense.
    """
    for pause in islice(pauses(job.clock), ROUNDS):
        try:
            return await read()
        except DetectiveError as error:
            if not may_pass(error):
                raise
        await job.clock.sleep(pause)
    return await read()


Step = tuple[ActionKind, Callable[[], Awaitable[object]]]


async def bring_about(job: Job, record: Record, look: Callable[[], Awaitable[Step | None]]) -> None:
    """Look, do what is next, and look again, until there is nothing left to do.

    Args:
        job: whose work it is.
        record: where it is noted what was done; that is not done again.
        look: reads how things stand, and says what is to be done next and how; None where all is well.

    Raises:
        DetectiveError: it failed for good, or time after time.
        Hindrance: something else stands in the way.
    """
    trouble: Exception | None = None
    rounds = islice(pauses(job.clock), ROUNDS)
    while (step := await patiently(job, look)) is not None:
        kind, act = step
        if kind in record.done:
            trouble = Hindrance(f"{kind} was done, and there is still no sign of it")
        else:
            try:
                await act()
            except DetectiveError as error:
                if not may_pass(error):
                    raise
                trouble = error
            else:
                record.done.append(kind)
                continue
        pause = next(rounds, None)
        if pause is None:
            raise trouble
        await job.clock.sleep(pause)
