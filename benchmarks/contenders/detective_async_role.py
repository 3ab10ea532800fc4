"""detective-async with a role: it is assumed before the first call, and its keys are cached from then on."""

from functools import partial

from world import ACCOUNT_ID, STS_REGION, role_arn

from contenders import detective_async_client
from detective_async import AssumeRole

open_client = partial(
    detective_async_client.open_client, credentials=AssumeRole(role_arn(ACCOUNT_ID), region=STS_REGION)
)
