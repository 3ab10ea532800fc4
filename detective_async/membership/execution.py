"""What planning and applying share: clients, a limit to concurrent calls, repeated reads, and texts for errors."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from typing import TypeVar

from attrs import Factory, define, field

from detective_async.api.models.exceptions import ConflictException
from detective_async.api.redaction import in_one_line
from detective_async.auth import CredentialsSource
from detective_async.client import polling
from detective_async.client.client import DetectiveClient
from detective_async.errors import (
    AssumeRoleError,
    ClientClosed,
    DetectiveError,
    HostNotFound,
    ServiceError,
    TransportError,
)
from detective_async.fleet.outcomes import UNKNOWN_KEYS, OutcomeKind, outcome_kind
from detective_async.membership.actions import ActionKind
from detective_async.settings.clock import Clock

#: How often something is tried or read again without any change of state.
MAX_RETRIES = 5
_GROWTH = 1.25

T = TypeVar("T")


class BlockedError(Exception):
    """An obstacle for which the library has no error; its text is shown to the user."""


def _patient(client: DetectiveClient) -> DetectiveClient:
    return client._patient()  # noqa: SLF001 - of our own class


@define(eq=False)
class Execution:
    """The planning or applying of a plan.

    Attributes:
        client: the administrator's client; retries patiently, unless its policy or the environment says otherwise.
        semaphore: held during each call. The client has no such limit: its timeouts would include the wait.
        sources: account id -> its credentials, so that a role is assumed once for all regions.
        acted: whether any action may have had its effect.
    """

    client: DetectiveClient = field(converter=_patient)
    concurrency: int
    semaphore: asyncio.Semaphore = field(
        init=False, default=Factory(lambda self: asyncio.Semaphore(self.concurrency), takes_self=True)
    )
    sources: dict[str, CredentialsSource] = field(init=False, repr=False, factory=dict)
    acted: bool = field(init=False, default=False)

    @property
    def clock(self) -> Clock:
        """The client's clock."""
        return self.client._transport.clock  # noqa: SLF001 - of our own class

    @asynccontextmanager
    async def acting(self) -> AsyncIterator[None]:
        """Hold the semaphore for one call that changes something, and note whether it may have had its effect."""
        async with self.semaphore:
            acted = True
            try:
                yield
            except DetectiveError as error:
                acted = error.outcome_unknown
                raise
            finally:
                self.acted |= acted

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Let `ClientClosed` say whether any action may have had its effect, and not what became of one request."""
        try:
            yield
        except ClientClosed as error:
            error.outcome_unknown = self.acted
            raise

    def client_in(self, region: str) -> DetectiveClient:
        """Return the administrator's client for a region."""
        return self.client.with_options(region=region)


@define(eq=False)
class RegionState:
    """The state of a region's graph while a plan is applied.

    Attributes:
        graph_arn: the graph; None until there is one.
        done: the actions that were carried out.
        problem: why the graph is not as desired; None if it is.
        error: the error that caused the problem, or None.
        unfinished: the number of tasks in progress.
    """

    region: str
    graph_arn: str | None = None
    done: list[ActionKind] = Factory(list)
    problem: str | None = None
    error: Exception | None = None
    unfinished: int = 0

    def fail(self, error: Exception) -> None:
        """Add a problem."""
        problem = error_text(error)
        self.problem = problem if self.problem is None else f"{self.problem}; {problem}"
        self.error = self.error or library_error(error)


def pauses(clock: Clock) -> Iterator[float]:
    """Yield the seconds between reads; they grow slowly, so that the last read follows soon after the last change."""
    return polling.pauses(clock, growth=_GROWTH)


def is_transient(error: BaseException | None) -> bool:
    """Return whether it is worth reading the state and deciding again.

    That applies to retryable errors, to requests that may have been carried out, and to conflicts: then the state
    differs from what was read, or is changing. A host that does not exist will not exist a moment later either, and a
    client that was closed stays so.
    """
    if isinstance(error, AssumeRoleError):
        return is_transient(error.__cause__)
    if not isinstance(error, DetectiveError) or isinstance(error, HostNotFound | ClientClosed):
        return False
    if outcome_kind(error) is OutcomeKind.REGION_UNAVAILABLE or _is_of_unknown_keys(error):
        return False
    if isinstance(error, ServiceError) and error.retryable:
        return True
    return error.outcome_unknown or isinstance(error, TransportError | ConflictException)


def error_text(error: Exception) -> str:
    """Return the text of an error for a report, in one line."""
    if outcome_kind(error) is OutcomeKind.REGION_UNAVAILABLE:
        return f"Detective is not available to the account in this region: {error}"
    if _is_of_unknown_keys(error):
        # AWS has one error for both.
        return f"Detective is not available to the account in this region, or its access keys do not exist: {error}"
    # A `BlockedError` may quote responses.
    return in_one_line(str(error))


def _is_of_unknown_keys(error: BaseException) -> bool:
    return isinstance(error, ServiceError) and error.code == UNKNOWN_KEYS


def library_error(error: Exception) -> Exception | None:
    """Return the library's error: the given one, or the cause of a `BlockedError`; None if it has none."""
    cause = error.__cause__ if isinstance(error, BlockedError) else error
    return cause if isinstance(cause, Exception) else None


async def read_with_retries(execution: Execution, read: Callable[[], Awaitable[T]]) -> T:
    """Read something, and retry after transient errors."""
    for pause in islice(pauses(execution.clock), MAX_RETRIES):
        try:
            return await read()
        except DetectiveError as error:
            if not is_transient(error):
                raise
        await execution.clock.sleep(pause)
    return await read()


Step = tuple[ActionKind, Callable[[], Awaitable[object]]]


async def reconcile(execution: Execution, state: RegionState, next_step: Callable[[], Awaitable[Step | None]]) -> None:
    """Read, act, and read again, until `next_step` returns no action; `state` records the actions, none is repeated.

    Each action is carried out in `Execution.acting`.

    Raises:
        DetectiveError: an error is not transient, or the retries are exhausted.
        BlockedError: raised by `next_step`; or an action succeeded and has no visible effect.
    """
    failure: Exception | None = None
    retries = islice(pauses(execution.clock), MAX_RETRIES)
    while (step := await read_with_retries(execution, next_step)) is not None:
        kind, act = step
        if kind in state.done:
            failure = BlockedError(f"{kind} was done, but its effect is not visible yet: plan again later")
        else:
            try:
                await act()
            except DetectiveError as error:
                if not is_transient(error):
                    raise
                failure = error
            else:
                state.done.append(kind)
                continue
        pause = next(retries, None)
        if pause is None:
            raise failure
        await execution.clock.sleep(pause)
