"""Whose credentials a client has."""

import asyncio

from detective_async.api.sts import GET_CALLER_IDENTITY, STS
from detective_async.auth import Credentials, FixedCredentials
from detective_async.client.assume_role import AssumeRole, is_region_closed
from detective_async.client.client import DetectiveClient
from detective_async.errors import ClientClosed, DetectiveError, ServiceError
from detective_async.http.pool import CLOSED_MEANWHILE
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


async def identified(client: DetectiveClient, known: dict[str, str]) -> tuple[str, DetectiveClient]:
    """Return the account of a client's credentials, as they say or STS does, and a client that stays with that account.

    The client itself may get keys of another account when they are renewed, even between two attempts of one call.

    Args:
        client: the client.
        known: the id of an access key -> its account; extended, so that STS is asked once for each key.

    Raises:
        DetectiveError: as for `caller_account`.
    """
    source = client._transport.credentials  # noqa: SLF001 - of our own class
    if isinstance(source, AssumeRole):
        # The role is assumed now, and not within the call: until that is done, nothing is known to have been sent.
        await _keys_of(client)
        return source.role_arn.split(":")[4], client
    if isinstance(source, FixedCredentials) and source.credentials.account_id is not None:
        return source.credentials.account_id, client
    keys = await _keys_of(client)
    pinned = client.with_options(credentials=keys)
    try:
        if keys.access_key_id not in known:
            known[keys.access_key_id] = await caller_account(pinned)
    except ServiceError as error:
        if not await has_other_keys(client, pinned, error):
            raise
        keys = await _keys_of(client)
        pinned = client.with_options(credentials=keys)
        known[keys.access_key_id] = await caller_account(pinned)
    account_id = known[keys.access_key_id]
    return account_id, pinned.with_options(account_id=account_id)


async def has_other_keys(client: DetectiveClient, pinned: DetectiveClient, error: ServiceError) -> bool:
    """Return whether a client has other keys by now, after AWS refused those of `pinned` as expired or unknown."""
    used = pinned._transport.credentials  # noqa: SLF001 - of our own class
    transport = client._transport  # noqa: SLF001 - of our own class
    if used is transport.credentials or not isinstance(used, FixedCredentials):
        # They are the client's own, which has got others already if there are any.
        return False
    keys = used.credentials
    return await transport.may_have_other_keys(keys, error, None) and await _keys_of(client) != keys


async def _keys_of(client: DetectiveClient) -> Credentials:
    """Return the keys that the client would sign with now."""
    transport = client._transport  # noqa: SLF001 - of our own class
    connections = transport.pool.connections(asyncio.get_running_loop())
    try:
        return await connections.wait(transport._fetch_credentials(transport.credentials), None)  # noqa: SLF001
    except TimeoutError:
        raise ClientClosed(CLOSED_MEANWHILE) from None


async def _account_in(client: DetectiveClient, region: str) -> str:
    transport = client._transport  # noqa: SLF001 - of our own class
    sts = transport.for_service(STS, credentials=transport.credentials, region=region, endpoint_url=None)
    return (await sts.call(GET_CALLER_IDENTITY, {})).account_id
