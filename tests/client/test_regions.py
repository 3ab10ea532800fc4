"""What an error says of the region that it is from."""

import pytest

from detective_async import AccessDeniedException, DetectiveError, HostNotFound, ServiceError
from detective_async.client.regions import RegionFinding, detective_regions, has_detective, region_finding

ALWAYS_ENABLED = "eu-west-1"
TO_OPT_IN = "af-south-1"


def _refused(code: str) -> ServiceError:
    return ServiceError(code, "no", status=403, operation="ListGraphs")


UNKNOWN_KEYS = _refused("UnrecognizedClientException")


@pytest.mark.parametrize("code", ["OptInRequired", "RegionDisabledException"])
def test_says_not_opted_in_if_aws_says_so_itself(code: str) -> None:
    """AWS's own word needs no other region beside it."""
    assert region_finding(_refused(code), TO_OPT_IN) is RegionFinding.NOT_OPTED_IN


@pytest.mark.parametrize(
    ("region", "keys_accepted", "finding"),
    [
        (TO_OPT_IN, True, RegionFinding.NOT_OPTED_IN),
        (TO_OPT_IN, False, RegionFinding.UNKNOWN_KEYS),
        (ALWAYS_ENABLED, True, RegionFinding.UNKNOWN_KEYS),
        (ALWAYS_ENABLED, False, RegionFinding.UNKNOWN_KEYS),
    ],
)
def test_unknown_keys_close_only_regions_to_opt_in_to(
    region: str, finding: RegionFinding, *, keys_accepted: bool
) -> None:
    """Unknown keys mean a closed region if another one accepts them, and the region has to be opted in to."""
    assert region_finding(UNKNOWN_KEYS, region, keys_accepted=keys_accepted) is finding


@pytest.mark.parametrize(
    ("names_resolve", "listed", "finding"),
    [
        (True, False, RegionFinding.WITHOUT_DETECTIVE),
        (False, False, RegionFinding.HOST_NOT_FOUND),
        (True, True, RegionFinding.HOST_NOT_FOUND),
        (False, True, RegionFinding.HOST_NOT_FOUND),
    ],
)
def test_a_missing_host_of_a_region_with_detective_is_a_fault(
    finding: RegionFinding, *, names_resolve: bool, listed: bool
) -> None:
    """Only a region that is not in botocore's list has no Detective, and only while other names resolve."""
    error = HostNotFound("no such host", operation="ListGraphs", attempts=1, outcome_unknown=False)
    found = region_finding(error, "eu-west-1", names_resolve=names_resolve, has_detective=listed)
    assert found is finding
    assert found.is_closed is (finding is RegionFinding.WITHOUT_DETECTIVE)


@pytest.mark.parametrize(
    "error",
    [
        None,
        DetectiveError("no"),
        AccessDeniedException("AccessDeniedException", "no", status=403),
    ],
)
def test_other_errors_say_nothing_of_the_region(error: DetectiveError | None) -> None:
    """An error that any region may have is not taken for a closed region."""
    found = region_finding(error, TO_OPT_IN, keys_accepted=True, names_resolve=True, has_detective=False)
    assert found is RegionFinding.NOTHING
    assert not found.is_closed


async def test_botocore_lists_the_regions_that_have_detective() -> None:
    """The regions of `all` are those that have Detective, and others are not."""
    assert all([await has_detective(region) for region in await detective_regions("aws")])
    assert not await has_detective("eu-south-9")
