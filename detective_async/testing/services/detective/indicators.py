"""The indicators of an investigation: three of each of the eight types, the same in every response."""

from typing import Any

from detective_async.testing.world.entities import Investigation

_PER_TYPE = 3


def indicators_of(investigation: Investigation) -> list[dict[str, Any]]:
    """Return the indicators of a finished investigation."""
    return [
        {"IndicatorType": kind, "IndicatorDetail": {member: detail}}
        for number in range(_PER_TYPE)
        for kind, member, detail in _one_of_each_type(investigation, number)
    ]


def _one_of_each_type(investigation: Investigation, number: int) -> list[tuple[str, str, dict[str, Any]]]:
    # Addresses from the blocks that are reserved for documentation.
    near, far = f"192.0.2.{number + 1}", f"198.51.100.{number + 1}"
    account = investigation.entity_arn.split(":")[4]
    identity = f"{investigation.investigation_id[:8]}-{number}"
    return [
        (
            "TTP_OBSERVED",
            "TTPsObservedDetail",
            {
                "Tactic": "Initial Access",
                "Technique": "Valid Accounts",
                "Procedure": f"Procedure {number}",
                "IpAddress": near,
                "APIName": "ListBuckets",
                "APISuccessCount": 10 * number,
                "APIFailureCount": number,
            },
        ),
        (
            "IMPOSSIBLE_TRAVEL",
            "ImpossibleTravelDetail",
            {
                "StartingIpAddress": near,
                "EndingIpAddress": far,
                "StartingLocation": "Dublin, Ireland",
                "EndingLocation": "Sydney, Australia",
                "HourlyTimeDelta": number + 1,
            },
        ),
        ("FLAGGED_IP_ADDRESS", "FlaggedIpAddressDetail", {"IpAddress": far, "Reason": "AWS_THREAT_INTELLIGENCE"}),
        (
            "NEW_GEOLOCATION",
            "NewGeolocationDetail",
            {"Location": "Sydney, Australia", "IpAddress": far, "IsNewForEntireAccount": number == 0},
        ),
        ("NEW_ASO", "NewAsoDetail", {"Aso": f"Example Networks {number}", "IsNewForEntireAccount": number == 0}),
        (
            "NEW_USER_AGENT",
            "NewUserAgentDetail",
            {"UserAgent": f"example-agent/{number}", "IsNewForEntireAccount": number == 0},
        ),
        (
            "RELATED_FINDING",
            "RelatedFindingDetail",
            {
                "Arn": f"arn:aws:guardduty:us-east-1:{account}:detector/example/finding/{identity}",
                "Type": "UnauthorizedAccess:IAMUser/ConsoleLogin",
                "IpAddress": far,
            },
        ),
        ("RELATED_FINDING_GROUP", "RelatedFindingGroupDetail", {"Id": f"group-{identity}"}),
    ]
