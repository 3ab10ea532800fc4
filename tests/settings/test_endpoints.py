"""Endpoints, compared with botocore's rules for all its regions."""

import enum
from typing import Any

import pytest
from support.botocore_endpoints import PARTITIONS, REGIONS, rules_of

from detective_async import ConfigurationError, ParameterError
from detective_async.settings.endpoints import check_region, partition_of, resolve, resolve_sts

RULES = rules_of("detective")


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
        ("http://my_service-1.:80", "my_service-1.", ""),
        ("http://" + ".".join(["a" * 63] * 3), ".".join(["a" * 63] * 3), ""),
        ("http://localhost/a%20b/c;d/(e)", "localhost", "/a%20b/c;d/(e)"),
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
        ("localhost:4580", "must start with http"),
        ("ftp://localhost", "must start with http"),
        ("http://", "have a host"),
        ("http://me:hunter2@localhost", "must not contain a user"),
        ("http://localhost/?a=b", "must not contain"),
        ("http://localhost:99999", "malformed"),
        ("http://localhost:0", "malformed"),
        ("http://localhost:x", "malformed"),
        ("http://[::1", "malformed"),
        ("http://[x]", "malformed"),
        (" http://localhost", "white space"),
        ("http://localhost/a b", "white space"),
        ("http://local\nhost", "white space"),
        ("http://a..b", "is not a host name"),
        ("http://.", "is not a host name"),
        (f"http://{'a' * 64}.example", "is not a host name"),
        ("http://" + ".".join(["a" * 63] * 4), "is not a host name"),
        ("http://a\\b", "is not a host name"),
        ("http://ex%61mple.com", "is not a host name"),
        (f"http://{'é' * 70}.example", "is not a host name"),
        ("http://\u3002", "is not a host name"),
        *(
            (f"http://{host}", "consists of numbers")
            for host in ("123", "127.1", "1.2.3.4.5", "256.1.1.1", "127.0.0.01")
        ),
        ("http://127.0.0.1.:4580", "consists of numbers"),
        ("http://localhost/é", "must be percent-encoded"),
        ("http://localhost/{a}", "must be percent-encoded"),
        ("http://localhost/a%2", "malformed %-sequence"),
        ("http://localhost/a//b", "must not contain //"),
        ("http://localhost//", "must not contain //"),
        ("http://localhost/./b", "must not contain"),
        ("http://localhost/a/..", "must not contain"),
        ("http://localhost/%2e%2E/b", "must not contain"),
    ],
)
def test_a_malformed_custom_endpoint_is_refused(url: str, problem: str) -> None:
    """The error does not quote the URL, which may contain a password."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        resolve("eu-west-1", url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://", "the endpoint URL must start with http:// or https:// and have a host"),
        ("http://localhost/#a", "the endpoint URL must not contain a user, a query or a fragment"),
        (
            "http://[::1",
            "the endpoint URL is malformed: its port is not a number from 1 to 65535, or its host is not a host name",
        ),
    ],
)
def test_the_text_of_a_refused_endpoint(url: str, problem: str) -> None:
    """It says what is wrong, and nothing else."""
    with pytest.raises(ConfigurationError) as caught:
        resolve("eu-west-1", url)
    assert str(caught.value) == problem


def test_a_host_name_that_is_not_ascii_is_sent_in_ascii() -> None:
    """As browsers send it; the signature is of what is sent."""
    endpoint = resolve("eu-west-1", "http://bücher.example:8080/x")
    assert (endpoint.url, endpoint.host) == ("http://xn--bcher-kva.example:8080/x", "xn--bcher-kva.example:8080")


class Region(str, enum.Enum):  # noqa: UP042 - its format is not its value, as that of a StrEnum is
    IRELAND = "eu-west-1"


def test_a_region_may_be_a_member_of_an_enum() -> None:
    """Its value counts, and not the name that its format is."""
    assert resolve(Region.IRELAND).host == "api.detective.eu-west-1.amazonaws.com"
    assert type(resolve_sts(Region.IRELAND).region) is str


@pytest.mark.parametrize("region", ["ireland", "eu-west", "eu-west-1a", "aws-global", "1-1", "us-east-1-fips"])
def test_a_name_that_no_region_of_aws_has_needs_an_endpoint(region: str) -> None:
    """Without one, its host would only be one that does not exist, as that of a region without Detective."""
    for resolved in (resolve, resolve_sts):
        with pytest.raises(ConfigurationError, match="region: expected a region"):
            resolved(region)
        assert resolved(region, "http://localhost").region == region


@pytest.mark.parametrize(
    "region", ["EU-WEST-1", 1, None, "", "eu west 1", "../x", "-x", "x.evil.com", "é", "x" * 64, "eu-west-1\n"]
)
def test_a_malformed_region_is_refused(region: Any) -> None:
    """A region becomes part of a host name, and of the signature's scope."""
    for url in (None, "http://localhost"):
        with pytest.raises(ConfigurationError, match=r"^region: expected a region, such as eu-west-1, got .*$"):
            resolve(region, url)
    with pytest.raises(ConfigurationError, match="region: expected a region"):
        partition_of(region)


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
    with pytest.raises(ConfigurationError, match="region: expected a region"):
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
    given = "a list" if isinstance(region, list) else repr(region)
    assert str(caught.value) == f"regions[3]: expected a region, such as eu-west-1, got {given}"
