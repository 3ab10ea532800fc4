"""A region without Detective has no host name; that is distinguished from a name server that fails."""

import asyncio
import errno
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import AsyncResolver, ThreadedResolver
from fakes import FakeTime

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
#: Where nobody listens: to get as far as this, a name was found.
REFUSED = ("127.0.0.1", 9)


class DNSError(Exception):
    """What aiodns raises, with a number of c-ares; aiohttp's error has it as its cause."""


class Stub(AbstractResolver):
    """Knows all names but those of one region, or knows none at all.

    Args:
        error: what is raised, and its cause.
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
    "aiodns: nothing said": (OSError(None, "?"), DNSError()),
    "another library": (OSError(None, "?"), ValueError(4)),
    "nothing known": (OSError(errno.ENETUNREACH, "Network is unreachable"), None),
}


async def ask(stub: AbstractResolver, fake_time: FakeTime, **options: Any) -> dict[str, Any]:
    """Ask in a region that is there, where nobody listens, and in one that is not; the outcomes by region."""
    targets = [Target(accounts(1)[0], region, KEYS) for region in ("eu-west-1", NOWHERE)]
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=stub)) as session,
        DetectiveFleet(targets, session=session, clock=fake_time.clock(), **options) as fleet,
    ):
        outcomes = [outcome async for outcome in fleet.run(lambda client, _: client.list_graphs())]
    return {outcome.target.region: outcome for outcome in outcomes}


@pytest.mark.parametrize("case", NO_NAME)
async def test_name_does_not_exist(case: str, fake_time: FakeTime) -> None:
    """The region is unavailable; a host that refuses connections is a failure."""
    stub = Stub(*NO_NAME[case])
    outcomes = await ask(stub, fake_time)
    gone, there = outcomes[NOWHERE], outcomes["eu-west-1"]
    assert gone.kind is OutcomeKind.REGION_UNAVAILABLE
    assert type(gone.error) is HostNotFound
    assert not gone.error.outcome_unknown
    assert f"cannot connect to api.detective.{NOWHERE}.amazonaws.com" in str(gone.error)
    assert (there.kind, type(there.error)) == (OutcomeKind.FAILED, ConnectError)
    assert stub.asked.count(f"api.detective.{NOWHERE}.amazonaws.com") == gone.error.attempts


@pytest.mark.parametrize("case", NO_SERVER)
async def test_name_server_fails(case: str, fake_time: FakeTime) -> None:
    """It is a failure: the region may exist."""
    outcome = (await ask(Stub(*NO_SERVER[case]), fake_time))[NOWHERE]
    assert (outcome.kind, type(outcome.error)) == (OutcomeKind.FAILED, ConnectError)


async def test_custom_endpoint(fake_time: FakeTime) -> None:
    """A custom endpoint whose name does not exist is a failure in all regions."""
    outcomes = await ask(Stub(*NO_NAME["no name"]), fake_time, endpoint_url=f"https://{NOWHERE}.example.com")
    assert len(outcomes) == 2
    for outcome in outcomes.values():
        assert (outcome.kind, type(outcome.error)) == (OutcomeKind.FAILED, HostNotFound)


async def test_an_endpoint_of_ones_own_from_the_environment(
    fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likewise."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DETECTIVE", f"https://{NOWHERE}.example.com")
    for outcome in (await ask(Stub(*NO_NAME["no name"]), fake_time)).values():
        assert (outcome.kind, type(outcome.error)) == (OutcomeKind.FAILED, HostNotFound)


async def test_system_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver is recognized, which aiohttp uses without aiodns."""

    async def getaddrinfo(host: str, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, f"nobody knows {host}")

    monkeypatch.setattr("aiohttp.connector.DefaultResolver", ThreadedResolver)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with DetectiveClient(region=NOWHERE, credentials=KEYS, retry=RetryPolicy(max_attempts=1)) as client:
        with pytest.raises(HostNotFound, match=r"nobody knows api\.detective\.me-north-1"):
            await client.list_graphs()


async def test_aiodns_error_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers are aiodns's own, if it is installed."""
    aiodns = pytest.importorskip("aiodns")
    errors = {4: HostNotFound, 1: HostNotFound, 11: ConnectError}
    for number, kind in errors.items():

        async def getaddrinfo(*_: object, number: int = number, **__: object) -> None:
            raise aiodns.error.DNSError(number, "from c-ares")

        resolver = AsyncResolver()
        monkeypatch.setattr(resolver._resolver, "getaddrinfo", getaddrinfo)
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as session,
            DetectiveClient(
                region=NOWHERE, credentials=KEYS, session=session, retry=RetryPolicy(max_attempts=1)
            ) as client,
        ):
            with pytest.raises(ConnectError) as caught:
                await client.list_graphs()
        assert type(caught.value) is kind
        await resolver.close()
    assert aiodns.error.ARES_ENOTFOUND == 4
    assert aiodns.error.ARES_ENODATA == 1
