"""The indicators of compromise that an investigation finds, of eight types."""

from attrs import Factory, field, frozen

from detective_async.api.models.base import OpenEnum, Response
from detective_async.api.models.constraints import (
    GRAPH_ARN,
    INVESTIGATION_ID,
    INVESTIGATION_MAX_RESULTS,
    PAGINATION_TOKEN,
    OneOf,
    rule,
)


class IndicatorType(OpenEnum):
    """The type of an indicator; it determines which member of `IndicatorDetail` is set."""

    TTP_OBSERVED = "TTP_OBSERVED"
    IMPOSSIBLE_TRAVEL = "IMPOSSIBLE_TRAVEL"
    FLAGGED_IP_ADDRESS = "FLAGGED_IP_ADDRESS"
    NEW_GEOLOCATION = "NEW_GEOLOCATION"
    NEW_ASO = "NEW_ASO"
    NEW_USER_AGENT = "NEW_USER_AGENT"
    RELATED_FINDING = "RELATED_FINDING"
    RELATED_FINDING_GROUP = "RELATED_FINDING_GROUP"


class Reason(OpenEnum):
    """Why an IP address is flagged."""

    AWS_THREAT_INTELLIGENCE = "AWS_THREAT_INTELLIGENCE"


@frozen(kw_only=True)
class TTPsObservedDetail:
    """A tactic, technique and procedure that was seen.

    Attributes:
        tactic: the attacker's goal.
        technique: the general method.
        procedure: the concrete actions.
        ip_address: the source address.
        api_name: the API operation.
        api_success_count: the number of calls that succeeded.
        api_failure_count: the number of calls that failed.
    """

    tactic: str | None = None
    technique: str | None = None
    procedure: str | None = None
    ip_address: str | None = None
    api_name: str | None = None
    api_success_count: int | None = None
    api_failure_count: int | None = None


@frozen(kw_only=True)
class ImpossibleTravelDetail:
    """Activity from two places too far apart for the time between.

    Attributes:
        starting_ip_address: the first address.
        ending_ip_address: the second address.
        starting_location: the location of the first address.
        ending_location: the location of the second address.
        hourly_time_delta: the hours between the two.
    """

    starting_ip_address: str | None = None
    ending_ip_address: str | None = None
    starting_location: str | None = None
    ending_location: str | None = None
    hourly_time_delta: int | None = None


@frozen(kw_only=True)
class FlaggedIpAddressDetail:
    """Activity from an address that is known as malicious.

    Attributes:
        ip_address: the address.
        reason: why it is flagged.
    """

    ip_address: str | None = None
    reason: Reason | None = None


@frozen(kw_only=True)
class NewGeolocationDetail:
    """Activity from a place not seen before.

    Attributes:
        location: the place.
        ip_address: the address.
        is_new_for_entire_account: whether the whole account was never used from there, or just this entity.
    """

    location: str | None = None
    ip_address: str | None = None
    is_new_for_entire_account: bool | None = None


@frozen(kw_only=True)
class NewAsoDetail:
    """Activity through a network operator not seen before.

    Attributes:
        aso: the autonomous system's organization.
        is_new_for_entire_account: whether it is new for the whole account, or just for this entity.
    """

    aso: str | None = None
    is_new_for_entire_account: bool | None = None


@frozen(kw_only=True)
class NewUserAgentDetail:
    """Activity with a client program not seen before.

    Attributes:
        user_agent: the user agent string.
        is_new_for_entire_account: whether it is new for the whole account, or just for this entity.
    """

    user_agent: str | None = None
    is_new_for_entire_account: bool | None = None


@frozen(kw_only=True)
class RelatedFindingDetail:
    """A finding of another service about the same entity.

    Attributes:
        arn: the finding.
        type: its type.
        ip_address: the address in the finding.
    """

    arn: str | None = None
    type: str | None = None
    ip_address: str | None = None


@frozen(kw_only=True)
class RelatedFindingGroupDetail:
    """A group of findings to which the activity belongs.

    Attributes:
        id: the group.
    """

    id: str | None = None


@frozen(kw_only=True)
class IndicatorDetail:
    """The detail of an indicator: the member for its type is set, the others are None.

    Attributes:
        ttps_observed_detail: for TTP_OBSERVED.
        impossible_travel_detail: for IMPOSSIBLE_TRAVEL.
        flagged_ip_address_detail: for FLAGGED_IP_ADDRESS.
        new_geolocation_detail: for NEW_GEOLOCATION.
        new_aso_detail: for NEW_ASO.
        new_user_agent_detail: for NEW_USER_AGENT.
        related_finding_detail: for RELATED_FINDING.
        related_finding_group_detail: for RELATED_FINDING_GROUP.
    """

    ttps_observed_detail: TTPsObservedDetail | None = None
    impossible_travel_detail: ImpossibleTravelDetail | None = None
    flagged_ip_address_detail: FlaggedIpAddressDetail | None = None
    new_geolocation_detail: NewGeolocationDetail | None = None
    new_aso_detail: NewAsoDetail | None = None
    new_user_agent_detail: NewUserAgentDetail | None = None
    related_finding_detail: RelatedFindingDetail | None = None
    related_finding_group_detail: RelatedFindingGroupDetail | None = None


@frozen(kw_only=True)
class Indicator:
    """A sign of compromise that an investigation found.

    Attributes:
        indicator_type: its type.
        indicator_detail: what was observed.
    """

    indicator_type: IndicatorType
    indicator_detail: IndicatorDetail | None = None


@frozen
class ListIndicatorsRequest:
    """The members of ListIndicators."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    investigation_id: str = field(metadata=rule(INVESTIGATION_ID))
    indicator_type: IndicatorType | str | None = field(default=None, kw_only=True, metadata=rule(OneOf(IndicatorType)))
    next_token: str | None = field(default=None, kw_only=True, metadata=rule(PAGINATION_TOKEN))
    max_results: int | None = field(default=None, kw_only=True, metadata=rule(INVESTIGATION_MAX_RESULTS))


@frozen(kw_only=True)
class ListIndicatorsResponse(Response):
    """A page of ListIndicators.

    Attributes:
        graph_arn: the graph.
        investigation_id: 21 digits.
        next_token: the token of the next page; None on the last page.
        indicators: the indicators.
    """

    graph_arn: str | None = None
    investigation_id: str | None = None
    next_token: str | None = None
    indicators: list[Indicator] = Factory(list)
