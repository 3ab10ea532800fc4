"""The schema of a seed: each key with its check, whose error says what is allowed.

A check is called as `(value, where) -> value`; `where` is the key's full name, such as `graphs[0].members[2].status`.
It comes with a JSON Schema of what it allows, for the document of the control over HTTP.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from detective_async.testing.world.entities import ACCOUNT_STATES
from detective_async.testing.world.read_lag import LAGGING
from detective_async.testing.world.regions import is_region, known_regions, nearest
from detective_async.testing.world.world import PACKAGES

_MAX_SHOWN = 60
_CENTURY = 100 * 366 * 86400
_TIME = "a date and time with a time zone, such as 2026-01-31T12:00:00Z"


class SeedError(ValueError):
    """An invalid seed; the message names the file, the key, and what is allowed."""


@frozen
class Check:
    """A check, and the JSON Schema of what it allows."""

    check: Callable[[Any, str], Any]
    json_schema: dict[str, Any]
    # Whether null is a value of its own, and not the same as an absent key.
    takes_null: bool = False

    def __call__(self, value: Any, where: str) -> Any:
        """Return the checked value; a `SeedError` says what is allowed."""
        return self.check(value, where)


def described(**json_schema: Any) -> Callable[[Callable[[Any, str], Any]], Check]:
    """Make a function a check, with this JSON Schema."""
    return lambda check: Check(check, json_schema)


def invalid(where: str, expected: str, value: Any) -> SeedError:
    """Build the error for an invalid value."""
    shown = repr(value)
    return SeedError(
        f"{where}: must be {expected}, got {shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + '...'}"
    )


def text(pattern: str, expected: str) -> Check:
    """Check for a string that matches a pattern, with ranges such as `[0-9]`: shorthands differ in JSON Schema."""
    regex = re.compile(pattern, re.ASCII)

    @described(type="string", pattern=f"^(?:{pattern})$")
    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or not regex.fullmatch(value) or not _is_unicode(value):
            raise invalid(where, expected, value)
        return value

    return check


def one_of(*choices: str) -> Check:
    """Check for one of a few strings."""

    @described(enum=list(choices))
    def check(value: Any, where: str) -> str:
        if value not in choices:
            raise invalid(where, f"one of {', '.join(choices)}", value)
        return str(value)

    return check


def integer(low: int, high: int) -> Check:
    """Check for a whole number in a range."""

    @described(type="integer", minimum=low, maximum=high)
    def check(value: Any, where: str) -> int:
        if isinstance(value, float) and value.is_integer():
            # JSON has one kind of numbers.
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise invalid(where, f"a whole number from {low} to {high}", value)
        return value

    return check


@described(type="number", minimum=0, maximum=_CENTURY)
def seconds(value: Any, where: str) -> float:
    """Check for a number of seconds."""
    # The limit keeps the sum of a time and a duration within the calendar.
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= _CENTURY:
        raise invalid(where, "a number of seconds, from zero to a century", value)
    return value


@described(type="number", minimum=0, maximum=1)
def probability(value: Any, where: str) -> float:
    """Check for a probability."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise invalid(where, "a number from 0 to 1", value)
    return value


@described(type="boolean")
def boolean(value: Any, where: str) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise invalid(where, "true or false", value)
    return value


@described(type="string", format="date-time")
def any_time(value: Any, where: str) -> datetime:
    """Check for a time: a date-time of TOML, or a string in JSON."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(found, datetime) and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise invalid(where, _TIME, value)


@described(type="string", format="date-time", pattern="^(19[0-9]{2}|[2-8][0-9]{3}|9000)-")
def time(value: Any, where: str) -> datetime:
    """Check for a time to which durations can be added: not at the calendar's limits."""
    found: datetime = any_time(value, where)
    if not 1900 <= found.year <= 9000:  # noqa: PLR2004
        raise invalid(where, f"{_TIME}, from 1900 to 9000", value)
    return found


def list_of(check_item: Check, *, most: int | None = None) -> Check:
    """Check for a list."""
    limit = {} if most is None else {"maxItems": most}

    @described(type="array", items=check_item.json_schema, **limit)
    def check(value: Any, where: str) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise invalid(where, "a list", value)
        if most is not None and len(value) > most:
            raise SeedError(f"{where}: must have {most} entries at most, got {len(value)}")
        return [check_item(item, f"{where}[{number}]") for number, item in enumerate(value)]

    return check


def map_of(check_key: Check, check_value: Check, *, most: int | None = None) -> Check:
    """Check for a table with arbitrary keys."""
    limit = {} if most is None else {"maxProperties": most}
    names = check_key.json_schema

    @described(type="object", propertyNames=names, additionalProperties=check_value.json_schema, **limit)
    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise invalid(where, "a table", value)
        if most is not None and len(value) > most:
            raise SeedError(f"{where}: must have {most} entries at most, got {len(value)}")
        return {check_key(key, where): check_value(item, f"{where}.{key}") for key, item in value.items()}

    return check


def table(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    """Check for a table with known keys; null counts as absent."""
    checks = {**required, **optional}
    properties = {name: one.json_schema for name, one in required.items()}
    properties |= {name: {"anyOf": [one.json_schema, {"type": "null"}]} for name, one in optional.items()}

    @described(type="object", properties=properties, required=list(required), additionalProperties=False)
    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise invalid(where or "the seed", "a table", value)
        found = {}
        for key, item in value.items():
            place = f"{where}.{key}" if where else str(key)
            if key not in checks:
                close = difflib.get_close_matches(str(key), checks, n=1)
                hint = f"did you mean {close[0]}?" if close else f"the keys here are {', '.join(sorted(checks))}"
                raise SeedError(f"{place}: unknown key; {hint}")
            if item is not None or checks[key].takes_null:
                found[key] = checks[key](item, place)
        for key in required:
            if key not in found:
                raise SeedError(f"{where}.{key}: is required")
        return found

    return check


def nullable(check: Check) -> Check:
    """Check for null, which means something else than an absent key, or for a value that another check allows."""
    schema = {"anyOf": [check.json_schema, {"type": "null"}]}
    return Check(lambda value, where: None if value is None else check(value, where), schema, takes_null=True)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


check_account_id = text(r"[0-9]{12}", "an account id of 12 digits, as a string")
# As permissive as `DetectiveSimulator.account`.
check_email = text(r"[\s\S]+", "an e-mail address")


@described(type="string", pattern="^(?:[a-z0-9-]{2,20})$")
def check_region(value: Any, where: str) -> str:
    """Check for the name of a region that there may be."""
    if not isinstance(value, str) or not is_region(value):
        close = nearest(value, known_regions()) if isinstance(value, str) else ()
        raise invalid(where, f"a region, such as {' or '.join(close) or 'eu-west-1'}", value)
    return value


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
        "settling": table({"region": check_region, "until": time}, {}),
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
        "verifies_at": time,
        "checked_at": time,
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
        "finishes": time,
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
        "starting": map_of(check_package, time),
        "deleted_at": time,
        "members": list_of(_member, most=1200),
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
        "read_lag": seconds,
        "read_lags": map_of(one_of(*sorted(LAGGING)), seconds),
        "closed_regions": list_of(check_region),
        "investigations": table({}, {"duration": seconds, "outcome": check_outcome, "severity": check_severity}),
        "accounts": list_of(_account),
        "roles": list_of(check_role),
        "organizations": list_of(_organization),
        "graphs": list_of(_graph),
    },
)
