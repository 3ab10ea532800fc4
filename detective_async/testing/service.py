"""From a request to its answer, without a socket: verify, route, validate, fault, operate, record.

`http` feeds it what arrives and does to the connection what an `Answer` says.
"""

import gzip
import hmac
import uuid
from collections import deque
from datetime import datetime, timedelta
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any

from attrs import define, evolve, field, frozen

from detective_async.testing import signature
from detective_async.testing.apis import Api, Operation, api_of
from detective_async.testing.clock import Clock
from detective_async.testing.faults import (
    ClockSkew,
    Drip,
    Drop,
    Effect,
    Failure,
    FaultPlan,
    Garbage,
    Gzip,
    Latency,
    Throttle,
    Truncate,
)
from detective_async.testing.operations import Call
from detective_async.testing.problems import Problem
from detective_async.testing.records import RecordedRequest
from detective_async.testing.signature import Headers, Scope
from detective_async.testing.state import Session
from detective_async.testing.world import World


@frozen
class Request:
    """A request, exactly as it came.

    Args:
        target: path and query, still percent-encoded.
    """

    method: str
    target: str
    headers: Headers
    body: bytes


@frozen
class Answer:
    """What goes back, and how."""

    status: int
    headers: dict[str, str]
    body: bytes
    drop: Drop | None = None
    drip: Drip | None = None


@define
class _Story:
    """What is known of a request so far: it becomes its record and its answer's headers."""

    request_id: str
    api: Api
    session: Session | None = None
    skew: timedelta = timedelta(0)
    operation: str = ""
    account_id: str = ""
    region: str = ""
    effects: tuple[Effect, ...] = ()
    error_code: str | None = None


@frozen
class Admitted:
    """A request that may be carried out: who it is from, what it asks for, and what is to strike it."""

    story: _Story
    operation: Operation
    given: dict[str, Any]

    @property
    def latency(self) -> float:
        """Return how long to wait before it is carried out, in seconds."""
        return sum(effect.seconds for effect in self.story.effects if isinstance(effect, Latency))


@define
class Service:
    """The simulated services: Amazon Detective, and STS beside it."""

    world: World
    clock: Clock
    faults: FaultPlan
    requests: deque[RecordedRequest] = field(factory=deque)

    def admit(self, request: Request) -> Admitted | Answer:
        """Check a request; the answer is a refusal."""
        story = _begin(request)
        try:
            return self._admit(request, story)
        except Problem as problem:
            return self._finish(request, story, self._refuse(problem, story))

    def carry_out(self, request: Request, admitted: Admitted) -> Answer:
        """Do what an admitted request asks for, or what its faults make of it."""
        story = admitted.story
        effect = next((one for one in story.effects if not isinstance(one, (Latency, ClockSkew))), None)
        if isinstance(effect, Drop) and effect.when == "before":
            return self._finish(request, story, Answer(0, {}, b"", drop=effect))
        if isinstance(effect, (Throttle, Failure)):
            problem = Problem(effect.code, effect.message, status=effect.status)
            return self._finish(request, story, self._refuse(problem, story, effect.retry_after_ms))
        try:
            answer = self._operate(admitted)
        except Problem as problem:
            answer = self._refuse(problem, story)
        return self._finish(request, story, _strike(answer, effect))

    def refuse(self, request: Request, problem: Problem) -> Answer:
        """Refuse a request that could not even be read."""
        story = _begin(request)
        return self._finish(request, story, self._refuse(problem, story))

    def _admit(self, request: Request, story: _Story) -> Admitted:
        path, _, query = request.target.partition("?")
        # Who asks comes before what for: an unsigned request is not told which operations there are.
        operation = story.api.find(request.method, path, query, request.body)
        story.operation = "" if isinstance(operation, Problem) else operation.name
        scope = signature.parse_authorization(request.headers)
        story.region = scope.region
        self._authenticate(request, scope, story)
        if isinstance(operation, Problem):
            raise operation
        given = operation.read(path, query, request.body)
        story.effects += tuple(self.faults.strike(operation.name, story.account_id, scope.region))
        return Admitted(story, operation, given)

    def _operate(self, admitted: Admitted) -> Answer:
        now = self.clock.now()
        self.world.settle(now)
        story, operation = admitted.story, admitted.operation
        call = Call(self.world, operation.name, story.account_id, story.region, now, admitted.given, story.session)
        answer = story.api.actions[operation.name](call)
        return Answer(operation.status, self._headers(story), operation.write(answer, story.request_id))

    def _authenticate(self, request: Request, scope: Scope, story: _Story) -> None:
        invalid_token = Problem("UnrecognizedClientException", "The security token included in the request is invalid.")
        key = self.world.keys.get(scope.access_key_id)
        if key is None:
            raise invalid_token
        skews = self.faults.skews(story.operation, key.account_id, scope.region)
        story.skew = timedelta(seconds=sum(skew.seconds for skew in skews))
        story.effects = tuple(skews)
        signature.verify(
            scope,
            key.secret,
            service=story.api.service,
            now=self.clock.wall() + story.skew,
            method=request.method,
            target=request.target,
            headers=request.headers,
            body=request.body,
        )
        token = request.headers.get("x-amz-security-token")
        if not hmac.compare_digest(token.encode(errors="replace"), (key.session_token or "").encode()):
            raise invalid_token
        story.account_id, story.session = key.account_id, key.session
        if scope.region in self.world.closed_regions:
            raise invalid_token
        if key.expires_at is not None and key.expires_at <= self.clock.now():
            raise Problem("ExpiredTokenException", "The security token included in the request is expired")

    def _headers(self, story: _Story) -> dict[str, str]:
        return {
            "Content-Type": story.api.content_type,
            "Date": _http_date(self.clock.wall() + story.skew),
            "x-amzn-RequestId": story.request_id,
        }

    def _refuse(self, problem: Problem, story: _Story, retry_after_ms: int | str | None = None) -> Answer:
        refusal = story.api.refusal(problem, story.request_id)
        story.error_code = refusal.code
        headers = {**self._headers(story), **refusal.headers}
        if retry_after_ms is not None:
            headers["x-amz-retry-after"] = str(retry_after_ms)
        return Answer(refusal.status, headers, refusal.body)

    def _finish(self, request: Request, story: _Story, answer: Answer) -> Answer:
        hidden = ("authorization", "x-amz-security-token")
        self.requests.append(
            RecordedRequest(
                time=self.clock.now(),
                operation=story.operation or None,
                account_id=story.account_id or None,
                region=story.region or None,
                method=request.method,
                target=request.target,
                headers=MappingProxyType(
                    {name: request.headers.get(name) for name in request.headers if name not in hidden}
                ),
                body=request.body,
                status=answer.status or None,
                error_code=story.error_code,
                faults=story.effects,
                request_id=story.request_id,
            )
        )
        return answer


def _begin(request: Request) -> _Story:
    return _Story(str(uuid.uuid4()), api_of(request.target.partition("?")[0]))


def _strike(answer: Answer, effect: Effect | None) -> Answer:
    """Do to an answer what a fault does; an answer that has no body is left without one."""
    if isinstance(effect, Garbage):
        return evolve(
            answer,
            status=effect.status,
            body=effect.body,
            headers={**answer.headers, "Content-Type": effect.content_type},
        )
    if isinstance(effect, Truncate):
        keep = len(answer.body) // 2 if effect.keep is None else effect.keep
        return evolve(answer, body=answer.body[:keep])
    if isinstance(effect, Gzip):
        return evolve(answer, body=gzip.compress(answer.body), headers={**answer.headers, "Content-Encoding": "gzip"})
    if isinstance(effect, Drop):
        return evolve(answer, drop=effect)
    if isinstance(effect, Drip):
        return evolve(answer, drip=effect)
    return answer


def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)
