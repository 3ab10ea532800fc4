"""The exit codes, and the errors that end a command: one line on standard error, with what to do about it."""

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
    printable,
)

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


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
    "ExpiredTokenException": "log in again, or fetch new credentials",
    "InvalidClientTokenId": "check the access keys",
    "InvalidSignatureException": "check the secret access key and this machine's clock",
    "SignatureDoesNotMatch": "check the secret access key and this machine's clock",
    "TooManyRequestsException": "try again later",
    "UnrecognizedClientException": "check the access keys, and whether the account has opted in to the region",
}


def error_line(error: DetectiveError | OSError | UnicodeError) -> str:
    """Return the text of an error, with what to do about it if that is known."""
    if isinstance(error, OSError):
        name = "" if error.filename is None else f"{error.filename}: "
        return printable(f"{name}{error.strerror or error}")
    remedy = _remedy(error)
    return printable(str(error)) if remedy is None else f"{printable(str(error))}: {remedy}"


def exit_code_of(error: Exception) -> int:
    """Return the exit code for an error: what was wrong before anything was sent is wrong use."""
    usage = (ParameterError, ConfigurationError, OSError, UnicodeError)
    # The failure of a transport is not an OSError.
    return USAGE if isinstance(error, usage) else FAILED


def _remedy(error: Exception) -> str | None:
    if isinstance(error, ServiceError):
        return _REMEDIES.get(error.code)
    if isinstance(error, AssumeRoleError):
        return "check --role-name, --external-id, and whom the role trusts"
    if isinstance(error, CredentialsError):
        return "or name a profile with --profile"
    if isinstance(error, HostNotFound):
        return "check --regions, --endpoint-url, and the network's name servers and proxies"
    if isinstance(error, ConnectError):
        return "check --endpoint-url, the network and its proxies"
    if isinstance(error, TransportError):
        return "run the same command again"
    if isinstance(error, UnicodeError):
        return "expected a text file in UTF-8"
    return None
