"""Endpoints, compared with botocore's rules for all its regions."""

import pytest
from support.botocore_endpoints import PARTITIONS, REGIONS, rules_of

from detective_async import ConfigurationError, ParameterError
from detective_async.settings.endpoints import check_region, partition_of, resolve

RULES = rules_of("detective")
_MALFORMED = "is malformed: its port is not a number up to 65535, or its host is not a host name"


@pytest.mark.parametrize("use_fips", [False, True])
@pytest.mark.parametrize("use_dualstack", [False, True])
def test_endpoints_are_the_same_as_botocores(use_fips: bool, use_dualstack: bool) -> None:
    """All regions of all partitions, and regions that do not exist yet, with each flag."""
    assert len(REGIONS) > 30
    for region in REGIONS:
        expected = RULES.resolve_endpoint(Region=region, UseFIPS=use_fips, UseDualStack=use_dualstack).url
        endpoint = resolve(region, use_fips=use_fips, use_dualstack=use_dualstack)
        assert endpoint.url == expected == f"https://{endpoint.host}"
        assert (endpoint.region, endpoint.path) == (region, "")


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("http://localhost:4580", "localhost:4580", ""),
        ("http://LocalHost:80/", "localhost", ""),
        ("https://example.com:443", "example.com", ""),
        ("https://example.com:80", "example.com:80", ""),
        ("http://[::1]:4580/a/X/", "[::1]:4580", "/a/X"),
    ],
)
def test_a_custom_endpoint(url: str, host: str, path: str) -> None:
    """The Host header omits the scheme's default port; a path is kept as a prefix."""
    endpoint = resolve("eu-west-1", url)
    assert (endpoint.host, endpoint.path) == (host, path)
    assert endpoint.url == f"{url.partition(':')[0]}://{host}{path}"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:4580", True),
        ("127.8.9.1", True),
        ("[::1]:4580", True),
        ("localhost", True),
        ("sim.localhost", True),
        ("notlocalhost", False),
        ("localhost.example.com", False),
        ("127.example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_which_endpoints_are_on_this_machine(host: str, expected: bool) -> None:
    """Loopback addresses and names under localhost are, other addresses and names are not."""
    assert resolve("eu-west-1", f"http://{host}").is_on_this_machine is expected


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("localhost:4580", "must start with http:// or https:// and have a host"),
        ("ftp://localhost", "must start with http:// or https:// and have a host"),
        ("http://", "must start with http:// or https:// and have a host"),
        ("http://me:hunter2@localhost", "must not contain a user, a query or a fragment"),
        ("http://localhost/?a=b", "must not contain a user, a query or a fragment"),
        ("http://localhost/#a", "must not contain a user, a query or a fragment"),
        ("http://localhost:99999", _MALFORMED),
        ("http://[::1", _MALFORMED),
    ],
)
def test_a_malformed_custom_endpoint_is_refused(url: str, problem: str) -> None:
    """The error does not quote the URL, which may contain a password."""
    with pytest.raises(ConfigurationError) as caught:
        resolve("eu-west-1", url)
    assert str(caught.value) == f"the endpoint URL {problem}"


@pytest.mark.parametrize("region", ["", "eu west 1", "../x", "-x", "x.evil.com", "é", "x" * 64, "eu-west-1\n"])
def test_a_malformed_region_is_refused(region: str) -> None:
    """A region becomes part of a host name."""
    with pytest.raises(ConfigurationError) as caught:
        resolve(region)
    assert str(caught.value) == f"region {region!r} is not a region name, such as eu-west-1"


@pytest.mark.parametrize("flag", ["use_fips", "use_dualstack"])
def test_a_custom_endpoint_excludes_the_flags(flag: str) -> None:
    """The error says that they cannot be combined."""
    with pytest.raises(
        ConfigurationError, match=r"^a custom endpoint \(http://localhost\) cannot be combined with .*: remove one$"
    ):
        resolve("eu-west-1", "http://localhost", **{flag: True})


def test_partitions_are_the_same_as_botocores() -> None:
    """For all its regions; a region of no known partition is assumed to be in the first."""
    for partition in PARTITIONS["partitions"]:
        for region in partition["regions"]:
            if "-global" not in region:
                assert partition_of(region) == partition["id"]
    assert partition_of("mars-1") == "aws"
    with pytest.raises(ConfigurationError, match="is not a region name"):
        partition_of("eu west 1")


def test_check_region_accepts_all_regions() -> None:
    """Those of botocore, and regions that do not exist yet."""
    for region in {*REGIONS, "af-southwest-12", "mx-north-3"} - {"mars-1"}:
        check_region(region, "regions[0]")


@pytest.mark.parametrize(
    "region",
    [
        "mars-1",
        "eu-wset-1",
        "eu-west",
        "eu-west-",
        "eu-west-1a",
        "eu-west-1 ",
        "eu-west-1\n",
        "eu-west-\N{ARABIC-INDIC DIGIT ONE}",
        "EU-WEST-1",
        "eu_west_1",
        "euwest1",
        "us-gov-1",
        "xx-west-1",
        "us-global-1",
        "eu-westcentral-1",
        "",
        "aws-global",
        None,
        5,
        ["eu-west-1"],
    ],
)
def test_check_region_refuses_misspelt_regions(region: object) -> None:
    """Calls to them would fail like calls to regions that are not enabled."""
    with pytest.raises(ParameterError) as caught:
        check_region(region, "regions[3]")
    assert str(caught.value) == f"regions[3]: expected a region, such as eu-west-1, got {region!r}"
