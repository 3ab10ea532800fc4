"""Rules: which calls they apply to, and how these end."""

import copy
import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any, overload

from attrs import frozen

from detective_async.api.operations import OPERATIONS
from detective_async.errors import ConnectError, DetectiveError, HostNotFound, ServiceError, TransportError
from detective_async.retry.policy import FailureKind, failure_kind
from detective_async.testing.checks import check_number
from detective_async.testing.mocks.operations import MockedOperation, RequestT, ResponseT, check_operation
from detective_async.testing.names import check_account, check_region

Raised = DetectiveError | type[ServiceError] | type[TransportError]

_PROBLEM = "raised by a mock"
#: Exception -> its HTTP status in the API, where that is not 400.
_STATUSES = {
    "AccessDeniedException": 403,
    "ConflictException": 409,
    "InternalServerException": 500,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 402,
    "TooManyRequestsException": 429,
}


@frozen(eq=False, repr=False)
class MockRule:
    """A rule, which `mock` makes; it has no state, so one rule may serve many mocks.

    Attributes:
        operation: the name of the operation that it applies to.
        times: how many calls it answers for each mock; None for any number.
    """

    operation: str
    times: int | None
    _answers: list[Any]
    _when: Callable[[Any], bool] | None
    _account_id: str | None
    _region: str | None

    def __repr__(self) -> str:
        """Show what the rule applies to."""
        account = f" of {self._account_id}" if self._account_id else ""
        region = f" in {self._region}" if self._region else ""
        condition = ", under a condition" if self._when else ""
        return f"{self.operation}{account}{region}{condition}"

    def matches(self, operation: str, request: Any, account_id: str | None, region: str) -> bool:
        """Return whether the rule applies to this call."""
        return (
            operation == self.operation
            and self._account_id in (None, account_id)
            and self._region in (None, region)
            and (self._when is None or self._when(request))
        )

    def answer(self, request: Any, host: str, used: int) -> Any:
        """Return the response to a call, or raise what the rule says; it has answered `used` calls before."""
        answer = self._answers[min(used, len(self._answers) - 1)]
        if isinstance(answer, type):
            raise _made(answer, self.operation, host)
        if isinstance(answer, DetectiveError):
            raise _copied(answer)
        if not callable(answer):
            # Whoever gets it may change the lists in it.
            return copy.deepcopy(answer)
        response = answer(request)
        _check(self.operation, response)
        return response


@overload
def mock(
    operation: MockedOperation[RequestT, None],
    *,
    when: Callable[[RequestT], bool] | None = None,
    account_id: str | None = None,
    region: str | None = None,
    times: int | None = None,
) -> MockRule: ...
@overload
def mock(
    operation: MockedOperation[RequestT, ResponseT],
    *,
    returns: ResponseT | Callable[[RequestT], ResponseT],
    when: Callable[[RequestT], bool] | None = None,
    account_id: str | None = None,
    region: str | None = None,
    times: int | None = None,
) -> MockRule: ...
@overload
def mock(
    operation: MockedOperation[RequestT, Any],
    *,
    raises: Raised,
    when: Callable[[RequestT], bool] | None = None,
    account_id: str | None = None,
    region: str | None = None,
    times: int | None = None,
) -> MockRule: ...
@overload
def mock(
    operation: MockedOperation[RequestT, ResponseT],
    *,
    sequence: Iterable[ResponseT | Raised],
    when: Callable[[RequestT], bool] | None = None,
    account_id: str | None = None,
    region: str | None = None,
) -> MockRule: ...
def mock(
    operation: MockedOperation[Any, Any],
    *,
    returns: Any = None,
    raises: Any = None,
    sequence: Any = None,
    when: Callable[[Any], bool] | None = None,
    account_id: str | None = None,
    region: str | None = None,
    times: int | None = None,
) -> MockRule:
    """Make a rule for the calls of an operation, for `MockDetective`.

    Args:
        operation: such as `ListMembers`.
        returns: the response, or a function that makes it from the request. Operations without a response need none.
        raises: an error, or the class of one, that the call ends with.
        sequence: the responses and errors of one call after the other; then the rule is used up.
        when: a function that gets the request, and returns whether the rule applies to it.
        account_id: the account that the rule applies to, such as that of a fleet's target; None for all.
        region: the region that the rule applies to; None for all.
        times: how many calls the rule answers; then it is used up. None for any number.

    Raises:
        TypeError: an argument is of the wrong type, such as the response of another operation.
        ValueError: `times` is less than 1, there is nothing in the sequence, or no such account or region.
    """
    check_operation(operation)
    _check_scope(when, account_id, region, times)
    answers = _answers(operation.name, returns, raises, sequence)
    if sequence is not None:
        if times is not None:
            raise TypeError("times: must not be given with a sequence, which answers one call with each of its members")
        times = len(answers)
    return MockRule(operation.name, times, answers, when, account_id, region)


def _check_scope(when: object, account_id: str | None, region: str | None, times: int | None) -> None:
    if when is not None and not callable(when):
        raise TypeError(f"when: must be a function of the request, got {when!r}")
    _check_not_async(when, "when")
    if account_id is not None:
        check_account(account_id, "account_id")
    if region is not None:
        check_region(region, "region")
    if times is not None:
        check_number(times, "times", "1 or more, or None for any number", 1, math.inf, whole=True)


def _answers(operation: str, returns: Any, raises: Any, sequence: Any) -> list[Any]:
    """Return the answers of a rule, which have been checked."""
    given = sum(one is not None for one in (returns, raises, sequence))
    if given > 1 or (not given and OPERATIONS[operation].response is not type(None)):
        raise TypeError(f"{operation}: give one of returns, raises and sequence, got {given or 'none'} of them")
    if raises is not None:
        _check_error(operation, raises)
        return [raises]
    if sequence is None:
        if _is_function(returns):
            _check_not_async(returns, "returns")
        else:
            _check(operation, returns)
        return [returns]
    if isinstance(sequence, str) or not isinstance(sequence, Iterable):
        raise TypeError(f"sequence: must be a list of responses and errors, got {sequence!r}")
    answers = list(sequence)
    if not answers:
        raise ValueError("sequence: must not be empty")
    for answer in answers:
        if isinstance(answer, type | BaseException):
            _check_error(operation, answer)
        elif _is_function(answer):
            _check_not_async(answer, "sequence")
        else:
            _check(operation, answer)
    return answers


def _is_function(answer: object) -> bool:
    return callable(answer) and not isinstance(answer, type)


def _check_not_async(function: Any, where: str) -> None:
    # Of an object, it is the method that is called.
    if any(inspect.iscoroutinefunction(one) for one in (function, getattr(function, "__call__", None))):  # noqa: B004
        raise TypeError(f"{where}: must be an ordinary function, not an async one, got {function!r}")


def _check_error(operation: str, error: object) -> None:
    if isinstance(error, DetectiveError):
        return
    if not isinstance(error, type):
        raise TypeError(f"{operation}: raises must be a DetectiveError, or a class of one, got {error!r}")
    if not issubclass(error, ServiceError | TransportError):
        raise TypeError(f"{operation}: cannot raise {error.__name__}: give an instance of a DetectiveError")


def _check(operation: str, response: object) -> None:
    """Check that a response is of the operation's type, as the checkers of types do."""
    expected = OPERATIONS[operation].response
    if not isinstance(response, expected):
        found = response if isinstance(response, type) else type(response)
        hint = "; give errors as raises" if issubclass(found, BaseException) else ""
        if response is expected:
            hint = "; give a response, and not the class itself"
        raise TypeError(f"{operation}: expected {expected.__name__}, got {found.__name__}{hint}")


def _copied(error: DetectiveError) -> DetectiveError:
    """Return a copy to raise: one instance that is raised again and again would collect all tracebacks."""
    copied = copy.deepcopy(error)
    # What a copy lacks; nothing here grows by raising the copy.
    copied.__cause__, copied.__context__ = error.__cause__, error.__context__
    copied.__suppress_context__ = error.__suppress_context__
    return copied.with_traceback(error.__traceback__)


def _made(kind: type[ServiceError] | type[TransportError], operation: str, host: str) -> DetectiveError:
    """Make an error of which only the class was given."""
    name = kind.__name__
    if issubclass(kind, ServiceError):
        made: Callable[..., ServiceError] = kind
        refusal = made(name, _PROBLEM, status=_STATUSES.get(name, 400), operation=operation)
        failure = failure_kind(refusal)
        refusal.retryable, refusal.outcome_unknown = failure is not None, failure is FailureKind.TRANSIENT
        return refusal
    unknown = not issubclass(kind, ConnectError)
    error = kind(_PROBLEM, operation=operation, attempts=1, outcome_unknown=unknown)
    if isinstance(error, HostNotFound):
        error.host = host
    return error
