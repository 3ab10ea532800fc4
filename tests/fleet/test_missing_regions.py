"""A host name that does not exist is distinguished from a name server that fails.

What it says of the region is in `test_missing_hosts`.
"""

import asyncio
import errno
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from support.fakes import FakeTime

from detective_async import (
    ConnectError,
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    HostNotFound,
    OutcomeKind,
    RetryPolicy,
    Target,
)
from fleet.counting_server import accounts

NOWHERE = "me-north-1"
KEYS = Credentials("a", "b")
#: A port that refuses connections: reached only after the name was resolved.
REFUSED = ("127.0.0.1", 9)


class DNSError(Exception):
    """aiodns's exception with an error number of c-ares; the cause of aiohttp's error."""


class Stub(AbstractResolver):
    """Resolves all names except those of one region.

    Args:
        error: the error to raise.
    """

    def __init__(self, error: OSError, cause: Exception | None = None) -> None:
        self.error = error
        self.error.__cause__ = cause
        self.asked: list[str] = []

    async def resolve(
        self,
        host: str,
        port: int = 0,  # noqa: ARG002 - aiohttp's signature
        family: socket.AddressFamily = socket.AF_INET,
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if NOWHERE in host:
            raise self.error
        where, at = REFUSED
        return [{"hostname": host, "host": where, "port": at, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


NO_NAME: dict[str, tuple[OSError, Exception | None]] = {
    "no name": (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), None),
    "no address": (socket.gaierror(socket.EAI_NODATA, "No address associated with hostname"), None),
    "aiodns: no name": (OSError(None, "Domain name not found"), DNSError(4, "Domain name not found")),
    "aiodns: no address": (OSError(None, "no data"), DNSError(1, "DNS server returned answer with no data")),
}
NO_SERVER: dict[str, tuple[OSError, Exception | None]] = {
    "try again": (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), None),
    "aiodns: refused": (OSError(None, "refused"), DNSError(11, "Could not contact DNS servers")),
    "aiodns: no number": (OSError(None, "?"), DNSError()),
    "another library": (OSError(None, "?"), ValueError(4)),
    "no cause": (OSError(errno.ENETUNREACH, "Network is unreachable"), None),
}


async def call(stub: AbstractResolver, fake_time: FakeTime, **options: Any) -> dict[str, Any]:
    """Call an existing region, which refuses connections, and a missing one; return the outcomes by region."""
    targets = [Target(accounts(1)[0], region, KEYS) for region in ("eu-west-1", NOWHERE)]
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=stub)) as session,
        DetectiveFleet(targets, session=session, clock=fake_time.clock(), **options) as fleet,
    ):
        outcomes = [outcome async for outcome in fleet.run(lambda client, _: client.list_graphs())]
    return {outcome.target.region: outcome for outcome in outcomes}


@pytest.mark.parametrize("case", NO_NAME)
async def test_name_does_not_exist(case: str, fake_time: FakeTime) -> None:
    """It has an error of its own; another host that refuses connections says nothing of it."""
    stub = Stub(*NO_NAME[case])
    outcomes = await call(stub, fake_time)
    missing, existing = outcomes[NOWHERE], outcomes["eu-west-1"]
    assert missing.kind is OutcomeKind.FAILED
    assert type(missing.error) is HostNotFound
    assert missing.error.host == f"api.detective.{NOWHERE}.amazonaws.com"
    assert not missing.error.outcome_unknown
    assert f"cannot connect to api.detective.{NOWHERE}.amazonaws.com" in str(missing.error)
    assert (existing.kind, type(existing.error)) == (OutcomeKind.FAILED, ConnectError)
    assert stub.asked.count(f"api.detective.{NOWHERE}.amazonaws.com") == missing.error.attempts


@pytest.mark.parametrize("case", NO_SERVER)
async def test_name_server_fails(case: str, fake_time: FakeTime) -> None:
    """It is a failure: the region may exist."""
    outcome = (await call(Stub(*NO_SERVER[case]), fake_time))[NOWHERE]
    assert (outcome.kind, type(outcome.error)) == (OutcomeKind.FAILED, ConnectError)


@pytest.mark.parametrize("configured_by", ["option", "environment"])
async def test_custom_endpoint(configured_by: str, fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A custom endpoint whose name does not exist is a failure in all regions."""
    url = f"https://{NOWHERE}.example.com"
    if configured_by == "environment":
        monkeypatch.setenv("AWS_ENDPOINT_URL_DETECTIVE", url)
    options = {"endpoint_url": url} if configured_by == "option" else {}
    outcomes = await call(Stub(*NO_NAME["no name"]), fake_time, **options)
    assert len(outcomes) == 2
    for outcome in outcomes.values():
        assert (outcome.kind, type(outcome.error)) == (OutcomeKind.FAILED, HostNotFound)


async def test_system_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver is recognized, which aiohttp uses without aiodns."""

    async def getaddrinfo(host: str, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, f"unknown name {host}")

    monkeypatch.setattr("aiohttp.connector.DefaultResolver", ThreadedResolver)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with DetectiveClient(region=NOWHERE, credentials=KEYS, retry=RetryPolicy(max_attempts=1)) as client:
        with pytest.raises(HostNotFound, match=r"unknown name api\.detective\.me-north-1"):
            await client.list_graphs()
