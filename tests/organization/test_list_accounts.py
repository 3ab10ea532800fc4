"""The accounts of an organization, listed over the client's own connections."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.fakes import FakeTime
from support.wire_server import Request, serving

from detective_async import Credentials, DetectiveClient, PaginationError, ParameterError, RetryPolicy, ServiceError
from detective_async.organization import AccountStatus, OrganizationAccount, list_accounts
from detective_async.testing import DetectiveSimulator, Failure, Fault, Throttle

MANAGEMENT, OUTSIDER = "999999999999", "333333333333"
MEMBERS = [f"{number:012}" for number in range(1, 43)]


@pytest.fixture
async def management(sim: DetectiveSimulator) -> AsyncIterator[DetectiveClient]:
    sim.account(MEMBERS[0], "one@example.com", name="The first one")
    sim.organization(MANAGEMENT, MEMBERS)
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=sim.account(MANAGEMENT)) as client:
        yield client


async def test_all_accounts(sim: DetectiveSimulator, management: DetectiveClient) -> None:
    """Page after page, typed, whatever their status; addresses are masked."""
    sim.set_account_state(MEMBERS[1], "SUSPENDED")
    accounts = await list_accounts(management)
    assert [one.account_id for one in accounts] == [*MEMBERS, MANAGEMENT]
    first = OrganizationAccount(MEMBERS[0], "one@example.com", "The first one", AccountStatus.ACTIVE)
    assert accounts[0] == first
    assert first.ok
    assert "one@" not in repr(first)
    assert (accounts[1].status, accounts[1].ok) == (AccountStatus.SUSPENDED, False)
    assert [(one.operation, one.region) for one in sim.requests] == [("ListAccounts", "us-east-1")] * 3


@pytest.mark.parametrize("effect", [Throttle(), Failure(503, "ServiceUnavailable", "later")])
async def test_bursts(sim: DetectiveSimulator, effect: Throttle | Failure) -> None:
    """Pages are asked for as patiently as other jobs ask, unless the client's policy says otherwise."""
    sim.organization(MANAGEMENT, MEMBERS)
    async with DetectiveClient(
        region="eu-west-1",
        endpoint_url=sim.url,
        credentials=sim.account(MANAGEMENT),
        clock=FakeTime().clock(real_dates=True),
    ) as client:
        sim.inject(Fault(effect, "ListAccounts", count=7))
        assert len(await list_accounts(client)) == len(MEMBERS) + 1
        sim.inject(Fault(effect, "ListAccounts", count=7))
        with pytest.raises(ServiceError):
            await list_accounts(client.with_options(retry=RetryPolicy(max_attempts=2)))


async def test_no_client() -> None:
    """It is said, and not that the object lacks a part."""
    wrong: Any = None
    with pytest.raises(ParameterError, match=r"^client: expected the client of .*, got NoneType"):
        await list_accounts(wrong)


async def test_refusals(sim: DetectiveSimulator, management: DetectiveClient) -> None:
    """Accounts that may not, or are in no organization, get AWS's error."""
    for account_id, code in ((MEMBERS[0], "AccessDeniedException"), (OUTSIDER, "AWSOrganizationsNotInUseException")):
        with pytest.raises(ServiceError) as caught:
            await list_accounts(management.with_options(credentials=sim.account(account_id)))
        assert (caught.value.code, caught.value.operation) == (code, "ListAccounts")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"Status": "ACTIVE"}, AccountStatus.ACTIVE),
        ({"State": "CLOSED", "Status": "SUSPENDED"}, AccountStatus.CLOSED),
        ({"State": "ADDED_TOMORROW"}, "ADDED_TOMORROW"),
        ({}, ""),
    ],
)
async def test_states(status: Any, expected: str) -> None:
    """AWS retires `Status` for `State`; unknown and missing ones are not active, and keep their names."""

    def react(request: Request) -> None:
        assert request.header("x-amz-target") == "AWSOrganizationsV20161128.ListAccounts"
        assert request.header("content-type") == "application/x-amz-json-1.1"
        request.answer(json.dumps({"Accounts": [{"Id": MEMBERS[0], **status}]}).encode())

    async with serving(react) as server, _client(server.url) as client:
        assert await list_accounts(client) == [OrganizationAccount(MEMBERS[0], "", "", AccountStatus(expected))]


async def test_account_on_two_pages() -> None:
    """It is there once, with its later state: the pages move if others join or leave meanwhile."""
    pages = [
        {"Accounts": [{"Id": one, "State": "ACTIVE"} for one in MEMBERS[:2]], "NextToken": "more"},
        {"Accounts": [{"Id": MEMBERS[0], "State": "SUSPENDED"}]},
    ]
    async with (
        serving(lambda request: request.answer(json.dumps(pages.pop(0)).encode())) as server,
        _client(server.url) as client,
    ):
        found = await list_accounts(client)
    assert [(one.account_id, one.status) for one in found] == [(MEMBERS[0], "SUSPENDED"), (MEMBERS[1], "ACTIVE")]


async def test_repeated_token() -> None:
    """Following it would never end."""
    body = b'{"Accounts": [], "NextToken": "same"}'
    async with serving(lambda request: request.answer(body)) as server, _client(server.url) as client:
        with pytest.raises(PaginationError, match="ListAccounts"):
            await list_accounts(client)


async def test_the_environments_endpoint(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """`AWS_ENDPOINT_URL_ORGANIZATIONS` counts, as for the AWS SDKs."""
    sim.organization(MANAGEMENT)
    monkeypatch.setenv("AWS_ENDPOINT_URL_ORGANIZATIONS", sim.url)
    async with DetectiveClient(region="us-gov-east-1", credentials=sim.account(MANAGEMENT)) as client:
        assert [one.account_id for one in await list_accounts(client)] == [MANAGEMENT]
    assert [one.region for one in sim.requests] == ["us-gov-west-1"]


def _client(url: str) -> DetectiveClient:
    return DetectiveClient(region="eu-west-1", endpoint_url=url, credentials=Credentials("a", "b"))
