"""The simulated operations, and the encoding of errors."""

from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator, Failure, Fault
from detective_async.testing.services import detective, sts
from detective_async.testing.services.detective import rest_json
from detective_async.testing.services.model import error_statuses, service_model


def test_all_operations_of_detective_are_simulated() -> None:
    """The table of operations has the same names as botocore's model."""
    assert set(detective.OPERATIONS) == set(rest_json.operations()) == set(service_model().operation_names)
    assert len(detective.OPERATIONS) == 29


def test_the_operations_of_sts_exist() -> None:
    """The simulated operations of STS are in botocore's model."""
    assert set(sts.OPERATIONS) <= set(service_model("sts").operation_names)


@pytest.mark.parametrize("code", sorted(error_statuses()))
async def test_each_modelled_error_is_boto3s_own_exception(sim: DetectiveSimulator, boto: Any, code: str) -> None:
    """Every error that the API documents arrives as boto3's class for it, with its status and its message."""
    sim.inject(Fault(Failure(error_statuses()[code], code, "because")))
    refused = await boto().refused(code, "list_graphs")
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == error_statuses()[code]
    assert refused["Error"]["Message"] == "because"
