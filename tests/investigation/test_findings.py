"""entities_of: the users and roles in findings, and why others are skipped."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from detective_async import EntityType, ParameterError
from detective_async.investigation import FindingEntity, SkippedEntity, SkipReason, entities_of
from investigation.findings import (
    ACCOUNT,
    ASFF_ID,
    GUARDDUTY_ARN,
    ROLE,
    USER,
    access_key,
    asff,
    event,
    guardduty,
    pascal,
    resource,
    sequence,
)

NOW = datetime(2026, 3, 20, tzinfo=UTC)
PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/x/Web"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Deploy/session"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def summary(finding: Any, **options: Any) -> tuple[list[str], list[str]]:
    """Return the ARNs, and the reasons with what they are about."""
    found = entities_of(finding, **{"now": NOW, **options})
    json.dumps(found.to_dict())
    return [one.arn for one in found.entities], [f"{one.reason}: {one.what}" for one in found.skipped]


@pytest.mark.parametrize("spelling", [pascal, lambda finding: finding], ids=["API", "EventBridge"])
@pytest.mark.parametrize(
    ("resources", "arns", "skipped"),
    [
        (access_key(), [], ["path unknown: AssumedRole Deploy"]),
        (access_key("Role"), [], ["path unknown: Role Deploy"]),
        (access_key("IAMUser", "Alice", "AIDAEXAMPLE"), [], ["path unknown: IAMUser Alice"]),
        (access_key("IAMUser", ""), [], ["name unknown: IAMUser AROAEXAMPLE:session"]),
        (access_key("AssumedRole", "a role"), [], ["name unknown: AssumedRole a role"]),
        (access_key("AssumedRole", "a/"), [], ["name unknown: AssumedRole a/"]),
        (access_key("AssumedRole", "service-role/Deploy"), [], ["path unknown: AssumedRole service-role/Deploy"]),
        (access_key("", "Alice", "AIDAEXAMPLE"), [], ["path unknown: principal Alice"]),
        (access_key("", "Deploy"), [], ["path unknown: principal Deploy"]),
        (access_key("", "Deploy", None), [], ["other principal: principal Deploy"]),
        (access_key("Root", "Root", ACCOUNT), [], ["root user: Root Root"]),
        (access_key("FederatedUser", "Bob"), [], ["federated user: FederatedUser Bob"]),
        (access_key("AWSService", "ec2"), [], ["AWS service: AWSService ec2"]),
        (access_key("AWSAccount", None, "999"), [], ["other account: AWSAccount 999"]),
        (access_key("Unheard"), [], ["other principal: Unheard Deploy"]),
        ({"lambdaDetails": {"functionName": "f", "role": ROLE}}, [ROLE], []),
        ({"lambdaDetails": {"role": "nonsense"}}, [], ["malformed: nonsense"]),
        ({"instanceDetails": {"iamInstanceProfile": {"arn": PROFILE}}}, [], [f"instance profile: {PROFILE}"]),
        ({"resourceType": "S3Bucket", "s3BucketDetails": []}, [], ["other resource: S3Bucket"]),
        ({"resourceType": None}, [], ["no resource: UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B"]),
    ],
)
def test_guardduty(spelling: Any, resources: dict[str, Any], arns: list[str], skipped: list[str]) -> None:
    """With the members of its API and of EventBridge; no ARN is made up for a name."""
    assert summary(spelling(guardduty(resources))) == (arns, skipped)


def test_an_attack_sequence() -> None:
    """Its actors and resources are read, in both services' findings."""
    service = sequence(
        {"id": "1", "user": {"name": "Deploy", "type": "AssumedRole", "uid": "AROAEXAMPLE"}},
        {"id": "2", "session": {}},
        resources=[
            {
                "resourceType": "ACCESS_KEY",
                "accountId": ACCOUNT,
                "data": {"accessKey": {"userType": "IAMUser", "userName": "Alice"}},
            },
            {"resourceType": "S3_BUCKET", "uid": "arn:aws:s3:::bucket"},
            {"resourceType": "IAM_INSTANCE_PROFILE", "uid": PROFILE},
            {"resourceType": "EC2_INSTANCE"},
            None,
        ],
    )
    skipped = [
        "path unknown: AssumedRole Deploy",
        "path unknown: IAMUser Alice",
        "other resource: arn:aws:s3:::bucket",
        f"instance profile: {PROFILE}",
        "other resource: EC2_INSTANCE",
        "other resource: a resource",
    ]
    finding = guardduty({"resourceType": "AttackSequence"}, service=service)
    assert summary(finding) == ([], skipped)
    assert summary(pascal(finding)) == ([], skipped)
    in_hub = asff(Detection=pascal({"sequence": service["detection"]["sequence"]}))
    assert summary(in_hub) == ([], skipped[:1])


@pytest.mark.parametrize(
    ("resources", "arns", "skipped"),
    [
        ([resource("AwsIamRole", ROLE)], [ROLE], []),
        ([resource("AwsIamUser", USER)], [USER], []),
        ([resource("AwsIamRole", ROLE), resource("AwsIamUser", USER)], [ROLE, USER], []),
        ([resource("AwsIamRole", SESSION)], [], [f"path unknown: {SESSION}"]),
        ([resource("AwsIamRole", "Deploy")], [], ["path unknown: Role Deploy"]),
        ([resource("AwsIamUser", "Alice")], [], ["path unknown: IAMUser Alice"]),
        ([resource("AwsIamRole", "a role")], [], ["name unknown: Role a role"]),
        (
            [resource("AwsIamRole", "AROAEXAMPLE", AwsIamRole={"Path": "/service-role/app/", "RoleName": "Deploy"})],
            [ROLE],
            [],
        ),
        ([resource("AwsIamUser", SESSION, AwsIamUser={"Path": "/people/", "UserName": "Alice"})], [USER], []),
        ([resource("AwsIamRole", "x", AwsIamRole={"Path": "people", "RoleName": "A"})], [], ["path unknown: Role A"]),
        ([resource("AwsIamRole", ROOT)], [], [f"root user: {ROOT}"]),
        ([resource("AwsIamRole", "arn:aws:s3:::x")], [], ["other resource: arn:aws:s3:::x"]),
        (
            [resource("AwsIamAccessKey", "k", AwsIamAccessKey={"SessionContext": {"SessionIssuer": {"Arn": ROLE}}})],
            [ROLE],
            [],
        ),
        (
            [
                resource(
                    "AwsIamAccessKey",
                    "AWS::IAM::AccessKey:ASIAEXAMPLE",
                    AwsIamAccessKey={
                        "PrincipalType": "AssumedRole",
                        "PrincipalName": "Deploy",
                        "PrincipalId": "AROAX:y",
                    },
                )
            ],
            [],
            ["path unknown: AssumedRole Deploy"],
        ),
        (
            [resource("AWSIAMAccessKey", "k", AwsIamAccessKey={"PrincipalType": "IAMUser", "UserName": "Alice"})],
            [],
            ["path unknown: IAMUser Alice"],
        ),
        ([resource("AwsIamAccessKey", "k")], [], ["other principal: principal"]),
        ([resource("AwsLambdaFunction", "arn:aws:lambda:x", AwsLambdaFunction={"Role": ROLE})], [ROLE], []),
        (
            [resource("AwsEc2Instance", "i-1", AwsEc2Instance={"IamInstanceProfileArn": PROFILE})],
            [],
            [f"instance profile: {PROFILE}"],
        ),
        ([resource("AwsS3Bucket", "arn:aws:s3:::x")], [], ["other resource: AwsS3Bucket arn:aws:s3:::x"]),
        ([resource("Other", ROLE)], [ROLE], []),
        ([None], [], ["other resource: a resource"]),
        ([], [], ["no resource: a finding"]),
    ],
)
def test_asff(resources: list[Any], arns: list[str], skipped: list[str]) -> None:
    """Roles, users, and access keys, by their ARNs, or by the paths and names in the details."""
    assert summary(asff(*resources)) == (arns, skipped)


@pytest.mark.parametrize(
    "wrapped",
    [
        event(asff(resource("AwsIamRole", ROLE)), "Security Hub Findings - Imported"),
        event({"findings": [asff(resource("AwsIamRole", ROLE))]}, "Security Hub Findings - Imported"),
        event(
            {"actionName": "x", "findings": [asff(resource("AwsIamRole", ROLE))]},
            "Security Hub Findings - Custom Action",
        ),
        event(guardduty({"lambdaDetails": {"role": ROLE}})),
        event([guardduty({"lambdaDetails": {"role": ROLE}})]),
        {"Findings": [asff(resource("AwsIamRole", ROLE))], "NextToken": "x"},
        {"Findings": [pascal(guardduty({"lambdaDetails": {"role": ROLE}}))]},
        [[event({"findings": [asff(resource("AwsIamRole", ROLE))]})]],
        (asff(resource("AwsIamRole", ROLE)),),
        {"detail": asff(resource("AwsIamRole", ROLE))},
    ],
)
def test_envelopes(wrapped: Any) -> None:
    """Lists, events, and responses are opened."""
    assert summary(wrapped) == ([ROLE], [])


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (None, "null"),
        ([None], "null"),
        (7, "7"),
        (True, "True"),
        ({}, "an object without Resources or resource"),
        ({"Resources": None}, "an object whose Resources is malformed"),
        ({"resource": None}, "an object whose resource is malformed"),
        ({"Findings": None}, "an object whose Findings is malformed"),
        ({"detail": {"findings": None}}, "an object whose findings is malformed"),
        ({"detail": None}, "an object whose detail is malformed"),
        ({"class_uid": 2004, "resources": []}, "a finding in OCSF, the format of the newer Security Hub"),
        (event("text"), "an event GuardDuty Finding"),
        ([["text"]], "'text'"),
    ],
)
def test_other_json(value: Any, what: str) -> None:
    """It is skipped with the reason."""
    assert summary(value) == ([], [f"unknown format: {what}"])


def test_blanks_around_texts() -> None:
    """They are no part of an ARN, an id, or a name, in findings and in the ARNs that are known."""
    found = entities_of(asff(resource("AwsIamRole", f" {ROLE}\n"), Id=" x "), now=NOW)
    assert (found.arns, found.entities[0].findings, found.skipped) == ((ROLE,), ("x",), ())
    named = guardduty(access_key(name=" Deploy "))
    assert entities_of(named, known_arns=[f" {ROLE}\n"], now=NOW).arns == (ROLE,)


@pytest.mark.parametrize("name", ["role/Dep<script>", "user/", "role/a b"])
def test_an_arn_with_what_iam_does_not_allow(name: str) -> None:
    """It should be a user or role, and is none."""
    assert summary(asff(resource("AwsIamRole", f"arn:aws:iam::{ACCOUNT}:{name}")))[1] == [
        f"malformed: arn:aws:iam::{ACCOUNT}:{name}"
    ]


def test_several_arns_in_one_text() -> None:
    """They have the form of one with a long path, and are none."""
    for separator in ",;":
        listed = f"{ROLE}{separator}{USER}"
        assert summary(asff(resource("AwsIamRole", listed))) == ([], [f"malformed: {listed}"])


def test_a_session_that_is_a_resource() -> None:
    """It is a role whose path is not known."""
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/Deploy/session"
    finding = asff(resource("AwsStsAssumedRole", session))
    assert summary(finding) == ([], [f"path unknown: {session}"])
    assert entities_of(finding, known_arns=[ROLE], now=NOW).arns == (ROLE,)


def test_an_empty_list() -> None:
    """There is nothing to skip."""
    assert summary([]) == ([], [])
    assert summary({"Findings": []}) == ([], [])


@pytest.mark.parametrize("text", ["{}", b"{}", bytearray(b"{}")])
def test_text(text: Any) -> None:
    """It must be parsed before."""
    with pytest.raises(ParameterError, match=r"json\.loads"):
        entities_of(text)


def test_invalid_parameters() -> None:
    """They are refused."""
    with pytest.raises(ParameterError, match="known_arns"):
        entities_of({}, known_arns=ROLE)
    with pytest.raises(ParameterError, match="now"):
        entities_of({}, now=datetime(2026, 1, 1))  # noqa: DTZ001 - it is refused


def test_another_finding_tells_the_path() -> None:
    """A name is unique in its account, so an ARN in one finding is that of the name in the other."""
    found = entities_of([guardduty(access_key(name="deploy")), asff(resource("AwsIamRole", ROLE))], now=NOW)
    assert (found.arns, found.skipped) == ((ROLE,), ())
    assert found.entities[0].findings == (GUARDDUTY_ARN, ASFF_ID)


def test_known_arns_tell_the_path() -> None:
    """Those of other accounts, kinds and names do not."""
    finding = guardduty(access_key())
    others = [ROLE.replace(ACCOUNT, "444455556666"), ROLE.replace(":role/", ":user/"), f"{ROLE}2", "nonsense", 7]
    assert summary(finding, known_arns=others)[0] == []
    assert summary(finding, known_arns=[*others, ROLE]) == ([ROLE], [])
    # One of them is of a role that is no more, and nothing says which.
    again = f"{ROLE.rpartition('/')[0]}/elsewhere/{ROLE.rpartition('/')[2]}"
    for both in ([ROLE, again], [again, ROLE]):
        assert summary(finding, known_arns=both)[0] == []
    # Each is used for what it is.
    assert summary(guardduty(access_key("IAMUser")), known_arns=iter([ROLE]))[0] == []


@pytest.mark.parametrize(
    ("name", "arns"),
    [("service-role/app/deploy", [ROLE]), ("/app/Deploy", [ROLE]), ("app2/Deploy", []), ("Deploy/Deploy", [])],
)
def test_a_name_with_a_path(name: str, arns: list[str]) -> None:
    """Only an ARN tells which role it is, and only one that has this path."""
    assert summary(guardduty(access_key(name=name)))[0] == []
    assert summary(guardduty(access_key(name=name)), known_arns=[ROLE])[0] == arns


@pytest.mark.parametrize(
    ("finding", "region"),
    [
        (guardduty({"lambdaDetails": {"role": ROLE}}, region="us-east-1"), "us-east-1"),
        (pascal(guardduty({"lambdaDetails": {"role": ROLE}}, region="us-east-1")), "us-east-1"),
        (guardduty({"lambdaDetails": {"role": ROLE}}, region="../x", service={}, createdAt=None), "../x"),
        (guardduty({"lambdaDetails": {"role": ROLE}}, region=None), "eu-west-1"),
        (asff(resource("AwsIamRole", ROLE), Region="us-east-1"), "us-east-1"),
        (asff(resource("AwsIamRole", ROLE)), "eu-west-1"),
        (asff(resource("AwsIamRole", ROLE), Region=" EU-West-1\n"), "eu-west-1"),
        (asff(resource("AwsIamRole", ROLE), Id="x"), "eu-west-1"),
        (asff(resource("AwsIamRole", ROLE), Id="x", ProductArn=7), None),
    ],
)
def test_regions(finding: Any, region: str | None) -> None:
    """They are those of the findings, or of their ARNs, or of their products'."""
    (entity,) = entities_of(finding, now=NOW)
    assert (entity.region, entity.to_dict()["region"]) == (region, region)


def test_an_entity_in_two_regions() -> None:
    """It is one for each, since each has a graph of its own; what is skipped keeps its region too."""
    findings = [asff(resource("AwsIamRole", ROLE), Region=one) for one in ("us-east-1", "eu-west-1", "us-east-1")]
    found = entities_of([*findings, guardduty(access_key(), region="us-west-2")], known_arns=[ROLE], now=NOW)
    assert [one.region for one in found.entities] == ["us-east-1", "eu-west-1", "us-west-2"]
    assert found.arns == (ROLE,)


def test_a_skipped_entity_with_a_path() -> None:
    """The caller who knows the path gets the entity, with the times of the finding."""
    (skipped,) = entities_of(guardduty(access_key(), partition="aws-us-gov"), now=NOW).skipped
    assert (skipped.account_id, skipped.entity_type, skipped.name) == (ACCOUNT, EntityType.IAM_ROLE, "Deploy")
    assert (skipped.principal_id, skipped.finding) == ("AROAEXAMPLE:session", GUARDDUTY_ARN)
    entity = skipped.with_path("/a/b/")
    assert entity.arn == f"arn:aws-us-gov:iam::{ACCOUNT}:role/a/b/Deploy"
    assert entity.start == datetime(2026, 3, 4, 10, tzinfo=UTC)
    assert entity.findings == (GUARDDUTY_ARN,)
    assert str(skipped).startswith("AssumedRole Deploy: the path is not known")
    (user,) = entities_of(guardduty(access_key("IAMUser", "Alice"), arn=None, id=None), now=NOW).skipped
    assert user.with_path("/").arn == f"arn:aws:iam::{ACCOUNT}:user/Alice"
    assert user.with_path("/").findings == ()


@pytest.mark.parametrize("path", ["", "a", "/a", "a/", None, "/ä/"])
def test_a_malformed_path(path: Any) -> None:
    """It is refused."""
    (skipped,) = entities_of(guardduty(access_key()), now=NOW).skipped
    with pytest.raises(ParameterError, match="path"):
        skipped.with_path(path)


def test_a_skipped_entity_with_an_arn() -> None:
    """Such as the role in an instance profile, which IAM knows."""
    (skipped,) = entities_of(guardduty({"instanceDetails": {"iamInstanceProfile": {"arn": PROFILE}}}), now=NOW).skipped
    entity = skipped.with_arn(ROLE)
    assert (entity.arn, entity.findings) == (ROLE, (GUARDDUTY_ARN,))
    assert entity.start is not None
    for arn in (PROFILE, None):
        with pytest.raises(ParameterError, match="arn: expected the ARN of an IAM user or role"):
            skipped.with_arn(arn)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_a_path_of_what_has_none() -> None:
    """It is refused."""
    skipped = SkippedEntity(reason=SkipReason.ROOT_USER, what="Root")
    with pytest.raises(ParameterError, match="root users cannot be investigated"):
        skipped.with_path("/")


def test_every_reason_is_explained() -> None:
    """In words."""
    for reason in SkipReason:
        assert SkippedEntity(reason=reason, what="x").explanation


@pytest.mark.parametrize(
    ("finding", "partition"),
    [
        (guardduty(access_key(), partition="aws-cn"), "aws-cn"),
        (guardduty(access_key(), partition=None, arn="arn:aws-us-gov:guardduty:x"), "aws-us-gov"),
        (guardduty(access_key(), partition="?", arn="?"), "aws"),
        (asff(resource("AwsIamRole", "Deploy"), Id="x", ProductArn="arn:aws-cn:securityhub:x"), "aws-cn"),
    ],
)
def test_partitions(finding: Any, partition: str) -> None:
    """They are those of the finding."""
    assert entities_of(finding, now=NOW).skipped[0].partition == partition


def seen(first: Any, last: Any, **more: Any) -> FindingEntity:
    """Return the entity of a finding with such times of activity."""
    times = {"eventFirstSeen": first, "eventLastSeen": last}
    finding = guardduty({"lambdaDetails": {"role": ROLE}}, service=times, createdAt=None, updatedAt=None)
    return entities_of({**finding, **more}, now=NOW).entities[0]


@pytest.mark.parametrize(
    ("first", "last", "start", "end"),
    [
        # A day before and after.
        ("2026-03-05T10:00:00Z", "2026-03-05T12:00:00Z", "2026-03-04T10:00:00Z", "2026-03-06T12:00:00Z"),
        ("2026-03-05T10:00:00+02:00", None, "2026-03-04T08:00:00Z", "2026-03-06T08:00:00Z"),
        (None, "2026-03-05T10:00:00", "2026-03-04T10:00:00Z", "2026-03-06T10:00:00Z"),
        ("2026-03-05T12:00:00Z", "2026-03-05T10:00:00Z", "2026-03-04T10:00:00Z", "2026-03-06T12:00:00Z"),
        # Not in the future.
        ("2026-03-19T23:00:00Z", "2026-03-19T23:30:00Z", "2026-03-18T23:00:00Z", "2026-03-20T00:00:00Z"),
        # At least three hours, and at most thirty days.
        ("2026-03-25T00:00:00Z", "2026-03-25T00:00:00Z", "2026-03-19T21:00:00Z", "2026-03-20T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "2026-03-05T12:00:00Z", "2026-02-04T12:00:00Z", "2026-03-06T12:00:00Z"),
    ],
)
def test_scopes(first: Any, last: Any, start: str, end: str) -> None:
    """They surround the activity."""
    entity = seen(first, last)
    assert (entity.to_dict()["start"], entity.to_dict()["end"]) == (start, end)


@pytest.mark.parametrize(
    ("first", "last", "start", "words"),
    [
        # Nothing of the activity is left out.
        ("2026-03-05T10:00:00Z", "2026-03-05T12:00:00Z", "2026-03-04", []),
        ("2026-02-19T12:00:00Z", "2026-03-20T00:00:00Z", "2026-02-18", []),
        ("2026-03-20T00:30:00Z", "2026-03-20T00:30:00Z", "2026-03-19", []),
        ("2026-01-01T00:00:00Z", "2026-03-05T12:00:00Z", "2026-02-04", ["30 days"]),
        ("2026-03-25T00:00:00Z", "2026-03-25T00:00:00Z", "2026-03-19", ["future"]),
        ("2026-03-20T02:00:00Z", "2026-03-20T02:00:00Z", "2026-03-19", ["future"]),
        ("2026-01-01T00:00:00Z", "2026-03-25T00:00:00Z", "2026-02-18", ["30 days", "future"]),
    ],
)
def test_what_a_scope_leaves_out_is_said(first: str, last: str, start: str, words: list[str]) -> None:
    """Of more than 30 days, and of the future; not of what is around the activity, or of clocks that differ."""
    entity = seen(first, last)
    assert str(entity.start).startswith(start)
    assert [one for one in ("30 days", "future") if one in (entity.note or "")] == words
    assert entity.to_dict()["note"] == entity.note


@pytest.mark.parametrize("moment", [1700000000, "yesterday", []])
def test_a_time_that_cannot_be_read_is_said(moment: Any) -> None:
    """Whether there are other times or not."""
    text = "a time of its findings cannot be read, and is ignored"
    assert seen(moment, "2026-03-05T12:00:00Z").note == text
    assert str(seen(moment, None).note).startswith(f"{text}; ")


def test_findings_of_long_ago() -> None:
    """Detective has no data of them."""
    assert "a year" in str(seen("2019-01-01T00:00:00Z", "2019-01-02T00:00:00Z").note)
    assert seen("2025-04-01T00:00:00Z", "2025-04-02T00:00:00Z").note is None


def test_notes_of_several_findings() -> None:
    """An entity has the note of any of its findings, once; also if its ARN is only known from elsewhere."""

    def finding(first: str) -> dict[str, Any]:
        times = {"eventFirstSeen": first, "eventLastSeen": "2026-03-05T12:00:00Z"}
        return guardduty(access_key(), service=times)

    firsts = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-03-05T00:00:00Z")
    (entity,) = entities_of([finding(first) for first in firsts], known_arns=[ROLE], now=NOW).entities
    assert entity.note is not None
    assert entity.note.count("30 days") == 1


@pytest.mark.parametrize("moment", [None, "", "yesterday", 7, [], "0001-01-01T00:00:00+14:00"])
def test_findings_without_times(moment: Any) -> None:
    """Their entities have none, and those of the finding itself count before that."""
    entity = seen(moment, moment)
    assert (entity.start, entity.end) == (None, None)
    assert str(entity.note).endswith("its findings have no times, so the last day is investigated")
    assert seen(moment, moment, createdAt="2026-03-05T10:00:00Z").start == datetime(2026, 3, 4, 10, tzinfo=UTC)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_extreme_times(moment: str) -> None:
    """They do not overflow."""
    entity = seen(moment, moment)
    assert entity.start is not None
    assert entity.end is not None
    assert entity.start <= entity.end


def test_product_fields_of_guardduty_in_asff() -> None:
    """Where Security Hub keeps GuardDuty's own times."""
    fields = {
        "aws/guardduty/service/eventFirstSeen": "2026-03-05T10:00:00.000Z",
        "aws/guardduty/service/eventLastSeen": "2026-03-05T12:00:00.000Z",
    }
    finding = asff(resource("AwsIamRole", ROLE), FirstObservedAt=None, LastObservedAt=None, ProductFields=fields)
    (entity,) = entities_of(finding, now=NOW).entities
    assert (entity.start, entity.end) == (datetime(2026, 3, 4, 10, tzinfo=UTC), datetime(2026, 3, 6, 12, tzinfo=UTC))


def test_several_findings_of_one_entity() -> None:
    """Their times are one scope if they overlap and are no more than 30 days together; otherwise there are several."""

    def finding(name: str, first: str, last: str) -> dict[str, Any]:
        return asff(resource("AwsIamRole", ROLE), Id=name, FirstObservedAt=first, LastObservedAt=last)

    nothing: dict[str, Any] = {"CreatedAt": None, "UpdatedAt": None}
    found = entities_of(
        [
            finding("a", "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"),
            finding("b", "2026-02-03T00:00:00Z", "2026-02-04T00:00:00Z"),
            finding("c", "2026-02-03T00:00:00Z", "2026-02-04T00:00:00Z"),
            finding("d", "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z"),
            {**finding("e", "", ""), **nothing},
        ],
        now=NOW,
    )
    assert found.arns == (ROLE,)
    first, second = found.entities
    assert (first.start, first.end) == (datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 5, tzinfo=UTC))
    assert (first.findings, second.findings) == (("a", "b", "c"), ("d", "e"))
    assert first.account_id == ACCOUNT
    assert first.to_dict()["start"] == "2026-01-31T00:00:00Z"
    assert entities_of([asff(resource("AwsIamRole", ROLE))], now=NOW).entities[0].findings == (ASFF_ID,)


def test_overlapping_scopes_of_more_than_thirty_days() -> None:
    """They stay apart, so that no activity is left out."""
    days = [datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)]
    findings = [
        asff(
            resource("AwsIamRole", ROLE),
            FirstObservedAt=one.isoformat(),
            LastObservedAt=(one + timedelta(days=18)).isoformat(),
        )
        for one in days
    ]
    found = entities_of(findings, now=datetime(2026, 6, 1, tzinfo=UTC))
    assert len(found.entities) == 3
    assert all(one.start and one.end and one.end - one.start <= timedelta(days=30) for one in found.entities)


def test_what_is_quoted_is_cut() -> None:
    """A finding may contain anything."""
    (skipped,) = entities_of(asff(resource("AwsIamRole", "arn:" + "x" * 10_000)), now=NOW).skipped
    assert len(skipped.what) == 200
    (skipped,) = entities_of(asff(resource("AwsIamRole", "a\x1b[2Jb")), now=NOW).skipped
    assert str(skipped).startswith("Role a\\x1b[2Jb: ")
