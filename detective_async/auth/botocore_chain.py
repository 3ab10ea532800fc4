"""The credentials that botocore's chain finds. Importing this module imports botocore, so it is done in a thread."""

import os
from json import JSONDecodeError
from typing import Any

from botocore import exceptions
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.session import Session

from detective_async.auth.credentials import Credentials, credentials_of_botocore
from detective_async.auth.processes import end_with_look_up
from detective_async.auth.prompts import NEVER_PROMPTS, never_prompt
from detective_async.auth.threads import describe, redacted_botocore_logs
from detective_async.errors import CredentialsError


def fetch(
    found: BotocoreCredentials | None, profile: str | None, region: str | None
) -> tuple[Credentials, BotocoreCredentials]:
    """Return credentials, and botocore's object that refreshes them.

    Args:
        found: the object of an earlier call; None looks for one.
        profile: the profile; None for the environment's, or the default one.
        region: the region whose STS assumes the roles of profiles; None for the environment's, or the profile's.

    Raises:
        CredentialsError: there are none, or botocore failed.
    """
    try:
        with redacted_botocore_logs():
            found = found or _find_credentials(Session(profile=profile), profile, region)
            keys = _frozen_keys(found)
    except CredentialsError:
        raise
    except Exception as error:  # noqa: BLE001 - botocore raises exceptions of many libraries
        problem = describe(error).rstrip(". \n") + _advice(error)
    else:
        return credentials_of_botocore(found, keys), found
    raise CredentialsError(f"the AWS credential chain failed: {problem}")


def _find_credentials(session: Session, profile: str | None, region: str | None) -> BotocoreCredentials:
    # botocore itself does not read AWS_REGION.
    if region := region or os.environ.get("AWS_REGION"):
        session.set_config_variable("region", region)
    end_with_look_up(session.get_component("credential_provider"))
    found = session.get_credentials()
    if found is None:
        place = f"profile {profile!r}" if profile else "a profile"
        raise CredentialsError(
            f"no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, configure {place}, or run where a role "
            "is attached"
        )
    never_prompt(found)
    return found


def _frozen_keys(found: BotocoreCredentials) -> Any:
    """Return the keys of a botocore credentials object, also those that have just been fetched and seem expired.

    botocore judges by this machine's clock, AWS by its own.
    """
    try:
        return found.get_frozen_credentials()
    except RuntimeError as error:
        if "still expired" not in str(error) or not hasattr(found, "_frozen_credentials"):
            raise
        return found._frozen_credentials  # noqa: SLF001 - botocore does not return them


def _advice(error: Exception) -> str:
    """Return what the user can do, if botocore's message does not say it."""
    by_exception = (
        (exceptions.MissingDependencyException, '; pip install "detective-async[login]" for profiles of `aws login`'),
        (exceptions.RefreshWithMFAUnsupportedError, f"; {NEVER_PROMPTS}"),
        (exceptions.SSOTokenLoadError, "; log in with `aws sso login`"),
        (exceptions.TokenRetrievalError, "; log in with `aws sso login`"),
        (exceptions.InfiniteLoopConfigError, "; make the last source_profile one that has keys"),
        (exceptions.NoRegionError, "; set AWS_REGION, or region in the profile"),
        *_ADVICE_BY_EXCEPTION,
    )
    if isinstance(error, exceptions.CredentialRetrievalError):
        return _ADVICE_BY_PROVIDER.get(vars(error)["kwargs"]["provider"], "")
    return next((advice for kind, advice in by_exception if isinstance(error, kind)), "")


#: botocore's name of the provider that failed -> what to do.
_ADVICE_BY_PROVIDER = {
    "container-role": "; check AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN(_FILE)",
    "custom-process": "; run the profile's credential_process by hand to see its output",
}
_ADVICE_BY_EXCEPTION: tuple[tuple[type[Exception], str], ...] = (
    (JSONDecodeError, "; a credential_process must print a JSON object with Version 1, AccessKeyId, SecretAccessKey"),
    (FileNotFoundError, "; check credential_process, web_identity_token_file, and the variables that name a file"),
    # From a comparison with a time that has a zone, or of a value that is not text.
    (TypeError, "; if a credential_process prints an Expiration, it must be ISO 8601 text with a time zone"),
)
