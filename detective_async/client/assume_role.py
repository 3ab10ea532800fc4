"""Credentials of a role, from STS."""

import getpass
import re
import socket
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from detective_async.api.models.constraints import Entries, Integer, Items, Rule, Text, list_if_iterable
from detective_async.api.sts import ASSUME_ROLE, STS, AssumedRole
from detective_async.auth import (
    Caller,
    Credentials,
    CredentialsProvider,
    CredentialsSource,
    ManagedProvider,
    RefreshingCache,
    as_provider,
)
from detective_async.client.client import DetectiveClient
from detective_async.errors import AssumeRoleError, DetectiveError, ServiceError

_RULES: Mapping[str, Rule] = {
    "role_arn": Text(20, 2048, r"arn:aws[-\w]*:iam::\d{12}:role/.+", "a role's ARN (arn:aws:iam::ACCOUNT:role/NAME)"),
    "session_name": Text(2, 64, r"[\w+=,.@-]*", "a session name (letters, digits and _+=,.@-)"),
    "external_id": Text(2, 1224, r"[\w+=,.@:/-]*", "an external id (letters, digits and _+=,.@:/-)", sensitive=True),
    "duration": Integer(900, 43_200),
    "policy_arns": Items(Text(20, 2048, r"arn:.*", "a policy's ARN (arn:aws:iam::...:policy/NAME)"), 10, min_items=0),
    "tags": Entries(Text(1, 128, meaning="a tag key"), Text(0, 256, meaning="a tag value"), 50, min_items=0),
}


@frozen(eq=False)
class AssumeRole(ManagedProvider):
    """The credentials of a role, from STS's AssumeRole: fetched at first use, and again before they expire.

    The call uses the connections, retries, timeouts and hooks of the client that needs the credentials. Make one
    `AssumeRole` for each role and pass it to all clients: they share its cache. One can be the `source` of another.

    Args:
        role_arn: the role, `arn:aws:iam::ACCOUNT:role/NAME`.
        source: the credentials that assume the role: any value that a client accepts as `credentials`. None uses the
            same credentials as the AWS CLI.
        session_name: the session's name in CloudTrail, 2 to 64 characters. None uses the names of the user and host.
        external_id: the external id that the role's trust policy may require, 2 to 1224 characters.
        duration: the lifetime of each set of credentials in seconds: 900 to 43200, and at most the role's own maximum.
        region: the region whose STS endpoint is called. None uses the client's region.
        endpoint_url: a URL to use instead of the region's own. None reads `AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL`,
            then the profile; if none is set and the client's own `endpoint_url` is a loopback address, such as a
            simulator's, that one is used.
        policy_arns: managed policies that narrow the session, up to 10.
        tags: tag key -> tag value of the session, up to 50.

    Raises:
        ParameterError: an argument is malformed.
    """

    role_arn: str
    source: CredentialsSource | None = field(default=None, kw_only=True, repr=False)
    session_name: str | None = field(default=None, kw_only=True)
    external_id: str | None = field(default=None, kw_only=True, repr=False)
    duration: int = field(default=3600, kw_only=True)
    region: str | None = field(default=None, kw_only=True)
    endpoint_url: str | None = field(default=None, kw_only=True, repr=False)
    policy_arns: Iterable[str] = field(default=(), kw_only=True, converter=list_if_iterable)
    tags: Mapping[str, str] = field(factory=dict, kw_only=True)
    _provider: CredentialsProvider | None = field(init=False, repr=False)
    _cache: RefreshingCache = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for name, rule in _RULES.items():
            if (value := getattr(self, name)) is not None or name not in ("external_id", "session_name"):
                rule(value, name)
        # The class is frozen, so these attributes cannot be assigned.
        object.__setattr__(self, "_provider", None if self.source is None else as_provider(self.source))
        object.__setattr__(self, "_cache", RefreshingCache(f"assuming {self.role_arn}"))

    async def get_credentials(self) -> Credentials:
        """Return valid credentials, fetched by a temporary client.

        Raises:
            AssumeRoleError: STS refused, or sent no response.
            CredentialsError: the source has no credentials.
            ConfigurationError: no region was found.
        """
        async with DetectiveClient(region=self.region) as client:
            return await self.get_credentials_for(client._transport)  # noqa: SLF001 - of this package

    async def get_credentials_for(self, caller: Caller) -> Credentials:
        """Return valid credentials, fetched over the caller's connections."""

        async def fetch() -> Credentials:
            return await self._assume(caller)

        return await self._cache.get(fetch, now=caller.now, spawn=caller.spawn)

    def invalidate(self, used: Credentials) -> None:
        """Remove these credentials from the cache."""
        self._cache.invalidate(used)

    async def _assume(self, caller: Caller) -> Credentials:
        source = self._provider or caller.default_credentials
        try:
            sts = caller.to(STS, credentials=source, region=self.region, endpoint_url=self.endpoint_url)
            role: AssumedRole = await sts.call(ASSUME_ROLE, self._parameters())
            return Credentials(
                role.access_key_id, role.secret_access_key, role.session_token, role.expires_at, role.account_id
            )
        except DetectiveError as error:
            raise _assume_role_error(self.role_arn, error) from error

    def _parameters(self) -> dict[str, str]:
        parameters = {
            "RoleArn": self.role_arn,
            "RoleSessionName": self.session_name or _session_name(),
            "DurationSeconds": str(self.duration),
        }
        if self.external_id is not None:
            parameters["ExternalId"] = self.external_id
        for number, arn in enumerate(self.policy_arns, start=1):
            parameters[f"PolicyArns.member.{number}.arn"] = arn
        for number, (key, value) in enumerate(self.tags.items(), start=1):
            parameters[f"Tags.member.{number}.Key"] = key
            parameters[f"Tags.member.{number}.Value"] = value
        return parameters


def _assume_role_error(role_arn: str, error: DetectiveError) -> AssumeRoleError:
    response = error if isinstance(error, ServiceError) else None
    return AssumeRoleError(
        f"cannot assume {role_arn}: {error}",
        role_arn=role_arn,
        code=response.code if response else None,
        status=response.status if response else None,
        request_id=response.request_id if response else None,
    )


def _session_name() -> str:
    """Make a session name of the user and the host, which CloudTrail shows."""
    try:
        user = f"{getpass.getuser()}@"
    except (OSError, KeyError, ImportError):
        # A user in a container may have no entry in the password database; Windows has no such database.
        user = ""
    return re.sub(r"[^\w+=,.@-]", "-", f"detective-async-{user}{socket.gethostname()}", flags=re.ASCII)[:64]
