"""STS on the same port: who one is, and which role one may become, as boto3 and botocore's own provider ask."""

import asyncio
import xml.etree.ElementTree as ET  # what is parsed comes from the simulator
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from attrs import evolve
from botocore.client import Config
from botocore.exceptions import ClientError

from detective_async.auth import Credentials
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage
from detective_async.testing.model import service
from detective_async.testing.operations import STS_OPERATIONS
from detective_async.testing.query import operations

pytestmark = pytest.mark.asyncio

HUB = "111122223333"
SPOKE = "000000000001"
NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"
VERSION = "2011-06-15"


@pytest.fixture
def role(sim: DetectiveSimulator) -> str:
    return sim.role(SPOKE, "SecurityAudit", trusted=[HUB])


@pytest.fixture
async def sts(sim: DetectiveSimulator, boto_session: boto3.Session) -> AsyncIterator[Any]:
    """Make boto3 STS clients: `sts(credentials, region=...)`."""
    clients = []

    def make(credentials: Credentials | None = None, *, region: str = "eu-west-1", attempts: int = 1) -> Any:
        keys = credentials or sim.account(HUB)
        client = boto_session.client(
            "sts",
            region_name=region,
            endpoint_url=sim.url,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            aws_session_token=keys.session_token,
            config=Config(retries={"mode": "standard", "total_max_attempts": attempts}, parameter_validation=False),
        )
        clients.append(client)
        return Awaited(client)

    yield make
    for client in clients:
        client.close()


class Awaited:
    """A boto3 client whose methods are awaited, and whose errors are told by code, status and message."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        async def call(**members: Any) -> Any:
            return await asyncio.to_thread(getattr(self.client, name), **members)

        return call

    async def refused(self, name: str, **members: Any) -> tuple[str, int, str]:
        with pytest.raises(ClientError) as caught:
            await getattr(self, name)(**members)
        answer = caught.value.response
        assert answer["ResponseMetadata"]["RequestId"]
        return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def keys_of(answer: dict[str, Any]) -> Credentials:
    given = answer["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], given["Expiration"])


async def test_a_user_is_told_who_it_is(sts: Any) -> None:
    """GetCallerIdentity names account and user, in the partition of the region; the id is the same each time."""
    answer = await sts().get_caller_identity()
    assert (answer["Account"], answer["Arn"]) == (HUB, f"arn:aws:iam::{HUB}:user/simulator")
    assert answer["UserId"].startswith("AIDA")
    china = await sts(region="cn-north-1").get_caller_identity()
    assert (china["UserId"], china["Arn"]) == (answer["UserId"], f"arn:aws-cn:iam::{HUB}:user/simulator")


async def test_a_role_is_lent_and_detective_knows_it_as_its_account(
    sim: DetectiveSimulator, sts: Any, boto: Any, role: str
) -> None:
    """The keys of AssumeRole work for Detective as the role's account, and for STS as the role."""
    answer = await sts().assume_role(RoleArn=role, RoleSessionName="me@work")
    keys = keys_of(answer)
    assert keys.access_key_id.startswith("ASIA")
    assert keys.expires_at is not None
    assert timedelta(seconds=3595) < keys.expires_at - sim.now <= timedelta(hours=1)
    arn = f"arn:aws:sts::{SPOKE}:assumed-role/SecurityAudit/me@work"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    assert answer["AssumedRoleUser"]["AssumedRoleId"].startswith("AROA")
    assert "PackedPolicySize" not in answer
    graph = (await boto(credentials=keys).create_graph())["GraphArn"]
    assert sim.snapshot()[graph]["administrator"] == SPOKE
    identity = await sts(keys).get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (SPOKE, arn)
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]


async def test_a_role_opens_to_those_that_it_trusts(sim: DetectiveSimulator, sts: Any, role: str) -> None:
    """An account that is not trusted, or a role that is not there, is AccessDenied; the own account is no exception."""
    for account, arn in (
        ("222222222222", role),
        (SPOKE, role),
        (HUB, f"arn:aws:iam::{SPOKE}:role/Nobody"),
        (HUB, f"arn:aws:iam::{SPOKE}:role/path/SecurityAudit"),
        (HUB, f"arn:aws:iam::{HUB}:role/SecurityAudit"),
    ):
        code, status, message = await sts(sim.account(account)).refused(
            "assume_role", RoleArn=arn, RoleSessionName="me"
        )
        assert (code, status) == ("AccessDenied", 403)
        assert message == (
            f"User: arn:aws:iam::{account}:user/simulator is not authorized to perform: sts:AssumeRole on resource: "
            f"{arn}"
        )
    sim.role(SPOKE, "SecurityAudit", trusted=[SPOKE, "222222222222"])
    for account in (SPOKE, "222222222222"):
        await sts(sim.account(account)).assume_role(RoleArn=role, RoleSessionName="me")


async def test_an_external_id_must_be_the_one(sim: DetectiveSimulator, sts: Any) -> None:
    """Where the role wants an external id, none or another is AccessDenied; elsewhere it does not matter."""
    arn = sim.role(SPOKE, "Guarded", trusted=[HUB], external_id="open:sesame", path="/security/team/")
    assert arn == f"arn:aws:iam::{SPOKE}:role/security/team/Guarded"
    client = sts()
    for wrong in ({}, {"ExternalId": "open:barley"}):
        assert (await client.refused("assume_role", RoleArn=arn, RoleSessionName="me", **wrong))[0] == "AccessDenied"
    answer = await client.assume_role(RoleArn=arn, RoleSessionName="me", ExternalId="open:sesame")
    # The path is no part of a session's ARN.
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{SPOKE}:assumed-role/Guarded/me"
    plain = sim.role(SPOKE, "Plain", trusted=[HUB])
    await client.assume_role(RoleArn=plain, RoleSessionName="me", ExternalId="whatever")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"RoleSessionName": "not valid"}, "'roleSessionName'"),
        ({"RoleSessionName": "x"}, "'roleSessionName'"),
        ({"RoleSessionName": "x" * 65}, "'roleSessionName'"),
        ({"RoleSessionName": None}, "'roleSessionName'"),
        ({"RoleArn": "role"}, "'roleArn'"),
        ({"RoleArn": "arn:aws:iam::1:role/SecurityAudit"}, "is invalid"),
        ({"RoleArn": f"arn:aws:sts::{SPOKE}:assumed-role/a/b"}, "is invalid"),
        ({"RoleArn": "\x01" * 30}, "'roleArn'"),
        ({"DurationSeconds": 899}, "'durationSeconds'"),
        ({"DurationSeconds": 43201}, "'durationSeconds'"),
        ({"DurationSeconds": 3601}, "MaxSessionDuration"),
        ({"ExternalId": "?"}, "'externalId'"),
        ({"Tags": [{"Key": "a", "Value": "b"}, {"Key": "A", "Value": "c"}]}, "Duplicate tag keys"),
        ({"Tags": [{"Key": "a"}]}, "'tags.1.member.value'"),
        ({"Tags": [{"Key": str(number), "Value": ""} for number in range(51)]}, "'tags'"),
        ({"PolicyArns": [{"arn": "not an arn at all, really"}]}, "is not valid"),
        ({"PolicyArns": [{"arn": f"arn:aws:iam::aws:policy/{number}"} for number in range(11)]}, "'policyArns'"),
        ({"TokenCode": "12345x"}, "'tokenCode'"),
    ],
)
async def test_wrong_input_is_told_by_its_name(sts: Any, role: str, wrong: dict[str, Any], words: str) -> None:
    """Each member is held to STS's own rules: ValidationError says which is wrong, and nothing is lent."""
    members: dict[str, Any] = {"RoleArn": role, "RoleSessionName": "me", **wrong}
    given = {name: value for name, value in members.items() if value is not None}
    code, status, message = await sts().refused("assume_role", **given)
    assert (code, status) == ("ValidationError", 400)
    assert words in message


@pytest.mark.parametrize(
    ("policies", "code"),
    [
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"Policy": "[]"}, "MalformedPolicyDocument"),
        ({"Policy": "{" + " " * 2100 + "}"}, "PackedPolicyTooLarge"),
    ],
)
async def test_policies_that_are_none_are_boto3s_own_exceptions(
    sts: Any, role: str, policies: dict[str, Any], code: str
) -> None:
    """Policies are checked for form and size."""
    client = sts()
    with pytest.raises(getattr(client.client.exceptions, f"{code}Exception")):
        await client.assume_role(RoleArn=role, RoleSessionName="me", **policies)


async def test_policies_tags_and_all_the_rest_are_accepted(sts: Any, role: str) -> None:
    """What has no effect here is no obstacle: the packed size is told, the source identity comes back."""
    answer = await sts().assume_role(
        RoleArn=role,
        RoleSessionName="me",
        DurationSeconds=900,
        Policy='{"Version": "2012-10-17", "Statement": []}',
        PolicyArns=[{"arn": "arn:aws:iam::aws:policy/SecurityAudit"}],
        Tags=[{"Key": "team", "Value": "sécurité 2"}, {"Key": "cost", "Value": ""}],
        TransitiveTagKeys=["team"],
        SerialNumber=f"arn:aws:iam::{HUB}:mfa/me",
        TokenCode="123456",
        SourceIdentity="Alice",
    )
    assert answer["PackedPolicySize"] == 4
    assert answer["SourceIdentity"] == "Alice"


async def test_durations_go_to_what_the_role_allows_and_an_hour_along_a_chain(
    sim: DetectiveSimulator, sts: Any
) -> None:
    """Longer than the role's maximum is refused; so is more than an hour with keys that are a role's themselves."""
    long = sim.role(SPOKE, "Long", trusted=[HUB, SPOKE], max_session_duration=43200)
    answer = await sts().assume_role(RoleArn=long, RoleSessionName="me", DurationSeconds=43200)
    chained = sts(keys_of(answer))
    code, status, message = await chained.refused(
        "assume_role", RoleArn=long, RoleSessionName="me", DurationSeconds=3601
    )
    assert (code, status) == ("ValidationError", 400)
    assert "role chaining" in message
    again = await chained.assume_role(RoleArn=long, RoleSessionName="again", DurationSeconds=3600)
    assert again["AssumedRoleUser"]["Arn"].endswith("assumed-role/Long/again")


async def test_keys_of_a_role_expire_by_the_virtual_clock(
    sim: DetectiveSimulator, sts: Any, boto: Any, role: str
) -> None:
    """After their time both services refuse them, each with its own code, and new ones work."""
    client = sts()
    keys = keys_of(await client.assume_role(RoleArn=role, RoleSessionName="me", DurationSeconds=900))
    await sim.advance(890)
    await boto(credentials=keys).create_graph()
    await sim.advance(11)
    detective = boto(credentials=keys)
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        await detective.list_graphs()
    assert (await sts(keys).refused("get_caller_identity"))[:2] == ("ExpiredToken", 403)
    fresh = keys_of(await client.assume_role(RoleArn=role, RoleSessionName="me"))
    await boto(credentials=fresh).list_graphs()


async def test_strangers_are_refused_in_stss_words(sim: DetectiveSimulator, sts: Any, raw: Any) -> None:
    """Unknown keys, wrong secrets, missing or foreign signatures and closed regions have the codes of STS."""
    mine = sim.account(HUB)
    session = sim.temporary_credentials(HUB)
    for keys, code in (
        (Credentials("AKIAIOSFODNN7EXAMPLE", "secret"), "InvalidClientTokenId"),
        (evolve(mine, secret_access_key="wrong"), "SignatureDoesNotMatch"),
        (evolve(session, session_token="wrong"), "InvalidClientTokenId"),
    ):
        assert (await sts(keys).refused("get_caller_identity"))[:2] == (code, 403)
    sim.close_region("me-south-1")
    assert (await sts(region="me-south-1").refused("get_caller_identity"))[0] == "InvalidClientTokenId"
    body = urlencode({"Action": "GetCallerIdentity", "Version": VERSION}).encode()
    unsigned = await raw.send("POST", "/", {"Host": "x"}, body)
    assert (unsigned.status, code_of(unsigned)) == (403, "MissingAuthenticationToken")
    foreign = await raw.ask("POST", "/", body, service="detective")
    assert (foreign.status, code_of(foreign)) == (403, "SignatureDoesNotMatch")
    half = await raw.send("POST", "/", {"Host": "x", "Authorization": "AWS4-HMAC-SHA256"}, body)
    assert code_of(half) == "IncompleteSignature"
    assert (await raw.ask("POST", "/graphs/list", b"{}", service="sts")).code == "InvalidSignatureException"


def code_of(reply: Any) -> str:
    root = ET.fromstring(reply.body)  # noqa: S314
    assert root.tag == f"{NAMESPACE}ErrorResponse"
    assert root.findtext(f"{NAMESPACE}RequestId") == reply.headers["x-amzn-requestid"]
    assert "x-amzn-errortype" not in reply.headers
    assert reply.headers["content-type"] == "text/xml"
    assert root.findtext(f"{NAMESPACE}Error/{NAMESPACE}Message")
    sender = "Sender" if reply.status < 500 else "Receiver"
    assert root.findtext(f"{NAMESPACE}Error/{NAMESPACE}Type") == sender
    return root.findtext(f"{NAMESPACE}Error/{NAMESPACE}Code") or ""


async def test_a_get_will_do_as_well(raw: Any) -> None:
    """The parameters may stand in the query."""
    reply = await raw.ask("GET", f"/?Action=GetCallerIdentity&Version={VERSION}", service="sts", region="us-east-1")
    root = ET.fromstring(reply.body)  # noqa: S314
    assert reply.status == 200
    assert root.tag == f"{NAMESPACE}GetCallerIdentityResponse"
    assert root.findtext(f"{NAMESPACE}GetCallerIdentityResult/{NAMESPACE}Account") == HUB
    metadata = f"{NAMESPACE}ResponseMetadata/{NAMESPACE}RequestId"
    assert root.findtext(metadata) == reply.headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    ("method", "parameters", "code"),
    [
        ("POST", "", "MissingAction"),
        ("POST", f"Version={VERSION}", "MissingAction"),
        ("POST", "Action=GetCallerIdentity", "InvalidAction"),
        ("POST", "Action=GetCallerIdentity&Version=2010-01-01", "InvalidAction"),
        ("POST", f"Action=GetSessionToken&Version={VERSION}", "InvalidAction"),
        ("POST", f"Action=%ff%00%3C&Version={VERSION}", "InvalidAction"),
        ("PUT", f"Action=GetCallerIdentity&Version={VERSION}", "InvalidAction"),
        ("POST", f"Action=AssumeRole&Version={VERSION}", "ValidationError"),
        ("POST", f"Action=AssumeRole&Version={VERSION}&RoleArn=%ff&RoleSessionName=me", "ValidationError"),
        ("POST", f"Action=AssumeRole&Version={VERSION}&DurationSeconds=soon", "ValidationError"),
        ("POST", f"Action=AssumeRole&Version={VERSION}&Tags.member.1.Key=a&Tags=&Tags.member.x=b", "ValidationError"),
        ("POST", f"Action=AssumeRole&Version={VERSION}&" + "a." * 4000 + "=1", "ValidationError"),
        ("POST", "\xff\x00{}", "MissingAction"),
    ],
)
async def test_what_is_no_call_is_refused_in_stss_form(raw: Any, method: str, parameters: str, code: str) -> None:
    """Whatever comes to `/`, signed, gets an XML error: no such action, version or value."""
    reply = await raw.ask(method, "/", parameters.encode("latin-1"), service="sts")
    assert (reply.status, code_of(reply)) == (400, code)


async def test_requests_to_sts_are_recorded(sim: DetectiveSimulator, sts: Any, role: str) -> None:
    """`requests` tells who asked STS for what, beside what Detective was asked."""
    await sts().assume_role(RoleArn=role, RoleSessionName="me")
    await sts(sim.account(SPOKE)).refused("assume_role", RoleArn=role, RoleSessionName="me")
    one, two = sim.requests
    assert (one.operation, one.account_id, one.region, one.status) == ("AssumeRole", HUB, "eu-west-1", 200)
    assert (two.operation, two.account_id, two.status, two.error_code) == ("AssumeRole", SPOKE, 403, "AccessDenied")


async def test_faults_strike_sts_too(sim: DetectiveSimulator, sts: Any, role: str) -> None:
    """A fault may aim at AssumeRole; throttling has the code that STS gives it, and clients try again."""
    sim.throttle(operation="AssumeRole")
    assert (await sts().refused("assume_role", RoleArn=role, RoleSessionName="me"))[:2] == ("Throttling", 400)
    sim.throttle(2, operation="AssumeRole", retry_after_ms=1)
    await sts(attempts=3).assume_role(RoleArn=role, RoleSessionName="me")
    sim.inject(Fault(Failure(), operation="AssumeRole"))
    await sts().get_caller_identity()
    assert (await sts().refused("assume_role", RoleArn=role, RoleSessionName="me"))[:2] == ("InternalFailure", 500)
    for effect in (Drop(), Garbage(status=502)):
        sim.inject(Fault(effect, operation="GetCallerIdentity"))
        await sts(attempts=2).get_caller_identity()
    assert sim.faults == []


async def test_the_table_of_operations_is_what_the_protocol_offers() -> None:
    """Each operation that can be asked for is carried out, and its answers are STS's: members that the model has."""
    assert set(STS_OPERATIONS) == set(operations())
    assert set(STS_OPERATIONS) <= set(service("sts").operation_names)


@pytest.mark.parametrize(
    "wrong",
    [
        {"trusted": ["1"]},
        {"account_id": "1"},
        {"name": "no name"},
        {"name": "x" * 65},
        {"path": "security"},
        {"max_session_duration": 60},
        {"max_session_duration": 43201},
        {"external_id": "x"},
    ],
)
async def test_roles_that_cannot_be_are_refused(sim: DetectiveSimulator, wrong: dict[str, Any]) -> None:
    """`role` takes what IAM would, and says what is wrong."""
    arguments: dict[str, Any] = {"account_id": SPOKE, "name": "R", "trusted": [HUB], **wrong}
    with pytest.raises(ValueError, match=r"digits|name|path|max_session_duration|external id"):
        sim.role(**arguments)


async def test_botocores_own_provider_assumes_the_role_of_a_profile(
    sim: DetectiveSimulator, role: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A profile with role_arn and source_profile, and AWS_ENDPOINT_URL_STS: an unmodified boto3 needs no more."""
    keys = sim.account(HUB)
    config = tmp_path / "config"
    config.write_text(
        f"[profile spoke]\nrole_arn = {role}\nsource_profile = hub\nrole_session_name = from-a-profile\n"
        f"[profile hub]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sim.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DETECTIVE", sim.url)

    def work() -> tuple[str, str]:
        session = boto3.Session(profile_name="spoke", region_name="eu-west-1")
        detective, sts = session.client("detective"), session.client("sts")
        try:
            return detective.create_graph()["GraphArn"], sts.get_caller_identity()["Arn"]
        finally:
            detective.close()
            sts.close()

    graph, arn = await asyncio.to_thread(work)
    assert graph.split(":")[4] == SPOKE
    assert arn.endswith("assumed-role/SecurityAudit/from-a-profile")
    assert [request.operation for request in sim.requests] == ["AssumeRole", "CreateGraph", "GetCallerIdentity"]
