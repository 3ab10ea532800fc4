"""Profiles, valid and invalid: the shared files, the environment, and the expected keys or errors.

`{url}` stands for the URL of the fake cloud, `{home}` for the home directory, `{python}` for the interpreter.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha1

from attrs import Factory, frozen
from support.cloud import CLOSED_ROLE, CONTAINER_TOKEN, ROLE, SSO_TOKEN

LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
_KEYS = "aws_access_key_id = {0}\naws_secret_access_key = {0}-secret\n"
_HOME = f"[default]\n{_KEYS.format('home')}"
_REGION = "region = eu-west-1\n"
_STAMP = f"{LATER:%Y-%m-%dT%H:%M:%SZ}"
_PAST = "2020-01-01T00:00:00Z"
_PROCESS = "[default]\ncredential_process = {python} -I -S {home}/process.py\n"
_PARTS = '"AccessKeyId": "process", "SecretAccessKey": "of a process"'


@frozen
class Case:
    """Settings and their expected result.

    Attributes:
        name: a description of the settings.
        gives: the prefix of the expected key id; None if an error is expected.
        says: texts that the error must contain: the problem, and what to do.
        config: the config file.
        credentials: the credentials file.
        environ: environment variables.
        files: other files, by name below the home directory.
        profile: the profile to use.
        metadata: whether instance metadata is enabled.
        botocore_refuses: whether botocore raises although the provider gives keys.
    """

    name: str
    gives: str | None = None
    says: tuple[str, ...] = ()
    config: str = ""
    credentials: str = ""
    environ: dict[str, str] = Factory(dict)
    files: dict[str, str] = Factory(dict)
    profile: str | None = None
    metadata: bool = False
    botocore_refuses: bool = False


def _program(script: str) -> dict[str, str]:
    return {"process.py": script}


def _printing(json: str) -> dict[str, str]:
    return _program(f"print({json!r})")


def _role(name: str, *lines: str, arn: str = ROLE) -> str:
    return "\n".join((f"[{name}]", f"role_arn = {arn}", _REGION, *lines, ""))


def _sso(*lines: str) -> str:
    return "\n".join(("[default]", "sso_account_id = 444455556666", "sso_role_name = Reader", *lines, ""))


def _token(name: str, expires_at: str, **more: str) -> dict[str, str]:
    members = {"accessToken": SSO_TOKEN, "expiresAt": expires_at, "region": "eu-west-1", **more}
    json = ", ".join(f'"{key}": "{value}"' for key, value in members.items())
    return {f".aws/sso/cache/{sha1(name.encode()).hexdigest()}.json": f"{{{json}}}"}  # noqa: S324 - as the CLI does


_START = "https://example.awsapps.com/start"
_LEGACY_SSO = _sso(f"sso_start_url = {_START}", "sso_region = eu-west-1")
_SSO_SESSION = f"[sso-session corp]\nsso_start_url = {_START}\nsso_region = eu-west-1\n"
_WEB = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": "{home}/token", "AWS_REGION": "eu-west-1"}
_WEB |= {"AWS_DEFAULT_REGION": "eu-west-1"}
_CONTAINER = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/container"}
_TOKEN_FILE = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{home}/authorization"}
_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "environment", "AWS_SECRET_ACCESS_KEY": "secret"}
_IS_SET = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, configure"

FILES = (
    Case("nothing anywhere", says=("no credentials", _IS_SET, "a profile", "where a role is attached")),
    Case("nothing in the profile", profile="empty", says=("no credentials", "configure profile 'empty'"),
         config=f"[profile empty]\n{_REGION}"),
    Case("the default profile in the credentials file", "home", credentials=_HOME),
    Case("the default profile in the config file", "home", config=_HOME),
    Case("the credentials file goes before the config file", "home", credentials=_HOME,
         config=_HOME.replace("home", "other")),
    Case("keys in one file, settings in the other", "home", credentials=_HOME, config=f"[default]\n{_REGION}"),
    Case("a session token", "home", credentials=f"{_HOME}aws_session_token = token of a session\n"),
    Case("a token by its older name", "home", credentials=f"{_HOME}aws_security_token = token of a session\n"),
    Case("a named profile", "work", profile="work", credentials=f"{_HOME}[work]\n{_KEYS.format('work')}"),
    Case("a named profile of the config file", "work", profile="work",
         config=f"[profile work]\n{_KEYS.format('work')}"),
    Case("a profile with blanks in its name", "work", profile="at work",
         config=f'[profile "at work"]\n{_KEYS.format("work")}'),
    Case("a profile that is called default", "home", credentials=_HOME, profile="default", environ=_ENVIRONMENT),
    Case("AWS_PROFILE", "work", environ={"AWS_PROFILE": "work"},
         credentials=f"{_HOME}[work]\n{_KEYS.format('work')}"),
    Case("AWS_DEFAULT_PROFILE", "work", environ={"AWS_DEFAULT_PROFILE": "work"},
         credentials=f"{_HOME}[work]\n{_KEYS.format('work')}"),
    Case("both, of which the older goes first", "work", credentials=f"{_HOME}[work]\n{_KEYS.format('work')}",
         environ={"AWS_PROFILE": "default", "AWS_DEFAULT_PROFILE": "work"}),
    Case("a profile that is not there", profile="nowhere", credentials=_HOME,
         says=("config profile (nowhere) could not be found",)),
    Case("AWS_PROFILE names none", environ={"AWS_PROFILE": "nowhere"}, credentials=_HOME,
         says=("config profile (nowhere) could not be found",)),
    Case("AWS_CONFIG_FILE", "else", environ={"AWS_CONFIG_FILE": "{home}/elsewhere"},
         files={"elsewhere": _HOME.replace("home", "else")}),
    Case("AWS_SHARED_CREDENTIALS_FILE", "else", environ={"AWS_SHARED_CREDENTIALS_FILE": "{home}/elsewhere"},
         files={"elsewhere": _HOME.replace("home", "else")}, config=_HOME),
    Case("a key without a secret", credentials="[default]\naws_access_key_id = home\n",
         says=("Partial credentials found in shared-credentials-file, missing: aws_secret_access_key",)),
    Case("a secret without a key falls through", credentials="[default]\naws_secret_access_key = home\n",
         says=("no credentials", _IS_SET)),
    Case("a malformed config file", config="nonsense\n", says=("Unable to parse config file", "{home}/.aws/config")),
    Case("a malformed credentials file", credentials="[default\n",
         says=("Unable to parse config file", "{home}/.aws/credentials")),
    Case("a config file that is no text", files={".aws/config": "[default]\nregion = \udcff\n"},
         says=("Unable to parse config file", "{home}/.aws/config")),
)  # fmt: skip

ENVIRONMENTS = (
    Case("keys in the environment", "environment", environ=_ENVIRONMENT, credentials=_HOME),
    Case("keys and a token", "environment", environ=_ENVIRONMENT | {"AWS_SESSION_TOKEN": "token"}),
    Case("a token by its older name", "environment", environ=_ENVIRONMENT | {"AWS_SECURITY_TOKEN": "old token"}),
    Case("two tokens", "environment",
         environ=_ENVIRONMENT | {"AWS_SECURITY_TOKEN": "old token", "AWS_SESSION_TOKEN": "token"}),
    Case("empty tokens", "environment", environ=_ENVIRONMENT | {"AWS_SECURITY_TOKEN": "", "AWS_SESSION_TOKEN": ""}),
    Case("keys that expire", "environment", environ=_ENVIRONMENT | {"AWS_CREDENTIAL_EXPIRATION": _STAMP}),
    Case("keys that expire elsewhere", "environment",
         environ=_ENVIRONMENT | {"AWS_CREDENTIAL_EXPIRATION": (LATER + timedelta(hours=5)).isoformat()}),
    # AWS judges by its own clock, and this machine's may be wrong: they are used, other than by botocore.
    Case("keys that have expired", "environment", environ=_ENVIRONMENT | {"AWS_CREDENTIAL_EXPIRATION": _PAST},
         botocore_refuses=True),
    Case("keys that expire at a number", "environment", botocore_refuses=True,
         environ=_ENVIRONMENT | {"AWS_CREDENTIAL_EXPIRATION": str(int(LATER.timestamp()))}),
    Case("keys that expire at no time", environ=_ENVIRONMENT | {"AWS_CREDENTIAL_EXPIRATION": "soon"},
         says=("AWS_CREDENTIAL_EXPIRATION", "must be a timestamp, such as")),
    Case("a key without a secret", environ={"AWS_ACCESS_KEY_ID": "environment"}, credentials=_HOME,
         says=("environment: AWS_SECRET_ACCESS_KEY not set",)),
    Case("a key with an empty secret", environ=_ENVIRONMENT | {"AWS_SECRET_ACCESS_KEY": ""},
         says=("environment: AWS_SECRET_ACCESS_KEY not set",)),
    Case("a secret without a key", "home", environ={"AWS_SECRET_ACCESS_KEY": "secret"}, credentials=_HOME),
    Case("an empty key", "home", environ=_ENVIRONMENT | {"AWS_ACCESS_KEY_ID": ""}, credentials=_HOME),
    Case("a profile that was asked for goes first", "home", profile="default", environ=_ENVIRONMENT,
         credentials=_HOME),
    Case("AWS_PROFILE does not", "environment", environ=_ENVIRONMENT | {"AWS_PROFILE": "default"}, credentials=_HOME),
)  # fmt: skip

ROLES = (
    Case("a role of a profile", "role", profile="audit", credentials=_HOME,
         config=_role("profile audit", "source_profile = default")),
    Case("a role with all that goes with it", "role", profile="audit", credentials=_HOME,
         config=_role("profile audit", "source_profile = default", "external_id = open:sesame",
                      "duration_seconds = 900", "role_session_name = me")),
    Case("the default profile is a role", "role", credentials=f"[keys]\n{_KEYS.format('home')}",
         config=_role("default", "source_profile = keys")),
    Case("a role of its own keys", "role", profile="audit",
         config=_role("profile audit", "source_profile = audit", *_KEYS.format("home").splitlines())),
    Case("a role of the environment's keys", "role", profile="audit", environ=_ENVIRONMENT,
         config=_role("profile audit", "credential_source = Environment")),
    Case("a role of an instance", "role", profile="audit", metadata=True,
         config=_role("profile audit", "credential_source = Ec2InstanceMetadata")),
    Case("a role of a container", "role", profile="audit",
         environ=_CONTAINER | {"AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER_TOKEN},
         config=_role("profile audit", "credential_source = EcsContainer")),
    Case("a role of a role", "role", profile="audit", credentials=_HOME,
         config=_role("profile audit", "source_profile = middle")
         + _role("profile middle", "source_profile = default", arn=f"{ROLE}Middle")),
    Case("a role of a process", "role", profile="audit",
         config=_role("profile audit", "source_profile = default") + _PROCESS,
         files=_printing(f'{{"Version": 1, {_PARTS}}}')),
    Case("roles in a circle", profile="audit", says=("Infinite loop", "make the last source_profile one"),
         config=_role("profile audit", "source_profile = other") + _role("profile other", "source_profile = audit")),
    Case("a role that is its own source", profile="audit", says=("Infinite loop", "one that has keys"),
         config=_role("profile audit", "source_profile = audit")),
    Case("a source that is not there", profile="audit", config=_role("profile audit", "source_profile = nowhere"),
         says=('source_profile "nowhere" referenced in the profile "audit" does not exist',)),
    Case("a source without keys", profile="audit",
         config=_role("profile audit", "source_profile = empty") + "[profile empty]\nregion = eu-west-1\n",
         says=('source profile "empty" must have credentials',)),
    Case("a role without a source", profile="audit", config=_role("profile audit"),
         says=("missing: source_profile or credential_source",)),
    Case("a role with two sources", profile="audit", credentials=_HOME,
         config=_role("profile audit", "source_profile = default", "credential_source = Environment"),
         says=('"audit" contains both source_profile and credential_source',)),
    Case("a kind of source that there is not", profile="audit",
         config=_role("profile audit", "credential_source = Thin air"), says=('"Thin air"', "is not valid")),
    Case("an environment that has no keys", profile="audit", says=("No credentials found in credential_source",),
         config=_role("profile audit", "credential_source = Environment")),
    Case("a role that may not be assumed", profile="audit", credentials=_HOME, says=("AccessDenied", "AssumeRole"),
         config=_role("profile audit", "source_profile = default", arn=CLOSED_ROLE)),
    Case("a role without a region", profile="audit", credentials=_HOME,
         config=f"[profile audit]\nrole_arn = {ROLE}\nsource_profile = default\n",
         says=("must specify a region", "set AWS_REGION, or region in the profile")),
    Case("a role, and nobody who answers", profile="audit", credentials=_HOME,
         environ={"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"},
         config=_role("profile audit", "source_profile = default"), says=("Could not connect", "127.0.0.1:1")),
)  # fmt: skip

PROGRAMS = (
    Case("a process", "process", config=_PROCESS, files=_printing(f'{{"Version": 1, {_PARTS}}}')),
    Case("a process with a token that expires", "process",
         config=_PROCESS,
         files=_printing(f'{{"Version": 1, {_PARTS}, "SessionToken": "token", "Expiration": "{_STAMP}"}}')),
    Case("a process whose keys have expired", "process", botocore_refuses=True,
         config=_PROCESS, files=_printing(f'{{"Version": 1, {_PARTS}, "Expiration": "{_PAST}"}}')),
    Case("a process that fails", config=_PROCESS, files=_program("import sys; sys.exit('the vault is sealed')"),
         says=("custom-process: the vault is sealed", "run the profile's credential_process by hand")),
    Case("a process that fails in silence", config=_PROCESS, files=_program("import sys; sys.exit(1)"),
         says=("custom-process", "run the profile's credential_process by hand")),
    Case("a process that prints nothing", config=_PROCESS, files=_program("pass"),
         says=("a credential_process must print a JSON object with Version 1, AccessKeyId, SecretAccessKey",)),
    Case("a process that prints garbage", config=_PROCESS, files=_printing("<html>"),
         says=("a credential_process must print a JSON object",)),
    Case("a process that prints no text", says=("can't decode byte 0xff",),
         config=_PROCESS, files=_program("import sys; sys.stdout.buffer.write(bytes([255]))")),
    Case("a process that prints a list", config=_PROCESS, files=_printing("[]"),
         says=("'list' object has no attribute",)),
    Case("a process that prints another version", config=_PROCESS, files=_printing(f'{{"Version": 2, {_PARTS}}}'),
         says=("Unsupported version '2'", "supported versions: 1", "by hand")),
    Case("a process that prints no key", config=_PROCESS, files=_printing('{"Version": 1, "SecretAccessKey": "a"}'),
         says=("Missing required key in response: 'AccessKeyId'", "by hand")),
    Case("a process that prints no secret", config=_PROCESS, files=_printing('{"Version": 1, "AccessKeyId": "a"}'),
         says=("Missing required key in response: 'SecretAccessKey'", "by hand")),
    Case("a process that is not there", config="[default]\ncredential_process = {home}/nowhere\n",
         says=("No such file", "{home}/nowhere", "check credential_process")),
)  # fmt: skip

SERVICES = (
    Case("an SSO token", "sso", config=_LEGACY_SSO, files=_token(_START, _STAMP)),
    Case("an SSO token that has expired", config=_LEGACY_SSO, files=_token(_START, _PAST),
         says=("SSO session", "has expired", "aws sso login")),
    Case("no SSO token", config=_LEGACY_SSO, says=("Token for", "does not exist", "log in with `aws sso login`")),
    Case("an SSO token that is refused", config=_LEGACY_SSO, says=("aws sso login",),
         files=_token(_START, _STAMP, accessToken="unknown")),
    Case("an SSO token in a session", "sso", config=_sso("sso_session = corp") + _SSO_SESSION,
         files=_token("corp", _STAMP)),
    Case("an SSO token in a session that has expired", config=_sso("sso_session = corp") + _SSO_SESSION,
         files=_token("corp", _PAST), says=("Token has expired and refresh failed", "log in with `aws sso login`")),
    Case("an SSO token in a session that can be renewed", "sso", config=_sso("sso_session = corp") + _SSO_SESSION,
         files=_token("corp", _PAST, refreshToken="next", clientId="id", clientSecret="secret",
                      registrationExpiresAt=_STAMP, startUrl=_START)),
    Case("an SSO session that is not there", config=_sso("sso_session = corp"),
         says=('sso-session does not exist: "corp"',)),
    Case("an SSO profile that lacks something", config=_sso(f"sso_start_url = {_START}"),
         says=("missing required configuration: sso_region",)),
    Case("a web identity", "web", environ=_WEB, files={"token": "an identity"}),
    Case("a web identity in a profile", "web", files={"token": "an identity"},
         config=_role("default", "web_identity_token_file = {home}/token")),
    Case("a web identity without its file", environ=_WEB,
         says=("No such file", "{home}/token", "the variables that name a file")),
    Case("a web identity without a role", environ={"AWS_WEB_IDENTITY_TOKEN_FILE": "{home}/token"},
         files={"token": "an identity"}, says=("role_arn", "no role ARN configured")),
    Case("a web identity that is refused", environ=_WEB | {"AWS_ROLE_ARN": CLOSED_ROLE},
         files={"token": "an identity"}, says=("AccessDenied", "AssumeRoleWithWebIdentity")),
    Case("a container", "container", environ=_CONTAINER | {"AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER_TOKEN}),
    Case("a container with a token file", "container", environ=_CONTAINER | _TOKEN_FILE,
         files={"authorization": CONTAINER_TOKEN}),
    Case("a container without its token file", environ=_CONTAINER | _TOKEN_FILE,
         says=("No such file", "{home}/authorization", "the variables that name a file")),
    Case("a container without a token", environ=_CONTAINER,
         says=("403", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN")),
    Case("a container with a token of two lines",
         environ=_CONTAINER | {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "two\nlines"}, says=("not a legal header value",)),
    Case("a container on another host", says=("Unsupported host 'example.com'",),
         environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/container"}),
    Case("a container that gives no keys", says=("KeyError: 'AccessKeyId'",),
         environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/container-without-keys",
                  "AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER_TOKEN}),
    Case("an instance", "imds", metadata=True),
    Case("an instance that is told not to", environ={"AWS_EC2_METADATA_DISABLED": "true"},
         says=("no credentials", "where a role is attached")),
    Case("an instance that does not answer", metadata=True, says=("no credentials", "where a role is attached"),
         environ={"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}),
    Case("files go before instances", "home", metadata=True, credentials=_HOME),
)  # fmt: skip

CASES = (*FILES, *ENVIRONMENTS, *ROLES, *PROGRAMS, *SERVICES)
