"""Findings in the forms that AWS documents: GuardDuty's with either spelling, ASFF, and their envelopes."""

from typing import Any

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/app/Deploy"
USER = f"arn:aws:iam::{ACCOUNT}:user/people/Alice"
GUARDDUTY_ARN = f"arn:aws:guardduty:eu-west-1:{ACCOUNT}:detector/12abc/finding/34def"
ASFF_ID = f"arn:aws:securityhub:eu-west-1:{ACCOUNT}:subscription/x/finding/56789"


def guardduty(resource: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a finding as EventBridge delivers it."""
    return {
        "schemaVersion": "2.0",
        "accountId": ACCOUNT,
        "region": "eu-west-1",
        "partition": "aws",
        "id": "34def",
        "arn": GUARDDUTY_ARN,
        "type": "UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B",
        "resource": {"resourceType": "AccessKey", **(resource or {})},
        "service": {
            "serviceName": "guardduty",
            "eventFirstSeen": "2026-03-05T10:00:00.000Z",
            "eventLastSeen": "2026-03-05T12:00:00.000Z",
        },
        "severity": 5,
        "createdAt": "2026-03-05T12:10:00.000Z",
        "updatedAt": "2026-03-05T12:20:00.000Z",
        **more,
    }


def access_key(
    kind: str = "AssumedRole", name: Any = "Deploy", principal: Any = "AROAEXAMPLE:session"
) -> dict[str, Any]:
    return {
        "accessKeyDetails": {
            "accessKeyId": "ASIAEXAMPLE",
            "principalId": principal,
            "userType": kind,
            "userName": name,
        }
    }


def sequence(*actors: Any, resources: Any = ()) -> dict[str, Any]:
    """Return the service of a finding about an attack sequence."""
    return {
        "eventFirstSeen": "2026-03-05T10:00:00.000Z",
        "eventLastSeen": "2026-03-05T12:00:00.000Z",
        "detection": {"sequence": {"uid": "1", "actors": list(actors), "resources": list(resources), "signals": []}},
    }


def asff(*resources: Any, **more: Any) -> dict[str, Any]:
    """Return a finding as Security Hub stores it."""
    return {
        "SchemaVersion": "2018-10-08",
        "Id": ASFF_ID,
        "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
        "GeneratorId": "x",
        "AwsAccountId": ACCOUNT,
        "Types": ["TTPs/Initial Access"],
        "FirstObservedAt": "2026-03-05T10:00:00.000Z",
        "LastObservedAt": "2026-03-05T12:00:00.000Z",
        "CreatedAt": "2026-03-05T12:10:00.000Z",
        "UpdatedAt": "2026-03-05T12:20:00.000Z",
        "Title": "x",
        "Resources": list(resources),
        **more,
    }


def resource(kind: str, identifier: Any, **details: Any) -> dict[str, Any]:
    return {"Type": kind, "Id": identifier, "Partition": "aws", "Region": "eu-west-1", "Details": details}


def event(detail: Any, kind: str = "GuardDuty Finding") -> dict[str, Any]:
    """Return an event of EventBridge."""
    return {
        "version": "0",
        "id": "e1",
        "detail-type": kind,
        "source": "aws.x",
        "account": ACCOUNT,
        "time": "2026-03-05T12:30:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
    }


def pascal(value: Any) -> Any:
    """Return JSON with names in the spelling of GuardDuty's API."""
    if isinstance(value, dict):
        return {f"{name[0].upper()}{name[1:]}": pascal(item) for name, item in value.items()}
    return [pascal(item) for item in value] if isinstance(value, list) else value
