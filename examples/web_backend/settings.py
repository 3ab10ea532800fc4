"""What a backend has to know: which accounts and regions, and in whose name."""

import json
from pathlib import Path

from attrs import Factory, field, fields_dict, frozen

from detective_async import AssumeRole, ConfigurationError, Target
from detective_async.auth import CredentialsSource

#: What a browser on this machine calls it.
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
#: What a file may say; the rest is for programs that make a backend.
_IN_A_FILE = ("accounts", "regions", "role_name", "member_role", "external_id", "partition", "hosts")


def _as_tuple(values: object) -> tuple[str, ...]:
    """Take a list of strings, and nothing else: a string would be a list of its letters."""
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
        raise ConfigurationError(f"expected a list of strings, got {values!r}")
    return tuple(values)


@frozen(kw_only=True)
class Settings:
    """How a backend is made.

    Args:
        accounts: the accounts that have graphs, 12 digits each.
        regions: where they may have them.
        role_name: the role in each of these accounts in which it is looked at and worked in.
        member_role: the role in each account that is to become a member, to accept its invitation; None has the
            accounts accept by themselves.
        external_id: what the trust policies of the roles ask for.
        partition: of the roles' ARNs: `aws`, `aws-cn`, `aws-us-gov`.
        hosts: the names, without ports, under which browsers reach the backend; others are refused.
        credentials: who assumes the roles; None takes what the AWS CLI would use.
        endpoint_url: instead of AWS's, such as a simulator's.
        example: a CSV that the page offers for trying the onboarding out.
        call_timeout: seconds that one call to AWS may take, retries included.
        body_timeout: seconds that a request's body may take to arrive.
        job_timeout: seconds that an onboarding may take.
        keep: seconds for which what was found in all accounts is shown to those who ask next.
        linger: seconds for which a look into all accounts goes on when the last watcher has gone.
    """

    accounts: tuple[str, ...] = field(converter=_as_tuple)
    regions: tuple[str, ...] = field(converter=_as_tuple)
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
    job_timeout: float = 900.0
    keep: float = 15.0
    linger: float = 5.0
    _roles: dict[str, AssumeRole] = field(init=False, repr=False, eq=False, default=Factory(dict))

    def role_of(self, account_id: str) -> AssumeRole:
        """Give the credentials of an account; the same each time, so that its role is assumed once for everything."""
        if account_id not in self._roles:
            self._roles[account_id] = self._assume(account_id, self.role_name)
        return self._roles[account_id]

    def member_role_of(self, account_id: str) -> AssumeRole:
        """Give the credentials with which an account accepts its invitation; needed once, so not kept."""
        return self._assume(account_id, self.member_role or "")

    def targets(self) -> list[Target]:
        """Give every account in every region, all accounts of a region after each other."""
        return [
            Target(account_id, region, self.role_of(account_id))
            for region in self.regions
            for account_id in self.accounts
        ]

    def _assume(self, account_id: str, role_name: str) -> AssumeRole:
        return AssumeRole(
            f"arn:{self.partition}:iam::{account_id}:role/{role_name}",
            source=self.credentials,
            external_id=self.external_id,
            # One STS for all: a target's own region may not be opted in to.
            region=self.regions[0],
        )


def read_settings(path: Path) -> Settings:
    """Read settings from a JSON file: `{"accounts": [...], "regions": [...], "role_name": "...", ...}`.

    Raises:
        ConfigurationError: it is not JSON, lacks something, or says something that is not known.
        OSError: it cannot be read.
    """
    try:
        given = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ConfigurationError(f"{path}: not JSON: {error}") from None
    if not isinstance(given, dict):
        raise ConfigurationError(f"{path}: expected an object")
    for name in given:
        if name not in _IN_A_FILE or name not in fields_dict(Settings):
            raise ConfigurationError(f"{path}: {name!r} is not one of {', '.join(_IN_A_FILE)}")
    for name in ("accounts", "regions"):
        if not given.get(name):
            raise ConfigurationError(f"{path}: {name!r} is missing or empty")
    return Settings(**given)
