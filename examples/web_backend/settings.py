"""The settings of a backend: accounts, regions and roles."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from attrs import Factory, field, fields_dict, frozen

from detective_async import AssumeRole, ConfigurationError, Target
from detective_async.auth import CredentialsSource
from web_backend.feed import SILENCE

#: The host names for a browser on this machine.
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
#: Seconds without a sign of life after which a client may count a stream as stalled.
_SILENCE = 3 * SILENCE
#: The settings that a file may have; the others are for programs that make a backend.
_IN_A_FILE = ("accounts", "regions", "names", "role_name", "member_role", "external_id", "partition", "hosts")


def _as_tuple(values: object) -> tuple[str, ...]:
    """Convert a list of strings; a single string is refused, since it would become a tuple of its letters."""
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
        raise ConfigurationError(f"expected a list of strings, got {values!r}")
    return tuple(values)


def _as_accounts(values: object) -> tuple[str, ...]:
    """Convert a list of account ids; dashes in them are removed."""
    return tuple(value.replace("-", "") for value in _as_tuple(values))


def _as_names(values: object) -> dict[str, str]:
    """Check account ids and names; dashes in the ids are removed."""
    if not isinstance(values, dict) or not all(isinstance(value, str) for pair in values.items() for value in pair):
        raise ConfigurationError("names: expected an object of account ids and names")
    names = {account_id.replace("-", ""): name for account_id, name in values.items()}
    for account_id in names:
        if not re.fullmatch(r"\d{12}", account_id, re.ASCII):
            raise ConfigurationError(f"names: expected account ids of 12 digits, got {account_id!r}")
    return names


@frozen(kw_only=True)
class Settings:
    """The settings of a backend.

    Args:
        accounts: the accounts that have graphs, 12 digits each.
        regions: the regions of the graphs.
        names: account id -> its name. These accounts are expected to be covered, and are shown as not covered if they
            are in no graph: give those of the organization, by `aws organizations list-accounts`.
        role_name: the role to assume in each of these accounts for all calls.
        member_role: the role to assume in each new member account, to accept its invitation; None leaves that to the
            accounts themselves.
        external_id: the external id that the trust policies of the roles require.
        partition: the partition of the roles' ARNs: `aws`, `aws-cn` or `aws-us-gov`.
        hosts: the host names, without ports, under which browsers reach the backend; others are refused.
        credentials: the source that assumes the roles; None uses the credentials that the AWS CLI would use.
        endpoint_url: the URL for all calls instead of AWS's endpoints, such as a simulator's.
        example: a CSV that the page offers as an example for onboarding.
        call_timeout: the time limit of one call to AWS in seconds, retries included.
        body_timeout: the time limit for receiving a request's body, in seconds.
        target_timeout: the time limit for reading one account in one region, in seconds.
        survey_timeout: the time limit for reading all of them, in seconds.
        plan_timeout: the time limit for making a plan, in seconds.
        job_timeout: the time limit of an onboarding, in seconds.
        keep: seconds for which a finished survey of all accounts is reused.
        linger: seconds for which a survey continues after its last reader has disconnected; then it asks nothing new,
            and stops when it has all answers. The next one takes over what it has found.
    """

    accounts: tuple[str, ...] = field(converter=_as_accounts)
    regions: tuple[str, ...] = field(converter=_as_tuple)
    names: Mapping[str, str] = field(converter=_as_names, factory=dict)
    role_name: str = "DetectiveOperations"
    member_role: str | None = None
    external_id: str | None = field(default=None, repr=False)
    partition: str = "aws"
    hosts: tuple[str, ...] = field(default=LOCAL_NAMES, converter=_as_tuple)
    credentials: CredentialsSource | None = field(default=None, repr=False)
    endpoint_url: str | None = None
    example: str | None = None
    call_timeout: float = 30.0
    body_timeout: float = 10.0
    target_timeout: float = 60.0
    survey_timeout: float = 600.0
    plan_timeout: float = 120.0
    job_timeout: float = 900.0
    keep: float = 15.0
    linger: float = 5.0
    _roles: dict[str, AssumeRole] = field(init=False, repr=False, eq=False, default=Factory(dict))

    def credentials_for(self, account_id: str) -> AssumeRole:
        """Return the credentials of an account; the same object each time, so that its role is assumed only once."""
        if account_id not in self._roles:
            self._roles[account_id] = self._assume(account_id, self.role_name)
        return self._roles[account_id]

    def member_credentials_for(self, account_id: str) -> AssumeRole:
        """Return the credentials for accepting an account's invitation; not stored, since they are needed once."""
        return self._assume(account_id, self.member_role or "")

    def limits(self) -> dict[str, float]:
        """Return after how many seconds a client may give up: later than this backend itself does.

        `Silence` is for a stream without a line or an event, `Answer` for a document, which takes two calls to AWS,
        `Plan` for a plan, and `File` for a file, which waits for a survey.
        """
        return {
            "Silence": _SILENCE,
            "Answer": 2 * self.call_timeout + _SILENCE,
            "Plan": self.plan_timeout + _SILENCE,
            "File": self.survey_timeout + _SILENCE,
        }

    def targets(self) -> list[Target]:
        """Return every account in every region, region by region."""
        return [
            Target(account_id, region, self.credentials_for(account_id))
            for region in self.regions
            for account_id in self.accounts
        ]

    def _assume(self, account_id: str, role_name: str) -> AssumeRole:
        return AssumeRole(
            f"arn:{self.partition}:iam::{account_id}:role/{role_name}",
            source=self.credentials,
            external_id=self.external_id,
            # Not the target's own region, which may not be opted in to.
            region=self.regions[0],
        )


def read_settings(path: Path) -> Settings:
    """Read settings from a JSON file: `{"accounts": [...], "regions": [...], "role_name": "...", ...}`.

    Raises:
        ConfigurationError: it is not JSON, lacks a setting, or has an unknown one.
        OSError: it cannot be read.
    """
    try:
        given = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ConfigurationError(f"{path}: not JSON: {error}") from None
    if not isinstance(given, dict):
        raise ConfigurationError(f"{path}: expected a JSON object")
    for name in given:
        if name not in _IN_A_FILE or name not in fields_dict(Settings):
            raise ConfigurationError(f"{path}: unknown setting {name!r}; the settings are {', '.join(_IN_A_FILE)}")
    for name in ("accounts", "regions"):
        if not given.get(name):
            raise ConfigurationError(f"{path}: {name!r} is missing or empty")
    return Settings(**given)
