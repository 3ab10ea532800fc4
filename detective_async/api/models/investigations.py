"""Investigations of IAM users and roles: starting, listing and filing them away."""

from datetime import datetime

import attrs
from attrs import Factory, field, frozen

from detective_async.api.models.base import OpenEnum, Response
from detective_async.api.models.constraints import (
    ENTITY_ARN,
    FILTER_VALUE,
    GRAPH_ARN,
    INVESTIGATION_ID,
    INVESTIGATION_MAX_RESULTS,
    INVESTIGATION_PAGINATION_TOKEN,
    Moment,
    OneOf,
    Structure,
    rule,
)


class EntityType(OpenEnum):
    """What is investigated."""

    IAM_ROLE = "IAM_ROLE"
    IAM_USER = "IAM_USER"


class Field(OpenEnum):
    """By what to sort investigations."""

    SEVERITY = "SEVERITY"
    STATUS = "STATUS"
    CREATED_TIME = "CREATED_TIME"


class Severity(OpenEnum):
    """How bad the indicators of an investigation are, taken together."""

    INFORMATIONAL = "INFORMATIONAL"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class SortOrder(OpenEnum):
    """Which way to sort."""

    ASC = "ASC"
    DESC = "DESC"


class State(OpenEnum):
    """Whether an investigation is still looked at; ARCHIVED says that its review is done."""

    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


class Status(OpenEnum):
    """How far an investigation is."""

    RUNNING = "RUNNING"
    FAILED = "FAILED"
    SUCCESSFUL = "SUCCESSFUL"


@frozen
class StringFilter:
    """Keep the investigations whose member has this value.

    Args:
        value: 1 to 500 characters.
    """

    value: str = field(metadata=rule(FILTER_VALUE))


@frozen
class DateFilter:
    """Keep the investigations whose time is in this span, both ends included.

    Args:
        start_inclusive: an aware datetime.
        end_inclusive: an aware datetime.
    """

    start_inclusive: datetime = field(metadata=rule(Moment()))
    end_inclusive: datetime = field(metadata=rule(Moment()))


@frozen
class FilterCriteria:
    """Which investigations to list: those that pass every filter given.

    Args:
        severity: a `Severity`, as a filter.
        status: a `Status`, as a filter.
        state: a `State`, as a filter.
        entity_arn: the investigated user's or role's ARN, as a filter.
        created_time: when the investigation was started.
    """

    severity: StringFilter | None = field(default=None, kw_only=True, metadata=rule(Structure(StringFilter)))
    status: StringFilter | None = field(default=None, kw_only=True, metadata=rule(Structure(StringFilter)))
    state: StringFilter | None = field(default=None, kw_only=True, metadata=rule(Structure(StringFilter)))
    entity_arn: StringFilter | None = field(default=None, kw_only=True, metadata=rule(Structure(StringFilter)))
    created_time: DateFilter | None = field(default=None, kw_only=True, metadata=rule(Structure(DateFilter)))


@frozen
class SortCriteria:
    """In which order to list investigations.

    Args:
        field: by what.
        sort_order: which way.
    """

    # The API calls this member `field`, which hides the function of that name from here on.
    field: Field | str | None = attrs.field(default=None, kw_only=True, metadata=rule(OneOf(Field)))
    sort_order: SortOrder | str | None = attrs.field(default=None, kw_only=True, metadata=rule(OneOf(SortOrder)))


@frozen(kw_only=True)
class InvestigationDetail:
    """An investigation, as ListInvestigations tells it.

    Attributes:
        investigation_id: 21 digits.
        severity: how bad it looks; None while it runs.
        status: how far it is.
        state: whether it is still looked at.
        created_time: when it was started.
        entity_arn: the user or role.
        entity_type: which of the two.
    """

    investigation_id: str | None = None
    severity: Severity | None = None
    status: Status | None = None
    state: State | None = None
    created_time: datetime | None = None
    entity_arn: str | None = None
    entity_type: EntityType | None = None


@frozen
class GetInvestigationRequest:
    """The members of GetInvestigation."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    investigation_id: str = field(metadata=rule(INVESTIGATION_ID))


@frozen(kw_only=True)
class GetInvestigationResponse(Response):
    """The answer of GetInvestigation.

    Attributes:
        graph_arn: the graph.
        investigation_id: 21 digits.
        entity_arn: the user or role.
        entity_type: which of the two.
        created_time: when it was started.
        scope_start_time: from when on the entity's activity is looked at.
        scope_end_time: until when.
        status: how far it is.
        severity: how bad it looks; None while it runs.
        state: whether it is still looked at.
    """

    graph_arn: str | None = None
    investigation_id: str | None = None
    entity_arn: str | None = None
    entity_type: EntityType | None = None
    created_time: datetime | None = None
    scope_start_time: datetime | None = None
    scope_end_time: datetime | None = None
    status: Status | None = None
    severity: Severity | None = None
    state: State | None = None


@frozen
class ListInvestigationsRequest:
    """The members of ListInvestigations."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    next_token: str | None = field(default=None, kw_only=True, metadata=rule(INVESTIGATION_PAGINATION_TOKEN))
    max_results: int | None = field(default=None, kw_only=True, metadata=rule(INVESTIGATION_MAX_RESULTS))
    filter_criteria: FilterCriteria | None = field(default=None, kw_only=True, metadata=rule(Structure(FilterCriteria)))
    sort_criteria: SortCriteria | None = field(default=None, kw_only=True, metadata=rule(Structure(SortCriteria)))


@frozen(kw_only=True)
class ListInvestigationsResponse(Response):
    """A page of ListInvestigations.

    Attributes:
        investigation_details: the investigations.
        next_token: what asks for the next page; None on the last one.
    """

    investigation_details: list[InvestigationDetail] = Factory(list)
    next_token: str | None = None


@frozen
class StartInvestigationRequest:
    """The members of StartInvestigation."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    entity_arn: str = field(metadata=rule(ENTITY_ARN))
    scope_start_time: datetime = field(metadata=rule(Moment()))
    scope_end_time: datetime = field(metadata=rule(Moment()))


@frozen(kw_only=True)
class StartInvestigationResponse(Response):
    """The answer of StartInvestigation.

    Attributes:
        investigation_id: 21 digits.
    """

    investigation_id: str | None = None


@frozen
class UpdateInvestigationStateRequest:
    """The members of UpdateInvestigationState."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    investigation_id: str = field(metadata=rule(INVESTIGATION_ID))
    state: State | str = field(metadata=rule(OneOf(State)))
