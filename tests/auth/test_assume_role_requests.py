"""The requests of AssumeRole, compared with boto3's, and sent to moto and the simulator."""

import asyncio
import getpass
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from support.cloud import ROLE, Cloud
from support.other_sdks import caller_arn, sts_client

from detective_async import (
    AssumeRole,
    ConfigurationError,
    Credentials,
    CredentialsError,
    DetectiveClient,
    EnvironmentCredentials,
    SessionCredentials,
    StaticCredentials,
)
from detective_async.testing import DetectiveSimulator

HUB = "111122223333"
SPOKE = "444455556666"
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "secret")
POLICIES = ["arn:aws:iam::aws:policy/SecurityAudit", "arn:aws:iam::aws:policy/ReadOnly+More"]
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"detective:List*","Resource":"*"}]}'
PHONE = "arn:aws:iam::111122223333:mfa/phone"
# The arguments of boto3's method, and those of AssumeRole for the same request.
FORMS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({}, {}),
    ({"DurationSeconds": 900}, {"duration": 900}),
    ({"ExternalId": "a:b/c=d,e.f@g-h_i+j"}, {"external_id": "a:b/c=d,e.f@g-h_i+j"}),
    ({"PolicyArns": [{"arn": arn} for arn in POLICIES]}, {"policy_arns": POLICIES}),
    ({"PolicyArns": [{"arn": POLICIES[0]}]}, {"policy_arns": iter(POLICIES[:1])}),
    (
        {"Tags": [{"Key": "équipe ~*&=", "Value": "sécu + 100%"}, {"Key": "empty", "Value": ""}]},
        {"tags": {"équipe ~*&=": "sécu + 100%", "empty": ""}},
    ),
    (
        {"DurationSeconds": 43_200, "ExternalId": "open", "Tags": [{"Key": "a", "Value": "b"}]},
        {"duration": 43_200, "external_id": "open", "tags": {"a": "b"}},
    ),
    ({"SourceIdentity": "alice@corp"}, {"source_identity": "alice@corp"}),
    (
        {"Tags": [{"Key": "a", "Value": "b"}], "TransitiveTagKeys": ["a", "équipe ~"]},
        {"tags": {"a": "b"}, "transitive_tag_keys": iter(["a", "équipe ~"])},
    ),
    ({"Policy": f"{POLICY}\n"}, {"policy": f"{POLICY}\n"}),
    ({"Policy": POLICY}, {"policy": json.loads(POLICY)}),
    ({"SerialNumber": PHONE, "TokenCode": "000042"}, {"mfa_serial": PHONE, "mfa_code": lambda: "000042"}),
)


@pytest.mark.parametrize(("boto3_arguments", "arguments"), FORMS, ids=lambda form: ",".join(form) or "plain")
async def test_requests_are_the_same_as_boto3s(
    cloud: Cloud, boto3_arguments: dict[str, Any], arguments: dict[str, Any]
) -> None:
    """They have the same parameters, and are signed with the same key for the same region."""

    def by_boto3() -> None:
        client = sts_client(cloud.url, KEYS)
        # boto3 omits the duration by default.
        client.assume_role(RoleArn=ROLE, RoleSessionName="me@work", **{"DurationSeconds": 3600, **boto3_arguments})
        client.close()

    await asyncio.to_thread(by_boto3)
    role = AssumeRole(
        ROLE, source=KEYS, session_name="me@work", region="eu-west-1", endpoint_url=cloud.url, **arguments
    )
    await role.get_credentials()
    one, two = cloud.requests
    assert two.values == one.values
    assert (two.method, two.path, two.key_id, two.region) == (one.method, one.path, one.key_id, one.region)
    assert two.headers["content-type"] == one.headers["content-type"]
    assert "/sts/aws4_request" in two.headers["authorization"]


@pytest.mark.parametrize("arn", [ROLE, "arn:aws:iam::444455556666:role/a/path/Audit"])
async def test_a_role_from_moto(moto: str, arn: str) -> None:
    """Moto's STS identifies the keys as the role's, with the session name that CloudTrail would show."""
    role = AssumeRole(
        arn, source=KEYS, session_name="me@work", external_id="open", duration=900, region="eu-west-1",
        endpoint_url=moto, policy_arns=POLICIES, tags={"team": "secops"},
    )  # fmt: skip
    before = datetime.now(UTC).replace(microsecond=0)
    keys = await role.get_credentials()
    after = datetime.now(UTC)
    assert keys.expires_at is not None
    assert before <= keys.expires_at - timedelta(seconds=900) <= after + timedelta(seconds=1)
    assert await asyncio.to_thread(caller_arn, moto, keys) == "arn:aws:sts::444455556666:assumed-role/Audit/me@work"


async def test_a_role_can_be_the_source_of_another(moto: str) -> None:
    """The second role is assumed with the keys of the first."""
    options: dict[str, Any] = {"region": "eu-west-1", "endpoint_url": moto}
    first = AssumeRole(f"{ROLE}First", source=KEYS, session_name="one", **options)
    second = AssumeRole(ROLE, source=first, session_name="two", **options)
    keys = await second.get_credentials()
    assert await asyncio.to_thread(caller_arn, moto, keys) == "arn:aws:sts::444455556666:assumed-role/Audit/two"


@pytest.mark.parametrize(
    ("user", "host", "name"),
    [
        ("alice", "laptop.example.com", "detective-async-alice@laptop.example.com"),
        ("DOMAIN\\alice b", "büro_1", "detective-async-DOMAIN-alice-b@b-ro_1"),
        (KeyError("uid not found"), "0123456789ab", "detective-async-0123456789ab"),
        (OSError("no user"), "0123456789ab", "detective-async-0123456789ab"),
        ("alice", "h" * 255, f"detective-async-alice@{'h' * 42}"),
    ],
)
async def test_the_default_session_name(
    moto: str, monkeypatch: pytest.MonkeyPatch, user: str | Exception, host: str, name: str
) -> None:
    """It contains user and host, in the characters and the length that STS accepts; a user may have no name."""

    def getuser() -> str:
        if isinstance(user, Exception):
            raise user
        return user

    monkeypatch.setattr(getpass, "getuser", getuser)
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    keys = await AssumeRole(ROLE, source=KEYS, region="eu-west-1", endpoint_url=moto).get_credentials()
    assert (await asyncio.to_thread(caller_arn, moto, keys)).endswith(f":assumed-role/Audit/{name}")
    assert len(name) <= 64


async def vault(sim: DetectiveSimulator) -> Credentials:
    await asyncio.sleep(0)
    return sim.account(HUB)


class Vault:
    def __init__(self, sim: DetectiveSimulator) -> None:
        self.sim = sim

    async def get_credentials(self) -> Credentials:
        return self.sim.account(HUB)


def _session(sim: DetectiveSimulator) -> boto3.Session:
    keys = sim.account(HUB)
    return boto3.Session(keys.access_key_id, keys.secret_access_key)


SOURCES: dict[str, Callable[[DetectiveSimulator], Any]] = {
    "keys": lambda sim: sim.account(HUB),
    "temporary keys": lambda sim: sim.temporary_credentials(HUB),
    "static": lambda sim: StaticCredentials(sim.account(HUB).access_key_id, sim.account(HUB).secret_access_key),
    "environment": lambda _: EnvironmentCredentials(),
    "none": lambda _: None,
    "callable": lambda sim: lambda: vault(sim),
    "provider": Vault,
    "role": lambda sim: AssumeRole(sim.role(HUB, "Middle", trusted=[HUB]), source=sim.account(HUB)),
    "session": _session,
    "session, wrapped": lambda sim: SessionCredentials(_session(sim)),
}


@pytest.mark.parametrize("source", SOURCES)
async def test_every_kind_of_source(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Everything that a client accepts as credentials can be a source; the call is made in the role's account."""
    for name, value in sim.environment(HUB).items():
        monkeypatch.setenv(name, value)
    role = AssumeRole(
        sim.role(SPOKE, "Audit", trusted=[HUB], external_id="open"), source=SOURCES[source](sim), external_id="open"
    )
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=role) as client:
        arn = (await client.create_graph()).graph_arn
        await client.list_graphs()
    assert arn.split(":")[3:5] == ["eu-west-1", SPOKE]
    operations = [(request.operation, request.account_id) for request in sim.requests]
    roles = [("AssumeRole", HUB)] * (2 if source == "role" else 1)
    assert operations == [*roles, ("CreateGraph", SPOKE), ("ListGraphs", SPOKE)]
    assert {request.region for request in sim.requests} == {"eu-west-1"}


async def test_many_accounts_over_one_pool(sim: DetectiveSimulator) -> None:
    """Each derived client assumes its own role, in the role's region or else in the client's."""
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=sim.account(HUB)) as client:
        calls: list[Awaitable[Any]] = []
        for number in range(20):
            arn = sim.role(f"{number:012}", "Audit", trusted=[HUB])
            region = "us-east-1" if number % 2 else None
            role = AssumeRole(arn, source=sim.account(HUB), region=region)
            calls.append(client.with_options(credentials=role, region="eu-north-1").create_graph())
        responses = await asyncio.gather(*calls)
    assert {response.graph_arn.split(":")[4] for response in responses} == {f"{number:012}" for number in range(20)}
    operations = [request.region for request in sim.requests if request.operation == "AssumeRole"]
    assert sorted(map(str, operations)) == ["eu-north-1"] * 10 + ["us-east-1"] * 10


async def test_get_credentials_without_a_client(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's settings are used, and the credentials are cached."""
    for name, value in sim.environment(HUB).items():
        monkeypatch.setenv(name, value)
    role = AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]), region="eu-north-1")
    keys = await role.get_credentials()
    assert keys == await role.get_credentials()
    assert await asyncio.to_thread(caller_arn, sim.url, keys) != ""
    assert [(request.operation, request.region) for request in sim.requests][:2] == [
        ("AssumeRole", "eu-north-1"),
        ("GetCallerIdentity", "eu-west-1"),
    ]


async def test_get_credentials_without_a_client_and_a_region() -> None:
    """The error names the settings that could contain a region."""
    with pytest.raises(ConfigurationError, match=r"no region: set region=.*, or region in profile"):
        await AssumeRole(ROLE, source=KEYS).get_credentials()


class Phone:
    """An MFA device, in each form that a role accepts."""

    def __init__(self, code: object = "123456") -> None:
        self.code = code
        self.threads: list[threading.Thread] = []

    def shown(self) -> Any:
        self.threads.append(threading.current_thread())
        if isinstance(self.code, Exception):
            raise self.code
        return self.code

    async def awaited(self) -> Any:
        await asyncio.sleep(0)
        return self.shown()

    def returns_awaitable(self) -> Any:
        return self.awaited()


@pytest.mark.parametrize("form", ["shown", "awaited", "returns_awaitable"])
async def test_an_mfa_code_is_asked_for_once_for_each_fetch(
    sim: DetectiveSimulator, client: DetectiveClient, form: str
) -> None:
    """A function is called in a thread, where it may wait for a person; retries of AssumeRole repeat the code."""
    phone = Phone()
    role = AssumeRole(
        sim.role(SPOKE, "Audit", trusted=[HUB]),
        source=sim.account(HUB), policy=POLICY, source_identity="alice", tags={"team": "secops"},
        transitive_tag_keys=["team"], mfa_serial=PHONE, mfa_code=getattr(phone, form),
    )  # fmt: skip
    sim.throttle(operation="AssumeRole")
    auditor = client.with_options(credentials=role)
    await asyncio.gather(*(auditor.list_graphs() for _ in range(3)))
    assert len(phone.threads) == 1
    assert (phone.threads[0] is threading.main_thread()) == (form != "shown")
    bodies = [request.body.decode() for request in sim.requests if request.operation == "AssumeRole"]
    assert ["TokenCode=123456" in body for body in bodies] == [True, True]
    role.invalidate(await role.get_credentials_for(auditor._transport))
    await auditor.list_graphs()
    assert len(phone.threads) == 2


@pytest.mark.parametrize("form", ["shown", "awaited"])
@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("12345", "must return the six digits"),
        ("12345\u0663", "must return the six digits"),
        (123456, "must return the six digits"),
        (None, "must return the six digits"),
        (EOFError("no terminal"), r"failed: EOFError: no terminal \(test_assume"),
        (ConfigurationError("no phone"), "^no phone"),
    ],
)
async def test_an_mfa_code_that_is_none(client: DetectiveClient, form: str, code: object, says: str) -> None:
    """The error says whose it is, without the code, and nothing is sent."""
    role = AssumeRole(ROLE, source=KEYS, mfa_serial=PHONE, mfa_code=getattr(Phone(code), form))
    with pytest.raises((CredentialsError, ConfigurationError), match=says) as caught:
        await client.with_options(credentials=role).list_graphs()
    assert "12345" not in str(caught.value).replace(ROLE, "")
    assert caught.value.__cause__ is None


def test_repr_shows_no_secrets() -> None:
    """Neither the external id nor the source's keys are in the `repr` of a role."""
    shown = repr(AssumeRole(ROLE, source=StaticCredentials("AKIAIOSFODNN7EXAMPLE", "hunter2"), external_id="hunter3"))
    assert ROLE in shown
    assert "hunter" not in shown
