"""Credentials of a role, from STS."""

import getpass
import inspect
import json
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any

from attrs import field, frozen

from detective_async.api.models.constraints import Entries, Integer, Items, Rule, Text, list_if_iterable
from detective_async.api.sts import ASSUME_ROLE, STS, AssumedRole
from detective_async.auth import (
    Caller,
    Credentials,
    CredentialsProvider,
    CredentialsSource,
    FixedCredentials,
    ManagedProvider,
    RefreshingCache,
    as_provider,
    failure_of,
    provider_name,
)
from detective_async.auth.threads import SharedCall
from detective_async.client.client import DetectiveClient
from detective_async.errors import (
    AssumeRoleError,
    CredentialsError,
    DetectiveError,
    HostNotFound,
    ParameterError,
    ServiceError,
)
from detective_async.settings.endpoints import home_region, needs_no_opt_in, resolve_sts

#: The error code of an STS that is switched off.
_DISABLED = "RegionDisabledException"
#: The code in a region that the account has not opted in to; and in every region, for a key that does not exist.
_UNKNOWN_KEY = "InvalidClientTokenId"
_CODE = re.compile(r"[0-9]{6}")

_RULES: Mapping[str, Rule] = {
    "role_arn": Text(20, 2048, r"arn:aws[-\w]*:iam::\d{12}:role/.+", "a role's ARN (arn:aws:iam::ACCOUNT:role/NAME)"),
    "session_name": Text(2, 64, r"[\w+=,.@-]*", "a session name (letters, digits and _+=,.@-)"),
    "external_id": Text(2, 1224, r"[\w+=,.@:/-]*", "an external id (letters, digits and _+=,.@:/-)", sensitive=True),
    "duration": Integer(900, 43_200),
    "policy_arns": Items(Text(20, 2048, r"arn:.*", "a policy's ARN (arn:aws:iam::...:policy/NAME)"), 10, min_items=0),
    "tags": Entries(Text(1, 128, meaning="a tag key"), Text(0, 256, meaning="a tag value"), 50, min_items=0),
    "transitive_tag_keys": Items(Text(1, 128, meaning="a tag key"), 50, min_items=0),
    "policy": Text(1, None, "[\t\n\r\\x20-\\xff]+", "a session policy: JSON text, or a mapping"),
    "source_identity": Text(2, 64, r"[\w+=,.@-]*", "a source identity (letters, digits and _+=,.@-)"),
    "mfa_serial": Text(9, 256, r"[\w+=/:,.@-]*", "an MFA device's ARN or serial number"),
}
#: The arguments that None leaves out.
_OPTIONAL = frozenset({"external_id", "mfa_serial", "policy", "session_name", "source_identity"})

MfaCode = Callable[[], str | Awaitable[str]]


def _policy_text(policy: Any) -> Any:
    """Convert a mapping to JSON; other values are left for the rule."""
    if not isinstance(policy, Mapping):
        return policy
    try:
        return json.dumps(dict(policy), separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise ParameterError("policy", "cannot be written as JSON") from None


@frozen(eq=False)
class AssumeRole(ManagedProvider):
    """The credentials of a role, from STS's AssumeRole: fetched at first use, and again before they expire.

    The call uses the connections and hooks of the client that needs the credentials, and the retries and timeouts of
    the client that was made with `DetectiveClient(...)`. Make one `AssumeRole` for each role and pass it to all
    clients: they share its cache. One can be the `source` of another.

    Args:
        role_arn: the role, `arn:aws:iam::ACCOUNT:role/NAME`.
        source: the credentials that assume the role: any value that a client accepts as `credentials`. None uses the
            credentials of the client that was made with `DetectiveClient(...)`, or of the fleet; if those are this role
            itself, or need it, the same credentials as the AWS CLI.
        session_name: the session's name in CloudTrail, 2 to 64 characters. None uses the names of the user and host.
        external_id: the external id that the role's trust policy may require, 2 to 1224 characters.
        duration: the lifetime of each set of credentials in seconds: 900 to 43200, and at most the role's own maximum.
        region: the region whose STS endpoint is called. None uses the client's region. If the account has not enabled
            it, the STS of the region that every account has is called, such as `us-east-1`.
        endpoint_url: a URL to use instead of the region's own. None reads `AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL`,
            then the profile; if none is set and the client's own `endpoint_url` is a loopback address, such as a
            simulator's, that one is used.
        policy_arns: managed policies that narrow the session, up to 10.
        tags: tag key -> tag value of the session, up to 50.
        transitive_tag_keys: the keys of tags that sessions of further roles inherit, up to 50.
        policy: a policy that narrows the session: JSON text, or a mapping.
        source_identity: the name of who is behind the session, which CloudTrail shows and further roles inherit.
        mfa_serial: the ARN or serial number of the MFA device that the role's trust policy requires.
        mfa_code: returns the six digits that the device shows: a coroutine function, which is cancelled when it takes
            too long, or a function, which is called in a thread and cannot be: it is not called again until it has
            returned, and the program does not end before. It is called once for each set of credentials, when a call
            needs one, and has `Timeouts.credentials` seconds together with STS.

    Raises:
        ParameterError: an argument is malformed, or only one of `mfa_serial` and `mfa_code` is given.
        ConfigurationError: `region` or `endpoint_url` is malformed.
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
    transitive_tag_keys: Iterable[str] = field(default=(), kw_only=True, converter=list_if_iterable)
    policy: str | Mapping[str, Any] | None = field(default=None, kw_only=True, repr=False, converter=_policy_text)
    source_identity: str | None = field(default=None, kw_only=True)
    mfa_serial: str | None = field(default=None, kw_only=True)
    mfa_code: MfaCode | None = field(default=None, kw_only=True, repr=False)
    _provider: CredentialsProvider | None = field(init=False, repr=False)
    _prompt: SharedCall[Any] | None = field(init=False, repr=False)
    _cache: RefreshingCache = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for name, rule in _RULES.items():
            if (value := getattr(self, name)) is not None or name not in _OPTIONAL:
                rule(value, name)
        if self.policy is not None and not _is_object(self.policy):
            raise ParameterError("policy", "expected a session policy: the text is not a JSON object")
        if self.mfa_code is not None and not callable(self.mfa_code):
            raise ParameterError("mfa_code", f"expected a callable, got {type(self.mfa_code).__name__}")
        if (self.mfa_serial is None) != (self.mfa_code is None):
            given, missing = ("mfa_serial", "mfa_code")[:: 1 if self.mfa_code is None else -1]
            raise ParameterError(missing, f"must be given together with {given}")
        resolve_sts("us-east-1" if self.region is None else self.region, self.endpoint_url)
        # The class is frozen, so these attributes cannot be assigned.
        object.__setattr__(self, "_provider", None if self.source is None else as_provider(self.source))
        ask = self.mfa_code
        prompt = None if ask is None or inspect.iscoroutinefunction(ask) else SharedCall(ask)
        object.__setattr__(self, "_prompt", prompt)
        name = f"AssumeRole of {self.role_arn}"
        if self._provider is not None and not isinstance(self._provider, FixedCredentials):
            name += f" with the keys of {provider_name(self._provider)}"
        cache = RefreshingCache(name, interactive=self.mfa_code is not None)
        object.__setattr__(self, "_cache", cache)

    @property
    def name(self) -> str:
        """The name of the role and its source."""
        return self._cache.name

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
        return await self._cache.get(partial(self._assume, caller), caller)

    def available(self, caller: Caller) -> Credentials | None:
        """Return the cached credentials, if they are valid by the caller's clock."""
        return self._cache.available(partial(self._assume, caller), caller)

    def invalidate(self, used: Credentials) -> None:
        """Remove these credentials from the cache."""
        self._cache.invalidate(used)

    async def _assume(self, caller: Caller) -> Credentials:
        parameters = await self._parameters()
        region = self.region or caller.region
        try:
            return await self._assume_in(region, caller, parameters)
        except DetectiveError as error:
            home = home_region(region)
            if home == region or not is_region_closed(region, error):
                raise _assume_role_error(self.role_arn, error) from error
            first = error
        try:
            return await self._assume_in(home, caller, parameters)
        except DetectiveError as error:
            if isinstance(error, ServiceError) and error.code == "AccessDenied":
                # What that STS says of the role is worth more than what the first one said of the region.
                raise _assume_role_error(self.role_arn, error) from error
            raise _assume_role_error(self.role_arn, first) from first
        finally:
            # Its traceback refers to this frame: a reference back would be a cycle.
            del first

    async def _assume_in(self, region: str, caller: Caller, parameters: Mapping[str, str]) -> Credentials:
        source = self._provider or self._source_of(caller)
        sts = caller.for_service(STS, credentials=source, region=region, endpoint_url=self.endpoint_url)
        role: AssumedRole = await sts.call(ASSUME_ROLE, parameters)
        return Credentials(
            role.access_key_id, role.secret_access_key, role.session_token, role.expires_at, role.account_id
        )

    def _source_of(self, caller: Caller) -> CredentialsProvider:
        """Return the client's credentials, unless these are what is being fetched, or wait for it."""
        own: CredentialsProvider | None = caller.client_credentials
        while isinstance(own, AssumeRole):
            if own is self:
                return caller.default_credentials
            own = own._provider  # noqa: SLF001 - of our own class
        return caller.client_credentials

    async def _parameters(self) -> dict[str, str]:
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
        for number, key in enumerate(self.transitive_tag_keys, start=1):
            parameters[f"TransitiveTagKeys.member.{number}"] = key
        if self.policy is not None:
            parameters["Policy"] = str(self.policy)
        if self.source_identity is not None:
            parameters["SourceIdentity"] = self.source_identity
        if self.mfa_serial is not None:
            parameters["SerialNumber"] = self.mfa_serial
            parameters["TokenCode"] = await self._code()
        return parameters

    async def _code(self) -> str:
        ask: Any = self.mfa_code
        try:
            code = ask() if self._prompt is None else await self._prompt.result()
            if inspect.isawaitable(code):
                code = await code
        except DetectiveError:
            raise
        except Exception as error:  # noqa: BLE001 - a user's callable may raise anything
            problem = failure_of(f"mfa_code of {self.name}", error)
        else:
            if isinstance(code, str) and _CODE.fullmatch(code):
                return code
            problem = CredentialsError(
                f"mfa_code of {self.name} must return the six digits that the device shows, as a string"
            )
        # Outside of the handler, so that it is not chained to the callable's exception, which may hold the code.
        raise problem


def _is_object(text: object) -> bool:
    try:
        return isinstance(json.loads(str(text)), dict)
    except (ValueError, RecursionError):
        return False


def is_region_closed(region: str, error: DetectiveError) -> bool:
    """Return whether an error of STS means that the account has not enabled the region, or that it has no STS."""
    if isinstance(error, ServiceError):
        return error.code == _DISABLED or (error.code == _UNKNOWN_KEY and not needs_no_opt_in(region))
    return isinstance(error, HostNotFound)


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
