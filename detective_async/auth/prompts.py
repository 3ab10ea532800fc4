"""Keeps botocore from asking for the codes of MFA devices.

botocore asks on the terminal, with `getpass`. In a thread beside an event loop nobody expects that: a service has no
terminal, and a program that ends meanwhile leaves the terminal without echo.
"""

import getpass
from typing import Any

from detective_async.auth.threads import in_redacted_context
from detective_async.errors import CredentialsError

NEVER_PROMPTS = (
    "this library does not ask for MFA codes itself: use AssumeRole(..., mfa_serial=..., mfa_code=...) with a callable "
    "that returns the code, or the keys of `aws sts get-session-token`"
)


def never_prompt(found: Any) -> None:
    """Replace the prompt of a botocore credentials object of a role, and of the roles that it is assumed with.

    Only calls of this library are refused: the user's own session prompts as before. A prompt of the user's own stays.
    """
    while found is not None:
        fetcher = _fetcher_of(getattr(found, "_refresh_using", None))
        if getattr(fetcher, "_mfa_prompter", None) is getpass.getpass:
            fetcher._mfa_prompter = _prompt  # noqa: SLF001 - botocore has no other way
        found = getattr(fetcher, "_source_credentials", None)


def _fetcher_of(refresh: Any) -> Any:
    """Return botocore's object that assumes a role, of the function that refreshes credentials; None for another."""
    # Attributes of botocore and aiobotocore, the same for years; where they are missing, nothing prompts.
    for _ in range(2):
        owner = getattr(refresh, "__self__", refresh)
        if hasattr(owner, "_mfa_prompter"):
            return owner
        refresh = getattr(owner, "_refresh", None)
    return None


def _prompt(text: str) -> str:
    if in_redacted_context():
        raise CredentialsError(f"the profile's role has an mfa_serial, and {NEVER_PROMPTS}")
    return getpass.getpass(text)
