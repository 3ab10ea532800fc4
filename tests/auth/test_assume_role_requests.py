"""Roles: what is asked of STS, compared with what boto3 asks, and what others make of it."""

import asyncio
import getpass
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from support.cloud import ROLE, Cloud
from support.other_sdks import sts_client, whoami

from detective_async import (
    AssumeRole,
    ConfigurationError,
    Credentials,
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
# What boto3 is told, and what we are told for the same.
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
)


@pytest.mark.parametrize(("theirs", "ours"), FORMS, ids=lambda form: ",".join(form) or "plain")
async def test_the_same_as_boto3_sends(cloud: Cloud, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """The same parameters, signed with the same key for the same region."""

    def by_boto3() -> None:
        client = sts_client(cloud.url, KEYS)
        # We always say how long, they leave the default to STS.
        client.assume_role(RoleArn=ROLE, RoleSessionName="me@work", **{"DurationSeconds": 3600, **theirs})
        client.close()

    await asyncio.to_thread(by_boto3)
    role = AssumeRole(ROLE, source=KEYS, session_name="me@work", region="eu-west-1", endpoint_url=cloud.url, **ours)
    await role.get_credentials()
    one, two = cloud.asked
    assert two.values == one.values
    assert (two.method, two.path, two.key_id, two.region) == (one.method, one.path, one.key_id, one.region)
    assert two.headers["content-type"] == one.headers["content-type"]
    assert "/sts/aws4_request" in two.headers["authorization"]


@pytest.mark.parametrize("arn", [ROLE, "arn:aws:iam::444455556666:role/a/path/Audit"])
async def test_moto_gives_a_role(moto: str, arn: str) -> None:
    """An STS that others wrote gives keys that it then knows as the role's; the name is what CloudTrail would show."""
    role = AssumeRole(
        arn, source=KEYS, session_name="me@work", external_id="open", duration=900, region="eu-west-1",
        endpoint_url=moto, policy_arns=POLICIES, tags={"team": "secops"},
    )  # fmt: skip
    before = datetime.now(UTC).replace(microsecond=0)
    keys = await role.get_credentials()
    after = datetime.now(UTC)
    assert keys.expires_at is not None
    assert before <= keys.expires_at - timedelta(seconds=900) <= after + timedelta(seconds=1)
    assert await asyncio.to_thread(whoami, moto, keys) == "arn:aws:sts::444455556666:assumed-role/Audit/me@work"


async def test_roles_of_roles_at_moto(moto: str) -> None:
    """The second is asked for with the keys of the first."""
    options: dict[str, Any] = {"region": "eu-west-1", "endpoint_url": moto}
    first = AssumeRole(f"{ROLE}First", source=KEYS, session_name="one", **options)
    second = AssumeRole(ROLE, source=first, session_name="two", **options)
    keys = await second.get_credentials()
    assert await asyncio.to_thread(whoami, moto, keys) == "arn:aws:sts::444455556666:assumed-role/Audit/two"


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
async def test_a_session_has_a_name(
    moto: str, monkeypatch: pytest.MonkeyPatch, user: str | Exception, host: str, name: str
) -> None:
    """Unless told, it names user and host, in the letters and the length that STS takes; a user may have no name."""

    def getuser() -> str:
        if isinstance(user, Exception):
            raise user
        return user

    monkeypatch.setattr(getpass, "getuser", getuser)
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    keys = await AssumeRole(ROLE, source=KEYS, region="eu-west-1", endpoint_url=moto).get_credentials()
    assert (await asyncio.to_thread(whoami, moto, keys)).endswith(f":assumed-role/Audit/{name}")
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
    "nothing said": lambda _: None,
    "callable": lambda sim: lambda: vault(sim),
    "provider": Vault,
    "role": lambda sim: AssumeRole(sim.role(HUB, "Middle", trusted=[HUB]), source=sim.account(HUB)),
    "session": _session,
    "session, wrapped": lambda sim: SessionCredentials(_session(sim)),
}


@pytest.mark.parametrize("source", SOURCES)
async def test_whoever_may_assume_it(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Whatever will do as credentials will do as a source, and the call acts in the role's account."""
    for name, value in sim.environment(HUB).items():
        monkeypatch.setenv(name, value)
    role = AssumeRole(
        sim.role(SPOKE, "Audit", trusted=[HUB], external_id="open"), source=SOURCES[source](sim), external_id="open"
    )
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=role) as client:
        arn = (await client.create_graph()).graph_arn
        await client.list_graphs()
    assert arn is not None
    assert arn.split(":")[3:5] == ["eu-west-1", SPOKE]
    asked = [(request.operation, request.account_id) for request in sim.requests]
    roles = [("AssumeRole", HUB)] * (2 if source == "role" else 1)
    assert asked == [*roles, ("CreateGraph", SPOKE), ("ListGraphs", SPOKE)]
    assert {request.region for request in sim.requests} == {"eu-west-1"}


async def test_many_accounts_over_one_pool(sim: DetectiveSimulator) -> None:
    """Derived clients assume each its own role, in the region that they are told, with what the client has."""
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=sim.account(HUB)) as client:
        calls: list[Awaitable[Any]] = []
        for number in range(20):
            arn = sim.role(f"{number:012}", "Audit", trusted=[HUB])
            region = "us-east-1" if number % 2 else None
            role = AssumeRole(arn, source=sim.account(HUB), region=region)
            calls.append(client.with_options(credentials=role, region="eu-north-1").create_graph())
        answers = await asyncio.gather(*calls)
    assert {answer.graph_arn.split(":")[4] for answer in answers} == {f"{number:012}" for number in range(20)}
    asked = [request.region for request in sim.requests if request.operation == "AssumeRole"]
    assert sorted(map(str, asked)) == ["eu-north-1"] * 10 + ["us-east-1"] * 10


async def test_without_a_client(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role can be asked for by itself, with the environment's settings, and keeps what it got."""
    for name, value in sim.environment(HUB).items():
        monkeypatch.setenv(name, value)
    role = AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]), region="eu-north-1")
    keys = await role.get_credentials()
    assert keys == await role.get_credentials()
    assert await asyncio.to_thread(whoami, sim.url, keys) != ""
    assert [(request.operation, request.region) for request in sim.requests][:2] == [
        ("AssumeRole", "eu-north-1"),
        ("GetCallerIdentity", "eu-west-1"),
    ]


async def test_without_a_client_and_a_region() -> None:
    """The error says where one was looked for; nothing was sent."""
    with pytest.raises(ConfigurationError, match=r"no region: looked at .*AWS_REGION"):
        await AssumeRole(ROLE, source=KEYS).get_credentials()


def test_what_it_shows() -> None:
    """The external id, which is a shared secret, is in no `repr`, and neither are the source's keys."""
    shown = repr(AssumeRole(ROLE, source=StaticCredentials("AKIAIOSFODNN7EXAMPLE", "hunter2"), external_id="hunter3"))
    assert ROLE in shown
    assert "hunter" not in shown
