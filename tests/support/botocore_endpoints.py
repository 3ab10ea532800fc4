"""botocore's partitions, regions and endpoint rules."""

from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import Loader

_LOADER = Loader()
PARTITIONS = _LOADER.load_data("partitions")
#: All regions of all partitions, and regions that do not exist yet.
REGIONS = sorted(
    {region for partition in PARTITIONS["partitions"] for region in partition["regions"] if "-global" not in region}
    | {"eu-north-9", "cn-south-9", "us-gov-north-9", "us-iso-north-9", "mars-1", "eusc-de-west-9"}
)


def rules_of(service: str) -> EndpointProvider:
    """Return the endpoint rules of a service."""
    return EndpointProvider(_LOADER.load_service_model(service, "endpoint-rule-set-1"), PARTITIONS)
