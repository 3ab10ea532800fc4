"""Whose credentials a client has."""

from detective_async.api.sts import GET_CALLER_IDENTITY, STS
from detective_async.auth import FixedCredentials
from detective_async.client.assume_role import AssumeRole, is_region_closed
from detective_async.client.client import DetectiveClient
from detective_async.errors import CredentialsError, DecodeError, DetectiveError, ServiceError, TransportError
from detective_async.settings.endpoints import home_region


async def caller_account(client: DetectiveClient) -> str:
    """Return the account of a client's credentials, over the client's connections.

    Operation: GetCallerIdentity of STS, which needs no permission, in the client's region. If the account has not
    enabled it, the STS of the region that every account has is called, such as `us-east-1`.

    Raises:
        ClientClosed: the client was closed.
        CredentialsError: there are no usable credentials.
        ServiceError: STS refused the credentials.
        TransportError: no response arrived.
        DecodeError: the response names no account.
    """
    home = home_region(client.region)
    try:
        return await _account_in(client, client.region)
    except DetectiveError as error:
        if home == client.region or not is_region_closed(client.region, error):
            raise
    return await _account_in(client, home)


async def account_of_credentials(client: DetectiveClient) -> str | None:
    """Return the account of the client's credentials, as they say or STS does; None if unknown.

    Raises:
        ClientClosed: the client was closed.
    """
    source = client._transport.credentials  # noqa: SLF001 - of our own class
    if isinstance(source, AssumeRole):
        return source.role_arn.split(":")[4]
    if isinstance(source, FixedCredentials) and source.credentials.account_id is not None:
        return source.credentials.account_id
    try:
        return await caller_account(client)
    except (CredentialsError, ServiceError, TransportError, DecodeError):
        # STS may not be reachable where Detective is; and if the credentials do not work, the next call says it better.
        return None


async def _account_in(client: DetectiveClient, region: str) -> str:
    transport = client._transport  # noqa: SLF001 - of our own class
    sts = transport.for_service(STS, credentials=transport.credentials, region=region, endpoint_url=None)
    return (await sts.call(GET_CALLER_IDENTITY, {})).account_id
