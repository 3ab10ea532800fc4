"""aiobotocore, which is botocore on aiohttp."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore import xform_name
from botocore.exceptions import ClientError
from support.clients.adapter import RefusedError
from support.clients.by_boto3 import CONFIG, checked, refusal

from detective_async.testing import DetectiveSimulator


class Aiobotocore:
    """One aiobotocore client for each account and region.

    Args:
        sim: the simulator that they use.
        stack: closes them.
    """

    def __init__(self, sim: DetectiveSimulator, stack: AsyncExitStack) -> None:
        self._sim = sim
        self._stack = stack
        self._session = get_session()
        self._clients: dict[tuple[str, str], Any] = {}

    async def call(self, operation: str, account: str, region: str, members: dict[str, Any]) -> dict[str, Any]:
        client = self._clients.get((account, region)) or await self._make(account, region)
        try:
            response: dict[str, Any] = await getattr(client, xform_name(operation))(**members)
        except ClientError as error:
            raise RefusedError(refusal(client, error)) from error
        return checked(operation, response)

    async def _make(self, account: str, region: str) -> Any:
        keys = self._sim.account(account)
        client = await self._stack.enter_async_context(
            self._session.create_client(
                "detective",
                region_name=region,
                endpoint_url=self._sim.url,
                aws_access_key_id=keys.access_key_id,
                aws_secret_access_key=keys.secret_access_key,
                config=AioConfig(**CONFIG),
            )
        )
        self._clients[account, region] = client
        return client


@asynccontextmanager
async def open_aiobotocore(sim: DetectiveSimulator) -> AsyncIterator[Aiobotocore]:
    async with AsyncExitStack() as stack:
        yield Aiobotocore(sim, stack)
