"""Resolves the endpoint URLs of regions."""

import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from detective_async.errors import ConfigurationError, ParameterError


@frozen
class Endpoint:
    """The destination of requests.

    Attributes:
        url: scheme, host, port and path prefix, without a trailing slash.
        host: the Host header, with the port if it is not the scheme's default.
        path: the path prefix, percent-encoded; empty for none.
        region: the region in signatures.
    """

    url: str
    host: str
    path: str
    region: str

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the host is a loopback address, as a simulator's is."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")


@frozen
class _Partition:
    """A partition of AWS, which has its own domains."""

    name: str
    regions: str
    suffix: str
    dualstack_suffix: str
    #: The region that every account of the partition has (`implicitGlobalRegion` in botocore's partitions.json).
    home: str
    #: The prefix of dual-stack host names; only two partitions omit `api.`.
    dualstack_prefix: str = "api.detective"


_AWS = _Partition("aws", r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+", "amazonaws.com", "api.aws", "us-east-1", "detective")
_PARTITIONS = (
    _AWS,
    _Partition("aws-us-gov", r"us-gov-\w+-\d+", "amazonaws.com", "api.aws", "us-gov-west-1", "detective"),
    _Partition("aws-cn", r"cn-\w+-\d+", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "cn-northwest-1"),
    _Partition("aws-eusc", r"eusc-de-\w+-\d+", "amazonaws.eu", "api.amazonwebservices.eu", "eusc-de-east-1"),
    _Partition("aws-iso", r"us-iso-\w+-\d+", "c2s.ic.gov", "api.aws.ic.gov", "us-iso-east-1"),
    _Partition("aws-iso-b", r"us-isob-\w+-\d+", "sc2s.sgov.gov", "api.aws.scloud", "us-isob-east-1"),
    _Partition("aws-iso-e", r"eu-isoe-\w+-\d+", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "eu-isoe-west-1"),
    _Partition("aws-iso-f", r"us-isof-\w+-\d+", "csp.hci.ic.gov", "api.aws.hci.ic.gov", "us-isof-south-1"),
)


@lru_cache(maxsize=1024)
def resolve(
    region: str, endpoint_url: str | None = None, *, use_fips: bool = False, use_dualstack: bool = False
) -> Endpoint:
    """Return the endpoint of Detective in a region, or the endpoint for a custom URL.

    Args:
        region: such as `eu-west-1`. A region of no known partition is assumed to be a new one in the first partition.
        endpoint_url: a URL to use instead; cannot be combined with the two flags.
        use_fips: use the FIPS endpoint.
        use_dualstack: use the endpoint that has IPv6 addresses too.

    Raises:
        ConfigurationError: the region or the URL is malformed, or the settings contradict each other.
    """
    partition = _partition_of(region)
    if endpoint_url is not None:
        custom = _custom(endpoint_url, region)
        if use_fips or use_dualstack:
            raise ConfigurationError(
                f"a custom endpoint ({custom.url}) cannot be combined with FIPS or dual-stack endpoints: remove one"
            )
        return custom
    prefix = partition.dualstack_prefix if use_dualstack else "api.detective"
    suffix = partition.dualstack_suffix if use_dualstack else partition.suffix
    host = f"{prefix}{'-fips' if use_fips else ''}.{region}.{suffix}"
    return Endpoint(f"https://{host}", host, "", region)


@lru_cache(maxsize=1024)
def resolve_sts(
    region: str, endpoint_url: str | None = None, *, use_fips: bool = False, use_dualstack: bool = False
) -> Endpoint:
    """Return the endpoint of STS in a region, or the endpoint for a custom URL, which ignores the flags.

    Raises:
        ConfigurationError: the region or the URL is malformed.
    """
    partition = _partition_of(region)
    if endpoint_url is not None:
        return _custom(endpoint_url, region)
    suffix = partition.dualstack_suffix if use_dualstack else partition.suffix
    # In us-gov regions, the standard endpoints are FIPS endpoints.
    fips = use_fips and (use_dualstack or not region.startswith("us-gov-"))
    host = f"sts{'-fips' if fips else ''}.{region}.{suffix}"
    return Endpoint(f"https://{host}", host, "", region)


def _partition_of(region: str) -> _Partition:
    if not re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)", region):
        raise ConfigurationError(f"region {region!r} is not a region name, such as eu-west-1")
    return next((p for p in _PARTITIONS if re.fullmatch(p.regions, region)), _AWS)


def check_region(value: object, path: str) -> None:
    """Check that a value has the form of AWS's region names.

    For lists of regions: calls to a misspelt region would fail like calls to a region that is not enabled.

    Raises:
        ParameterError: it does not.
    """
    if isinstance(value, str) and any(re.fullmatch(partition.regions, value, re.ASCII) for partition in _PARTITIONS):
        where = value.rpartition("-")[0].rpartition("-")[2]
        if re.fullmatch(r"(north|south)?(east|west)?|central", where):
            return
    raise ParameterError(path, f"expected a region, such as eu-west-1, got {value!r}")


def partition_of(region: str) -> str:
    """Return the name of a region's partition, as in ARNs: `aws`, `aws-cn`, ...

    Raises:
        ConfigurationError: the region is malformed.
    """
    return _partition_of(region).name


def home_region(region: str) -> str:
    """Return the region of the same partition that every account has, with no need to opt in to it.

    Raises:
        ConfigurationError: the region is malformed.
    """
    return _partition_of(region).home


#: The regions of `aws` that every account has. It does not grow: all regions since March 2019 have to be opted in to
#: (AWS Account Management's guide, "Enable or disable AWS Regions").
_ENABLED_BY_DEFAULT = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)


def needs_no_opt_in(region: str) -> bool:
    """Return whether every account of a region's partition has the region, as far as is known."""
    # The other partitions have no regions to opt in to.
    return region in _ENABLED_BY_DEFAULT or _partition_of(region) is not _AWS


def _custom(endpoint_url: str, region: str) -> Endpoint:
    # The messages do not quote the URL, which may contain a password.
    split = _split(endpoint_url)
    if split is None:
        raise ConfigurationError(
            "the endpoint URL is malformed: its port is not a number up to 65535, or its host is not a host name"
        )
    parts, port = split
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("the endpoint URL must start with http:// or https:// and have a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError("the endpoint URL must not contain a user, a query or a fragment")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    path = parts.path.rstrip("/")
    return Endpoint(f"{parts.scheme}://{host}{path}", host, path, region)


def _split(url: str) -> tuple[SplitResult, int | None] | None:
    try:
        return (parts := urlsplit(url)), parts.port
    except ValueError:
        return None
