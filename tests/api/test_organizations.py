"""AWS Organizations: its endpoint, compared with botocore's rules, and what its responses say."""

from typing import Any

import pytest
from support.botocore_endpoints import REGIONS, rules_of

from detective_async import ConfigurationError, DecodeError, ResponseMetadata
from detective_async.api.organizations import LIST_ACCOUNTS, ORGANIZATIONS, AccountsPage
from detective_async.settings.endpoints import resolve_organizations

RULES = rules_of("organizations")


@pytest.mark.parametrize("use_fips", [False, True])
@pytest.mark.parametrize("use_dualstack", [False, True])
def test_endpoints_are_the_same_as_botocores(use_fips: bool, use_dualstack: bool) -> None:
    """For all regions of all partitions: one endpoint for each partition, in the region that signatures name."""
    # botocore has another home for regions that do not exist yet.
    regions = [region for region in REGIONS if not region.endswith("-9") and region != "mars-1"]
    assert len(regions) > 30
    flags: dict[str, Any] = {
        name: True for name, on in (("use_fips", use_fips), ("use_dualstack", use_dualstack)) if on
    }
    for region in regions:
        expected = RULES.resolve_endpoint(Region=region, UseFIPS=use_fips, UseDualStack=use_dualstack)
        endpoint = resolve_organizations(region, **flags)
        assert endpoint.url == expected.url == f"https://{endpoint.host}"
        assert [endpoint.region] == [scheme["signingRegion"] for scheme in expected.properties["authSchemes"]]


def test_a_custom_endpoint() -> None:
    """Its requests are signed for the partition's region, too; malformed regions are refused."""
    endpoint = resolve_organizations("eu-west-1", "http://localhost:4580/x", use_fips=True, use_dualstack=True)
    assert (endpoint.url, endpoint.region) == ("http://localhost:4580/x", "us-east-1")
    for region, url in (("ireland", None), ("EU", "http://localhost")):
        with pytest.raises(ConfigurationError, match="region: expected a region"):
            resolve_organizations(region, url)


def test_a_page() -> None:
    """The members that are texts, of each account; an empty token is none."""
    body = b'{"Accounts": [{"Id": "1", "JoinedTimestamp": 1.5, "Name": "x"}], "NextToken": ""}'
    assert ORGANIZATIONS.decode(LIST_ACCOUNTS, body, ResponseMetadata()) == AccountsPage([{"Id": "1", "Name": "x"}])
    body = b'{"Accounts": [], "NextToken": "more"}'
    assert ORGANIZATIONS.decode(LIST_ACCOUNTS, body, ResponseMetadata()) == AccountsPage([], "more")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (None, "the body is not JSON: it is empty"),
        (b"<html>", "the body is not JSON"),
        (b"[]", "the response contains no accounts"),
        (b"{}", "the response contains no accounts"),
        (b'{"Accounts": ["secret"]}', "the response contains an account without an id"),
        (b'{"Accounts": [{"Id": 7}]}', "the response contains an account without an id"),
    ],
)
def test_malformed_pages(body: bytes | None, problem: str) -> None:
    """They are a DecodeError, which does not quote them."""
    with pytest.raises(DecodeError, match=f"ListAccounts: {problem}.* @ ") as caught:
        ORGANIZATIONS.decode(LIST_ACCOUNTS, body, ResponseMetadata(request_id="id-1"))
    assert "secret" not in str(caught.value)
    assert (caught.value.__context__, caught.value.request_id) == (None, "id-1")
