"""The exit codes, and the errors that end a command: one line on standard error, with what to do about it."""

import contextlib
import errno
from collections.abc import Iterable, Iterator

from detective_async.auth.credentials import EXPIRED_KEYS
from detective_async.errors import (
    AssumeRoleError,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    DetectiveError,
    HostNotFound,
    ParameterError,
    ServiceError,
    TransportError,
    WaiterTimeout,
    printable,
)

DONE, FAILED, USAGE = 0, 1, 2


class CommandError(Exception):
    """A command cannot go on; the text is one line that says what is wrong and what to do.

    Attributes:
        exit_code: of the process.
    """

    def __init__(self, text: str, exit_code: int = USAGE) -> None:
        super().__init__(printable(text))
        self.exit_code = exit_code


#: AWS's error code -> what to do.
_REMEDIES = {
    "AccessDeniedException": "`detective-async whoami` shows which permissions are missing",
    "AWSOrganizationsNotInUseException": "give a list of accounts instead of --organization",
    **dict.fromkeys(EXPIRED_KEYS, "log in again, or fetch new credentials"),
    "InvalidClientTokenId": "check the access keys",
    "InvalidSignatureException": "check the secret access key and this machine's clock",
    "SignatureDoesNotMatch": "check the secret access key and this machine's clock",
    "TooManyRequestsException": "try again later",
    "UnrecognizedClientException": "check the access keys, and whether the account has opted in to the region",
}
#: The first match applies.
_REMEDIES_BY_KIND: tuple[tuple[type[Exception], str], ...] = (
    (AssumeRoleError, "check --role-name, --external-id, and whom the role trusts"),
    (CredentialsError, "log in, or name a profile with --profile"),
    (HostNotFound, "check --regions, --endpoint-url, and the network's name servers and proxies"),
    (ConnectError, "check --endpoint-url, the network and its proxies"),
    (TransportError, "run the same command again"),
    (WaiterTimeout, "--timeout gives it more time"),
)
#: Of the files that are written.
_REMEDIES_BY_NUMBER = {
    errno.ENOSPC: "free some space there, or write elsewhere",
    errno.EDQUOT: "free some space there, or write elsewhere",
    errno.EROFS: "write elsewhere",
}


def error_line(error: DetectiveError | OSError) -> str:
    """Return the text of an error, with what to do about it if that is known."""
    if isinstance(error, OSError):
        name = "" if error.filename is None else f"{error.filename}: "
        remedy = _REMEDIES_BY_NUMBER.get(error.errno or 0)
        return printable(f"{name}{error.strerror or error}{f'; {remedy}' if remedy else ''}")
    remedy = remedy_for(error)
    return printable(str(error)) if remedy is None else f"{printable(str(error))}; {remedy}"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the end of an error about an unknown name: those that are like it, or nothing."""
    import difflib  # noqa: PLC0415 - only for errors

    near = difflib.get_close_matches(name, list(names))
    return f"; did you mean {' or '.join(near)}?" if near else ""


def exit_code_of(error: Exception) -> int:
    """Return the exit code for an error: what was wrong before anything was sent is wrong use."""
    if isinstance(error, AssumeRoleError):
        return FAILED
    if isinstance(error, OSError):
        # A transport's failure is no OSError. Files that are named have names, standard output has none.
        return FAILED if error.filename is None else USAGE
    return USAGE if isinstance(error, ParameterError | ConfigurationError | CredentialsError) else FAILED


@contextlib.contextmanager
def failing(what: str = "") -> Iterator[None]:
    """Let every error be a failure, and none wrong use: something has been done, or results are being written.

    Args:
        what: what an error of a file without a name is about.

    Raises:
        BrokenPipeError: the reader of the results has gone.
        CommandError: instead of another error.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        about = f"{what}: " if what and error.filename is None else ""
        raise CommandError(f"{about}{error_line(error)}", FAILED) from None
    except DetectiveError as error:
        raise CommandError(error_line(error), FAILED) from None


def remedy_for(error: Exception) -> str | None:
    """Return what to do about an error, if that is known."""
    if isinstance(error, ServiceError):
        return _REMEDIES.get(error.code)
    # A role may be refused for the keys that assume it, which no look at the role mends.
    if isinstance(error, AssumeRoleError) and error.code in _REMEDIES:
        return _REMEDIES[error.code]
    return next((remedy for kind, remedy in _REMEDIES_BY_KIND if isinstance(error, kind)), None)
