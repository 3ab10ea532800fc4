"""The exceptions that the library raises; the API's own modelled ones are in `models.exceptions`.

DetectiveError
├── ParameterError            bad input; nothing was sent (also a ValueError)
├── ConfigurationError        settings that are missing or contradict each other
├── CredentialsError          no usable credentials
│   └── AssumeRoleError       STS did not give those of a role
├── TransportError            no answer
│   ├── ConnectError          nothing was sent
│   │   └── HostNotFound      there is no such host
│   ├── ConnectionLost        it may have been sent
│   ├── AttemptTimeout        one attempt took too long
│   └── DeadlineExceeded      the whole call took too long
├── DecodeError               an answer that is not what the API promises
├── PaginationError           a token that repeats
├── WaiterTimeout             what was waited for did not come about in time
└── ServiceError              AWS said no; one subclass per modelled exception
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

_ACTED = "the service may have acted on it"


class DetectiveError(Exception):
    """The base of every error of this library.

    Attributes:
        outcome_unknown: whether the service may have acted on the request all the same, so that repeating it by hand
            may do the thing twice. False where nothing was sent, and where the service refused.
    """

    outcome_unknown: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own pickling calls the class with `args`, which keyword-only constructors refuse.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(cls: type[DetectiveError], args: tuple[Any, ...], state: dict[str, Any]) -> DetectiveError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class ParameterError(DetectiveError, ValueError):
    """Bad input: nothing was sent.

    Attributes:
        parameter: which one, as a path: `max_results`, `accounts[3].email_address`.
        problem: what is wrong with it and what would be right. Never quotes a sensitive value.
    """

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.parameter = parameter
        self.problem = problem


class ConfigurationError(DetectiveError):
    """A setting is missing, malformed, or contradicts another; the message says where it came from."""


class CredentialsError(DetectiveError):
    """No usable credentials; the message names the source and what it lacked."""


class AssumeRoleError(CredentialsError):
    """STS did not give the credentials of a role: it refused, or did not answer.

    Attributes:
        role_arn: the role.
        code: AWS's error code, such as `AccessDenied`; None where no answer came.
        status: the HTTP status, or None.
        request_id: what AWS support asks for, or None.
    """

    def __init__(
        self, problem: str, *, role_arn: str, code: str | None, status: int | None, request_id: str | None
    ) -> None:
        super().__init__(problem)
        self.role_arn = role_arn
        self.code = code
        self.status = status
        self.request_id = request_id


class TransportError(DetectiveError):
    """No answer came.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        attempts: how many attempts were made, this one included.
        outcome_unknown: False where no attempt sent anything that the service did not refuse.
    """

    def __init__(self, problem: str, *, operation: str, attempts: int, outcome_unknown: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.operation = operation
        self.attempts = attempts
        self.outcome_unknown = outcome_unknown

    def __str__(self) -> str:
        fate = _ACTED if self.outcome_unknown else "the service did nothing"
        return f"{self.operation}: {self.problem} ({fate}; attempts: {self.attempts})"


class ConnectError(TransportError):
    """No connection could be made: name lookup, TCP or TLS failed, or took longer than `Timeouts.connect`."""


class HostNotFound(ConnectError):
    """The name of the host does not exist: Detective is not in that region, or the endpoint URL is wrong."""


class ConnectionLost(TransportError):
    """The connection broke after the request was begun and before the answer was complete."""


class AttemptTimeout(TransportError):
    """An attempt ran into `Timeouts.read` or `Timeouts.attempt`."""


class DeadlineExceeded(TransportError):
    """The call ran into `Timeouts.total`: its attempts and the waits between them together took too long."""


class DecodeError(DetectiveError):
    """The service answered with success, but not with what the API promises.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        problem: what was wrong, and where: `expected a string @ $.member_details[3].status`.
        status: the HTTP status.
        request_id: what AWS support asks for, or None where the answer had none.
        attempts: how many attempts were made.
        outcome_unknown: True, for the service most likely did what it was asked to.
    """

    outcome_unknown = True

    def __init__(self, problem: str, *, operation: str, status: int, request_id: str | None, attempts: int) -> None:
        super().__init__(f"{operation}: {problem} (HTTP {status}, request id {request_id}, attempts: {attempts})")
        self.problem = problem
        self.operation = operation
        self.status = status
        self.request_id = request_id
        self.attempts = attempts


class PaginationError(DetectiveError):
    """The service handed out a continuation token that it had handed out before, which would never end.

    Attributes:
        operation: the API operation, such as `ListMembers`.
    """

    def __init__(self, operation: str) -> None:
        super().__init__(f"{operation}: the service repeated a continuation token; stopped instead of going round")
        self.operation = operation


class WaiterTimeout(DetectiveError):
    """What was waited for did not come about in time. Where the last look failed, its error is the `__cause__`.

    Attributes:
        timeout: how many seconds it had.
        last_states: all that was waited for, by account id or investigation id -> how it was last seen: a
            `MemberDetail`, a `GetInvestigationResponse` or an `Administrator`; None where it never was.
        pending: the ids of what has not settled.
    """

    def __init__(self, problem: str, *, timeout: float, last_states: Mapping[str, Any], pending: Iterable[str]) -> None:
        super().__init__(problem)
        self.timeout = timeout
        self.last_states: dict[str, Any] = dict(last_states)
        self.pending = list(pending)


class ServiceError(DetectiveError):
    """AWS answered with an error.

    The API's own exceptions are subclasses under the API's names; any other code is a plain `ServiceError`.

    Attributes:
        code: AWS's error code, such as `ValidationException`; the HTTP status as text where the answer had none.
        message: AWS's words, which may be empty; what they quote of e-mail addresses and keys is masked.
        status: the HTTP status.
        request_id: what AWS support asks for, or None where the answer had none.
        operation: the API operation, such as `ListMembers`.
        attempts: how many attempts were made, this one included.
        retryable: whether the error is of a passing kind (throttling, a server fault), so that trying again later
            may succeed.
        retry_after: the seconds that the service asked to wait before trying again, or None.
        outcome_unknown: whether the service may have acted on the request: it failed in its middle (HTTP 500, 502,
            503, 504), or no answer came to an earlier attempt, and this error may be the consequence of that one, as
            a `ConflictException` for an invitation that it accepted.
    """

    #: What an exception of the API has beyond its message: wire name -> (attribute, type).
    wire_members: ClassVar[Mapping[str, tuple[str, type]]] = {}

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        status: int = 400,
        request_id: str | None = None,
        operation: str = "",
        attempts: int = 1,
        retryable: bool = False,
        retry_after: float | None = None,
        outcome_unknown: bool = False,
        **members: Any,
    ) -> None:
        where = f"{operation}, HTTP {status}, request id {request_id}, attempts: {attempts}"
        super().__init__(f"{code}: {message or '(no message)'} ({where})")
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id
        self.operation = operation
        self.attempts = attempts
        self.retryable = retryable
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown
        for attribute, kind in self.wire_members.values():
            setattr(self, attribute, members.pop(attribute, [] if kind is list else None))
        if members:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(members))}")

    def __str__(self) -> str:
        return f"{super().__str__()}; {_ACTED}" if self.outcome_unknown else super().__str__()


def code_of(error: BaseException) -> str:
    """Name what went wrong, for events and logs: AWS's code, or else the exception's class."""
    return error.code if isinstance(error, ServiceError) else type(error).__name__
