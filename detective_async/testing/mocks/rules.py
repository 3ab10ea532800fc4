"""Rules: which calls they apply to, and how these end."""

import copy
from collections.abc import Callable, Iterable
from typing import Any, overload

from attrs import define, field

from detective_async.api.operations import OPERATIONS
from detective_async.errors import ConnectError, DetectiveError, HostNotFound, ServiceError, TransportError
from detective_async.testing.mocks.operations import MockedOperation, RequestT, ResponseT

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
_RETRYABLE = {"InternalServerException", "TooManyRequestsException"}


@define(eq=False, repr=False)
class MockRule:
    """A rule, which `mock` makes.

    Attributes:
        operation: the name of the operation that it applies to.
        used: how many calls it has answered.
    """

    operation: str
    used: int = field(default=0, init=False)
    _answers: list[Any]
    # How many calls the rule answers; None for any number.
    _times: int | None
    _when: Callable[[Any], bool] | None
    _account_id: str | None
    _region: str | None

    def __repr__(self) -> str:
        """Show what the rule applies to, and how often it did."""
        account = f" of {self._account_id}" if self._account_id else ""
        region = f" in {self._region}" if self._region else ""
        condition = ", under a condition" if self._when else ""
        of = "any number" if self._times is None else self._times
        return f"{self.operation}{account}{region}{condition}; used {self.used} of {of} times"

    def matches(self, operation: str, request: Any, account_id: str | None, region: str) -> bool:
        """Return whether the rule answers this call."""
        return (
            operation == self.operation
            and (self._times is None or self.used < self._times)
            and self._account_id in (None, account_id)
            and self._region in (None, region)
            and (self._when is None or self._when(request))
        )

    def answer(self, request: Any, host: str) -> Any:
        """Return the response to a call, or raise what the rule says."""
        answer = self._answers[min(self.used, len(self._answers) - 1)]
        self.used += 1
        if isinstance(answer, type):
            raise _made(answer, self.operation, host)
        if isinstance(answer, DetectiveError):
            # One instance that is raised again and again would collect all tracebacks.
            raise copy.copy(answer)
        if not callable(answer):
            return answer
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
        ValueError: `times` is less than 1, or there is nothing in the sequence.
    """
    if not isinstance(operation, MockedOperation):
        raise TypeError(
            f"operation: must be one of detective_async.testing.mocks, such as ListMembers, got {operation!r}"
        )
    if sum(given is not None for given in (returns, raises, sequence)) > 1:
        raise TypeError("give one of returns, raises and sequence")
    if times is not None and (type(times) is not int or times < 1):
        raise ValueError(f"times: must be 1 or more, or None for any number, got {times!r}")
    answers = [returns if raises is None else raises] if sequence is None else list(sequence)
    if not answers:
        raise ValueError("sequence: must not be empty")
    for answer in answers:
        if not callable(answer) and not isinstance(answer, DetectiveError):
            _check(operation.name, answer)
        elif isinstance(answer, type) and not issubclass(answer, ServiceError | TransportError):
            raise TypeError(f"{operation.name}: cannot raise {answer.__name__}: give an instance of a DetectiveError")
    times = times if sequence is None else len(answers)
    return MockRule(operation.name, answers, times, when, account_id, region)


def _check(operation: str, response: object) -> None:
    """Check that a response is of the operation's type, as the checkers of types do."""
    expected = OPERATIONS[operation].response
    if not isinstance(response, expected):
        raise TypeError(f"{operation}: expected {expected.__name__}, got {type(response).__name__}")


def _made(kind: type[ServiceError] | type[TransportError], operation: str, host: str) -> DetectiveError:
    """Make an error of which only the class was given."""
    name = kind.__name__
    if issubclass(kind, ServiceError):
        made: Callable[..., ServiceError] = kind
        return made(name, _PROBLEM, status=_STATUSES.get(name, 400), operation=operation, retryable=name in _RETRYABLE)
    unknown = not issubclass(kind, ConnectError)
    error = kind(_PROBLEM, operation=operation, attempts=1, outcome_unknown=unknown)
    if isinstance(error, HostNotFound):
        error.host = host
    return error
