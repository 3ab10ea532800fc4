"""Resolves the endpoint URLs of regions."""

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from detective_async.errors import ConfigurationError, ParameterError
from detective_async.settings.arguments import check_kind, shown
from detective_async.settings.expressions import expression


class Endpoint(NamedTuple):
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


class _Partition(NamedTuple):
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


def resolve(
    region: str, endpoint_url: str | None = None, *, use_fips: bool = False, use_dualstack: bool = False
) -> Endpoint:
    """Return the endpoint of Detective in a region, or the endpoint for a custom URL.

    Args:
        region: such as `eu-west-1`. A region of no known partition is assumed to be a new one in the first partition.
        endpoint_url: a URL to use instead; cannot be combined with the two flags. The region may then have any name.
        use_fips: use the FIPS endpoint.
        use_dualstack: use the endpoint that has IPv6 addresses too.

    Raises:
        ConfigurationError: the region or the URL is malformed, or the settings contradict each other.
    """
    _check_url(endpoint_url)
    return _resolve(
        _checked_region(region, _NAME if endpoint_url is None else _LABEL), endpoint_url, use_fips, use_dualstack
    )


@lru_cache(maxsize=1024)
def _resolve(region: str, endpoint_url: str | None, use_fips: bool, use_dualstack: bool) -> Endpoint:  # noqa: FBT001
    if endpoint_url is not None:
        custom = _custom(endpoint_url, region)
        if use_fips or use_dualstack:
            raise ConfigurationError(
                f"a custom endpoint ({custom.url}) cannot be combined with FIPS or dual-stack endpoints: remove one"
            )
        return custom
    partition = _partition_of(region)
    prefix = partition.dualstack_prefix if use_dualstack else "api.detective"
    suffix = partition.dualstack_suffix if use_dualstack else partition.suffix
    host = f"{prefix}{'-fips' if use_fips else ''}.{region}.{suffix}"
    return Endpoint(f"https://{host}", host, "", region)


def resolve_sts(
    region: str, endpoint_url: str | None = None, *, use_fips: bool = False, use_dualstack: bool = False
) -> Endpoint:
    """Return the endpoint of STS in a region, or the endpoint for a custom URL, which ignores the flags.

    Raises:
        ConfigurationError: the region or the URL is malformed.
    """
    _check_url(endpoint_url)
    return _resolve_sts(
        _checked_region(region, _NAME if endpoint_url is None else _LABEL), endpoint_url, use_fips, use_dualstack
    )


@lru_cache(maxsize=1024)
def _resolve_sts(region: str, endpoint_url: str | None, use_fips: bool, use_dualstack: bool) -> Endpoint:  # noqa: FBT001
    if endpoint_url is not None:
        return _custom(endpoint_url, region)
    partition = _partition_of(region)
    suffix = partition.dualstack_suffix if use_dualstack else partition.suffix
    # In us-gov regions, the standard endpoints are FIPS endpoints.
    fips = use_fips and (use_dualstack or not region.startswith("us-gov-"))
    host = f"sts{'-fips' if fips else ''}.{region}.{suffix}"
    return Endpoint(f"https://{host}", host, "", region)


def resolve_organizations(
    region: str, endpoint_url: str | None = None, *, use_fips: bool = False, use_dualstack: bool = False
) -> Endpoint:
    """Return the endpoint of AWS Organizations for the partition of a region, or the endpoint for a custom URL.

    There is one for each partition, in one region, which signatures name. A custom URL ignores the flags.

    Raises:
        ConfigurationError: the region or the URL is malformed.
    """
    _check_url(endpoint_url)
    partition = _partition_of(_checked_region(region, _NAME if endpoint_url is None else _LABEL))
    home = partition.home
    if endpoint_url is not None:
        return _custom(endpoint_url, home)
    suffix = partition.dualstack_suffix if use_dualstack else partition.suffix
    # In us-gov regions, the standard endpoints are FIPS endpoints.
    fips = use_fips and not home.startswith("us-gov-")
    host = f"organizations{'-fips' if fips else ''}.{home}.{suffix}"
    return Endpoint(f"https://{host}", host, "", home)


def _check_url(endpoint_url: object) -> None:
    # Before the cache, which takes hashable values only.
    if endpoint_url is not None:
        check_kind(endpoint_url, str, "endpoint_url", "a URL as a string, such as http://localhost:4580")


# Three forms of region names, each stricter than the one before: with a custom endpoint, without, and in lists.

#: Any label of a host name: simulators have regions such as `local`.
_LABEL = expression(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
#: What AWS may call a region, now or later: lower-case words and a number at the end. The host of any other name, such
#: as that of a place or of an availability zone, does not exist, which would look like a region without Detective.
_NAME = expression(r"[a-z]+(-[a-z]+)*-[0-9]{1,3}")
#: The word before the number, in the partitions that are known: a misspelt region would fail like one that is closed.
_DIRECTION = expression(r"(north|south)?(east|west)?|central")


def _checked_region(value: object, form: re.Pattern[str]) -> str:
    """Return a region's name as a plain string, since the format of an enum's member may be its name."""
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ConfigurationError(f"region: expected a region, such as eu-west-1, got {shown(value)}")
    if form is _NAME and value.startswith("fips-"):
        raise ConfigurationError(f"region {shown(value)}: use the region's own name, and use_fips=True")
    return str.__str__(value)


def check_region_label(value: object, path: str) -> None:
    """Check that a region can have this name where the endpoint is not known yet.

    Raises:
        ParameterError: it cannot.
    """
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        raise ParameterError(path, f"expected a region, such as eu-west-1, got {shown(value)}")


def check_region(value: object, path: str) -> None:
    """Check that a value has the form of the region names of a known partition, as for lists of regions.

    Raises:
        ParameterError: it does not.
    """
    if isinstance(value, str) and _NAME.fullmatch(value) and _known_partition_of(value) is not None:
        where = value.rpartition("-")[0].rpartition("-")[2]
        if _DIRECTION.fullmatch(where):
            return
    raise ParameterError(path, f"expected a region, such as eu-west-1, got {shown(value)}")


def _known_partition_of(region: str) -> _Partition | None:
    return next((partition for partition in _PARTITIONS if re.fullmatch(partition.regions, region)), None)


def _partition_of(region: str) -> _Partition:
    return _known_partition_of(region) or _AWS


def partition_of(region: str) -> str:
    """Return the name of a region's partition, as in ARNs: `aws`, `aws-cn`, ...

    Raises:
        ConfigurationError: the region is malformed.
    """
    return _partition_of(_checked_region(region, _LABEL)).name


def home_region(region: str) -> str:
    """Return the region of the same partition that every account has, with no need to opt in to it.

    Raises:
        ConfigurationError: the region is malformed.
    """
    return _partition_of(_checked_region(region, _LABEL)).home


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
    # Inferred from the same guide, which lists regions to opt in to for this partition only.
    return region in _ENABLED_BY_DEFAULT or _partition_of(region) is not _AWS


def _custom(endpoint_url: str, region: str) -> Endpoint:
    # The messages do not quote the URL, which may contain a password.
    split = _split(endpoint_url)
    if split is None or split[1] == 0:
        raise ConfigurationError(
            "the endpoint URL is malformed: its port is not a number from 1 to 65535, or its host is not a host name"
        )
    parts, port = split
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("the endpoint URL must start with http:// or https:// and have a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError("the endpoint URL must not contain a user, a query or a fragment")
    host = _host(parts.hostname)
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    path = _path(parts.path)
    return Endpoint(f"{parts.scheme}://{host}{path}", host, path, region)


def _split(url: str) -> tuple[SplitResult, int | None] | None:
    # urlsplit would drop some of these characters without a word.
    if re.search(r"[\x00-\x20\x7f]", url):
        raise ConfigurationError("the endpoint URL must not contain white space or control characters")
    try:
        return (parts := urlsplit(url)), parts.port
    except ValueError:
        return None


def _host(name: str) -> str:
    """Return a host name as it is sent: in ASCII, with an IPv6 address in brackets."""
    if ":" in name:
        return f"[{name}]"
    ascii_name = name if name.isascii() else _in_ascii(name)
    # As resolvers have it: labels of at most 63 characters, and at most 253 in all. A dot may stand at the end.
    if len(ascii_name) > _LONGEST_HOST or not _HOST_NAME.fullmatch(ascii_name):
        raise ConfigurationError(
            "the host of the endpoint URL is not a host name: that consists of labels of 1 to 63 letters, digits, "
            "hyphens and underscores, separated by dots"
        )
    if _NUMBERS.fullmatch(ascii_name) and not _is_ipv4(ascii_name):
        raise ConfigurationError(
            "the host of the endpoint URL consists of numbers, but is not an IPv4 address of four numbers up to 255, "
            "without leading zeros"
        )
    return ascii_name


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _in_ascii(name: str) -> str:
    from yarl import URL  # noqa: PLC0415 - rarely needed, and not loaded yet in programs that only name credentials

    try:
        return URL.build(scheme="http", host=name).raw_host or ""
    except ValueError:
        return ""


def _path(path: str) -> str:
    """Return the prefix of all paths, without a slash at the end.

    Clients and servers may normalise what is refused here, and then the signature is of another path.
    """
    if not _PATH.fullmatch(path):
        raise ConfigurationError(
            "the path of the endpoint URL has a character that must be percent-encoded, or a malformed %-sequence"
        )
    if any(unquote(segment) in (".", "..") for segment in path.split("/")) or "//" in path:
        raise ConfigurationError("the path of the endpoint URL must not contain //, /./ or /../")
    return path.removesuffix("/")


_LONGEST_HOST = 253
_HOST_NAME = expression(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
#: aiohttp takes such a host for an IPv4 address, and refuses each request if it is none.
_NUMBERS = expression(r"[0-9.]+")
#: The characters of RFC 3986 that may stand in a path.
_PATH = expression(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*+")
