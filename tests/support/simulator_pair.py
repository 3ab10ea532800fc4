"""Two simulators with the same calls, one with faults and one without, whose results and states are compared.

The simulator without faults, the reference, is the specification: it gets each call once that the other one carried
out at least once. Their time stands still and both generate the same ids, so their states must be equal.
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
#: The initial statuses of members in the first administrator's graph; the last two are no members yet.
STATUSES = ("INVITED", "INVITED", "ENABLED", "ACCEPTED_BUT_DISABLED")
NO_GRAPH = f"arn:aws:detective:{REGION}:{ADMINS[0]}:graph:{'0' * 32}"
NO_INVESTIGATION = "0" * 21
DEFAULT_TIMEOUTS = Timeouts()
SHORT_TIMEOUTS = Timeouts(attempt=0.03)

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
_INJECTED = (Throttle, Failure)


@frozen
class PlannedCall:
    """One call of a client's method.

    Attributes:
        caller: the account that calls.
        method: the name of the method.
        graph_of: the administrator whose graph is the first argument; None for no graph.
        investigation: the index of the graph's investigation that is the next argument; None for none.
        given: the other arguments.
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
        """Make the call and return its result or error."""
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
    """A call with faults.

    Attributes:
        job: the call.
        faults: the faults, in order.
        max_attempts: the maximum number of attempts.
        short_timeout: whether attempts time out at the client, while the simulator carries them out.
    """

    job: PlannedCall
    faults: tuple[Effect, ...] = ()
    max_attempts: int = 3
    short_timeout: bool = False


@define
class SimulatorPair:
    """Both simulators, each with a client."""

    faulty: DetectiveSimulator
    reference: DetectiveSimulator
    _clients: list[DetectiveClient] = field(factory=list)

    async def run(self, step: Step) -> None:
        """Make a call on both, and compare the results and states."""
        before = self.faulty.snapshot()
        for effect in step.faults:
            self.faulty.inject(Fault(effect))
        self.faulty.forget_requests()
        outcome = await (self._run_with_short_timeout(step) if step.short_timeout else self._run(step))
        self.faulty.clear_faults()
        trace = Trace(step.job, outcome, last_call(self.faulty.requests), short_timeout=step.short_timeout)
        problems = trace.problems()
        # After a refusal for a wrong clock, the request is repeated once, which is not a retry.
        again = any(one.error_code == "InvalidSignatureException" for one in trace.requests)
        if len(trace.requests) > step.max_attempts + again:
            problems.append(f"there were more than {step.max_attempts} attempts")
        if trace.job.reads or trace.executed or trace.refused:
            expected = await step.job.run(self.reference, self._client(self.reference, step.job.caller, 1))
            problems += trace.differences(expected)
        if self.faulty.dump() != self.reference.dump():
            problems.append("the call did not have the effect of exactly one call")
        if isinstance(outcome, CreateMembersResponse):
            problems += _lost_accounts(step.job, outcome, before, self.faulty.snapshot())
        assert not problems, f"\n{step}\n" + "\n".join([*problems, *trace.lines()])

    async def _run(self, step: Step) -> Any:
        return await step.job.run(self.faulty, self._client(self.faulty, step.job.caller, step.max_attempts))

    async def _run_with_short_timeout(self, step: Step) -> Any:
        """Make the call with its own client, and wait until the simulator has carried out attempts that timed out."""
        tasks = len(asyncio.all_tasks())
        async with client_of(self.faulty, timeouts=SHORT_TIMEOUTS) as client:
            retry = RetryPolicy(max_attempts=step.max_attempts)
            outcome = await step.job.run(
                self.faulty, client.with_options(credentials=self.faulty.account(step.job.caller), retry=retry)
            )
        await until(lambda: len(asyncio.all_tasks()) <= tasks, "the simulator has carried out all requests")
        return outcome

    def _client(self, sim: DetectiveSimulator, account: str, max_attempts: int) -> DetectiveClient:
        client = self._clients[0 if sim is self.faulty else 1]
        return client.with_options(credentials=sim.account(account), retry=RetryPolicy(max_attempts=max_attempts))


@frozen
class Trace:
    """The outcome of a call and its requests; for an iteration, those of the last page."""

    job: PlannedCall
    outcome: Any
    requests: Sequence[RecordedRequest]
    short_timeout: bool = False

    @property
    def executed(self) -> int:
        """How often the simulator carried out the call."""
        return sum(1 for one in self.requests if executed(one))

    @property
    def refused(self) -> bool:
        """Whether the service itself refused the call, and never carried it out."""
        effects = self.requests[-1].faults if self.requests else ()
        made_up = any(isinstance(one, (*_INJECTED, Garbage, ClockSkew)) for one in effects)
        # A corrected clock is wrong again after the fault.
        skewed = bool(self.requests) and self.requests[-1].error_code == "InvalidSignatureException"
        return isinstance(self.outcome, ServiceError) and not self.executed and not made_up and not skewed

    def problems(self) -> list[str]:
        """Return the problems that the requests show."""
        checks = {"it was carried out more than once": self.executed <= 1 or self.job.method != "start_investigation"}
        if isinstance(self.outcome, DetectiveError):
            text = self.outcome.outcome_unknown
            checks["it was carried out, and the error says that nothing was done"] = text or not self.executed
        else:
            checks["it returned, and was not carried out"] = bool(self.executed)
        if isinstance(self.outcome, Response):
            text = self.outcome.response_metadata.repeated
            checks["it was carried out twice, and does not say so"] = text or self.executed <= 1
        # Attempts that timed out end later than others, or were never received.
        checks |= {} if self.short_timeout else self._details()
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
                "the response is not the last attempt's": metadata.request_id == self.requests[-1].request_id,
            }
        return {}

    def differences(self, expected: Any) -> list[str]:
        """Compare the outcome with that of the reference, which got the call once and without faults."""
        if self.refused:
            same = type(expected) is type(self.outcome) and expected.code == self.outcome.code
        elif isinstance(self.outcome, DetectiveError):
            # The call was carried out, so it must succeed at the reference; reading calls do not matter.
            same = self.job.reads or not isinstance(expected, DetectiveError)
        else:
            # An attempt after one that was carried out may have another response.
            same = expected == self.outcome or (self.executed > 1 and not self.job.reads)
        return [] if same else [f"without faults the result is {expected!r}"]

    def lines(self) -> list[str]:
        """Describe the call and its requests."""
        text = f"outcome: {type(self.outcome).__name__} {self.outcome}"
        if isinstance(self.outcome, Response):
            text += f" {self.outcome.response_metadata}"
        return [
            text,
            *(
                f"request {number}: {one.operation} HTTP {one.status} {one.error_code or 'carried out'} {one.faults}"
                for number, one in enumerate(self.requests, 1)
            ),
        ]


def executed(request: RecordedRequest) -> bool:
    """Return whether the service carried out the request."""
    return request.status is not None and request.error_code is None


def unclear(request: RecordedRequest) -> bool:
    """Return whether the client cannot know if the request was carried out."""
    if any(isinstance(effect, Throttle) for effect in request.faults):
        return False
    return request.status in _UNCLEAR_STATUSES or any(isinstance(effect, Drop) for effect in request.faults)


def last_call(requests: Sequence[RecordedRequest]) -> list[RecordedRequest]:
    """Return the requests of the last call."""
    return [one for one in requests if call_of(one) == call_of(requests[-1])]


def call_of(request: RecordedRequest) -> str:
    return request.headers["amz-sdk-invocation-id"]


def _lost_accounts(
    job: PlannedCall, response: CreateMembersResponse, before: dict[str, Any], after: dict[str, Any]
) -> list[str]:
    """Return the accounts that are missing or wrong in a response of CreateMembers."""
    arn = next(name for name, graph in after.items() if graph["administrator"] == job.graph_of)
    unprocessed = {one.account_id for one in response.unprocessed_accounts}
    said = sorted(str(account) for account in [*(one.account_id for one in response.members), *unprocessed])
    problems = [] if said == sorted(job.given["accounts"]) else ["not every account is in the response exactly once"]
    for account in set(job.given["accounts"]) - set(ADMINS):
        if list(after[arn]["members"]).count(account) != 1:
            problems.append(f"{account} is not a member")
        if account in unprocessed and account not in before[arn]["members"] and not response.response_metadata.repeated:
            problems.append(f"{account} is a member now, and is listed as unprocessed")
    return problems


@asynccontextmanager
async def simulator_pair() -> AsyncIterator[SimulatorPair]:
    async with simulator() as faulty, simulator() as reference, client_of(faulty) as one, client_of(reference) as other:
        yield SimulatorPair(faulty, reference, [one, other])


@asynccontextmanager
async def simulator() -> AsyncIterator[DetectiveSimulator]:
    async with DetectiveSimulator(wall_clock=lambda: NOW) as sim:
        sim.load(_WORLD)
        yield sim


def client_of(
    sim: DetectiveSimulator, *, max_attempts: int = 3, timeouts: Timeouts = DEFAULT_TIMEOUTS
) -> DetectiveClient:
    """Return a client of the first administrator, with a fake clock."""
    fake_time = FakeTime()
    return DetectiveClient(
        region=REGION,
        credentials=sim.account(ADMINS[0]),
        endpoint_url=sim.url,
        clock=Clock(lambda: NOW, fake_time.clock().monotonic, fake_time.sleep, lambda: fake_time.random),
        retry=RetryPolicy(max_attempts=max_attempts),
        timeouts=timeouts,
    )
