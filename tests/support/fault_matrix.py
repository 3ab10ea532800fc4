"""What has to come of a fault, and the check that it does, for any kind of operation."""

import pytest
from attrs import frozen
from support.fault_trial import Ending, Trial
from support.operation_kinds import Deed
from support.proxy import ConnectionFault, ExchangeFault, PortFault

from detective_async import DecodeError, DetectiveError, ServiceError, TransportError

#: As many attempts as a call has by default.
ATTEMPTS = 3
_TRANSIENT, _THROTTLING = 0.05, 1.0


@frozen
class Expected:
    """What one attempt with a fault comes to.

    Attributes:
        fault: what happens to it.
        error: what it raises, if it is the last one.
        seconds: how long it takes.
        executed: whether the service carries it out.
        unknown: whether the client has to fear so.
        passing: whether another attempt makes sense.
        status: the HTTP status that the error has.
        throttled: whether it was told to come less often.
        keeps: whether the connection is as good as before.
        seen: whether the proxy gets to see a request.
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

    def attempts(self, deed: Deed, faulty: int) -> int:
        """How many attempts a call takes whose first ones have the fault."""
        again = self.passing and (deed.repeatable or not self.unknown)
        return min(ATTEMPTS, faulty + 1) if again else 1

    def time(self, attempts: int, faulty: int) -> float:
        """How long a call takes, with the longest waits that there may be."""
        base = _THROTTLING if self.throttled else _TRANSIENT
        return faulty * self.seconds + sum(base * 2.0**n for n in range(attempts - 1))


async def check(trial: Trial, expected: Expected, *, faulty: int, pooled: bool) -> Ending:
    """Do the deed while its first attempts have the fault, and look at everything.

    Args:
        trial: where to do it.
        expected: the fault, and what has to come of it.
        faulty: how many attempts have the fault.
        pooled: whether a connection that is as good as before is kept.
    """
    deed = trial.deed
    if isinstance(expected.fault, PortFault):
        expected.fault.play(trial.proxy)
        if faulty < ATTEMPTS:
            trial.before_retry = trial.proxy.listen
    else:
        trial.proxy.plan.extend([expected.fault] * faulty)
    attempts = expected.attempts(deed, faulty)
    faulty = min(attempts, faulty)
    fails = faulty == attempts
    ending = await trial.call()

    assert ending.attempts == attempts
    assert len(trial.proxy.exchanges) == (attempts if expected.seen else attempts - faulty)
    assert ending.seconds == pytest.approx(expected.time(attempts, faulty))
    if fails:
        _check_error(ending, expected.error, attempts, unknown=expected.unknown, status=expected.status)
    elif expected.executed and attempts > 1 and deed.refusal is not None:
        # The one before was carried out, and the service says so of this one: the caller has to know.
        _check_error(ending, deed.refusal, attempts, unknown=True, status=None)
    else:
        assert ending.error is None
        if ending.answer is not None:
            assert ending.answer.response_metadata.repeated == (attempts > 1 and expected.unknown)

    carried_out = faulty * expected.executed + (attempts - faulty)
    assert trial.executed == carried_out
    assert deed.effect(trial.sim) == (deed.done if carried_out else deed.untouched)

    assert trial.proxy.open == (pooled and (expected.keeps or faulty < attempts))
    if not expected.keeps and expected.seen:
        used = [one.connection for one in trial.proxy.exchanges]
        assert len(set(used)) == attempts, "a broken connection was used again"
    return ending


def _check_error(
    ending: Ending, kind: type[DetectiveError], attempts: int, *, unknown: bool, status: int | None
) -> None:
    error = ending.error
    assert type(error) is kind
    assert isinstance(error, TransportError | ServiceError | DecodeError)
    assert error.attempts == attempts
    assert error.outcome_unknown is unknown
    if isinstance(error, TransportError):
        assert ("the service may have acted" in str(error)) is unknown
    if status is not None:
        assert isinstance(error, ServiceError | DecodeError)
        assert error.status == status
