"""The aiohttp session that a client has opened."""

import asyncio

import aiohttp

from detective_async import DetectiveClient


def session_of(client: DetectiveClient) -> aiohttp.ClientSession | None:
    """Return the client's session in the running event loop; None if it has not opened one."""
    connections = client._transport.pool._of_loops.get(asyncio.get_running_loop())
    return None if connections is None else connections._reusing
