"""What errors mean: whether they may pass, and what reports say of them."""

import re
from collections.abc import Mapping

from detective_async.api.models.exceptions import (
    AccessDeniedException,
    ConflictException,
    ResourceNotFoundException,
    ServiceQuotaExceededException,
)
from detective_async.api.redaction import in_one_line
from detective_async.api.sts import GET_CALLER_IDENTITY
from detective_async.auth.credentials import EXPIRED_KEYS
from detective_async.client.regions import NOT_OPTED_IN, UNKNOWN_KEYS, RegionFinding, region_finding
from detective_async.errors import (
    AssumeRoleError,
    ClientClosed,
    CredentialsError,
    DetectiveError,
    HostNotFound,
    ServiceError,
    TransportError,
)
from detective_async.membership.actions import Note, Reason

#: What an error says of a region by itself -> the reason, and the same in words.
_UNAVAILABLE = {
    RegionFinding.NOT_OPTED_IN: (
        Reason.REGION_UNAVAILABLE,
        "Detective is not available to the account in this region",
    ),
    # AWS has one error for both.
    RegionFinding.UNKNOWN_KEYS: (
        Reason.UNKNOWN_KEYS,
        "Detective is not available to the account in this region, or its access keys do not exist",
    ),
}
#: The end of a library's error that is untrue of operations that change nothing.
_MAY_HAVE_ACTED = re.compile(r"; the service may have acted on it")
_READS = ("List", "Get", "Describe", "BatchGet")
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
#: What services say of access keys that they do not know; the second one is STS's.
_UNKNOWN_KEYS = frozenset({UNKNOWN_KEYS, "InvalidClientTokenId"})
_DENIALS = _DENIED | NOT_OPTED_IN | _UNKNOWN_KEYS
#: Why a role could not be assumed, by the code of the error.
_REASONS_OF_STS = {
    **dict.fromkeys(_DENIED, Reason.ACCESS_DENIED),
    **dict.fromkeys(_UNKNOWN_KEYS, Reason.UNKNOWN_KEYS),
    **dict.fromkeys(NOT_OPTED_IN, Reason.REGION_UNAVAILABLE),
}
#: For texts of problems; the error itself has it.
_REQUEST_ID = re.compile(r" ?\(request id:? [^\s,;)]+\)|(?:[,;] )?request id:? [^\s,;)]+", re.IGNORECASE)
_REASONS: Mapping[type[Exception], Reason] = {
    CredentialsError: Reason.NO_CREDENTIALS,
    AccessDeniedException: Reason.ACCESS_DENIED,
    ServiceQuotaExceededException: Reason.QUOTA_EXCEEDED,
    TransportError: Reason.NO_RESPONSE,
}
#: For a report at the deadline.
WAITS_FOR_KEYS = "no credentials yet, or no answer from STS to whose they are"


class StoppedError(Exception):
    """No action that is planned leads further; the reason says why, and the text is shown to the user."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def sts_is_silent() -> StoppedError:
    """Return the error for an STS that sends no response."""
    return StoppedError(Reason.NO_RESPONSE, "it is not known whose credentials these are: STS does not respond")


def is_transient(error: BaseException | None, *, hosts_are_known: bool) -> bool:
    """Return whether it is worth reading the state and deciding again, until the deadline.

    That applies to retryable errors, to requests that may have been carried out, to conflicts, and to what is not
    found: then the state differs from what was read, or what was done is not seen everywhere yet. A client that was
    closed stays so.

    Args:
        error: any error.
        hosts_are_known: whether all hosts have responded before, so that one that is not found is an outage. One that
            does not exist will not exist a moment later either.
    """
    if isinstance(error, AssumeRoleError):
        return is_transient(error.__cause__, hosts_are_known=hosts_are_known)
    if not isinstance(error, DetectiveError) or isinstance(error, ClientClosed):
        return False
    if isinstance(error, HostNotFound):
        return hosts_are_known
    if region_finding(error) in _UNAVAILABLE:
        return False
    if isinstance(error, ServiceError) and error.retryable:
        return True
    return error.outcome_unknown or isinstance(error, TransportError | ConflictException | ResourceNotFoundException)


def innermost(error: Exception) -> Exception:
    """Return the error of the role in a chain of roles that could not be assumed; else the error itself."""
    while isinstance(error, AssumeRoleError) and isinstance(error.__cause__, AssumeRoleError):
        error = error.__cause__
    return error


def reason_of(error: Exception) -> Reason:
    """Classify an error for a report."""
    error = innermost(error)
    if isinstance(error, StoppedError):
        return error.reason
    if isinstance(error, AssumeRoleError | ServiceError) and error.code in EXPIRED_KEYS:
        return Reason.KEYS_EXPIRED
    if getattr(error, "operation", None) == GET_CALLER_IDENTITY.name:
        return Reason.UNKNOWN_KEYS if getattr(error, "code", None) in _UNKNOWN_KEYS else Reason.WRONG_ACCOUNT
    if finding := _UNAVAILABLE.get(region_finding(error)):
        return finding[0]
    if isinstance(error, AssumeRoleError):
        return _REASONS_OF_STS.get(error.code or "", Reason.NO_CREDENTIALS)
    return next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), Reason.FAILED)


def is_denial(error: Exception) -> bool:
    """Return whether AWS denies what it may allow a moment later: not for what is asked, but for who asks, or where."""
    error = innermost(error)
    return isinstance(error, AssumeRoleError | ServiceError) and error.code in _DENIALS


def is_read(error: Exception) -> bool:
    """Return whether an error is of an operation that changes nothing."""
    return (getattr(error, "operation", None) or "").startswith(_READS)


def error_text(error: Exception) -> str:
    """Return the text of an error for a report, in one line, and the same for all responses that say the same."""
    # A `StoppedError` may quote responses.
    text = without_request_id(in_one_line(str(error)))
    operation = getattr(error, "operation", None) or ""
    if is_read(error):
        text = _MAY_HAVE_ACTED.sub("", text)
    if operation == GET_CALLER_IDENTITY.name:
        return f"it is not known whose credentials these are, so nothing is done with them: {text}"
    finding = _UNAVAILABLE.get(region_finding(error))
    return f"{finding[1]}: {text}" if finding else text


def without_request_id(text: str) -> str:
    """Return AWS's text without what differs between responses that say the same."""
    return _REQUEST_ID.sub("", text)


def library_error(error: Exception) -> Exception | None:
    """Return the library's error: the given one, or the cause of a `StoppedError`; None if it has none."""
    cause = error.__cause__ if isinstance(error, StoppedError) else error
    return cause if isinstance(cause, Exception) else None


def notes_on_closed(errors: Mapping[str, BaseException | None]) -> dict[str, Note]:
    """Return a note for each region that the account has not opted in to.

    Args:
        errors: region of botocore's list -> why it could not be read; None if it could.
    """
    keys_accepted = any(error is None for error in errors.values())
    return {
        region: Note(Reason.REGION_NOT_OPTED_IN, f"the account has not opted in to {region}", region)
        for region, error in errors.items()
        # Of a region of the list, a host that is not found says nothing: the region exists, and may have a graph.
        if region_finding(error, region, keys_accepted=keys_accepted).is_closed
    }
