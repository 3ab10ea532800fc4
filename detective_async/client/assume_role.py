"""Credentials of a role, from STS."""

import getpass
import re
import socket
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from detective_async.api.models.constraints import Entries, Integer, Items, Rule, Text, as_list
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
    """The credentials of a role: STS's AssumeRole, asked when they are first needed and again before they expire.

    The call goes out on the connections of the client that needs them, with that one's retries, timeouts and hooks.
    Make one of these for a role and pass it to all clients: they share what it got. One can be the `source` of another.

    Args:
        role_arn: the role, `arn:aws:iam::ACCOUNT:role/NAME`.
        source: who assumes it: whatever a client takes as `credentials`. None takes what the AWS CLI would use.
        session_name: what CloudTrail shows of the session, 2 to 64 characters. None names the user and the host.
        external_id: what the role's trust policy may ask for, 2 to 1224 characters.
        duration: how long each set of credentials lasts, in seconds: 900 to 43200, and up to what the role allows.
        region: whose STS is asked. None takes the client's region.
        endpoint_url: a URL to use instead of the region's own. None reads `AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL`,
            then the profile; a client whose own `endpoint_url` is on this machine, such as a simulator's, takes that.
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
    policy_arns: Iterable[str] = field(default=(), kw_only=True, converter=as_list)
    tags: Mapping[str, str] = field(factory=dict, kw_only=True)
    _provider: CredentialsProvider | None = field(init=False, repr=False)
    _cache: RefreshingCache = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for name, rule in _RULES.items():
            if (value := getattr(self, name)) is not None or name not in ("external_id", "session_name"):
                rule(value, name)
        # A frozen class is written to in this way.
        object.__setattr__(self, "_provider", None if self.source is None else as_provider(self.source))
        object.__setattr__(self, "_cache", RefreshingCache(f"assuming {self.role_arn}"))

    async def get_credentials(self) -> Credentials:
        """Give credentials that work now, by a client made for that.

        Raises:
            AssumeRoleError: STS refused, or did not answer.
            CredentialsError: the source has none.
            ConfigurationError: no region was found.
        """
        async with DetectiveClient(region=self.region) as client:
            return await self.get_credentials_for(client._transport)  # noqa: SLF001 - of our own class

    async def get_credentials_for(self, caller: Caller) -> Credentials:
        """Give credentials that work now, over the caller's connections."""

        async def fetch() -> Credentials:
            return await self._assume(caller)

        return await self._cache.get(fetch, now=caller.now, spawn=caller.spawn)

    def invalidate(self, used: Credentials) -> None:
        """Forget these credentials."""
        self._cache.invalidate(used)

    async def _assume(self, caller: Caller) -> Credentials:
        source = self._provider or caller.default_credentials
        sts = caller.to(STS, credentials=source, region=self.region, endpoint_url=self.endpoint_url)
        try:
            role: AssumedRole = await sts.call(ASSUME_ROLE, self._parameters())
            return Credentials(
                role.access_key_id, role.secret_access_key, role.session_token, role.expires_at, role.account_id
            )
        except DetectiveError as error:
            raise _failed(self.role_arn, error) from error

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


def _failed(role_arn: str, error: DetectiveError) -> AssumeRoleError:
    answer = error if isinstance(error, ServiceError) else None
    return AssumeRoleError(
        f"cannot assume {role_arn}: {error}",
        role_arn=role_arn,
        code=answer.code if answer else None,
        status=answer.status if answer else None,
        request_id=answer.request_id if answer else None,
    )


def _session_name() -> str:
    """Name who is at work, for those who read CloudTrail."""
    try:
        user = f"{getpass.getuser()}@"
    except (OSError, KeyError):
        # In a container the user may have no name.
        user = ""
    return re.sub(r"[^\w+=,.@-]", "-", f"detective-async-{user}{socket.gethostname()}", flags=re.ASCII)[:64]
