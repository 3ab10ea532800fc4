"""The exceptions that the library raises; those that the API models are in `api.models.exceptions`.

DetectiveError
├── ParameterError            an invalid parameter; nothing was sent (also a ValueError)
├── ConfigurationError        settings that are missing or contradict each other
├── ClientClosed              the client or the fleet was closed (also a RuntimeError)
├── CredentialsError          no usable credentials
│   └── AssumeRoleError       STS returned no credentials for a role
├── TransportError            no response
│   ├── ConnectError          nothing was sent
│   │   └── HostNotFound      the resolver knows no such host
│   ├── ConnectionLost        it may have been sent
│   ├── AttemptTimeout        one attempt took too long
│   └── DeadlineExceeded      the whole call took too long
├── DecodeError               a response that does not have the API's form
├── PaginationError           a repeated continuation token
├── WaiterTimeout             a state was not reached in time
└── ServiceError              an error response; one subclass per exception of the API
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

_MAY_HAVE_ACTED = "the service may have acted on it"


def printable(text: str) -> str:
    """Escape what `repr` escapes: control characters, line ends, and marks that turn the direction of text.

    Texts from outside go to terminals and logs, where such characters would be commands, or look like further entries.
    """
    return text if text.isprintable() else "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


class DetectiveError(Exception):
    """The base class of all errors of this library. Its text is one line, in which other characters are escaped.

    Attributes:
        outcome_unknown: whether the service may have carried out the request anyway, so that repeating it may have its
            effect twice. False if nothing was sent, or if the service refused.
    """

    outcome_unknown: bool = False

    def __str__(self) -> str:
        return printable(super().__str__())

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, unpickling calls the class with `args`, which keyword-only constructors do not accept.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(cls: type[DetectiveError], args: tuple[Any, ...], state: dict[str, Any]) -> DetectiveError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class ParameterError(DetectiveError, ValueError):
    """A parameter is invalid; nothing was sent.

    Attributes:
        parameter: the path of the parameter: `max_results`, `accounts[3].email_address`.
        problem: what is wrong and what is expected. Never contains a sensitive value.
    """

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.parameter = parameter
        self.problem = problem


class ConfigurationError(DetectiveError):
    """A setting is missing, malformed, or contradicts another; the message names its source."""


class ClientClosed(DetectiveError, RuntimeError):
    """The client or the fleet was closed, so that it can no longer be used or entered.

    Nothing was sent that changes anything, unless `outcome_unknown` is true: then it was closed during the call.
    """


class CredentialsError(DetectiveError):
    """No usable credentials; the message names the source and what is missing."""


class AssumeRoleError(CredentialsError):
    """STS returned no credentials for a role: it refused, or sent no response.

    Attributes:
        role_arn: the role.
        code: AWS's error code, such as `AccessDenied`; None without a response.
        status: the HTTP status, or None.
        request_id: the request id for AWS support, or None.
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
    """No response arrived.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        attempts: the number of attempts, including this one.
        outcome_unknown: False if no request was sent, or if the service refused all that were.
    """

    def __init__(self, problem: str, *, operation: str, attempts: int, outcome_unknown: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.operation = operation
        self.attempts = attempts
        self.outcome_unknown = outcome_unknown

    def __str__(self) -> str:
        text = printable(f"{self.operation}: {self.problem}; attempts: {self.attempts}")
        return f"{text}; {_MAY_HAVE_ACTED}" if self.outcome_unknown else text


class ConnectError(TransportError):
    """No connection could be made: DNS, TCP or TLS failed, or took longer than `Timeouts.connect`."""


class HostNotFound(ConnectError):
    """The resolver knows no host of this name.

    The endpoint URL is wrong, Detective is not available in that region, or the resolver does not know the names of
    AWS, as in a network whose way out is a proxy. A proxy whose name does not exist is a plain `ConnectError`.

    Attributes:
        host: the name; None if the error was made without it.
    """

    host: str | None = None


class ConnectionLost(TransportError):
    """The connection broke after the request was started and before the response was complete."""


class AttemptTimeout(TransportError):
    """An attempt exceeded `Timeouts.read` or `Timeouts.attempt`."""


class DeadlineExceeded(TransportError):
    """The call exceeded `Timeouts.total`, with all its attempts and delays."""


class DecodeError(DetectiveError):
    """The response reports success, but does not have the form that the API documents.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        problem: what is wrong, and where: `expected a string @ $.member_details[3].status`.
        status: the HTTP status.
        request_id: the request id for AWS support; None if the response has none.
        attempts: the number of attempts.
        outcome_unknown: True: most likely, the service carried out the request.
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
    """The service returned the same continuation token twice; following it would never end.

    Attributes:
        operation: the API operation, such as `ListMembers`.
    """

    def __init__(self, operation: str) -> None:
        super().__init__(
            f"{operation}: the service repeated a continuation token; stopped, because following it would not end"
        )
        self.operation = operation


class WaiterTimeout(DetectiveError):
    """A state was not reached in time. If the last poll failed, its error is the `__cause__`.

    Attributes:
        timeout: the timeout in seconds.
        last_states: account id or investigation id -> its last known state, a `MemberDetail`, a
            `GetInvestigationResponse` or an `Administrator`; None if it was in no response.
        pending: the ids that have not settled.
    """

    def __init__(self, problem: str, *, timeout: float, last_states: Mapping[str, Any], pending: Iterable[str]) -> None:
        super().__init__(problem)
        self.timeout = timeout
        self.last_states: dict[str, Any] = dict(last_states)
        self.pending = list(pending)


class ServiceError(DetectiveError):
    """AWS sent an error response.

    The API's exceptions are subclasses with the API's names; any other code is a plain `ServiceError`.

    Attributes:
        code: AWS's error code, such as `ValidationException`; the HTTP status as text if the response has none.
        message: AWS's message, which may be empty; e-mail addresses and keys in it are redacted, and control characters
            escaped.
        status: the HTTP status.
        request_id: the request id for AWS support; None if the response has none.
        operation: the API operation, such as `ListMembers`.
        attempts: the number of attempts, including this one.
        retryable: whether the error is transient (throttling, a server fault), so that a later call may succeed.
        retry_after: the delay in seconds that the service asked for, or None.
        outcome_unknown: whether the service may have carried out the request: it failed while processing it (HTTP 500,
            502, 503, 504), or an earlier attempt got no response, and this error may be a consequence of it, such as a
            `ConflictException` for an invitation that it accepted.
    """

    #: The members of an exception of the API beside its message: wire name -> (attribute, type).
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
        return f"{super().__str__()}; {_MAY_HAVE_ACTED}" if self.outcome_unknown else super().__str__()


def code_of(error: BaseException) -> str:
    """Return the error code for events and logs: AWS's code, or else the name of the exception's class."""
    return error.code if isinstance(error, ServiceError) else type(error).__name__
