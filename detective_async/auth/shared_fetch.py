"""One fetch of credentials for all who wait, in all event loops; it has a bound, and another beside it if it hangs."""

import asyncio
import copy
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from contextvars import ContextVar
from functools import partial
from itertools import takewhile
from typing import Any, Protocol
from weakref import ref

from detective_async.auth.credentials import Credentials
from detective_async.errors import CredentialsError

#: Seconds after which a fetch for which no caller waits any more gets a second one beside it.
_ABANDONED_AFTER = 0.5
#: Fetches of one source that may run at once, in all event loops: the first may be slow and not hanging, so it is not
#: cancelled. Of a source that asks a person, one.
_MAX_FETCHES = 3
#: Seconds between two looks at the fetches of other event loops: their futures cannot be awaited, and their loops may
#: stop without a sign.
_POLL_INTERVAL = 0.05
#: How often a caller starts over because its fetch was cancelled with the client that ran it.
_MAX_RESTARTS = 10

Fetch = Callable[[], Coroutine[Any, Any, Credentials]]


class FetchContext(Protocol):
    """The part of a `Caller` that a fetch uses."""

    def now(self) -> float:
        """Return AWS's time."""
        ...

    def earliest_now(self) -> float:
        """Return the earliest time that it may be."""
        ...

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> asyncio.Task[Credentials]:
        """Run a fetch in a task."""
        ...

    @property
    def fetch_timeout(self) -> float | None:
        """How many seconds a fetch may take; None for any."""
        ...


class _Round:
    """What the callers of one event loop wait for: as a rule one fetch, or the first of several that succeeds.

    Attributes:
        outcome: the credentials, or the exception of the last fetch; for all waiting callers.
        loop: the event loop that the fetches run in.
        process: the process of the loop: after a fork, the parent's loops seem to run in the child, too.
        waiting: how many callers wait.
        waiting_fetches: those of them that are fetches of other sources, such as of a role whose source this is.
        newest_start: when the newest fetch was started, by the event loop's clock.
        fetches: the running fetches, with the timer that ends each.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.outcome: asyncio.Future[Credentials] = loop.create_future()
        self.waiting = 0
        self.waiting_fetches: set[_StartedFetch] = set()
        self.newest_start = 0.0
        self.fetches: dict[asyncio.Task[Credentials], tuple[_StartedFetch, asyncio.TimerHandle | None]] = {}
        self.process = os.getpid()

    @property
    def runs_elsewhere(self) -> bool:
        """Whether its event loop is another one than the current, and runs."""
        return self.loop is not asyncio.get_running_loop() and self.loop.is_running() and self.process == os.getpid()

    @property
    def is_awaited(self) -> bool:
        """Whether any caller still waits, other than for a fetch that its own callers have given up."""
        return self.waiting > sum(fetch.is_abandoned for fetch in self.waiting_fetches)


class _StartedFetch:
    """What is known of a fetch that was started.

    Attributes:
        context: of the call that started it.
        round_ref: the round that it belongs to; weak, because the frames of a failed fetch refer to this, and the round
            to their exception. A reference back would be a cycle.
        seen: what the cache held then.
        early: the credentials that are used meanwhile, if no caller waits for this fetch.
        generation: how often credentials had been invalidated by then.
        timeout: how many seconds it may take; None for any.
        is_abandoned: whether all callers gave up waiting, and another fetch was started beside it.
        is_over: whether its result does not count any more, because it took too long or another one came first.
    """

    def __init__(
        self,
        context: FetchContext,
        current: _Round,
        seen: Credentials | None,
        early: Credentials | None,
        generation: int,
    ) -> None:
        self.context = context
        self.round_ref = ref(current)
        self.seen = seen
        self.early = early
        self.generation = generation
        self.timeout = context.fetch_timeout
        self.is_abandoned = False
        self.is_over = False


#: The fetch that the current task carries out.
_current_fetch: ContextVar[_StartedFetch | None] = ContextVar("_current_fetch", default=None)


class SharedFetches(ABC):
    """The fetches of one source.

    As a rule one fetch runs at a time in each event loop, and no more than three in all of them. Cancelling one waiting
    caller does not cancel the fetch for the others, and a fetch that hangs is given up at its timeout. If all callers
    have given up before that, the next one starts another fetch beside it.

    Args:
        name: the name of the source, for messages.
        interactive: whether a fetch may ask a person: then there is no second one beside another, in whichever event
            loop that runs.
    """

    def __init__(self, name: str, *, interactive: bool = False) -> None:
        self.name = name
        self._interactive = interactive
        self._cached: Credentials | None = None
        self._rounds: dict[asyncio.AbstractEventLoop, _Round] = {}
        # The fetches that have not ended, of all rounds, in the order in which they were started.
        self._fetching: dict[_StartedFetch, None] = {}
        self._generation = 0

    @abstractmethod
    def _store(self, fetched: Credentials, context: FetchContext, early: Credentials | None) -> None:
        """Keep what was fetched, early while other credentials were still used, or because a caller waits."""

    @abstractmethod
    def _early_fetch_failed(self, old: Credentials, context: FetchContext, error: BaseException) -> None:
        """Note the error of a fetch for which no caller waits, because the old credentials are still used."""

    async def _fetch_for_all(self, fetch: Fetch, context: FetchContext) -> Credentials:
        """Return what the running fetch gives, or another one if there is none or all who waited for it gave it up.

        Raises:
            CredentialsError: it failed.
        """
        for _ in range(_MAX_RESTARTS):
            current = self._running()
            if current is None or self._is_abandoned(current):
                current = self._start(fetch, context)
            # None if the client that ran the fetch was closed; this one was not, so it fetches itself.
            if (fetched := await self._wait(current)) is not None:
                return fetched
        raise CredentialsError(f"{self.name} failed: its look-ups were cancelled")

    def _discard(self) -> None:
        """Let the running fetches count no more: they may give the credentials that were just refused."""
        self._rounds.clear()
        self._generation += 1

    def _running(self) -> _Round | None:
        # A future of another event loop cannot be awaited in this one.
        return self._rounds.get(asyncio.get_running_loop())

    def _is_fetching(self) -> bool:
        return self._running() is not None or any(other.runs_elsewhere for other in _rounds_of(self._fetching.copy()))

    def _is_abandoned(self, current: _Round) -> bool:
        return (
            not current.is_awaited
            and not self._interactive
            and len(current.fetches) < _MAX_FETCHES
            and current.loop.time() - current.newest_start > _ABANDONED_AFTER
        )

    async def _wait(self, current: _Round) -> Credentials | None:
        """Return the outcome of a round; None if its fetches were cancelled."""
        outcome = current.outcome
        fetch = _current_fetch.get()
        current.waiting += 1
        if fetch is not None:
            current.waiting_fetches.add(fetch)
        try:
            # Does not await the outcome itself: cancelling one caller must not cancel the fetch for all the others.
            await asyncio.wait((outcome,))
        finally:
            current.waiting -= 1
            if fetch is not None:
                current.waiting_fetches.discard(fetch)
        if outcome.cancelled():
            return None
        failure = outcome.exception()
        if failure is None:
            return outcome.result()
        failure = _copied(failure)
        try:
            raise failure
        finally:
            # Its traceback refers to this frame: a reference back would be a cycle.
            del failure

    def _start(self, fetch: Fetch, context: FetchContext, early: Credentials | None = None) -> _Round:
        """Start a fetch, in the current round if there is one.

        Args:
            fetch: fetches new credentials.
            context: as for `get`.
            early: the credentials that are used meanwhile, if no caller waits for this fetch.
        """
        current = self._running()
        if current is None:
            current = _Round(asyncio.get_running_loop())
        started = _StartedFetch(context, current, self._cached, early, self._generation)
        # Before the round is registered, because it fails if the client was closed.
        task = context.spawn(self._fetch(fetch, started))
        self._register(current)
        for other, _ in current.fetches.values():
            other.is_abandoned = True
        current.newest_start = current.loop.time()
        timer = None
        if started.timeout is not None:
            timer = current.loop.call_later(started.timeout, self._give_up, current, started, task)
        current.fetches[task] = started, timer
        task.add_done_callback(partial(self._done, current, started))
        return current

    def _register(self, current: _Round) -> None:
        if current.loop not in self._rounds:
            # Copies, because other threads change them meanwhile.
            for loop in self._rounds.copy():
                if loop.is_closed():
                    self._rounds.pop(loop, None)
            for started in self._fetching.copy():
                if (other := started.round_ref()) is None or other.loop.is_closed():
                    self._fetching.pop(started, None)
        self._rounds[current.loop] = current

    def _done(self, current: _Round, started: _StartedFetch, task: asyncio.Task[Credentials]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Exception):
            # A caller that is not at fault would end like that, and asyncio and Python take it for their own.
            error = CredentialsError(f"{self.name} failed: {type(error).__name__}")
        # If it is not there, it was given up.
        if task in current.fetches:
            _, timer = current.fetches.pop(task)
            if timer is not None:
                timer.cancel()
            if error is not None:
                self._failed(current, started, error)
            elif not task.cancelled():
                current.outcome.set_result(task.result())
                self._end(current)
            elif not current.fetches:
                current.outcome.cancel()
                self._end(current)
        # Only now: who waits in another event loop looks for the outcome when it is gone.
        self._fetching.pop(started, None)

    def _give_up(self, current: _Round, started: _StartedFetch, task: asyncio.Task[Credentials]) -> None:
        # The task may ignore its cancellation, so it is not waited for.
        del current.fetches[task]
        started.is_abandoned = started.is_over = True
        task.cancel()
        problem = f"{self.name} gave no credentials within {started.timeout:g} s"
        self._failed(current, started, CredentialsError(problem))
        self._fetching.pop(started, None)

    def _failed(self, current: _Round, started: _StartedFetch, error: BaseException) -> None:
        if started.early is not None:
            self._early_fetch_failed(started.early, started.context, error)
        if not current.fetches:
            current.outcome.set_exception(error)
            # Marks it as retrieved, so that asyncio does not log it if no caller waits.
            current.outcome.exception()
            self._end(current)

    def _end(self, current: _Round) -> None:
        if self._rounds.get(current.loop) is current:
            self._rounds.pop(current.loop, None)
        fetches, current.fetches = current.fetches, {}
        for task, (started, timer) in fetches.items():
            started.is_over = True
            task.cancel()
            self._fetching.pop(started, None)
            if timer is not None:
                timer.cancel()

    async def _fetch(self, fetch: Fetch, started: _StartedFetch) -> Credentials:
        _current_fetch.set(started)
        try:
            if (fetched := await self._fetched_elsewhere(started)) is not None:
                return fetched
            fetched = await fetch()
        except asyncio.CancelledError:
            if is_cancelling():
                raise
        else:
            if started.generation == self._generation and not started.is_over:
                self._store(fetched, started.context, started.early)
            return fetched
        # The source awaited something that was cancelled; no caller was, and a new attempt might end in the same way.
        raise CredentialsError(f"{self.name} failed: it was cancelled")

    async def _fetched_elsewhere(self, started: _StartedFetch) -> Credentials | None:
        """Return what another event loop fetched meanwhile; None if this one is to fetch.

        It waits while as many fetches run in other event loops as may run at once, and raises their error if all fail.
        """
        others = self._take_place(started)
        while others:
            await asyncio.sleep(_POLL_INTERVAL)
            # Tried before the outcomes are read, because a fetch ends after its outcome is set.
            waited_for, others = others, self._take_place(started)
            done = [other.outcome for other in waited_for if other.outcome.done() and not other.outcome.cancelled()]
            errors = [error for outcome in done if (error := outcome.exception()) is not None]
            if len(errors) < len(done):
                return next(outcome.result() for outcome in done if outcome.exception() is None)
            if len(errors) == len(waited_for):
                try:
                    raise _copied(errors[-1])
                finally:
                    # Its traceback refers to this frame: a reference back would be a cycle.
                    del done, errors, error, waited_for
        # It may have been stored between the decision to fetch and now.
        return self._cached if self._cached is not started.seen else None

    def _take_place(self, started: _StartedFetch) -> list[_Round]:
        """Take a place among the fetches that run; if other event loops have them all, return their rounds instead."""
        # First added, then compared with those before it: of two threads at the same time, one sees the other.
        self._fetching[started] = None
        earlier = takewhile(lambda other: other is not started, self._fetching.copy())
        before = _rounds_of(other for other in earlier if other.generation == started.generation)
        elsewhere = [other for other in before if other.runs_elsewhere]
        here = sum(other.loop is asyncio.get_running_loop() for other in before)
        if not elsewhere or len(elsewhere) + here < (1 if self._interactive else _MAX_FETCHES):
            return []
        self._fetching.pop(started, None)
        return elsewhere


def _rounds_of(fetches: Iterable[_StartedFetch]) -> list[_Round]:
    return [current for fetch in fetches if (current := fetch.round_ref()) is not None]


def _copied(error: BaseException) -> BaseException:
    """Return a copy for each caller: re-raising one instance would merge tracebacks."""
    if not isinstance(error, CredentialsError):
        return error
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    error.__traceback__ = None
    return copied


def is_cancelling() -> bool:
    """Return whether the current task is being cancelled; if not, a `CancelledError` is of something that it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
