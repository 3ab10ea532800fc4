"""The same work in many accounts and regions at once, over one pool of connections."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from detective_async.api.models.constraints import Integer
from detective_async.auth import CredentialsSource, as_provider
from detective_async.client.client import ClientOptions, DetectiveClient
from detective_async.errors import ParameterError
from detective_async.events import ProgressCallback, Tally, is_plain_callable
from detective_async.fleet.iterators import FleetIterators
from detective_async.fleet.outcomes import Outcome, OutcomeKind, kind_of
from detective_async.fleet.runner import Run
from detective_async.fleet.targets import Once, RoleTargets, Shard, Target, checked, count_of
from detective_async.http.pool import CLOSED
from detective_async.settings.clock import Clock
from detective_async.settings.config import read_settings

#: The region of the client that all others are made from, where none is set. It makes no call of its own, but the
#: default credentials may have to be looked up at an STS.
_SOME_REGION = "us-east-1"

T = TypeVar("T")


class DetectiveFleet(FleetIterators):
    """Many accounts and regions, worked on at once.

        async with DetectiveFleet.assume_role("SecurityAudit", account_ids, ["eu-west-1", "us-east-1"]) as fleet:
            async for outcome in fleet.run(lambda client, target: client.list_graphs()):
                print(outcome.target, outcome.kind, outcome.value or outcome.error)

    Each target has a client of its own, and all of these one pool of connections. What fails in one target becomes its
    outcome and never touches another. Retry quota and pace are those of an account and region.

    Targets are taken one by one, when there is room for the next: thousands of them begin at once.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        *,
        concurrency: int = 64,
        concurrency_per_target: int = 8,
        **options: Unpack[ClientOptions],
    ) -> None:
        """Settle where to work; sends nothing.

        Args:
            targets: accounts and regions. An iterator is taken lazily, and serves for one run only.
            concurrency: how many targets are worked on at a time, and how many requests there are at a time in all.
            concurrency_per_target: how many requests there are at a time for one account in one region.
            **options: as for `DetectiveClient`. `credentials` are those of targets that have none of their own, and
                `region` is where these are looked up.

        Raises:
            ParameterError: there are no targets, or one of a list is none, or a number is out of range.
            ConfigurationError: as for `DetectiveClient`.
        """
        Integer(1)(concurrency, "concurrency")
        Integer(1)(concurrency_per_target, "concurrency_per_target")
        if not isinstance(targets, Iterable):
            raise ParameterError("targets", f"expected targets to iterate over, got {type(targets).__name__}")
        if isinstance(targets, Collection):
            if not targets:
                raise ParameterError("targets", "must not be empty")
            for _ in checked(targets):
                pass
        self._targets = Once(targets) if isinstance(targets, Iterator) else targets
        self._concurrency = concurrency
        self._concurrency_per_target = concurrency_per_target
        self._options = options
        self._clock = options.get("clock", Clock())
        region = options.get("region") or read_settings(options.get("profile")).region or _SOME_REGION
        with_region: ClientOptions = {**options, "region": region}
        self._client = DetectiveClient(**with_region)
        # Both are of our own classes, and this is before anything was asked of them.
        self._client._transport.pool.limit(concurrency)  # noqa: SLF001
        self._client._transport.shared.limit_requests(concurrency_per_target)  # noqa: SLF001
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
        """Settle to work in every account in every region, as a role that has the same name in all accounts.

        Each account's role is assumed once, when it is first needed, for all its regions.

        Args:
            role_name: such as `SecurityAudit`, or with its path, `security/Audit`.
            account_ids: 12 digits each.
            regions: such as `eu-west-1`; all of one partition of AWS.
            source: who assumes the roles: whatever a client takes as `credentials`. None takes the fleet's.
            external_id: what the roles' trust policies may ask for.
            session_name: what CloudTrail shows of the sessions. None names the user and the host.
            duration: how long each set of credentials lasts, in seconds: 900 to 43200.
            concurrency: as for the fleet.
            concurrency_per_target: as for the fleet.
            **options: as for `DetectiveClient`. `region` is whose STS is asked. None takes the region that is set for
                the AWS CLI, else the first of `regions`.

        Raises:
            ParameterError: an argument is malformed, or a list empty or with something in it twice.
            ConfigurationError: as for `DetectiveClient`.
        """
        source = options.get("credentials") if source is None else source
        targets = RoleTargets(
            role_name,
            account_ids,
            regions,
            sts_region=options.get("region") or read_settings(options.get("profile")).region,
            # Made a provider here, so that all the roles have the same one.
            source=None if source is None else as_provider(source),
            external_id=external_id,
            session_name=session_name,
            duration=duration,
        )
        options["region"] = targets.sts_region
        return cls(targets, concurrency=concurrency, concurrency_per_target=concurrency_per_target, **options)

    @property
    def client(self) -> DetectiveClient:
        """The client that those of the targets are made from, on the same connections, which end with the fleet's.

        Its credentials are those of targets that have none of their own, and its region is where these are looked up:
        `fleet.client.with_options(...)` is for what concerns one account alone.
        """
        return self._client

    def shard(self, index: int, count: int) -> Self:
        """Give a fleet of every `count`-th target, beginning at `index`: what one of `count` machines has to do.

        All shards together have every target once, where all are made of the same targets in the same order. The new
        fleet has connections of its own. A fleet that was not given a session can be pickled, and sent to where the
        work is done, with the credentials of its targets.

        Args:
            index: from 0 to `count` - 1.
            count: how many shards there are.

        Raises:
            ParameterError: a number is out of range.
        """
        return type(self)(
            Shard(self._targets, index, count),
            concurrency=self._concurrency,
            concurrency_per_target=self._concurrency_per_target,
            **self._options,
        )

    def run(
        self,
        fn: Callable[[DetectiveClient, Target], Awaitable[T]],
        *,
        progress: ProgressCallback | None = None,
    ) -> AsyncGenerator[Outcome[T], None]:
        """Do something in every target, and give the outcomes as they come.

        Leaving the loop stops everything that is under way; where the outcomes are taken slowly, the work waits.

        Args:
            fn: a coroutine function of a client of the target, and the target.
            progress: told after each target.

        Raises:
            ParameterError: `fn` or `progress` is none; while iterating, after all outcomes: a target is none.
            RuntimeError: while iterating: the targets were an iterator and were taken already, or the fleet was closed.
        """
        if not callable(fn):
            raise ParameterError("fn", f"expected a coroutine function, got {type(fn).__name__}")
        if progress is not None and not is_plain_callable(progress):
            raise ParameterError("progress", f"expected a plain callable, got {progress!r}")
        return self._run(fn, progress)

    async def _run(
        self, fn: Callable[[DetectiveClient, Target], Awaitable[T]], progress: ProgressCallback | None
    ) -> AsyncGenerator[Outcome[T], None]:
        if self._closed:
            raise RuntimeError(CLOSED)
        tally = Tally(progress, count_of(self._targets), self._clock.monotonic)

        async def work(target: Target) -> Outcome[T]:
            return await self._work(fn, target, run, tally)

        run = Run(checked(self._targets), work, self._concurrency, self._runs.discard)
        self._runs.add(run)
        try:
            async for outcome in run:
                yield outcome
        finally:
            await run.stop()

    async def _work(
        self,
        fn: Callable[[DetectiveClient, Target], Awaitable[T]],
        target: Target,
        run: Run[Target, Outcome[T]],
        tally: Tally,
    ) -> Outcome[T]:
        began = self._clock.monotonic()
        value: T | None = None
        error: Exception | None = None
        try:
            client = self._client.with_options(
                region=target.region, credentials=target.credentials, account_id=target.account_id
            )
            value = await fn(client, target)
        except asyncio.CancelledError:
            if run.stopped:
                raise
            # By itself, or it awaited a task that was cancelled.
            error = RuntimeError("the work was cancelled")
        except Exception as raised:  # noqa: BLE001 - whatever it is, it is of no other target's concern
            error = raised
        kind = kind_of(error, regional=self._client._endpoint_url is None)  # noqa: SLF001 - of our own class
        tally.add(failed=kind is OutcomeKind.FAILED)
        try:
            return Outcome(target, value, error, self._clock.monotonic() - began, kind=kind)
        finally:
            # Its traceback holds this frame and those that called it, none of which must hold it in turn.
            del error

    async def aclose(self) -> None:
        """Stop everything that is under way, and close the connections unless they are of a session passed in."""
        self._closed = True
        await asyncio.gather(*(run.stop(RuntimeError(CLOSED)) for run in self._runs))
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        """Give the fleet itself."""
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Close it, as `aclose` does."""
        await self.aclose()

    def __repr__(self) -> str:
        count = count_of(self._targets)
        state = "closed" if self._closed else "open"
        return f"<DetectiveFleet [targets: {'unknown' if count is None else count}, {state}]>"

    def __reduce__(self) -> tuple[Any, ...]:
        limits = self._concurrency, self._concurrency_per_target
        return _make, (type(self), self._targets, *limits, dict(self._options))


def _make(
    cls: type[DetectiveFleet], targets: Iterable[Target], concurrency: int, per_target: int, options: Any
) -> DetectiveFleet:
    return cls(targets, concurrency=concurrency, concurrency_per_target=per_target, **options)
