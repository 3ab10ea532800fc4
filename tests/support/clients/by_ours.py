"""Our own client, and one that `with_options` derives from it for each account and region."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from support.clients.adapter import ERROR_SHAPES, REGION, Refusal, RefusedError
from support.contract.api import SERVICE_MODEL, our_method
from support.contract.conversion import as_plain, our_arguments

import detective_async
from detective_async import DetectiveClient, RetryPolicy, ServiceError
from detective_async.api.wire import wire_name
from detective_async.testing import DetectiveSimulator


class Ours:
    """Our client.

    Args:
        sim: has the credentials of the accounts.
        client: from which all others are derived.
    """

    def __init__(self, sim: DetectiveSimulator, client: DetectiveClient) -> None:
        self._sim = sim
        self._client = client

    async def call(self, operation: str, account: str, region: str, members: dict[str, Any]) -> dict[str, Any]:
        client = self._client.with_options(region=region, credentials=self._sim.account(account))
        model = SERVICE_MODEL.operation_model(operation)
        arguments = our_arguments(model.input_shape, members, enums=True)
        try:
            response = await getattr(client, our_method(operation))(**arguments)
        except ServiceError as error:
            raise RefusedError(_refusal(error)) from error
        if model.output_shape is None:
            assert response is None
            return {}
        assert type(response).__name__ == model.output_shape.name
        assert response.response_metadata.request_id
        assert response.response_metadata.attempts == 1
        read: dict[str, Any] = as_plain(response)
        return read


def _refusal(error: ServiceError) -> Refusal:
    assert type(error) is (getattr(detective_async, error.code) if error.code in ERROR_SHAPES else ServiceError)
    values = {wire_name(attribute): getattr(error, attribute) for attribute, _ in error.wire_members.values()}
    members = {name: value for name, value in values.items() if value not in (None, [])}
    return Refusal(error.code, error.message, error.operation, error.status, members)


@asynccontextmanager
async def open_ours(sim: DetectiveSimulator) -> AsyncIterator[Ours]:
    async with DetectiveClient(region=REGION, endpoint_url=sim.url, retry=RetryPolicy(max_attempts=1)) as client:
        yield Ours(sim, client)
