"""Investigations of IAM users and roles: starting, listing and archiving them."""

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
    PAGINATION_TOKEN,
    AwareDatetime,
    ModelInstance,
    OneOf,
    rule,
)


class EntityType(OpenEnum):
    """The type of the investigated entity."""

    IAM_ROLE = "IAM_ROLE"
    IAM_USER = "IAM_USER"


class Field(OpenEnum):
    """The property to sort investigations by."""

    SEVERITY = "SEVERITY"
    STATUS = "STATUS"
    CREATED_TIME = "CREATED_TIME"


class Severity(OpenEnum):
    """The overall severity of an investigation's indicators."""

    INFORMATIONAL = "INFORMATIONAL"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class SortOrder(OpenEnum):
    """The direction of sorting."""

    ASC = "ASC"
    DESC = "DESC"


class State(OpenEnum):
    """Whether an investigation is active; ARCHIVED means that its review is done."""

    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


class Status(OpenEnum):
    """The progress of an investigation."""

    RUNNING = "RUNNING"
    FAILED = "FAILED"
    SUCCESSFUL = "SUCCESSFUL"


@frozen
class StringFilter:
    """Select the investigations whose property has this value.

    Args:
        value: 1 to 500 characters.
    """

    value: str = field(metadata=rule(FILTER_VALUE))


@frozen
class DateFilter:
    """Select the investigations whose time is in this interval, both ends included.

    Args:
        start_inclusive: an aware datetime.
        end_inclusive: an aware datetime.
    """

    start_inclusive: datetime = field(metadata=rule(AwareDatetime()))
    end_inclusive: datetime = field(metadata=rule(AwareDatetime()))


@frozen
class FilterCriteria:
    """The investigations to list: those that match all given filters.

    Args:
        severity: a `Severity`, as a filter.
        status: a `Status`, as a filter.
        state: a `State`, as a filter.
        entity_arn: the investigated user's or role's ARN, as a filter.
        created_time: when the investigation was started.
    """

    severity: StringFilter | None = field(default=None, kw_only=True, metadata=rule(ModelInstance(StringFilter)))
    status: StringFilter | None = field(default=None, kw_only=True, metadata=rule(ModelInstance(StringFilter)))
    state: StringFilter | None = field(default=None, kw_only=True, metadata=rule(ModelInstance(StringFilter)))
    entity_arn: StringFilter | None = field(default=None, kw_only=True, metadata=rule(ModelInstance(StringFilter)))
    created_time: DateFilter | None = field(default=None, kw_only=True, metadata=rule(ModelInstance(DateFilter)))


@frozen
class SortCriteria:
    """The order in which investigations are listed.

    Args:
        field: the property to sort by.
        sort_order: the direction.
    """

    # The API names this member `field`, which hides attrs's function of that name in the rest of the class.
    field: Field | str | None = attrs.field(default=None, kw_only=True, metadata=rule(OneOf(Field)))
    sort_order: SortOrder | str | None = attrs.field(default=None, kw_only=True, metadata=rule(OneOf(SortOrder)))


@frozen(kw_only=True)
class InvestigationDetail:
    """An investigation in the list of ListInvestigations.

    Attributes:
        investigation_id: 21 digits.
        severity: the overall severity; None while it runs.
        status: the progress.
        state: whether it is active or archived.
        created_time: when it was started.
        entity_arn: the user or role.
        entity_type: whether it is a user or a role.
    """

    investigation_id: str
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
    """The response of GetInvestigation.

    Attributes:
        graph_arn: the graph.
        investigation_id: 21 digits.
        entity_arn: the user or role.
        entity_type: whether it is a user or a role.
        created_time: when it was started.
        scope_start_time: the start of the investigated activity.
        scope_end_time: the end of it.
        status: the progress.
        severity: the overall severity; None while it runs.
        state: whether it is active or archived.
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
    next_token: str | None = field(default=None, kw_only=True, metadata=rule(PAGINATION_TOKEN))
    max_results: int | None = field(default=None, kw_only=True, metadata=rule(INVESTIGATION_MAX_RESULTS))
    filter_criteria: FilterCriteria | None = field(
        default=None, kw_only=True, metadata=rule(ModelInstance(FilterCriteria))
    )
    sort_criteria: SortCriteria | None = field(default=None, kw_only=True, metadata=rule(ModelInstance(SortCriteria)))


@frozen(kw_only=True)
class ListInvestigationsResponse(Response):
    """A page of ListInvestigations.

    Attributes:
        investigation_details: the investigations.
        next_token: the token of the next page; None on the last page.
    """

    investigation_details: list[InvestigationDetail] = Factory(list)
    next_token: str | None = None


@frozen
class StartInvestigationRequest:
    """The members of StartInvestigation."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    entity_arn: str = field(metadata=rule(ENTITY_ARN))
    scope_start_time: datetime = field(metadata=rule(AwareDatetime()))
    scope_end_time: datetime = field(metadata=rule(AwareDatetime()))


@frozen(kw_only=True)
class StartInvestigationResponse(Response):
    """The response of StartInvestigation.

    Attributes:
        investigation_id: 21 digits.
    """

    investigation_id: str


@frozen
class UpdateInvestigationStateRequest:
    """The members of UpdateInvestigationState."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    investigation_id: str = field(metadata=rule(INVESTIGATION_ID))
    state: State | str = field(metadata=rule(OneOf(State)))
