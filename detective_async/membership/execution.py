"""What planning and applying share: clients, a fair limit to concurrent calls, and waiting."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from attrs import define, field

from detective_async.auth import CredentialsSource
from detective_async.client.client import DetectiveClient, check_client
from detective_async.client.identity import caller_account, has_other_keys, identified
from detective_async.client.polling import Wait
from detective_async.client.regions import detective_regions
from detective_async.client.slots import SharedSlots
from detective_async.errors import ClientClosed, DetectiveError, ServiceError
from detective_async.membership.actions import Reason
from detective_async.membership.failures import StoppedError, is_transient, sts_is_silent
from detective_async.settings.clock import Clock
from detective_async.settings.endpoints import partition_of

#: The pauses grow slowly, so that an action follows soon after the change that allows it.
_GROWTH = 1.25
#: The longest wait between two attempts of one call, in seconds. Patience beyond that is that of the deadline: a longer
#: wait inside of a call might not see that an outage is over.
_LONGEST_BACKOFF = 3.0
#: Seconds, and the part of all time, for which STS is asked at most.
_LONGEST_FOR_IDENTITY = 15.0
_PART_FOR_IDENTITY = 0.25
#: Seconds after which a look-up of keys does not keep others from starting any more.
_LONGEST_TURN = 2.0
#: The last read begins at the deadline, and may take this many seconds, or the timeout if that is less.
_LAST_READ_LIMIT = 1.0
#: Seconds between two reads of a region, and how many of these a read may be early after a rest: at most eight in any
#: second.
_SECONDS_PER_READ = 0.16
_EARLY = 1.5

T = TypeVar("T")


def _patient(client: DetectiveClient) -> DetectiveClient:
    """Return a client whose calls wait as those of jobs, and end soon: the job tries again until its deadline.

    A report at the deadline then has the error of an outage.
    """
    return client._patient(max_backoff=_LONGEST_BACKOFF, max_attempts=False)  # noqa: SLF001 - of our own class


@define(eq=False)
class _Pace:
    """Spreads the reads of one region, whatever they are of."""

    clock: Clock
    # When the next one is due.
    _due: float = field(init=False, default=-math.inf)

    async def turn(self) -> None:
        """Wait until one more read keeps to the limit."""
        now = self.clock.monotonic()
        due = max(self._due, now - _EARLY * _SECONDS_PER_READ)
        self._due = due + _SECONDS_PER_READ
        if due > now:
            await self.clock.sleep(due - now)


@define(eq=False)
class Execution:
    """The planning or applying of a plan.

    Attributes:
        client: the administrator's client; retries patiently, unless its policy or the environment says otherwise.
        slots: held during each call. The client has no such limit: its timeouts would include the wait.
        turns: those of looking up keys, which may hang for one account and not for others.
        wait: the deadline of it all.
        hosts_are_known: whether the hosts of the regions have responded before, so that one that is not found is an
            outage.
        sources: account id -> its credentials, so that a role is assumed once for all regions.
        caller_error: why STS did not say whose credentials the client has; None if it did.
        acted: whether any action may have had its effect.
    """

    client: DetectiveClient = field(converter=_patient)
    slots: SharedSlots
    turns: asyncio.Semaphore
    wait: Wait
    hosts_are_known: bool = False
    sources: dict[str, CredentialsSource] = field(init=False, repr=False, factory=dict)
    caller_error: Exception | None = field(init=False, default=None)
    acted: bool = field(init=False, default=False)
    # The id of an access key -> its account.
    _key_owners: dict[str, str] = field(init=False, repr=False, factory=dict)
    # Region -> the pace of its reads.
    _paces: dict[str, _Pace] = field(init=False, repr=False, factory=dict)
    # The accounts whose look-ups take long.
    _slow: set[str | None] = field(init=False, factory=set)

    @classmethod
    def start(
        cls,
        client: DetectiveClient,
        concurrency: int,
        regions: Iterable[str],
        timeout: float,
        *,
        hosts_are_known: bool = False,
    ) -> "Execution":
        """Begin, with so many seconds until the deadline."""
        wait = Wait(client._transport.clock, timeout, growth=_GROWTH, shrinks=True)  # noqa: SLF001 - of our own class
        return cls(client, SharedSlots(concurrency, regions), asyncio.Semaphore(concurrency), wait, hosts_are_known)

    @property
    def clock(self) -> Clock:
        """The client's clock."""
        return self.wait.clock

    async def identified(self, client: DetectiveClient) -> tuple[str, DetectiveClient]:
        """Return whose credentials a client has, and a client that stays with that account."""
        try:
            async with self._look_up(client):
                return await identified(client, self._key_owners)
        except DetectiveError as error:
            # Asking changes nothing.
            error.outcome_unknown = False
            raise

    @asynccontextmanager
    async def _look_up(self, client: DetectiveClient) -> AsyncIterator[None]:
        """Take a turn for a look-up of a client's keys, which ends early if that takes long."""
        whose, is_over = client._transport.account_id, False  # noqa: SLF001 - of our own class

        def end() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                self.turns.release()

        def go_on_without() -> None:
            self._slow.add(whose)
            end()

        await self.turns.acquire()
        if whose in self._slow:
            # It has been waited for in another region.
            end()
        timer = asyncio.get_running_loop().call_later(_LONGEST_TURN, go_on_without)
        try:
            yield
            self._slow.discard(whose)
        finally:
            timer.cancel()
            end()

    async def caller(self) -> str:
        """Return the account of the client's credentials, which STS is asked for.

        Raises:
            DetectiveError: STS did not say.
            StoppedError: STS sent no response.
        """
        try:
            # The last question is asked at the deadline.
            seconds = max(self.wait.remaining, min(self.wait.timeout, _LAST_READ_LIMIT) / 2)
            async with asyncio.timeout(min(_LONGEST_FOR_IDENTITY, seconds)):
                return await caller_account(self.client)
        except TimeoutError:
            raise sts_is_silent() from None

    async def act_identified(
        self,
        client: DetectiveClient,
        check: Callable[[str], object],
        note_unknown: Callable[[], object],
        call: Callable[[DetectiveClient], Awaitable[T]],
        *,
        note_error: Callable[[ServiceError], object],
    ) -> T:
        """Carry out a call that may be made for one account only, again if its keys have expired and others are there.

        Args:
            client: the client, whose credentials may be renewed to those of another account.
            check: called with the account of the credentials before each attempt; its exceptions end this.
            note_unknown: as for `acting`.
            call: the call, with a client that stays with that account.
            note_error: called with each error of the call, since the deadline may come while other keys are tried.
        """
        wait = self.wait.part()
        while True:
            # Outside of the slot, which a provider that hangs would hold.
            owner, pinned = await self.identified(client)
            check(owner)
            try:
                async with self.acting(client.region, note_unknown):
                    return await call(pinned)
            except ServiceError as error:
                note_error(error)
                async with self._look_up(client):
                    is_renewed = await has_other_keys(client, pinned, error)
                if not is_renewed or not await wait.pause():
                    raise

    @asynccontextmanager
    async def reading(self, region: str) -> AsyncIterator[None]:
        """Hold a slot for one read, not sooner than the number of reads a second allows."""
        # Outside of the slot, which others may use meanwhile.
        await self._paces.setdefault(region, _Pace(self.clock)).turn()
        # Before the region's changes: one look tells of many of them.
        async with self.slots.of(region, first=True):
            yield

    @asynccontextmanager
    async def acting(self, region: str, note_unknown: Callable[[], object]) -> AsyncIterator[None]:
        """Hold a slot for one call that changes something, and note whether it may have had its effect.

        Args:
            region: the region.
            note_unknown: called if nobody knows whether it had: no response arrived, or the call was cancelled.
        """
        async with self.slots.of(region):
            acted = True
            try:
                yield
            except DetectiveError as error:
                acted = error.outcome_unknown
                if acted:
                    note_unknown()
                raise
            except asyncio.CancelledError:
                note_unknown()
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

    def is_transient(self, error: BaseException | None) -> bool:
        """Return whether it is worth reading the state and deciding again, until the deadline."""
        return is_transient(error, hosts_are_known=self.hosts_are_known)

    def _shortest_pause(self, error: DetectiveError) -> float | None:
        return 0.0 if self.is_transient(error) else None

    async def until_read(
        self,
        read: Callable[[], Awaitable[T]],
        record: Callable[[DetectiveError], float | None] | None = None,
        *,
        part: float = 1.0,
    ) -> T:
        """Read something, again after transient errors, until the deadline, or for a part of the time until then.

        Args:
            read: the function that reads it.
            record: called with each error; returns for how many seconds not to read again, or None if that does not
                help. By default, it helps after transient errors.
            part: of the time until the deadline.

        Raises:
            DetectiveError: an error that is not transient, or the last one before the deadline.
            StoppedError: no response has arrived until the deadline.
        """
        wait = self.wait.part(part)
        failure: DetectiveError | None = None
        try:
            async with asyncio.timeout(max(0.0, wait.remaining) + min(wait.timeout, _LAST_READ_LIMIT)):
                while True:
                    try:
                        return await read()
                    except DetectiveError as error:
                        failure = error
                        shortest = (record or self._shortest_pause)(error)
                        if shortest is None or not await wait.pause(shortest=shortest):
                            raise
        except TimeoutError:
            problem = StoppedError(Reason.TIMED_OUT, f"it could not be read within {wait.timeout:.10g} s")
            raise (failure or problem) from None


async def identify(execution: Execution) -> str | None:
    """Return the account of the client's credentials; None if STS cannot say."""
    seconds = min(_LONGEST_FOR_IDENTITY, _PART_FOR_IDENTITY * execution.wait.timeout)
    try:
        async with asyncio.timeout(seconds):
            part = seconds / execution.wait.timeout
            return await execution.until_read(lambda: caller_account(execution.client), part=part)
    except ClientClosed:
        raise
    except (DetectiveError, StoppedError, TimeoutError) as error:
        # It may not be reachable where Detective is. The owner of a graph tells, too.
        execution.caller_error = sts_is_silent() if isinstance(error, TimeoutError) else error
        return None


async def named_regions(client: DetectiveClient, regions: Iterable[str] | str) -> tuple[Iterable[str], bool]:
    """Return regions, and whether they are all of botocore's list, for which `all` stands."""
    check_client(client)
    is_all = isinstance(regions, str) and regions == "all"
    return await detective_regions(partition_of(client.region)) if is_all else regions, is_all
