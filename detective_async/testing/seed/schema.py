"""The schema of a seed: each key with its check, whose error says what is allowed.

A check is a function `(value, where) -> value`; `where` is the key's full name, such as `graphs[0].members[2].status`.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from detective_async.testing.world.entities import ACCOUNT_STATES
from detective_async.testing.world.read_lag import LAGGING
from detective_async.testing.world.world import PACKAGES

Check = Callable[[Any, str], Any]

_MAX_SHOWN = 60
_CENTURY = 100 * 366 * 86400
_TIME = "a date and time with a time zone, such as 2026-01-31T12:00:00Z"


class SeedError(ValueError):
    """An invalid seed; the message names the file, the key, and what is allowed."""


def invalid(where: str, expected: str, value: Any) -> SeedError:
    """Build the error for an invalid value."""
    shown = repr(value)
    return SeedError(
        f"{where}: must be {expected}, got {shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + '...'}"
    )


def text(pattern: str, expected: str) -> Check:
    """Check for a string that matches a pattern."""
    regex = re.compile(pattern, re.ASCII)

    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or not regex.fullmatch(value) or not _is_unicode(value):
            raise invalid(where, expected, value)
        return value

    return check


def one_of(*choices: str) -> Check:
    """Check for one of a few strings."""

    def check(value: Any, where: str) -> str:
        if value not in choices:
            raise invalid(where, f"one of {', '.join(choices)}", value)
        return str(value)

    return check


def integer(low: int, high: int) -> Check:
    """Check for a whole number in a range."""

    def check(value: Any, where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise invalid(where, f"a whole number from {low} to {high}", value)
        return value

    return check


def seconds(value: Any, where: str) -> float:
    """Check for a number of seconds."""
    # The limit keeps the sum of a time and a duration within the calendar.
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= _CENTURY:
        raise invalid(where, "a number of seconds, from zero to a century", value)
    return value


def boolean(value: Any, where: str) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise invalid(where, "true or false", value)
    return value


def any_time(value: Any, where: str) -> datetime:
    """Check for a time: a date-time of TOML, or a string in JSON."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(found, datetime) and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise invalid(where, _TIME, value)


def time(value: Any, where: str) -> datetime:
    """Check for a time to which durations can be added: not at the calendar's limits."""
    found = any_time(value, where)
    if not 1900 <= found.year <= 9000:  # noqa: PLR2004
        raise invalid(where, f"{_TIME}, from 1900 to 9000", value)
    return found


def list_of(check_item: Check, *, most: int | None = None) -> Check:
    """Check for a list."""

    def check(value: Any, where: str) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise invalid(where, "a list", value)
        if most is not None and len(value) > most:
            raise SeedError(f"{where}: must have {most} entries at most, got {len(value)}")
        return [check_item(item, f"{where}[{number}]") for number, item in enumerate(value)]

    return check


def map_of(check_key: Check, check_value: Check, *, most: int | None = None) -> Check:
    """Check for a table with arbitrary keys."""

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
            if item is not None:
                found[key] = checks[key](item, place)
        for key in required:
            if key not in found:
                raise SeedError(f"{where}.{key}: is required")
        return found

    return check


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


check_account_id = text(r"\d{12}", "an account id of 12 digits, as a string")
# As permissive as `DetectiveSimulator.account`.
_email = text(r"[\s\S]+", "an e-mail address")
_region = text(r"[a-z0-9-]{2,20}", "a region, such as eu-west-1")
check_package = one_of(*PACKAGES)
check_package_state = one_of("STARTED", "STOPPED", "DISABLED")
_history = map_of(check_package, map_of(check_package_state, time))
_volume_problem = one_of("VOLUME_TOO_HIGH", "VOLUME_UNKNOWN")
_outcome = one_of("SUCCESSFUL", "FAILED")
_severity = one_of("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")

check_account_state = one_of(*ACCOUNT_STATES)
check_account_name = text(r"[\s\S]{1,128}", "an account's name of 1 to 128 characters")
_account = table(
    {"id": check_account_id},
    {
        "email": _email,
        "name": check_account_name,
        "state": check_account_state,
        "volume_problem": _volume_problem,
    },
)
check_role = table(
    {
        "account": check_account_id,
        "name": text(r"[\w+=,.@-]{1,64}", "a role's name of 1 to 64 letters, digits and any of _+=,.@-"),
        "trusted": list_of(check_account_id),
    },
    {
        "external_id": text(r"[\w+=,.@:/-]{2,1224}", "an external id of 2 to 1224 characters"),
        "max_session_duration": integer(3600, 43200),
        "path": text(r"/([!-~]+/)?", "a path that begins and ends with a slash"),
    },
)
_administrator = table({"account": check_account_id}, {"since": time})
_organization = table(
    {"management_account": check_account_id},
    {
        "accounts": list_of(check_account_id),
        "joined": map_of(check_account_id, time),
        "delegated": check_account_id,
        "delegated_since": time,
        "administrators": map_of(_region, _administrator),
    },
)
_member = table(
    {"account": check_account_id},
    {
        "email": _email,
        "status": one_of(
            "ACCEPTED_BUT_DISABLED", "ENABLED", "INVITED", "VERIFICATION_FAILED", "VERIFICATION_IN_PROGRESS"
        ),
        "disabled_reason": _volume_problem,
        "invitation_type": one_of("INVITATION", "ORGANIZATION"),
        "invited_at": time,
        "updated_at": time,
        "verifies_at": time,
        "checked_at": time,
        "ingest": _history,
    },
)
_investigation = table(
    {"entity_arn": text(r"arn:aws[-\w]*:iam::\d{12}:(user|role)/[!-~]+", "the ARN of an IAM user or role")},
    {
        "id": text(r"\d{21}", "an investigation id of 21 digits, as a string"),
        "scope_start": any_time,
        "scope_end": any_time,
        "created": time,
        "finishes": time,
        "outcome": _outcome,
        "severity": _severity,
        "state": one_of("ACTIVE", "ARCHIVED"),
    },
)
_graph = table(
    {"administrator": check_account_id, "region": _region},
    {
        "id": text(r"[0-9a-f]{32}", "a graph id of 32 hexadecimal digits"),
        "created": time,
        "auto_enable": boolean,
        "tags": map_of(
            text(r"(?!aws:)[\s\S]{1,128}", "a tag's key of 1 to 128 characters"),
            text(r"[\s\S]{0,256}", "a tag's value of at most 256 characters"),
            most=50,
        ),
        "packages": map_of(check_package, check_package_state),
        "history": _history,
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
        "read_lag": seconds,
        "read_lags": map_of(one_of(*sorted(LAGGING)), seconds),
        "closed_regions": list_of(_region),
        "investigations": table({}, {"duration": seconds, "outcome": _outcome, "severity": _severity}),
        "accounts": list_of(_account),
        "roles": list_of(check_role),
        "organizations": list_of(_organization),
        "graphs": list_of(_graph),
    },
)
