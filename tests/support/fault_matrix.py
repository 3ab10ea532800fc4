"""The expected results of faults, and the checks of them, for all kinds of operations."""

import pytest
from attrs import frozen
from support.operation_cases import OperationCase
from support.proxied_call import CallResult, ProxiedClient
from support.proxy import ConnectionFault, ExchangeFault, PortFault

from detective_async import DecodeError, DetectiveError, ServiceError, TransportError

#: The default number of attempts.
ATTEMPTS = 3
_TRANSIENT, _THROTTLING = 0.05, 1.0


@frozen
class ExpectedResult:
    """The expected result of an attempt with a fault.

    Attributes:
        fault: the fault.
        error: the error, if it is the last attempt.
        seconds: the duration.
        executed: whether the service carries out the request.
        unknown: whether the outcome is unknown to the client.
        passing: whether the failure is transient.
        status: the HTTP status of the error.
        throttled: whether it counts as throttling.
        keeps: whether the connection can be reused.
        seen: whether a request reaches the proxy.
    """

    fault: PortFault | ConnectionFault | ExchangeFault
    error: type[DetectiveError]
    seconds: float = 0.0
    executed: bool = False
    unknown: bool = True
    passing: bool = True
    status: int | None = None
    throttled: bool = False
    keeps: bool = False
    seen: bool = True

    def __str__(self) -> str:
        return self.fault.name

    def attempts(self, operation: OperationCase, faulty: int) -> int:
        """Return the number of attempts of a call whose first ones have the fault."""
        again = self.passing and (operation.repeatable or not self.unknown)
        return min(ATTEMPTS, faulty + 1) if again else 1

    def time(self, attempts: int, faulty: int) -> float:
        """Return the duration of a call, with the maximum delays."""
        base = _THROTTLING if self.throttled else _TRANSIENT
        return faulty * self.seconds + sum(base * 2.0**n for n in range(attempts - 1))


async def check(proxied_client: ProxiedClient, expected: ExpectedResult, *, faulty: int, pooled: bool) -> CallResult:
    """Call the operation, whose first attempts have the fault, and check all results.

    Args:
        proxied_client: the client to call.
        expected: the fault and its expected result.
        faulty: the number of attempts with the fault.
        pooled: whether a reusable connection stays in the pool.
    """
    operation = proxied_client.operation
    if isinstance(expected.fault, PortFault):
        expected.fault.play(proxied_client.proxy)
        if faulty < ATTEMPTS:
            proxied_client.before_retry = proxied_client.proxy.listen
    else:
        proxied_client.proxy.plan.extend([expected.fault] * faulty)
    attempts = expected.attempts(operation, faulty)
    faulty = min(attempts, faulty)
    fails = faulty == attempts
    result = await proxied_client.call()

    assert result.attempts == attempts
    assert len(proxied_client.proxy.exchanges) == (attempts if expected.seen else attempts - faulty)
    assert result.seconds == pytest.approx(expected.time(attempts, faulty))
    if fails:
        _check_error(result, expected.error, attempts, unknown=expected.unknown, status=expected.status)
    elif expected.executed and attempts > 1 and operation.refusal is not None:
        # The previous attempt was carried out, so the service refuses this one: the error must have an unknown outcome.
        _check_error(result, operation.refusal, attempts, unknown=True, status=None)
    else:
        assert result.error is None
        if result.response is not None:
            assert result.response.response_metadata.repeated == (attempts > 1 and expected.unknown)

    carried_out = faulty * expected.executed + (attempts - faulty)
    assert proxied_client.executed == carried_out
    assert operation.effect(proxied_client.sim) == (operation.done if carried_out else operation.untouched)

    assert proxied_client.proxy.open == (pooled and (expected.keeps or faulty < attempts))
    if not expected.keeps and expected.seen:
        used = [one.connection for one in proxied_client.proxy.exchanges]
        assert len(set(used)) == attempts, "a broken connection was used again"
    return result


def _check_error(
    result: CallResult, kind: type[DetectiveError], attempts: int, *, unknown: bool, status: int | None
) -> None:
    error = result.error
    assert type(error) is kind
    assert isinstance(error, TransportError | ServiceError | DecodeError)
    assert error.attempts == attempts
    assert error.outcome_unknown is unknown
    if isinstance(error, TransportError):
        assert ("the service may have acted" in str(error)) is unknown
    if status is not None:
        assert isinstance(error, ServiceError | DecodeError)
        assert error.status == status
