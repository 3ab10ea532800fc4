"""Rows as tables for spreadsheets: CSV in which no cell is a formula."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

#: Kind -> the columns.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "members": (
        "MemberId",
        "Name",
        "EmailAddress",
        "AdministratorId",
        "Region",
        "Status",
        "DisabledReason",
        "InvitedTime",
        "UpdatedTime",
        "VolumeUsageInBytes",
        "Packages",
        "GraphArn",
    ),
    "coverage": (
        "AccountId",
        "Name",
        "Region",
        "State",
        "Reason",
        "Status",
        "Since",
        "VolumeInBytes",
        "Packages",
        "AdministratorId",
        "IsAdministrator",
        "GraphArn",
        "Cause",
    ),
    "investigations": (
        "InvestigationId",
        "AdministratorId",
        "Name",
        "Region",
        "Severity",
        "Status",
        "State",
        "EntityArn",
        "EntityType",
        "CreatedTime",
    ),
    "failures": ("AccountId", "Name", "Region", "Outcome", "Cause", "title", "detail", "request_id"),
}
#: What spreadsheets take for the beginning of a formula, in both widths, which some normalize.
_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
#: What begins another cell where commas do not: in many of the languages of Europe, a spreadsheet takes semicolons; and
#: then quotes within a cell are plain text, so that a line end in them begins a row.
_SEPARATORS = re.compile(r"([;\t\r\n])")


def cell(value: Any) -> str:
    """Return a value as the text of a cell; text that a spreadsheet would take for a formula begins with a quote.

    So does each part of it that would be a cell of its own with another separator than the comma.
    """
    match value:
        case None:
            return ""
        case bool() | int() | float():
            return str(value)
        case dict():
            return cell(" ".join(f"{name}={one}" for name, one in value.items()))
        case _:
            parts = _SEPARATORS.split(str(value))
            return "".join(f"'{part}" if _is_formula(part) else part for part in parts)


def _is_formula(text: str) -> bool:
    """Return whether text begins like a formula, or with characters that are dropped in front of one."""
    for one in text:
        # Control characters, invisible ones such as the byte order mark, spaces of any kind, and the quotes of CSV.
        if not (one.isspace() or one == '"' or unicodedata.category(one) in ("Cc", "Cf")):
            return one in _FORMULA
    return False


def csv_lines(rows: Iterable[Iterable[Any]]) -> bytes:
    """Write rows as CSV (RFC 4180), in UTF-8 with the mark by which Excel knows it."""
    text = io.StringIO()
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def name_of(line: Mapping[str, Any], names: Mapping[str, str]) -> str | None:
    """Return the name of the account that a line of a stream is about, if it has one."""
    return names.get(line.get("Member", line)["AccountId"])


def columns_of(kind: str, line: Mapping[str, Any], names: Mapping[str, str]) -> list[Any]:
    """Return a line of a stream as the cells of a row.

    Args:
        kind: one of `COLUMNS`.
        line: an item; for `failures`, the failure of an account and region.
        names: account id -> its name.
    """
    values: Mapping[str, Any]
    match kind:
        case "failures":
            values = {**line, **line["Failure"]}
        case "coverage":
            values = line
        case "members":
            member = line["Member"]
            packages = member.get("DatasourcePackageIngestStates")
            values = {**line, **member, "MemberId": member["AccountId"], "Packages": packages}
        case _:
            values = {**line, **line["Investigation"]}
    added = {"Name": name_of(line, names)}
    if kind != "coverage":
        added["AdministratorId"] = line["AccountId"]
    values = {**values, **added}
    return [values.get(column) for column in COLUMNS[kind]]
