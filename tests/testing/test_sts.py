"""The simulated STS: callers' identities, and assuming roles, with boto3."""

import re
import xml.etree.ElementTree as ET  # the input is the simulator's
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from attrs import evolve

from detective_async.auth import Credentials
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage

HUB = "111122223333"
SPOKE = "000000000001"
NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"
VERSION = "2011-06-15"


@pytest.fixture
def role(sim: DetectiveSimulator) -> str:
    return sim.role(SPOKE, "SecurityAudit", trusted=[HUB])


@pytest.fixture
def sts(boto: Any) -> Callable[..., Any]:
    """Create boto3 STS clients: `sts(account_id, credentials=..., region=...)`."""
    return lambda account_id=HUB, **options: boto(account_id, service="sts", **options)


def keys_of(response: dict[str, Any]) -> Credentials:
    given = response["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], given["Expiration"])


async def test_a_role_of_another_partition_is_refused(sts: Any, role: str) -> None:
    """The ARN must be of the partition of the region; a role has the same name in all of them."""
    gov, request = role.replace("arn:aws:", "arn:aws-us-gov:"), {"RoleSessionName": "me"}
    for arn, region in ((gov, "eu-west-1"), (role, "us-gov-west-1"), (role.replace("aws:", "awszzz:"), "eu-west-1")):
        await sts(region=region).refused("AccessDenied", "assume_role", RoleArn=arn, **request)
    response = await sts(region="us-gov-west-1").assume_role(RoleArn=gov, **request)
    assert response["AssumedRoleUser"]["Arn"].startswith("arn:aws-us-gov:sts:")


async def test_an_account_that_has_not_opted_in_gives_no_credentials_there(
    sim: DetectiveSimulator, sts: Any, role: str
) -> None:
    """STS refuses it as in AWS, whoever asks; in another region, it gives them."""
    sim.close_region("me-south-1", SPOKE)
    request = {"RoleArn": role, "RoleSessionName": "me"}
    answer = await sts(region="me-south-1").refused("RegionDisabledException", "assume_role", **request)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert f"STS is not activated in this region for account:{SPOKE}." in answer["Error"]["Message"]
    untrusted = "444455556666"
    await sts(untrusted, region="me-south-1").refused("AccessDenied", "assume_role", **request)
    keys = keys_of(await sts().assume_role(**request))
    # They are the account's own, which the region does not know.
    await sts(credentials=keys, region="me-south-1").refused("InvalidClientTokenId", "get_caller_identity")


async def test_the_identity_of_a_user(sts: Any) -> None:
    """GetCallerIdentity returns account and user, in the partition of the region; the user id is always the same."""
    response = await sts().get_caller_identity()
    assert (response["Account"], response["Arn"]) == (HUB, f"arn:aws:iam::{HUB}:user/simulator")
    assert response["UserId"].startswith("AIDA")
    china = await sts(region="cn-north-1").get_caller_identity()
    assert (china["UserId"], china["Arn"]) == (response["UserId"], f"arn:aws-cn:iam::{HUB}:user/simulator")


async def test_credentials_of_a_role_work_for_both_services(
    sim: DetectiveSimulator, sts: Any, boto: Any, role: str
) -> None:
    """For Detective they are those of the role's account, and for STS those of the role session."""
    response = await sts().assume_role(RoleArn=role, RoleSessionName="me@work")
    keys = keys_of(response)
    assert keys.access_key_id.startswith("ASIA")
    assert keys.expires_at is not None
    assert timedelta(seconds=3595) < keys.expires_at - sim.now <= timedelta(hours=1)
    arn = f"arn:aws:sts::{SPOKE}:assumed-role/SecurityAudit/me@work"
    assert response["AssumedRoleUser"]["Arn"] == arn
    assert response["AssumedRoleUser"]["AssumedRoleId"].startswith("AROA")
    assert "PackedPolicySize" not in response
    graph = (await boto(credentials=keys).create_graph())["GraphArn"]
    assert sim.snapshot()[graph]["administrator"] == SPOKE
    identity = await sts(credentials=keys).get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (SPOKE, arn)
    assert identity["UserId"] == response["AssumedRoleUser"]["AssumedRoleId"]


async def test_only_trusted_accounts_may_assume_a_role(sim: DetectiveSimulator, sts: Any, role: str) -> None:
    """AccessDenied for an account that is not trusted, also the role's own account, and for a role that is missing."""
    for account, arn in (
        ("222222222222", role),
        (SPOKE, role),
        (HUB, f"arn:aws:iam::{SPOKE}:role/Missing"),
        (HUB, f"arn:aws:iam::{SPOKE}:role/path/SecurityAudit"),
        (HUB, f"arn:aws:iam::{HUB}:role/SecurityAudit"),
    ):
        refused = await sts(account).refused("AccessDenied", "assume_role", RoleArn=arn, RoleSessionName="me")
        assert refused["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert refused["Error"]["Message"] == (
            f"User: arn:aws:iam::{account}:user/simulator is not authorized to perform: sts:AssumeRole on resource: "
            f"{arn}"
        )
    sim.forget_requests()
    sim.role(SPOKE, "SecurityAudit", trusted=[SPOKE, "222222222222"])
    await sts("222222222222").assume_role(RoleArn=role, RoleSessionName="me")
    await sts(SPOKE).assume_role(RoleArn=role, RoleSessionName="me")
    await sts(HUB).refused("AccessDenied", "assume_role", RoleArn=role, RoleSessionName="me")
    recorded = [(one.operation, one.account_id, one.region, one.status, one.error_code) for one in sim.requests]
    assert recorded == [
        ("AssumeRole", "222222222222", "eu-west-1", 200, None),
        ("AssumeRole", SPOKE, "eu-west-1", 200, None),
        ("AssumeRole", HUB, "eu-west-1", 403, "AccessDenied"),
    ]


async def test_a_role_may_require_an_external_id(sim: DetectiveSimulator, sts: Any) -> None:
    """If a role has an external id, none or another one is AccessDenied; otherwise it is ignored."""
    arn = sim.role(SPOKE, "Guarded", trusted=[HUB], external_id="open:sesame", path="/security/team/")
    assert arn == f"arn:aws:iam::{SPOKE}:role/security/team/Guarded"
    client, given = sts(), {"RoleArn": arn, "RoleSessionName": "me"}
    for wrong in ({}, {"ExternalId": "open:barley"}):
        await client.refused("AccessDenied", "assume_role", **given, **wrong)
    response = await client.assume_role(**given, ExternalId="open:sesame")
    # The ARN of a session does not contain the role's path.
    assert response["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{SPOKE}:assumed-role/Guarded/me"
    plain = sim.role(SPOKE, "Plain", trusted=[HUB])
    await client.assume_role(RoleArn=plain, RoleSessionName="me", ExternalId="any")


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
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"Policy": "[]"}, "MalformedPolicyDocument"),
        ({"Policy": "{" + " " * 2100 + "}"}, "PackedPolicyTooLarge"),
    ],
)
async def test_invalid_input_is_named(sts: Any, role: str, wrong: dict[str, Any], words: str) -> None:
    """Each member is validated by the rules of STS: ValidationError names the invalid one; policies have own errors."""
    members: dict[str, Any] = {"RoleArn": role, "RoleSessionName": "me", **wrong}
    given = {name: value for name, value in members.items() if value is not None}
    code = words if "Policy" in wrong else "ValidationError"
    refused = await sts().refused(code, "assume_role", **given)
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "Policy" in wrong or words in refused["Error"]["Message"]


async def test_members_without_effect_are_accepted(sts: Any, role: str) -> None:
    """Policies, tags and MFA codes have no effect; the packed size and the source identity are returned."""
    response = await sts().assume_role(
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
    assert response["PackedPolicySize"] == 4
    assert response["SourceIdentity"] == "Alice"


async def test_durations_are_limited_by_the_role_and_by_role_chaining(sim: DetectiveSimulator, sts: Any) -> None:
    """More than an hour is rejected for credentials that are those of a role themselves."""
    long = {"RoleArn": sim.role(SPOKE, "Long", trusted=[HUB, SPOKE], max_session_duration=43200)}
    response = await sts().assume_role(**long, RoleSessionName="me", DurationSeconds=43200)
    chained = sts(credentials=keys_of(response))
    refused = await chained.refused(
        "ValidationError", "assume_role", **long, RoleSessionName="me", DurationSeconds=3601
    )
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "role chaining" in refused["Error"]["Message"]
    again = await chained.assume_role(**long, RoleSessionName="again", DurationSeconds=3600)
    assert again["AssumedRoleUser"]["Arn"].endswith("assumed-role/Long/again")


async def test_credentials_of_a_role_expire_in_virtual_time(
    sim: DetectiveSimulator, sts: Any, boto: Any, role: str
) -> None:
    """Then both services reject them, each with its own code, and new ones work."""
    client = sts()
    keys = keys_of(await client.assume_role(RoleArn=role, RoleSessionName="me", DurationSeconds=900))
    await sim.advance(870)
    await boto(credentials=keys).create_graph()
    await sim.advance(31)
    await boto(credentials=keys).refused("ExpiredTokenException", "list_graphs")
    refused = await sts(credentials=keys).refused("ExpiredToken", "get_caller_identity")
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 403
    fresh = keys_of(await client.assume_role(RoleArn=role, RoleSessionName="me"))
    await boto(credentials=fresh).list_graphs()


async def test_authentication_errors_have_the_codes_of_sts(sim: DetectiveSimulator, sts: Any, raw: Any) -> None:
    """For unknown keys, wrong secrets and tokens, closed regions, and missing, incomplete or foreign signatures."""
    mine = sim.account(HUB)
    session = sim.temporary_credentials(HUB)
    for keys, code in (
        (Credentials("AKIAIOSFODNN7EXAMPLE", "secret"), "InvalidClientTokenId"),
        (evolve(mine, secret_access_key="wrong"), "SignatureDoesNotMatch"),
        (evolve(session, session_token="wrong"), "InvalidClientTokenId"),
    ):
        refused = await sts(credentials=keys).refused(code, "get_caller_identity")
        assert refused["ResponseMetadata"]["HTTPStatusCode"] == 403
    sim.close_region("me-south-1")
    await sts(region="me-south-1").refused("InvalidClientTokenId", "get_caller_identity")
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


async def test_get_requests_are_supported(raw: Any) -> None:
    """The parameters may be in the query."""
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
async def test_invalid_calls_are_answered_in_the_form_of_sts(raw: Any, method: str, parameters: str, code: str) -> None:
    """A signed request to `/` with an unknown action or version, or with an invalid value, gets an XML error."""
    reply = await raw.ask(method, "/", parameters.encode("latin-1"), service="sts")
    assert (reply.status, code_of(reply)) == (400, code)


async def test_faults_apply_to_sts(sim: DetectiveSimulator, sts: Any, role: str) -> None:
    """A fault may select AssumeRole; errors have the codes of STS, and clients retry."""
    given = {"RoleArn": role, "RoleSessionName": "me"}
    sim.throttle(operation="AssumeRole")
    refused = await sts().refused("Throttling", "assume_role", **given)
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400
    sim.throttle(2, operation="AssumeRole", retry_after_ms=1)
    await sts(attempts=3).assume_role(**given)
    sim.inject(Fault(Failure(), operation="AssumeRole"))
    await sts().get_caller_identity()
    refused = await sts().refused("InternalFailure", "assume_role", **given)
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 500
    for effect in (Drop(), Garbage(status=502)):
        sim.inject(Fault(effect, operation="GetCallerIdentity"))
        await sts(attempts=2).get_caller_identity()
    assert sim.faults == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"trusted": ["1"]}, "role.trusted[0]: must be an account id of 12 digits, as a string, got '1'"),
        ({"account_id": "1"}, "role.account: must be an account id of 12 digits"),
        ({"name": "no name"}, "role.name: must be a role's name of 1 to 64 letters, digits and any of _+=,.@-, got"),
        ({"name": "x" * 65}, "role.name: "),
        ({"path": "security"}, "role.path: must be a path that begins and ends with a slash, got 'security'"),
        ({"max_session_duration": 60}, "role.max_session_duration: must be a whole number from 3600 to 43200, got 60"),
        ({"max_session_duration": 43201}, "role.max_session_duration: "),
        ({"external_id": "x"}, "role.external_id: must be an external id of 2 to 1224 characters, got 'x'"),
    ],
)
def test_invalid_roles_are_rejected(wrong: dict[str, Any], message: str) -> None:
    """`role` has the limits of IAM, and says which argument is wrong, and what is allowed."""
    arguments: dict[str, Any] = {"account_id": SPOKE, "name": "R", "trusted": [HUB], **wrong}
    sim = DetectiveSimulator()
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        sim.role(**arguments)
    assert (sim.accounts, sim.dump()["roles"]) == ([], [])
