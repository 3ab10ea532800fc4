"""boto3, whose blocking calls run in threads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from support.clients.adapter import ERROR_SHAPES, Refusal, RefusedError
from support.contract.api import SERVICE_MODEL

from detective_async.testing import DetectiveSimulator

CONFIG = {"retries": {"mode": "standard", "total_max_attempts": 1}}


class Boto3:
    """One boto3 client for each account and region."""

    def __init__(self, sim: DetectiveSimulator) -> None:
        self._sim = sim
        self._session = boto3.Session()
        self._clients: dict[tuple[str, str], Any] = {}

    async def call(self, operation: str, account: str, region: str, members: dict[str, Any]) -> dict[str, Any]:
        client = self._clients.get((account, region)) or self._make(account, region)
        try:
            response: dict[str, Any] = await asyncio.to_thread(getattr(client, xform_name(operation)), **members)
        except ClientError as error:
            raise RefusedError(refusal(client, error)) from error
        return checked(operation, response)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _make(self, account: str, region: str) -> Any:
        keys = self._sim.account(account)
        client = self._session.client(
            "detective",
            region_name=region,
            endpoint_url=self._sim.url,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            config=Config(**CONFIG),
        )
        self._clients[account, region] = client
        return client


def checked(operation: str, response: dict[str, Any]) -> dict[str, Any]:
    """Check the metadata that botocore adds to a response, and remove them."""
    metadata = response.pop("ResponseMetadata")
    assert metadata["HTTPStatusCode"] == SERVICE_MODEL.operation_model(operation).http.get("responseCode", 200)
    assert metadata["RequestId"]
    assert metadata["RetryAttempts"] == 0
    return response


def refusal(client: Any, error: ClientError) -> Refusal:
    """Convert an error of a botocore client, which must be of the client's class for its code."""
    reported, metadata = error.response["Error"], error.response["ResponseMetadata"]
    code = reported["Code"]
    assert type(error) is (getattr(client.exceptions, code) if code in ERROR_SHAPES else ClientError)
    members = {name: error.response[name] for name in _members(code) if name in error.response}
    return Refusal(code, reported["Message"], error.operation_name, metadata["HTTPStatusCode"], members)


def _members(code: str) -> set[str]:
    return ERROR_SHAPES[code].members.keys() - {"Message"} if code in ERROR_SHAPES else set()


@asynccontextmanager
async def open_boto3(sim: DetectiveSimulator) -> AsyncIterator[Boto3]:
    adapter = Boto3(sim)
    try:
        yield adapter
    finally:
        adapter.close()
