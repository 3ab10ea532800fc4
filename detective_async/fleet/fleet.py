"""The same work in many accounts and regions at once, over one connection pool."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from attrs import evolve

from detective_async.api.detective import DETECTIVE
from detective_async.api.models.constraints import Integer
from detective_async.auth import CredentialsSource, as_provider
from detective_async.client.client import ClientOptions, ClientSetup, DetectiveClient
from detective_async.errors import ClientClosed, ParameterError
from detective_async.events import ProgressCallback, ProgressCounter, is_plain_callable
from detective_async.fleet.admission import LONG_LOOK_AHEAD, Admission
from detective_async.fleet.iterators import FleetIterators
from detective_async.fleet.outcomes import Outcome, OutcomeKind
from detective_async.fleet.run import Run
from detective_async.fleet.targets import RoleTargets, Shard, SingleUseTargets, Target, target_count, validated
from detective_async.fleet.undecided import UndecidedOutcomes
from detective_async.http.pool import CLOSED
from detective_async.settings.clock import Clock
from detective_async.settings.config import read_settings

#: The region of the fleet's own client if none is configured. That client makes no call itself, but finding its default
#: credentials may call STS.
_FALLBACK_REGION = "us-east-1"

T = TypeVar("T")


class DetectiveFleet(FleetIterators):
    """Runs the same work in many accounts and regions concurrently.

        async with DetectiveFleet.assume_role("SecurityAudit", account_ids, ["eu-west-1", "us-east-1"]) as fleet:
            async for outcome in fleet.run(lambda client, target: client.list_graphs()):
                print(outcome.target, outcome.kind, outcome.value or outcome.error)

    Each target has its own client; all clients share one connection pool. An exception in one target becomes that
    target's outcome and does not affect the others. Each account and region has its own retry quota and request rate.

    Targets are taken lazily, one whenever a slot is free: a fleet of thousands starts at once. While the host of a
    region does not respond, its targets have a part of the slots, and targets are taken ahead: at most 1,024 before the
    host fails, and then at most 16,384 of an iterable that has no length.

    The calls of a run are retried as by `RetryPolicy.patient()`, where neither `retry` nor the environment says
    otherwise.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        *,
        concurrency: int = 64,
        concurrency_per_target: int = 8,
        **options: Unpack[ClientOptions],
    ) -> None:
        """Create a fleet; sends nothing.

        Args:
            targets: accounts and regions. An iterator is consumed lazily, and is good for one run only.
            concurrency: the maximum number of targets in progress, and of requests in flight in total.
            concurrency_per_target: the maximum number of requests in flight for one account in one region.
            **options: as for `DetectiveClient`. `credentials` are used for targets that have none of their own, and
                `region` is where default credentials are looked up.

        Raises:
            ParameterError: there are no targets, an element is not a `Target`, or a number is out of range.
            ConfigurationError: as for `DetectiveClient`.
        """
        Integer(1)(concurrency, "concurrency")
        Integer(1)(concurrency_per_target, "concurrency_per_target")
        if not isinstance(targets, Iterable):
            raise ParameterError("targets", f"expected targets to iterate over, got {type(targets).__name__}")
        if isinstance(targets, Collection):
            if not targets:
                raise ParameterError("targets", "must not be empty")
            for _ in validated(targets):
                pass
        self._targets = SingleUseTargets(targets) if isinstance(targets, Iterator) else targets
        self._concurrency = concurrency
        self._concurrency_per_target = concurrency_per_target
        self._options = options
        self._clock = options.get("clock", Clock())
        region = options.get("region") or read_settings(options.get("profile")).region or _FALLBACK_REGION
        with_region: ClientOptions = {**options, "region": region}
        setup = ClientSetup(
            owner="DetectiveFleet",
            max_requests=concurrency,
            max_requests_per_account=concurrency_per_target,
            tracks_hosts=True,
            # A role is assumed for many targets, so that is a part of the job too.
            patient_lookups=True,
        )
        self._client = DetectiveClient._with_setup(setup, **with_region)  # noqa: SLF001 - of our own class
        # Not `client` itself, which also serves single calls.
        self._patient_client = self._client._patient()  # noqa: SLF001 - of our own class
        self._runs: set[Run[Target, Any]] = set()
        self._closed = False

    @classmethod
    def assume_role(
        cls,
        role_name: str,
        account_ids: Iterable[str],
        regions: Iterable[str],
        *,
        source: CredentialsSource | None = None,
        external_id: str | None = None,
        session_name: str | None = None,
        duration: int = 3600,
        concurrency: int = 64,
        concurrency_per_target: int = 8,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """Create a fleet of every account in every region, by a role that has the same name in all accounts.

        Each account's role is assumed once, on first use, for all its regions.

        Args:
            role_name: such as `SecurityAudit`, or with its path, `security/Audit`.
            account_ids: 12 digits each.
            regions: such as `eu-west-1`; all in one partition of AWS.
            source: the credentials that assume the roles: anything that a client accepts as `credentials`. None uses
                the fleet's credentials.
            external_id: the external id that the roles' trust policies require, if any.
            session_name: the session name that CloudTrail shows. None uses the user's and the host's name.
            duration: the lifetime of each session in seconds, 900 to 43200.
            concurrency: as for the fleet.
            concurrency_per_target: as for the fleet.
            **options: as for `DetectiveClient`. `region` is the region whose STS is called. None uses the region that
                is configured for the AWS CLI, else the first of `regions` that needs no opt-in, else the region that
                every account has, such as `us-east-1`, which is also called if the account has not enabled the first.

        Raises:
            ParameterError: an argument is malformed, or a list is empty or contains duplicates.
            ConfigurationError: as for `DetectiveClient`.
        """
        source = options.get("credentials") if source is None else source
        targets = RoleTargets(
            role_name,
            account_ids,
            regions,
            sts_region=options.get("region") or read_settings(options.get("profile")).region,
            # Converted once, so that all roles share one provider and its cache.
            source=None if source is None else as_provider(source),
            external_id=external_id,
            session_name=session_name,
            duration=duration,
        )
        options["region"] = targets.sts_region
        return cls(targets, concurrency=concurrency, concurrency_per_target=concurrency_per_target, **options)

    @property
    def client(self) -> DetectiveClient:
        """The client from which the targets' clients are derived, on the same connections, closed with the fleet.

        Its credentials are those of targets without their own. Use `fleet.client.with_options(...)` for calls that
        concern one account only.
        """
        return self._client

    def shard(self, index: int, count: int) -> Self:
        """Return a fleet of every `count`-th target, beginning at `index`: the share of one of `count` machines.

        Together, the shards of the same targets in the same order contain every target once. The new fleet has its own
        connections. A fleet without a caller's session can be pickled and sent to another machine, together with the
        credentials of its targets.

        Args:
            index: 0 to `count` - 1.
            count: the number of shards.

        Raises:
            ParameterError: a number is out of range.
        """
        return self._constructor()(Shard(self._targets, index, count))

    def run(
        self, fn: Callable[[DetectiveClient, Target], Awaitable[T]], *, progress: ProgressCallback | None = None
    ) -> AsyncGenerator[Outcome[T], None]:
        """Run a coroutine function for every target, and yield the outcomes as they complete.

        Leaving the loop cancels all work in progress; a slow consumer slows the work down. If the host of a target does
        not exist, or does not know its access keys, its outcome is held until the host of another region has responded,
        or has accepted the account's keys, or until the end: only then is it known whether the region is unavailable.
        At most 10,000 outcomes are held; beyond that, the oldest are decided on as at the end.

        Args:
            fn: a coroutine function, or another function that returns an awaitable, which takes the target's client and
                the target. If it returns anything else, each outcome has a `TypeError`.
            progress: called after each target.

        Raises:
            ParameterError: `fn` or `progress` is not callable as required; while iterating, after all outcomes: an
                element of the targets is not a `Target`.
            ClientClosed: while iterating: the fleet was closed.
            RuntimeError: while iterating: the targets are an iterator that a run has taken already.
        """
        if not callable(fn):
            raise ParameterError("fn", f"expected a coroutine function, got {type(fn).__name__}")
        # Another function may return an awaitable, as a lambda does: what one returns is known when it is called.
        if any(map(inspect.isasyncgenfunction, (fn, type(fn).__call__))):
            raise ParameterError("fn", "expected a coroutine function, got one that yields: return a value instead")
        if progress is not None and not is_plain_callable(progress):
            raise ParameterError("progress", f"expected a plain callable, got {progress!r}")
        return self._run(fn, progress)

    async def _run(
        self, fn: Callable[[DetectiveClient, Target], Awaitable[T]], progress: ProgressCallback | None
    ) -> AsyncGenerator[Outcome[T], None]:
        if self._closed:
            raise ClientClosed(CLOSED)
        tally = ProgressCounter(progress, target_count(self._targets), self._clock.monotonic)

        def publish(outcome: Outcome[T]) -> None:
            counted(outcome)
            run.add_result(outcome)

        undecided = UndecidedOutcomes(publish, self._options.get("credentials"), self._own_host)
        # Its clients share what this run has learnt of hosts and keys.
        client = self._patient_client.with_options()
        client._transport = evolve(client._transport, listener=undecided)  # noqa: SLF001 - of our own class

        async def work(target: Target) -> Outcome[T] | None:
            # Without a variable for the outcome, to which the traceback in it would refer back: a reference cycle.
            return counted(undecided.decide(await undecided.checked(await self._work(fn, client, target, run))))

        def counted(outcome: Outcome[T] | None) -> Outcome[T] | None:
            if outcome is not None:
                tally.add(failed=outcome.kind is OutcomeKind.FAILED)
            return outcome

        def on_change() -> None:
            run.notify()

        def on_end(run: Run[Target, Any]) -> None:
            self._runs.discard(run)
            admission.close()

        loop = asyncio.get_running_loop()
        hosts = client._transport.shared.in_loop(loop)  # noqa: SLF001 - of our own class
        # Runs in other threads begin and end at any moment.
        if not any(run.loop is loop for run in list(self._runs)):
            hosts.forget_hosts()
        admission = Admission(
            validated(self._targets),
            self._concurrency,
            target_count(self._targets) or LONG_LOOK_AHEAD,
            partial(hosts.health, DETECTIVE.name),
            on_change,
        )
        run = Run(admission, work, self._concurrency, undecided.publish_rest, on_end)
        self._runs.add(run)
        try:
            async for outcome in run:
                yield outcome
        finally:
            await run.stop()

    async def _work(
        self,
        fn: Callable[[DetectiveClient, Target], Awaitable[T]],
        client: DetectiveClient,
        target: Target,
        run: Run[Target, Outcome[T]],
    ) -> Outcome[T]:
        began = self._clock.monotonic()
        value: T | None = None
        error: Exception | None = None
        try:
            derived = client.with_options(
                region=target.region, credentials=target.credentials, account_id=target.account_id
            )
            value = await _awaitable(fn(derived, target))
        except asyncio.CancelledError:
            if run.stopped:
                raise
            # The work cancelled itself, or awaited a cancelled task.
            error = RuntimeError("the work was cancelled")
        except Exception as raised:  # noqa: BLE001 - any exception becomes this target's outcome
            error = raised
        try:
            return Outcome(target, value, error, self._clock.monotonic() - began)
        finally:
            # The traceback refers to this frame: without this the frame would refer back, a reference cycle.
            del error

    def _own_host(self, region: str) -> str | None:
        """Return the host that a region has if Detective is available there; None if that is not known."""
        client = self._client
        # FIPS endpoints exist in a few regions only; a custom endpoint is not the region's.
        if client._endpoint_url is not None or client._use_fips:  # noqa: SLF001 - of our own class
            return None
        return client._resolve(region).host  # noqa: SLF001 - of our own class

    async def aclose(self) -> None:
        """Cancel all runs, and close the connections unless they belong to a session that was passed in."""
        self._closed = True
        loop = asyncio.get_running_loop()
        # Runs in other threads may end at this moment.
        runs = list(self._runs)
        here = [run for run in runs if run.loop is loop]
        for run in runs:
            # An event loop that is closed has no tasks any more.
            with suppress(RuntimeError):
                if run.loop is not loop:
                    run.loop.call_soon_threadsafe(_end, run)
        try:
            # At once, before this can be cancelled.
            for run in here:
                _end(run)
            await asyncio.gather(*(run.stop() for run in here))
        finally:
            await self._client.aclose()

    async def __aenter__(self) -> Self:
        """Return the fleet itself.

        Raises:
            ClientClosed: the fleet was closed.
        """
        if self._closed:
            raise ClientClosed(CLOSED)
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Close the fleet, as `aclose` does."""
        await self.aclose()

    def __repr__(self) -> str:
        count = target_count(self._targets)
        state = "closed" if self._closed else "open"
        return f"<DetectiveFleet [targets: {'unknown' if count is None else count}, {state}]>"

    def __reduce__(self) -> tuple[Any, ...]:
        return self._constructor(), (self._targets,)

    def _constructor(self) -> "partial[Self]":
        """Return a callable that makes a fleet of other targets, with the options of this one."""
        return partial(
            type(self),
            concurrency=self._concurrency,
            concurrency_per_target=self._concurrency_per_target,
            **self._options,
        )


def _awaitable(returned: Awaitable[T]) -> Awaitable[T]:
    """Return what `fn` returned, if it can be awaited.

    A function of its own: the frame of the work, to which the traceback of an error refers, keeps no future with it.
    """
    if not inspect.isawaitable(returned):
        raise TypeError(
            f"fn returned {type(returned).__name__}, which cannot be awaited: pass a coroutine function (async def)"
        )
    return returned


def _end(run: Run[Target, Any]) -> None:
    """Cancel a run of a fleet that is closed."""
    error = ClientClosed(CLOSED)
    # What the work has sent is not known here.
    error.outcome_unknown = run.is_working
    run.cancel(error)
