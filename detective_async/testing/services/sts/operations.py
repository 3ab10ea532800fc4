"""The operations of STS: the caller's identity, and assuming a role."""

import json
import re
from datetime import timedelta
from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.errors import ApiError
from detective_async.testing.services.parity import API, INFERRED, Fact, parity
from detective_async.testing.world.entities import Role, Session
from detective_async.testing.world.world import partition_of, unique_id

_ROLE = re.compile(r"arn:(aws[-a-z]*):iam::(\d{12}):role(/(?:[!-~]+/)?)([\w+=,.@-]{1,64})", re.ASCII)
_USER = "simulator"
_DEFAULT_DURATION = 3600
# The maximum, in seconds, when a role is assumed with the credentials of another role.
_CHAINED_DURATION = 3600
_POLICIES = 10
_POLICY_CHARACTERS = 2048


@parity(Fact("Users and sessions of roles.", API))
def get_caller_identity(call: Call) -> dict[str, Any]:
    """Return the identity whose credentials signed the request."""
    user_id, arn = _identity(call, call.account_id, call.session)
    return {"UserId": user_id, "Account": call.account_id, "Arn": arn}


@parity(
    Fact("Trust by account, external id, path, duration; an hour at most when roles are chained.", API),
    Fact("A role of an account that has not opted in to the region: RegionDisabledException.", API),
    Fact("A role of an account that is not active: AccessDenied.", INFERRED),
    Fact("The ARN of a role in another partition than the region's: AccessDenied.", INFERRED),
    gaps=("Policies, tags, multi-factor codes and source identities are checked, and have no effect.",),
)
def assume_role(call: Call) -> dict[str, Any]:
    """Return temporary credentials of a role."""
    given = call.given
    match = _ROLE.fullmatch(given["RoleArn"])
    if match is None:
        raise _invalid(f"{given['RoleArn']} is invalid")
    partition, account_id, path, name = match.groups()
    packed = _check_policies(given)
    _check_tags(given)
    role = call.world.roles.get((account_id, name))
    if (
        role is None
        or role.path != path
        or partition != partition_of(call.region)
        or not _trusts(role, call)
        or call.world.accounts[account_id].state != "ACTIVE"
    ):
        _, user = _identity(call, call.account_id, call.session)
        message = f"User: {user} is not authorized to perform: sts:AssumeRole on resource: {given['RoleArn']}"
        raise ApiError("AccessDenied", message, status=403)
    if call.region in call.world.accounts[account_id].closed_regions:
        # In AWS's words. The caller's own regions are checked with the signature.
        message = (
            f"STS is not activated in this region for account:{account_id}. Your account administrator can activate "
            "STS in this region using the IAM Console."
        )
        raise ApiError("RegionDisabledException", message, status=403)
    session = Session(role, given["RoleSessionName"])
    expires_at = call.now + timedelta(seconds=_duration(call, role))
    keys = call.world.issue(account_id, expires_at, call.ahead, session)
    user_id, arn = _identity(call, account_id, session)
    return {
        "Credentials": {
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_access_key,
            "SessionToken": keys.session_token,
            "Expiration": keys.expires_at,
        },
        "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": arn},
        "PackedPolicySize": packed,
        "SourceIdentity": given.get("SourceIdentity"),
    }


def _trusts(role: Role, call: Call) -> bool:
    return call.account_id in role.trusted and role.external_id in (None, call.given.get("ExternalId"))


def _duration(call: Call, role: Role) -> int:
    seconds: int = call.given.get("DurationSeconds", _DEFAULT_DURATION)
    if call.session is not None and seconds > _CHAINED_DURATION:
        raise _invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    if seconds > role.max_session_duration:
        raise _invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return seconds


def _check_policies(given: dict[str, Any]) -> int | None:
    """Validate the session policies, which have no effect here, and return PackedPolicySize, in percent."""
    arns = [policy.get("arn", "") for policy in given.get("PolicyArns", ())]
    policy = given.get("Policy", "")
    if len(arns) > _POLICIES:
        raise _invalid(f"1 validation error detected: 'policyArns' must have {_POLICIES} members at most")
    for arn in arns:
        if not arn.startswith("arn:"):
            raise _invalid(f"ARN {arn} is not valid.")
    if policy and not _is_object(policy):
        raise ApiError("MalformedPolicyDocument", "The policy is not in the valid JSON format.")
    size = len(policy) + sum(map(len, arns))
    if size > _POLICY_CHARACTERS:
        raise ApiError("PackedPolicyTooLarge", "The session's policies are too large")
    # Rounded up, so that a short policy does not count as zero.
    return -(-100 * size // _POLICY_CHARACTERS) or None


def _check_tags(given: dict[str, Any]) -> None:
    keys = [tag["Key"].casefold() for tag in given.get("Tags", ())]
    if len(keys) > len(set(keys)):
        raise _invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _identity(call: Call, account_id: str, session: Session | None) -> tuple[str, str]:
    """Return the user id and the ARN of a role session or, without one, of an account's user."""
    partition = partition_of(call.region)
    if session is None:
        return unique_id("AIDA", account_id, _USER), f"arn:{partition}:iam::{account_id}:user/{_USER}"
    arn = f"arn:{partition}:sts::{account_id}:assumed-role/{session.role.name}/{session.name}"
    return f"{unique_id('AROA', account_id, session.role.name)}:{session.name}", arn


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationError", message)
