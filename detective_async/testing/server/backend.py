"""From a request to its response, without a socket: authenticate, validate, apply faults, carry out, record.

`http` passes requests to it, and does to the connection what a `Response` says.
"""

import gzip
import hmac
import uuid
from datetime import timedelta
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any

from attrs import define, evolve, frozen

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
from detective_async.testing.server import signature
from detective_async.testing.server.requests import RecordedRequest, Request, RequestLog
from detective_async.testing.server.signature import Scope
from detective_async.testing.services.call import Call
from detective_async.testing.services.errors import ApiError
from detective_async.testing.services.registry import Api, Operation, api_for
from detective_async.testing.world.clock import Clock
from detective_async.testing.world.entities import Session
from detective_async.testing.world.read_lag import READS
from detective_async.testing.world.regions import is_region, known_regions, nearest
from detective_async.testing.world.world import World


@frozen
class Response:
    """A response, and what a fault does to the connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    drop: Drop | None = None
    drip: Drip | None = None


@define
class _Context:
    """A request, and what has been found out about it so far, for its record and the headers of its response."""

    request: Request
    request_id: str
    api: Api
    # What it changes and where it is recorded: those of now, although they may be replaced before its response.
    world: World
    log: RequestLog
    session: Session | None = None
    skew: timedelta = timedelta(0)
    operation: str = ""
    account_id: str = ""
    region: str = ""
    effects: tuple[Effect, ...] = ()
    error_code: str | None = None


@frozen
class Admitted:
    """A request that has been authenticated and validated, with the effects of faults that apply to it."""

    context: _Context
    operation: Operation
    given: dict[str, Any]

    @property
    def latency(self) -> float:
        """The seconds to wait before it is carried out."""
        return sum(effect.seconds for effect in self.context.effects if isinstance(effect, Latency))


@define
class Backend:
    """Answers requests to the services of one simulated world, and records them."""

    world: World
    clock: Clock
    faults: FaultPlan
    requests: RequestLog

    def admit(self, request: Request) -> Admitted | Response:
        """Authenticate and validate a request; what is returned at once is an error response."""
        context = self._begin(request)
        try:
            return self._admit(context)
        except ApiError as error:
            return self._finish(context, self._error_response(error, context))

    def carry_out(self, admitted: Admitted) -> Response:
        """Carry out an admitted request, and apply the effect of its fault."""
        context = admitted.context
        effect = next((one for one in context.effects if not isinstance(one, (Latency, ClockSkew))), None)
        if isinstance(effect, Drop) and effect.when == "before":
            return self._finish(context, Response(0, {}, b"", drop=effect))
        if isinstance(effect, (Throttle, Failure)):
            error = ApiError(effect.code, effect.message, status=effect.status)
            return self._finish(context, self._error_response(error, context, effect.retry_after_ms))
        try:
            response = self._operate(admitted)
        except ApiError as error:
            response = self._error_response(error, context)
        return self._finish(context, _apply_effect(response, effect))

    def reject(self, request: Request, error: ApiError) -> Response:
        """Refuse a request with an error, without authenticating it."""
        context = self._begin(request)
        return self._finish(context, self._error_response(error, context))

    def _admit(self, context: _Context) -> Admitted:
        request = context.request
        path, _, query = request.target.partition("?")
        operation = context.api.find_operation(request.method, path, query, request.body, _target(request))
        context.operation = "" if isinstance(operation, ApiError) else operation.name
        scope = signature.parse_authorization(request.headers)
        context.region = scope.region
        self._authenticate(context, scope)
        # Raised after the authentication: an unsigned request must not learn which operations exist.
        if isinstance(operation, ApiError):
            raise operation
        given = operation.read(path, query, request.body)
        context.effects += tuple(self.faults.take_effects(operation.name, context.account_id, scope.region))
        return Admitted(context, operation, given)

    def _operate(self, admitted: Admitted) -> Response:
        now = self.clock.now()
        context, operation = admitted.context, admitted.operation
        world = context.world
        world.complete_due(now)
        call = Call(
            world,
            operation.name,
            context.account_id,
            context.region,
            now,
            admitted.given,
            context.session,
            ahead=self.clock.ahead,
        )
        if world.reads.of(operation.name):
            moment = world.reads.moment(operation.name, now)
            seen = world.as_seen(moment)
            # What only reads is carried out as it would have been then.
            call = evolve(call, world=seen, now=moment) if operation.name in READS else evolve(call, seen=seen)
        result = context.api.handlers[operation.name](call)
        if operation.name not in READS:
            world.record(now)
        return Response(operation.status, self._headers(context), operation.write(result, context.request_id))

    def _authenticate(self, context: _Context, scope: Scope) -> None:
        request = context.request
        invalid_token = ApiError(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
        world = context.world
        key = world.keys.get(scope.access_key_id)
        if key is None:
            raise invalid_token
        signed_at = signature.verify(scope, key.secret, request, service=context.api.service)
        # Not before: what is signed with other keys must not use a fault up.
        skews = self.faults.take_clock_skews(context.operation, key.account_id, scope.region)
        context.skew = timedelta(seconds=sum(skew.seconds for skew in skews))
        context.effects = tuple(skews)
        signature.check_time(signed_at, self.clock.wall() + context.skew)
        token = request.headers.get("x-amz-security-token")
        if not hmac.compare_digest(token.encode(errors="replace"), (key.session_token or "").encode()):
            raise invalid_token
        context.account_id, context.session = key.account_id, key.session
        _check_region(scope.region)
        # Keys outlive a reset, and the accounts do not.
        account = world.accounts.get(key.account_id)
        if account is not None and account.state == "PENDING_ACTIVATION":
            raise ApiError("OptInRequired", "The AWS Access Key Id needs a subscription for the service")
        if account is not None and account.state != "ACTIVE":
            raise invalid_token
        closed_regions = world.closed_regions | (account.closed_regions if account else set())
        if context.api.regional and scope.region in closed_regions:
            raise invalid_token
        if key.expires_at is not None and key.expires_at <= self.clock.now():
            raise ApiError("ExpiredTokenException", "The security token included in the request is expired")

    def _begin(self, request: Request) -> _Context:
        api = api_for(request.target.partition("?")[0], _target(request))
        return _Context(request, str(uuid.uuid4()), api, self.world, self.requests)

    def _headers(self, context: _Context) -> dict[str, str]:
        return {
            "Content-Type": context.api.content_type,
            "Date": format_datetime(self.clock.wall() + context.skew, usegmt=True),
            "x-amzn-RequestId": context.request_id,
        }

    def _error_response(self, error: ApiError, context: _Context, retry_after_ms: int | str | None = None) -> Response:
        found = context.api.error_response(error, context.request_id)
        context.error_code = found.code
        headers = {**self._headers(context), **found.headers}
        if retry_after_ms is not None:
            headers["x-amz-retry-after"] = str(retry_after_ms)
        return Response(found.status, headers, found.body)

    def _finish(self, context: _Context, response: Response) -> Response:
        request = context.request
        hidden = ("authorization", "x-amz-security-token")
        context.log.append(
            RecordedRequest(
                time=self.clock.now(),
                operation=context.operation or None,
                account_id=context.account_id or None,
                region=context.region or None,
                method=request.method,
                target=request.target,
                headers=MappingProxyType(
                    {name: request.headers.get(name) for name in request.headers if name not in hidden}
                ),
                # Whoever sends it may send as much as they like.
                body=request.body if context.account_id else b"",
                status=response.status or None,
                error_code=context.error_code,
                faults=context.effects,
                request_id=context.request_id,
            )
        )
        return response


def _check_region(region: str) -> None:
    """Refuse a region whose name looks mistyped, in AWS's words; the simulator adds which one may be meant."""
    if not is_region(region):
        meant = " or ".join(nearest(region, known_regions()))
        hint = f" Did you mean {meant}?" if meant else ""
        message = f"Credential should be scoped to a valid region, not '{region}'.{hint}"
        raise ApiError("InvalidSignatureException", message)


def _target(request: Request) -> str:
    return request.headers.get("x-amz-target")


def _apply_effect(response: Response, effect: Effect | None) -> Response:
    """Apply the effect of a fault to a response."""
    if isinstance(effect, Garbage):
        return evolve(
            response,
            status=effect.status,
            body=effect.body,
            headers={**response.headers, "Content-Type": effect.content_type},
        )
    if isinstance(effect, Truncate):
        keep = len(response.body) // 2 if effect.keep is None else effect.keep
        return evolve(response, body=response.body[:keep])
    if isinstance(effect, Gzip):
        return evolve(
            response, body=gzip.compress(response.body), headers={**response.headers, "Content-Encoding": "gzip"}
        )
    if isinstance(effect, Drop):
        return evolve(response, drop=effect)
    if isinstance(effect, Drip):
        return evolve(response, drip=effect)
    return response
