"""The orders of the page's table of members, for files: the same keys, directions and ties."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from web_backend.kinds import Row

#: Problems first; a status that AWS may add later comes before what is well.
_URGENCY = ("VERIFICATION_FAILED", "ACCEPTED_BUT_DISABLED", "VERIFICATION_IN_PROGRESS", "INVITED")
#: What the page says where the service gives no reason.
_REASONS = {
    "VERIFICATION_FAILED": "the e-mail address is not the account's",
    "VERIFICATION_IN_PROGRESS": "the e-mail address is being checked",
    "INVITED": "not accepted yet",
}
_PACKAGES = {
    "DETECTIVE_CORE": "core",
    "EKS_AUDIT": "EKS audit logs",
    "ASFF_SECURITYHUB_FINDING": "Security Hub findings",
}
#: The order of the characters that are neither letters nor digits, in the collation of browsers.
_PUNCTUATION = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"

#: A row, its member and the names of accounts -> what is compared; None comes last in either direction.
_Value = Callable[[Row, Mapping[str, Any], Mapping[str, str]], Any]


def words_key(text: str) -> Any:
    """Return the key by which texts are sorted in English: whatever the case, and numbers in them by their value."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)).casefold()
    parts = re.findall(r"[0-9]+|.", plain, re.DOTALL)
    return [_part_key(part) for part in parts], text.swapcase()


def _part_key(part: str) -> tuple[int, int, str]:
    if part in _PUNCTUATION:
        return 0, _PUNCTUATION.index(part), ""
    return (1, int(part), "") if part.isdecimal() and part.isascii() else (2, 0, part)


def _in_words(text: str | None) -> str:
    return (text or "").replace("_", " ").lower()


def _urgency(status: str | None) -> int:
    if status == "ENABLED":
        return len(_URGENCY) + 1
    return _URGENCY.index(status) + 1 if status in _URGENCY else 0


def _reason(member: Mapping[str, Any]) -> str:
    return _in_words(member.get("DisabledReason")) or _REASONS.get(member.get("Status") or "", "")


def _packages(member: Mapping[str, Any]) -> str:
    states = (member.get("DatasourcePackageIngestStates") or {}).items()
    return ", ".join(
        sorted(
            _PACKAGES.get(name, _in_words(name)) + ("" if state == "STARTED" else f" ({_in_words(state)})")
            for name, state in states
        )
    )


#: Key of the table's column -> its values.
ORDERS: Mapping[str, _Value] = {
    "account": lambda row, _member, _names: row.id,
    "name": lambda row, _member, names: words_key(names.get(row.id, "")),
    "status": lambda row, _member, _names: _urgency(row.status),
    "reason": lambda _row, member, _names: words_key(_reason(member)),
    "since": lambda _row, member, _names: member.get("UpdatedTime") or member.get("InvitedTime"),
    "region": lambda _row, member, _names: words_key(member["Region"]),
    "administrator": lambda _row, member, _names: member["Administrator"],
    "email": lambda row, _member, _names: None if row.email is None else words_key(row.email),
    "volume": lambda _row, member, _names: member.get("VolumeUsageInBytes"),
    "invited": lambda _row, member, _names: member.get("InvitedTime"),
    "packages": lambda _row, member, _names: words_key(_packages(member)),
}
CHOICES = (*ORDERS, *(f"-{name}" for name in ORDERS))


def in_order(rows: Iterable[tuple[Row, dict[str, Any]]], sort: str, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the lines of members in the order of a column of the table; with a minus, in the opposite one.

    Lines that do not differ in it are sorted by administrator, region and account in either direction.

    Args:
        rows: pairs of a row and its line.
        sort: one of `CHOICES`.
        names: account id -> its name.
    """
    value = ORDERS[sort.removeprefix("-")]
    known: list[tuple[Any, dict[str, Any]]] = []
    unknown: list[tuple[Any, dict[str, Any]]] = []
    for row, line in sorted(rows, key=lambda pair: (pair[1]["AccountId"], pair[1]["Region"], pair[0].id)):
        member = {**line["Member"], "Administrator": line["AccountId"], "Region": line["Region"]}
        key = value(row, member, names)
        (unknown if key is None else known).append((key, line))
    known.sort(key=lambda pair: pair[0], reverse=sort.startswith("-"))
    return [line for _, line in (*known, *unknown)]
