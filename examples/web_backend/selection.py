"""Which rows of a survey a request asks for: the filters of the streams and of the exports."""

from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web
from attrs import frozen

from detective_async import MemberStatus, Severity, State, Status
from detective_async.coverage import CoverageReason
from web_backend import inputs
from web_backend.common import SETTINGS, check_account, check_region, read_query
from web_backend.kinds import Row, written
from web_backend.survey import Found

#: Seconds; what is older is never shown.
MAX_KEPT = 3600
MAX_AGE = {"max_age": inputs.integer(0, MAX_KEPT)}
_PLACE = {**MAX_AGE, "account_id": inputs.account_id, "region": inputs.region}
#: Kind -> the parameters of requests.
PARAMETERS: Mapping[str, Mapping[str, inputs.Reader]] = {
    "graphs": _PLACE,
    "invitations": _PLACE,
    "members": {
        **_PLACE,
        "member": inputs.part_of_id,
        "status": inputs.one_of(*MemberStatus),
        "emails": inputs.flag,
    },
    "investigations": {
        **_PLACE,
        "status": inputs.one_of(*Status),
        "severity": inputs.one_of(*Severity),
        "state": inputs.one_of(*State),
    },
    "coverage": {
        **MAX_AGE,
        "account": inputs.part_of_id,
        "region": inputs.region,
        "state": inputs.one_of("on", "off", "unseen", "failed"),
        "reason": inputs.one_of(*CoverageReason),
    },
    "failures": {**_PLACE, "kind": inputs.one_of("graphs", "members", "invitations", "investigations", "coverage")},
}
#: Kind -> parameter -> the name in a row's JSON.
_MEMBERS = {"investigations": {"severity": "Severity", "state": "State"}, "coverage": {"reason": "Reason"}}


@frozen(kw_only=True)
class Selection:
    """A selection of rows; None selects all.

    Attributes:
        account_id: the account that was asked.
        region: the region.
        part: digits in the id of what the row is about.
        status: the status of the row.
        members: members of the row's JSON, with their values, as they are written.
        emails: whether to add e-mail addresses.
    """

    account_id: str | None = None
    region: str | None = None
    part: str | None = None
    status: str | None = None
    members: tuple[bytes, ...] = ()
    emails: bool = False

    def has(self, found: Found) -> bool:
        """Return whether an account and region may have rows, or a failure, of the selection."""
        return self.account_id in (None, found.account_id) and self.region in (None, found.region)

    def rows(self, found: Found) -> Iterator[Row]:
        """Yield the selected rows of an account and region."""
        for row in found.rows:
            if (
                (self.part is None or self.part in row.id)
                and self.status in (None, row.status)
                # The rows are not parsed, since there are many. Within texts, the quotes would be escaped.
                and all(member in row.json for member in self.members)
            ):
                yield row


def read_selection(
    request: web.Request, kind: str, more: Mapping[str, inputs.Reader] | None = None
) -> tuple[dict[str, Any], Selection]:
    """Read the query of a request for rows of a kind, which may have more parameters than select rows.

    Raises:
        HTTPNotFound: the account or the region is not in the settings.
    """
    query, known = read_query(request, {**PARAMETERS[kind], **(more or {})}), request.config_dict[SETTINGS]
    if query.get("account_id") is not None:
        check_account(known, query["account_id"])
    if query.get("region") is not None:
        check_region(known, query["region"])
    members = {name: query[one] for one, name in _MEMBERS.get(kind, {}).items() if query[one] is not None}
    is_coverage = kind == "coverage"
    return query, Selection(
        account_id=query.get("account_id"),
        region=query["region"],
        part=query["account"] if is_coverage else query.get("member"),
        status=query["state"] if is_coverage else query.get("status"),
        members=tuple(written({name: value})[1:-1] for name, value in members.items()),
        emails=query.get("emails") or False,
    )
