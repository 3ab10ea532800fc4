"""A region that has no Detective has no host of that name: that is told from a name server that does not answer."""

import asyncio
import errno
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import AsyncResolver, ThreadedResolver
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
from fleet.gauge import accounts

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
async def test_a_name_that_does_not_exist(case: str, fake_time: FakeTime) -> None:
    """The region is unavailable; a region whose host cannot be connected to has failed."""
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
async def test_a_name_server_that_does_not_answer(case: str, fake_time: FakeTime) -> None:
    """That says nothing of the region: it has failed."""
    outcome = (await ask(Stub(*NO_SERVER[case]), fake_time))[NOWHERE]
    assert (outcome.kind, type(outcome.error)) == (OutcomeKind.FAILED, ConnectError)


async def test_an_endpoint_of_ones_own_is_no_region(fake_time: FakeTime) -> None:
    """Its name was misspelt, and in all regions at once: that is a failure."""
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


async def test_the_systems_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a session of our own, by way of what aiohttp uses where aiodns is not installed."""

    async def getaddrinfo(host: str, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, f"nobody knows {host}")

    monkeypatch.setattr("aiohttp.connector.DefaultResolver", ThreadedResolver)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with DetectiveClient(region=NOWHERE, credentials=KEYS, retry=RetryPolicy(max_attempts=1)) as client:
        with pytest.raises(HostNotFound, match=r"nobody knows api\.detective\.me-north-1"):
            await client.list_graphs()


async def test_aiodns_says_it_in_that_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers that are compared with are those of the library itself, where it is installed."""
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
