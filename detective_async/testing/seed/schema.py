"""The schema of a seed: each key with its check, whose error says what is allowed."""

from detective_async.testing.checks import (
    any_time,
    boolean,
    due_time,
    integer,
    list_of,
    map_of,
    name_of,
    one_of,
    seconds,
    table,
    text,
    time,
)
from detective_async.testing.world.entities import ACCOUNT_STATES
from detective_async.testing.world.read_lag import LAGGING
from detective_async.testing.world.regions import is_region, known_regions
from detective_async.testing.world.world import MEMBERS_PER_GRAPH, PACKAGES


class SeedError(ValueError):
    """An invalid seed; the message names the file, the key, and what is allowed."""


check_account_id = text(r"[0-9]{12}", "an account id of 12 digits, as a string")
# As permissive as `DetectiveSimulator.account`.
check_email = text(r"[\s\S]+", "an e-mail address")


# It may be one that botocore does not know: a new one, or `local`.
check_region = name_of(
    known_regions,
    "a region of AWS, such as eu-west-1",
    is_one=is_region,
    type="string",
    pattern="^(?:[a-z0-9-]{2,20})$",
)
check_lagging_operation = name_of(
    lambda: LAGGING,
    "an operation that reads, such as ListMembers, or AcceptInvitation",
    enum=sorted(LAGGING),
)
check_volume_limit = integer(0, 10**18)
check_package = one_of(*PACKAGES)
check_package_state = one_of("STARTED", "STOPPED", "DISABLED")
_history = map_of(check_package, map_of(check_package_state, time))
check_volume_problem = one_of("VOLUME_TOO_HIGH", "VOLUME_UNKNOWN")
check_outcome = one_of("SUCCESSFUL", "FAILED")
check_severity = one_of("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")

check_account_state = one_of(*ACCOUNT_STATES)
check_account_name = text(r"[\s\S]{1,128}", "an account's name of 1 to 128 characters")
_account = table(
    {"id": check_account_id},
    {
        "email": check_email,
        "name": check_account_name,
        "state": check_account_state,
        "volume_problem": check_volume_problem,
        "closed_regions": list_of(check_region),
    },
)
check_role_name = text(r"[A-Za-z0-9_+=,.@-]{1,64}", "a role's name of 1 to 64 letters, digits and any of _+=,.@-")
check_external_id = text(r"[A-Za-z0-9_+=,.@:/-]{2,1224}", "an external id of 2 to 1224 characters")
check_session_duration = integer(3600, 43200)
check_path = text(r"/([!-~]+/)?", "a path that begins and ends with a slash")
check_role = table(
    {"account": check_account_id, "name": check_role_name, "trusted": list_of(check_account_id)},
    {"external_id": check_external_id, "max_session_duration": check_session_duration, "path": check_path},
)
_administrator = table({"account": check_account_id}, {"since": time})
_organization = table(
    {"management_account": check_account_id},
    {
        "accounts": list_of(check_account_id),
        "joined": map_of(check_account_id, time),
        "delegated": check_account_id,
        "settling": table({"region": check_region, "until": due_time}, {}),
        "delegated_since": time,
        "administrators": map_of(check_region, _administrator),
    },
)
_member = table(
    {"account": check_account_id},
    {
        "email": check_email,
        "status": one_of(
            "ACCEPTED_BUT_DISABLED", "ENABLED", "INVITED", "VERIFICATION_FAILED", "VERIFICATION_IN_PROGRESS"
        ),
        "disabled_reason": check_volume_problem,
        "invitation_type": one_of("INVITATION", "ORGANIZATION"),
        "invited_at": time,
        "updated_at": time,
        "verifies_at": due_time,
        "any_address": boolean,
        "checked_at": due_time,
        "ingest": _history,
    },
)
_investigation = table(
    {"entity_arn": text(r"arn:aws[-A-Za-z0-9_]*:iam::[0-9]{12}:(user|role)/[!-~]+", "the ARN of an IAM user or role")},
    {
        "id": text(r"[0-9]{21}", "an investigation id of 21 digits, as a string"),
        "scope_start": any_time,
        "scope_end": any_time,
        "created": time,
        "finishes": due_time,
        "outcome": check_outcome,
        "severity": check_severity,
        "state": one_of("ACTIVE", "ARCHIVED"),
    },
)
_graph = table(
    {"administrator": check_account_id, "region": check_region},
    {
        "id": text(r"[0-9a-f]{32}", "a graph id of 32 hexadecimal digits"),
        "created": time,
        "auto_enable": boolean,
        "tags": map_of(
            # Also the digits, and all other characters from the plus sign to the equals sign, as in the API's pattern.
            text(r"(?!aws:)[a-zA-Z+-=._:/]{1,128}", "a tag's key of 1 to 128 letters, digits and any of +,-./:;<=_"),
            text(r"[\s\S]{0,256}", "a tag's value of at most 256 characters"),
            most=50,
        ),
        "packages": map_of(check_package, check_package_state),
        "history": _history,
        "starting": map_of(check_package, due_time),
        "deleted_at": due_time,
        "members": list_of(_member, most=MEMBERS_PER_GRAPH),
        "investigations": list_of(_investigation),
    },
)

check_seed = table(
    {},
    {
        "time": time,
        "verification_delay": seconds,
        "activation_delay": seconds,
        "package_delay": seconds,
        "deletion_delay": seconds,
        "delegation_delay": seconds,
        "volume_limit": check_volume_limit,
        "next_check": due_time,
        "read_lag": seconds,
        "read_lags": map_of(check_lagging_operation, seconds),
        "closed_regions": list_of(check_region),
        "investigations": table({}, {"duration": seconds, "outcome": check_outcome, "severity": check_severity}),
        "accounts": list_of(_account),
        "roles": list_of(check_role),
        "organizations": list_of(_organization),
        "graphs": list_of(_graph),
    },
)
