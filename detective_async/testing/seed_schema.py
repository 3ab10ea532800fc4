"""What may stand in a seed: each key with its check, which says what would be right.

A check is a function `(value, where) -> value`; `where` is the key's full name, such as `graphs[0].members[2].status`.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from detective_async.testing.world import PACKAGES

Check = Callable[[Any, str], Any]

_SHOWN = 60
_CENTURY = 100 * 366 * 86400
_MOMENT = "a date and time with a time zone, such as 2026-01-31T12:00:00Z"


class SeedError(ValueError):
    """A seed that makes no sense; it names the file, the key, and what would be right."""


def wrong(where: str, right: str, value: Any) -> SeedError:
    """Build the error for a value that is not right."""
    shown = repr(value)
    return SeedError(f"{where}: must be {right}, got {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '...'}")


def matching(pattern: str, right: str) -> Check:
    """Check for a text of a certain form."""
    regex = re.compile(pattern, re.ASCII)

    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or not regex.fullmatch(value) or not _is_unicode(value):
            raise wrong(where, right, value)
        return value

    return check


def one_of(*choices: str) -> Check:
    """Check for one of a few texts."""

    def check(value: Any, where: str) -> str:
        if value not in choices:
            raise wrong(where, f"one of {', '.join(choices)}", value)
        return str(value)

    return check


def whole(low: int, high: int) -> Check:
    """Check for a whole number in a range."""

    def check(value: Any, where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise wrong(where, f"a whole number from {low} to {high}", value)
        return value

    return check


def seconds(value: Any, where: str) -> float:
    """Check for a number of seconds."""
    # A time plus this is to be a time.
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= _CENTURY:
        raise wrong(where, "a number of seconds from zero to a century's", value)
    return value


def truth(value: Any, where: str) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise wrong(where, "true or false", value)
    return value


def any_moment(value: Any, where: str) -> datetime:
    """Check for a time: TOML has a type for it, JSON writes it as text."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(found, datetime) and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise wrong(where, _MOMENT, value)


def moment(value: Any, where: str) -> datetime:
    """Check for a time that is far enough from the calendar's ends to count from."""
    found = any_moment(value, where)
    if not 1900 <= found.year <= 9000:  # noqa: PLR2004
        raise wrong(where, f"{_MOMENT}, from 1900 to 9000", value)
    return found


def list_of(check_item: Check, *, most: int | None = None) -> Check:
    """Check for a list."""

    def check(value: Any, where: str) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise wrong(where, "a list", value)
        if most is not None and len(value) > most:
            raise SeedError(f"{where}: must have {most} entries at most, got {len(value)}")
        return [check_item(item, f"{where}[{number}]") for number, item in enumerate(value)]

    return check


def map_of(check_key: Check, check_value: Check, *, most: int | None = None) -> Check:
    """Check for a table whose keys are free."""

    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise wrong(where, "a table", value)
        if most is not None and len(value) > most:
            raise SeedError(f"{where}: must have {most} entries at most, got {len(value)}")
        return {check_key(key, where): check_value(item, f"{where}.{key}") for key, item in value.items()}

    return check


def table(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    """Check for a table whose keys are given; what is null counts as not there."""
    checks = {**required, **optional}

    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise wrong(where or "the seed", "a table", value)
        found = {}
        for key, item in value.items():
            place = f"{where}.{key}" if where else str(key)
            if key not in checks:
                close = difflib.get_close_matches(str(key), checks, n=1)
                hint = f"did you mean {close[0]}?" if close else f"the keys here are {', '.join(sorted(checks))}"
                raise SeedError(f"{place}: there is no such key; {hint}")
            if item is not None:
                found[key] = checks[key](item, place)
        for key in required:
            if key not in found:
                raise SeedError(f"{where}.{key}: must be there")
        return found

    return check


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_account_id = matching(r"\d{12}", "an account id of 12 digits, in quotes")
# As free as `account()` is with it.
_email = matching(r"[\s\S]+", "an e-mail address")
_region = matching(r"[a-z0-9-]{2,20}", "a region, such as eu-west-1")
_package = one_of(*PACKAGES)
_state = one_of("STARTED", "STOPPED", "DISABLED")
_history = map_of(_package, map_of(_state, moment))
_volume_problem = one_of("VOLUME_TOO_HIGH", "VOLUME_UNKNOWN")
_outcome = one_of("SUCCESSFUL", "FAILED")
_severity = one_of("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")

_account = table({"id": _account_id}, {"email": _email, "volume_problem": _volume_problem})
_role = table(
    {
        "account": _account_id,
        "name": matching(r"[\w+=,.@-]{1,64}", "a role's name"),
        "trusted": list_of(_account_id),
    },
    {
        "external_id": matching(r"[\w+=,.@:/-]{2,1224}", "an external id of 2 to 1224 characters"),
        "max_session_duration": whole(3600, 43200),
        "path": matching(r"/([!-~]+/)?", "a path that begins and ends with a slash"),
    },
)
_administrator = table({"account": _account_id}, {"since": moment})
_organization = table(
    {"management_account": _account_id},
    {
        "accounts": list_of(_account_id),
        "delegated": _account_id,
        "administrators": map_of(_region, _administrator),
    },
)
_member = table(
    {"account": _account_id},
    {
        "email": _email,
        "status": one_of(
            "ACCEPTED_BUT_DISABLED", "ENABLED", "INVITED", "VERIFICATION_FAILED", "VERIFICATION_IN_PROGRESS"
        ),
        "disabled_reason": _volume_problem,
        "invitation_type": one_of("INVITATION", "ORGANIZATION"),
        "invited_at": moment,
        "updated_at": moment,
        "verifies_at": moment,
        "ingest": _history,
    },
)
_investigation = table(
    {"entity_arn": matching(r"arn:aws[-\w]*:iam::\d{12}:(user|role)/[!-~]+", "the ARN of an IAM user or role")},
    {
        "id": matching(r"\d{21}", "an investigation id of 21 digits, in quotes"),
        "scope_start": any_moment,
        "scope_end": any_moment,
        "created": moment,
        "finishes": moment,
        "outcome": _outcome,
        "severity": _severity,
        "state": one_of("ACTIVE", "ARCHIVED"),
    },
)
_graph = table(
    {"administrator": _account_id, "region": _region},
    {
        "id": matching(r"[0-9a-f]{32}", "a graph id of 32 hexadecimal digits"),
        "created": moment,
        "auto_enable": truth,
        "tags": map_of(
            matching(r"(?!aws:)[\s\S]{1,128}", "a tag's key of 1 to 128 characters"),
            matching(r"[\s\S]{0,256}", "a tag's value of at most 256 characters"),
            most=50,
        ),
        "packages": map_of(_package, _state),
        "history": _history,
        "members": list_of(_member, most=1200),
        "investigations": list_of(_investigation),
    },
)

check_seed = table(
    {},
    {
        "time": moment,
        "verification_delay": seconds,
        "closed_regions": list_of(_region),
        "investigations": table({}, {"duration": seconds, "outcome": _outcome, "severity": _severity}),
        "accounts": list_of(_account),
        "roles": list_of(_role),
        "organizations": list_of(_organization),
        "graphs": list_of(_graph),
    },
)
