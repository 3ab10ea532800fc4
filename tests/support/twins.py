"""Two simulators that go through the same calls, one of them with faults, and what must be the same of both.

What a call should do is not told here a second time: the twin without faults does it. The twin is called once for each
call that the other one carried out at least once. Time stands still and both make up the same ids, so that from there
on the two hold exactly the same.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from attrs import Factory, define, field, frozen
from support.fakes import FakeTime
from support.wire_server import until

from detective_async import (
    Account,
    Clock,
    CreateMembersResponse,
    DecodeError,
    DetectiveClient,
    DetectiveError,
    Paginator,
    RetryPolicy,
    ServiceError,
    Timeouts,
)
from detective_async.api.models.base import Response
from detective_async.testing import (
    ClockSkew,
    DetectiveSimulator,
    Drop,
    Failure,
    Fault,
    Garbage,
    RecordedRequest,
    Throttle,
)
from detective_async.testing.faults import Effect

NOW = 1_800_000_000.0
REGION = "eu-west-1"
ADMINS = ("100000000001", "100000000002")
MEMBERS = tuple(f"20000000000{number}" for number in range(1, 7))
#: Where each member is on its way into the first administrator's graph, to begin with; two are not there yet.
STATUSES = ("INVITED", "INVITED", "ENABLED", "ACCEPTED_BUT_DISABLED")
NO_GRAPH = f"arn:aws:detective:{REGION}:{ADMINS[0]}:graph:{'0' * 32}"
NO_INVESTIGATION = "0" * 21
PATIENT = Timeouts()
HASTY = Timeouts(attempt=0.03)

_WORLD = {
    "accounts": [{"id": account} for account in (*ADMINS, *MEMBERS)],
    "graphs": [
        {
            "administrator": admin,
            "region": REGION,
            "id": f"{number:032x}",
            "tags": {"owner": admin},
            "members": [
                {"account": account, "email": f"account-{account}@example.com", "status": status}
                | ({"disabled_reason": "VOLUME_UNKNOWN"} if status == "ACCEPTED_BUT_DISABLED" else {})
                for account, status in zip(MEMBERS, STATUSES, strict=False)
            ],
            "investigations": [{"entity_arn": f"arn:aws:iam::{admin}:role/Before", "id": f"{number:021d}"}],
        }
        for number, admin in enumerate(ADMINS, 1)
    ],
}
_UNCLEAR_STATUSES = frozenset({500, 502, 503, 504})
_MADE_UP = (Throttle, Failure)


@frozen
class Job:
    """One call that somebody makes.

    Attributes:
        caller: the account that makes it.
        method: of the client.
        graph_of: the administrator whose graph comes first among the parameters; None where no graph does.
        investigation: which of the graph's investigations comes next, by its number; None where none does.
        given: the other parameters.
    """

    caller: str
    method: str
    graph_of: str | None = None
    investigation: int | None = None
    given: dict[str, Any] = Factory(dict)

    @property
    def reads(self) -> bool:
        return self.method.startswith(("list_", "iter_", "get_", "batch_get_"))

    async def run(self, sim: DetectiveSimulator, client: DetectiveClient) -> Any:
        """Make the call; the error is a value here."""
        places = []
        if self.graph_of is not None:
            graph = next((one for one in sim.dump()["graphs"] if one["administrator"] == self.graph_of), None)
            arn = f"arn:aws:detective:{REGION}:{self.graph_of}:graph:{graph['id']}" if graph else NO_GRAPH
            places.append(arn)
            if self.investigation is not None:
                known = [one["id"] for one in graph["investigations"]] if graph else []
                places.append(known[self.investigation % len(known)] if known else NO_INVESTIGATION)
        given = dict(self.given)
        if "accounts" in given:
            given["accounts"] = [Account(account, f"account-{account}@example.com") for account in given["accounts"]]
        try:
            called = getattr(client, self.method)(*places, **given)
            return await (called.collect() if isinstance(called, Paginator) else called)
        except DetectiveError as error:
            return error


@frozen
class Step:
    """A call, what goes wrong during it, in this order, and how often it may be tried.

    Attributes:
        job: the call.
        faults: what goes wrong.
        max_attempts: how often it may be tried.
        hasty: whether the client gives an attempt up after a moment, while the simulator goes on with it.
    """

    job: Job
    faults: tuple[Effect, ...] = ()
    max_attempts: int = 3
    hasty: bool = False


@define
class Twins:
    """Both simulators, each with a client."""

    main: DetectiveSimulator
    twin: DetectiveSimulator
    _clients: list[DetectiveClient] = field(factory=list)

    async def run(self, step: Step) -> None:
        """Make a call on both, and compare."""
        before = self.main.snapshot()
        for effect in step.faults:
            self.main.inject(Fault(effect))
        self.main.forget_requests()
        outcome = await (self._run_in_haste(step) if step.hasty else self._run(step))
        self.main.clear_faults()
        trace = Trace(step.job, outcome, last_call(self.main.requests), hasty=step.hasty)
        problems = trace.problems()
        # A request that was refused for a clock that is off is sent again once, and is no retry.
        again = any(one.error_code == "InvalidSignatureException" for one in trace.requests)
        if len(trace.requests) > step.max_attempts + again:
            problems.append(f"there were more than {step.max_attempts} attempts")
        if trace.job.reads or trace.executed or trace.refused:
            expected = await step.job.run(self.twin, self._client(self.twin, step.job.caller, 1))
            problems += trace.differences(expected)
        if self.main.dump() != self.twin.dump():
            problems.append("the call did not have the effect of exactly one call")
        if isinstance(outcome, CreateMembersResponse):
            problems += _lost_accounts(step.job, outcome, before, self.main.snapshot())
        assert not problems, f"\n{step}\n" + "\n".join([*problems, *trace.lines()])

    async def _run(self, step: Step) -> Any:
        return await step.job.run(self.main, self._client(self.main, step.job.caller, step.max_attempts))

    async def _run_in_haste(self, step: Step) -> Any:
        """Make the call with a client of its own, and wait until the simulator is done with what was given up."""
        tasks = len(asyncio.all_tasks())
        async with client_of(self.main, timeouts=HASTY) as client:
            retry = RetryPolicy(max_attempts=step.max_attempts)
            outcome = await step.job.run(
                self.main, client.with_options(credentials=self.main.account(step.job.caller), retry=retry)
            )
        await until(lambda: len(asyncio.all_tasks()) <= tasks, "the simulator has done what it was asked to")
        return outcome

    def _client(self, sim: DetectiveSimulator, account: str, max_attempts: int) -> DetectiveClient:
        client = self._clients[0 if sim is self.main else 1]
        return client.with_options(credentials=sim.account(account), retry=RetryPolicy(max_attempts=max_attempts))


@frozen
class Trace:
    """What came of a call, and the requests with which it was made; of a walk, the last page's."""

    job: Job
    outcome: Any
    requests: Sequence[RecordedRequest]
    hasty: bool = False

    @property
    def executed(self) -> int:
        """How many times the simulator carried it out."""
        return sum(1 for one in self.requests if executed(one))

    @property
    def refused(self) -> bool:
        """Whether the service itself said no, and never did it."""
        effects = self.requests[-1].faults if self.requests else ()
        made_up = any(isinstance(one, (*_MADE_UP, Garbage, ClockSkew)) for one in effects)
        # A clock that was put right is off again once the fault is over.
        skewed = bool(self.requests) and self.requests[-1].error_code == "InvalidSignatureException"
        return isinstance(self.outcome, ServiceError) and not self.executed and not made_up and not skewed

    def problems(self) -> list[str]:
        """Tell what is wrong, from the requests alone."""
        checks = {"it was carried out more than once": self.executed <= 1 or self.job.method != "start_investigation"}
        if isinstance(self.outcome, DetectiveError):
            told = self.outcome.outcome_unknown
            checks["it was carried out, and the error says that nothing was done"] = told or not self.executed
        else:
            checks["it returned, and was not carried out"] = bool(self.executed)
        if isinstance(self.outcome, Response):
            told = self.outcome.response_metadata.repeated
            checks["it was carried out twice, and does not say so"] = told or self.executed <= 1
        # Attempts that were given up end after those that were not, or never got that far.
        checks |= {} if self.hasty else self._details()
        return [problem for problem, fine in checks.items() if not fine]

    def _details(self) -> dict[str, bool]:
        count = len(self.requests)
        if isinstance(self.outcome, DetectiveError):
            doubtful = any(map(unclear, self.requests)) or isinstance(self.outcome, DecodeError)
            return {
                f"outcome_unknown is not {doubtful}": self.outcome.outcome_unknown == doubtful,
                f"attempts is not {count}": getattr(self.outcome, "attempts", None) == count,
            }
        if isinstance(self.outcome, Response):
            metadata = self.outcome.response_metadata
            doubtful = any(map(unclear, self.requests[:-1]))
            return {
                f"repeated is not {doubtful}": metadata.repeated == doubtful,
                f"attempts is not {count}": metadata.attempts == count,
                "the answer is not the last attempt's": metadata.request_id == self.requests[-1].request_id,
            }
        return {}

    def differences(self, expected: Any) -> list[str]:
        """Tell what the twin answered otherwise, which was asked once and without faults."""
        if self.refused:
            same = type(expected) is type(self.outcome) and expected.code == self.outcome.code
        elif isinstance(self.outcome, DetectiveError):
            # What was carried out can be carried out; what could only be read is of no interest.
            same = self.job.reads or not isinstance(expected, DetectiveError)
        else:
            # An attempt that comes after one that was carried out finds the work done, and may say so.
            same = expected == self.outcome or (self.executed > 1 and not self.job.reads)
        return [] if same else [f"without faults it comes to {expected!r}"]

    def lines(self) -> list[str]:
        """Tell the whole story of the call."""
        told = f"outcome: {type(self.outcome).__name__} {self.outcome}"
        if isinstance(self.outcome, Response):
            told += f" {self.outcome.response_metadata}"
        return [
            told,
            *(
                f"request {number}: {one.operation} HTTP {one.status} {one.error_code or 'carried out'} {one.faults}"
                for number, one in enumerate(self.requests, 1)
            ),
        ]


def executed(request: RecordedRequest) -> bool:
    """Tell whether the service did what it was asked to."""
    return request.status is not None and request.error_code is None


def unclear(request: RecordedRequest) -> bool:
    """Tell whether the client cannot know if the service did what it was asked to."""
    if any(isinstance(effect, Throttle) for effect in request.faults):
        return False
    return request.status in _UNCLEAR_STATUSES or any(isinstance(effect, Drop) for effect in request.faults)


def last_call(requests: Sequence[RecordedRequest]) -> list[RecordedRequest]:
    """Give the requests of the call that was made last."""
    return [one for one in requests if call_of(one) == call_of(requests[-1])]


def call_of(request: RecordedRequest) -> str:
    return request.headers["amz-sdk-invocation-id"]


def _lost_accounts(job: Job, answer: CreateMembersResponse, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Tell which accounts the answer to CreateMembers leaves in the dark."""
    arn = next(name for name, graph in after.items() if graph["administrator"] == job.graph_of)
    unprocessed = {one.account_id for one in answer.unprocessed_accounts}
    said = sorted(str(account) for account in [*(one.account_id for one in answer.members), *unprocessed])
    problems = [] if said == sorted(job.given["accounts"]) else ["not every account is in the answer exactly once"]
    for account in set(job.given["accounts"]) - set(ADMINS):
        if list(after[arn]["members"]).count(account) != 1:
            problems.append(f"{account} is not a member")
        if account in unprocessed and account not in before[arn]["members"] and not answer.response_metadata.repeated:
            problems.append(f"{account} is a member now, and is told to be unprocessed")
    return problems


@asynccontextmanager
async def twins() -> AsyncIterator[Twins]:
    async with simulator() as main, simulator() as twin, client_of(main) as one, client_of(twin) as other:
        yield Twins(main, twin, [one, other])


@asynccontextmanager
async def simulator() -> AsyncIterator[DetectiveSimulator]:
    async with DetectiveSimulator(wall_clock=lambda: NOW) as sim:
        sim.load(_WORLD)
        yield sim


def client_of(sim: DetectiveSimulator, *, max_attempts: int = 3, timeouts: Timeouts = PATIENT) -> DetectiveClient:
    """Give a client of the first administrator whose waits take no time."""
    fake_time = FakeTime()
    return DetectiveClient(
        region=REGION,
        credentials=sim.account(ADMINS[0]),
        endpoint_url=sim.url,
        clock=Clock(lambda: NOW, fake_time.clock().monotonic, fake_time.sleep, lambda: fake_time.random),
        retry=RetryPolicy(max_attempts=max_attempts),
        timeouts=timeouts,
    )
