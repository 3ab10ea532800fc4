"""The result of one investigation."""

from datetime import datetime
from typing import Any

from attrs import frozen

from detective_async.api.models.base import TablesInNotebooks
from detective_async.api.models.indicators import Indicator
from detective_async.api.models.investigations import InvestigationDetail, Severity
from detective_async.api.values import timestamp_text, to_dict
from detective_async.errors import DetectiveError, code_of
from detective_async.investigation.indicators import detail_of, row_of


class InvestigationFailed(DetectiveError):
    """There is nothing to read: the investigation has failed, or could not even be started.

    It was started, and ended with another status than SUCCESSFUL; or there is no graph to start it in.
    """


@frozen(kw_only=True)
class InvestigationReport(TablesInNotebooks):
    """What is known of one user or role.

    Attributes:
        entity: its ARN.
        start: the start of the activity that the investigation is of; None if none was started, and the one that was
            asked for if that is not known. An earlier investigation has its own, see `investigate`.
        end: the end of it.
        region: the region of the graph; None if there is none.
        graph_arn: the graph; None if there is none, or it could not be read.
        administrator_id: the account that administers the graph, or should have been asked; None if it is not known.
        detail: the investigation when it was last seen; None if it was not.
        indicators: what it has found.
        reused: whether it had been started before, and was not started again.
        note: what of the findings' activity was left out, and why, as `FindingEntity.note`; None if nothing was.
        error: why it did not start, succeed, or end in time, or why its indicators could not be read; None if they
            are all there.
    """

    entity: str
    start: datetime | None = None
    end: datetime | None = None
    region: str | None = None
    graph_arn: str | None = None
    administrator_id: str | None = None
    detail: InvestigationDetail | None = None
    indicators: tuple[Indicator, ...] = ()
    reused: bool = False
    note: str | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether the investigation has succeeded and its indicators are all there."""
        return self.error is None

    @property
    def investigation_id(self) -> str | None:
        """The investigation's id; None if it is not known."""
        return None if self.detail is None else self.detail.investigation_id

    @property
    def severity(self) -> Severity | None:
        """The overall severity of the indicators; None if it is not known."""
        return None if self.detail is None else self.detail.severity

    def rows(self) -> list[dict[str, str]]:
        """Return one flat row for each indicator, of strings: for a table, CSV, or pandas.

        The members are `entity`, `region`, `investigation_id`, `severity`, `type`, `what`, `where`, and `when`. The API
        tells no times of indicators, so `when` is the investigated time, as an interval of ISO 8601.
        """
        when = "" if self.start is None or self.end is None else "/".join(map(timestamp_text, (self.start, self.end)))
        first = {
            "entity": self.entity,
            "region": self.region or "",
            "investigation_id": self.investigation_id or "",
            "severity": str(self.severity or ""),
        }
        return [{**first, **row_of(indicator), "when": when} for indicator in self.indicators]

    def _repr_html_(self) -> str:
        from detective_async.api.html import tables_of  # noqa: PLC0415 - as its base

        return tables_of(self, indicators=[row_of(indicator) for indicator in self.indicators])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, ready for JSON; indicators have no members that are null."""
        detail = to_dict(self.detail) or {}
        return {
            "entity": self.entity,
            "entity_type": detail.get("entity_type"),
            "region": self.region,
            "graph_arn": self.graph_arn,
            "administrator_id": self.administrator_id,
            "start": to_dict(self.start),
            "end": to_dict(self.end),
            "investigation_id": self.investigation_id,
            "status": detail.get("status"),
            "severity": detail.get("severity"),
            "state": detail.get("state"),
            "created_time": detail.get("created_time"),
            "ok": self.ok,
            "reused": self.reused,
            "note": self.note,
            "error": None if self.error is None else {"code": code_of(self.error), "message": str(self.error)},
            "indicators": [
                {**row_of(one), "detail": {name: value for name, value in _members(one) if value is not None}}
                for one in self.indicators
            ],
        }


def _members(indicator: Indicator) -> Any:
    return (to_dict(detail_of(indicator)) or {}).items()
