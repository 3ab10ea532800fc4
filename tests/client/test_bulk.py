"""Bulk operations: splitting, concurrency, merging, and chunks that fail."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from attrs import AttrsInstance
from support.sessions import session_of
from support.waits import invited
from support.wire_server import until

from detective_async import (
    AccessDeniedException,
    Account,
    ConnectionLost,
    CreateMembersResponse,
    Credentials,
    DetectiveClient,
    DetectiveError,
    DetectiveFleet,
    GetMembersResponse,
    ParameterError,
    ResponseMetadata,
    RetryPolicy,
    Target,
    UnprocessedAccount,
)
from detective_async.api.models.constraints import GRAPH_ARN
from detective_async.api.operations import Operation
from detective_async.client.bulk import Bulk
from detective_async.client.bulk_results import BulkGetMembers, ChunkFailure
from detective_async.membership.execution import Execution
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Latency

ADMINISTRATOR = "111122223333"
ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16
# Not sorted, so that the requested order differs from the order of the account ids.
IDS = [f"{number:012d}" for number in range(130, 0, -1)]
ACCOUNTS = [Account(one, f"account-{one}@example.com") for one in IDS]
DENIED = Failure(403, "AccessDeniedException", "no, said root@example.com")


@pytest.fixture
async def graph_arn(client: DetectiveClient) -> str:
    return (await client.create_graph()).graph_arn


def sizes(sim: DetectiveSimulator, operation: str, member: str) -> list[int]:
    """Return the numbers of items in the requests of an operation, the largest first."""
    bodies = [json.loads(request.body) for request in sim.requests if request.operation == operation]
    return sorted((len(body[member]) for body in bodies), reverse=True)


class FakeTransport:
    """A transport that calls a function for each request, and counts concurrent requests."""

    def __init__(self, respond: Callable[[Any], Awaitable[object]]) -> None:
        self.respond = respond
        self.running = 0
        self.most = 0

    async def call(self, _operation: Operation[Any], request: AttrsInstance) -> object:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0)
            return await self.respond(request)
        finally:
            self.running -= 1

    @property
    def bulk(self) -> Bulk:
        return Bulk(self)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_members_are_returned_in_the_requested_order(
    client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str
) -> None:
    """130 accounts are sent in three requests."""
    result = await client.bulk.create_members(graph_arn, ACCOUNTS)
    assert [member.account_id for member in result.members] == IDS
    assert (result.unprocessed_accounts, result.failures) == ([], [])
    assert sizes(sim, "CreateMembers", "Accounts") == [50, 50, 30]

    got = await client.bulk.get_members(graph_arn, IDS)
    assert [member.account_id for member in got.member_details] == IDS
    assert (got.unprocessed_accounts, got.failures) == ([], [])
    assert sizes(sim, "GetMembers", "AccountIds") == [50, 50, 30]


async def test_datasources_of_members(client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str) -> None:
    """Requests have up to 200 accounts; results and accounts that were not found are in the requested order."""
    strangers = [f"9{number:011d}" for number in range(100, 0, -1)]
    await client.bulk.create_members(graph_arn, ACCOUNTS)
    result = await client.bulk.get_graph_member_datasources(graph_arn, [*strangers, *IDS])
    assert [one.account_id for one in result.member_datasources] == IDS
    assert [one.account_id for one in result.unprocessed_accounts] == strangers
    assert {one.reason for one in result.unprocessed_accounts} == {"Account is not a member"}
    assert result.failures == []
    assert sizes(sim, "BatchGetGraphMemberDatasources", "AccountIds") == [200, 30]


async def test_datasources_of_memberships(client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str) -> None:
    """Requests have up to 50 graphs; the account is a member of one of 60."""
    others = [f"arn:aws:detective:eu-west-1:444455556666:graph:{number:032x}" for number in range(59, 0, -1)]
    result = await client.bulk.get_membership_datasources([*others, graph_arn])
    assert [one.graph_arn for one in result.membership_datasources] == [graph_arn]
    assert [one.graph_arn for one in result.unprocessed_graphs] == others
    assert result.failures == []
    assert sizes(sim, "BatchGetMembershipDatasources", "GraphArns") == [50, 10]


async def test_removing_members(client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str) -> None:
    """Accounts that were removed, and those that were no members, are in the requested order."""
    await client.bulk.create_members(graph_arn, ACCOUNTS[:100])
    result = await client.bulk.delete_members(graph_arn, IDS)
    assert result.account_ids == IDS[:100]
    assert [one.account_id for one in result.unprocessed_accounts] == IDS[100:]
    assert result.failures == []
    assert sizes(sim, "DeleteMembers", "AccountIds") == [50, 50, 30]
    assert await client.iter_members(graph_arn).collect() == []


async def test_unprocessed_accounts_of_all_chunks(client: DetectiveClient, graph_arn: str) -> None:
    """Each has its reason."""
    already = [ACCOUNTS[7], ACCOUNTS[60], ACCOUNTS[129]]
    await client.create_members(graph_arn, already)
    result = await client.bulk.create_members(graph_arn, [*ACCOUNTS, Account(ADMINISTRATOR, "root@example.com")])
    assert result.unprocessed_accounts == [
        *(UnprocessedAccount(account_id=one.account_id, reason="Account is already a member") for one in already),
        UnprocessedAccount(account_id=ADMINISTRATOR, reason="Account is the administrator of the behavior graph"),
    ]
    assert len(result.members) == 127


async def test_other_parameters_are_in_every_request(
    client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str
) -> None:
    """Each request has the message and the setting for e-mails."""
    await client.bulk.create_members(graph_arn, ACCOUNTS, message="Hello", disable_email_notification=True)
    bodies = [json.loads(request.body) for request in sim.requests if request.operation == "CreateMembers"]
    assert [(body["Message"], body["DisableEmailNotification"]) for body in bodies] == [("Hello", True)] * 3


async def test_any_iterable_is_accepted(client: DetectiveClient, graph_arn: str) -> None:
    """A generator is iterated once."""
    result = await client.bulk.create_members(graph_arn, (account for account in ACCOUNTS))
    assert [member.account_id for member in result.members] == IDS


async def test_a_chunk_that_fails(
    client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its accounts are in `failures` with the error, a warning is logged, and the other chunks are sent."""
    sim.inject(Fault(DENIED, operation="CreateMembers"))
    with caplog.at_level(logging.WARNING, "detective_async.bulk"):
        result = await client.bulk.create_members(graph_arn, ACCOUNTS, concurrency=1)
    (failure,) = result.failures
    assert failure.items == IDS[:50]
    assert isinstance(failure.error, AccessDeniedException)
    assert [member.account_id for member in result.members] == IDS[50:]
    assert {member.account_id async for member in client.iter_members(graph_arn)} == set(IDS[50:])
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("detective_async.bulk", logging.WARNING)
    assert record.getMessage() == f"CreateMembers for 50 of the accounts failed: {failure.error}"
    assert failure.error.operation == vars(record)["operation"] == "CreateMembers"
    assert "CreateMembers" in str(failure.error)
    assert vars(record)["error_code"] == "AccessDeniedException"
    assert vars(record)["items"] == IDS[:50]
    assert "@" not in f"{caplog.text} {result!r}"


async def test_a_chunk_without_a_response(client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str) -> None:
    """Its error has an unknown outcome."""
    sim.inject(Fault(Drop("after"), operation="DeleteMembers", count=3))
    await client.bulk.create_members(graph_arn, ACCOUNTS)
    impatient = client.with_options(retry=RetryPolicy(max_attempts=3, initial_backoff=0.01))
    result = await impatient.bulk.delete_members(graph_arn, IDS, concurrency=1)
    (failure,) = result.failures
    assert isinstance(failure.error, ConnectionLost)
    assert failure.error.outcome_unknown
    assert result.account_ids == IDS[50:]


async def test_all_chunks_fail(client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str) -> None:
    """Nothing is raised; all accounts are in the failures, in the requested order."""
    sim.inject(Fault(DENIED, count=None))
    result = await client.bulk.get_members(graph_arn, IDS)
    assert [one for failure in result.failures for one in failure.items] == IDS
    assert (result.member_details, result.unprocessed_accounts, result.response_metadata) == ([], [], [])


async def test_failures_of_graphs(client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str) -> None:
    """The items of a chunk of graphs are ARNs."""
    sim.inject(Fault(DENIED))
    result = await client.bulk.get_membership_datasources([graph_arn])
    (failure,) = result.failures
    assert failure.items == [graph_arn]


async def test_the_order_does_not_depend_on_the_responses() -> None:
    """Results are merged in the requested order; items that were not requested come last."""
    (unrequested,) = invited("999999999999")

    async def respond(request: Any) -> GetMembersResponse:
        ids: list[str] = request.account_ids
        # The first chunk ends last.
        for _ in range(200 - IDS.index(ids[0])):
            await asyncio.sleep(0)
        if ids[0] == IDS[50]:
            raise DetectiveError("the second one")
        if ids[0] == IDS[100]:
            raise DetectiveError("the third one")
        return GetMembersResponse(
            member_details=[unrequested, *invited(*sorted(ids)[:40])],
            unprocessed_accounts=[UnprocessedAccount(account_id=one, reason="no") for one in sorted(ids)[40:]],
            response_metadata=ResponseMetadata(request_id=ids[0]),
        )

    ids = [*IDS, *(f"8{number:011d}" for number in range(50, 0, -1))][:150]
    result = await FakeTransport(respond).bulk.get_members(ARN, ids)
    assert [one.account_id for one in result.member_details] == [*IDS[10:50], "999999999999"]
    assert [one.account_id for one in result.unprocessed_accounts] == IDS[:10]
    assert [str(failure.error) for failure in result.failures] == ["the second one", "the third one"]
    assert [one.request_id for one in result.response_metadata] == [IDS[0]]


@pytest.mark.parametrize(("concurrency", "most"), [(None, 8), (3, 3), (100, 24)])
async def test_the_number_of_concurrent_requests(concurrency: int | None, most: int) -> None:
    """It reaches the maximum and does not exceed it; the default is 8."""

    async def respond(_request: Any) -> CreateMembersResponse:
        await asyncio.sleep(0)
        return CreateMembersResponse()

    service = FakeTransport(respond)
    accounts = [Account(f"{number:012d}", "root@example.com") for number in range(1200)]
    bulk = service.bulk
    await (
        bulk.create_members(ARN, accounts, concurrency=concurrency)
        if concurrency
        else bulk.create_members(ARN, accounts)
    )
    assert service.most == most


def replaced(index: int, account: object) -> list[Any]:
    """Return all accounts, with one of them replaced."""
    return [*ACCOUNTS[:index], account, *ACCOUNTS[index + 1 :]]


BAD_INPUT: list[tuple[str, Callable[[Bulk], Awaitable[object]]]] = [
    ("accounts: must not be empty", lambda bulk: bulk.create_members(ARN, [])),
    ("account_ids: must not be empty", lambda bulk: bulk.get_members(ARN, [])),
    ("account_ids: must not be empty", lambda bulk: bulk.delete_members(ARN, iter(()))),
    ("account_ids: must not be empty", lambda bulk: bulk.get_graph_member_datasources(ARN, [])),
    ("graph_arns: must not be empty", lambda bulk: bulk.get_membership_datasources([])),
    (
        "accounts[73].email_address: expected an e-mail address (name@domain.tld), but the value given is not one",
        lambda bulk: bulk.create_members(ARN, replaced(73, Account(IDS[73], "somebody@nowhere"))),
    ),
    (
        "accounts[73].account_id: expected an account id (12 digits, as a string), got 3 characters",
        lambda bulk: bulk.create_members(ARN, replaced(73, Account("123", "root@example.com"))),
    ),
    ("accounts[73]: expected an Account, got a str", lambda bulk: bulk.create_members(ARN, replaced(73, IDS[73]))),
    (
        f"accounts[73].account_id: {IDS[2]} is there already, as accounts[2]",
        lambda bulk: bulk.create_members(ARN, replaced(73, Account(IDS[2], "another@example.com"))),
    ),
    (
        "account_ids[7]: 123456789012 is there already, as account_ids[2]",
        lambda bulk: bulk.get_members(ARN, [*IDS[:2], "123456789012", *IDS[2:6], "123456789012"]),
    ),
    (
        "graph_arns[1]: " + ARN + " is there already, as graph_arns[0]",
        lambda bulk: bulk.get_membership_datasources([ARN] * 2),
    ),
    ("account_ids: expected a list, got a str", lambda bulk: bulk.get_members(ARN, IDS[0])),
    (
        "account_ids[129]: expected an account id (12 digits, as a string), got an int",
        lambda bulk: bulk.delete_members(ARN, [*IDS[:129], 123456789012]),  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    ),
    (
        f"graph_arn: expected {GRAPH_ARN.meaning}, but 'arn' is not one",
        lambda bulk: bulk.get_graph_member_datasources("arn", IDS),
    ),
    ("message: must not be empty; expected a message", lambda bulk: bulk.create_members(ARN, ACCOUNTS, message="")),
    ("concurrency: must be at least 1, got 0", lambda bulk: bulk.get_members(ARN, IDS, concurrency=0)),
]


@pytest.mark.parametrize(("problem", "call"), BAD_INPUT, ids=[problem[:48] for problem, _ in BAD_INPUT])
async def test_invalid_parameters_raise_before_anything_is_sent(
    client: DetectiveClient, sim: DetectiveSimulator, problem: str, call: Callable[[Bulk], Awaitable[object]]
) -> None:
    """The error names the item by its index in the whole list, and no chunk is sent."""
    with pytest.raises(ParameterError) as caught:
        await call(client.bulk)
    assert str(caught.value) == problem
    assert sim.requests == []


def chunk_tasks() -> list["asyncio.Task[Any]"]:
    """Return the tasks that send chunks."""
    return [task for task in asyncio.all_tasks() if "map_concurrently.<locals>" in repr(task.get_coro())]


async def test_cancelling_cancels_all_chunks(client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str) -> None:
    """No task remains, no chunk is carried out later, and the client can be used."""
    sim.inject(Fault(Latency(3600), operation="CreateMembers", count=None))
    call = asyncio.create_task(client.bulk.create_members(graph_arn, ACCOUNTS))
    session = session_of(client)
    assert session is not None
    assert isinstance(session.connector, aiohttp.TCPConnector)
    await until(lambda: session.connector and len(session.connector._acquired) == 3, "each has its connection")
    assert len(chunk_tasks()) == 3
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert chunk_tasks() == []
    sim.clear_faults()
    assert await client.iter_members(graph_arn).collect() == []


async def test_a_closed_client_raises(client: DetectiveClient) -> None:
    """An error of the program is not a failure of a chunk."""
    await client.aclose()
    with pytest.raises(RuntimeError, match="the client is closed"):
        await client.bulk.get_members(ARN, IDS)


async def test_a_derived_client_uses_its_own_account(
    client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str
) -> None:
    """Its bulk operations are sent with its credentials."""
    derived = client.with_options(credentials=sim.account("444455556666"))
    result = await derived.bulk.get_membership_datasources([graph_arn])
    assert [one.graph_arn for one in result.unprocessed_graphs] == [graph_arn]
    assert sim.requests[-1].account_id == "444455556666"


async def test_repr_of_results(client: DetectiveClient, graph_arn: str) -> None:
    """E-mail addresses are masked, and the metadata is left out."""
    result = await client.bulk.create_members(graph_arn, ACCOUNTS[:2])
    assert result.members[0].email_address == ACCOUNTS[0].email_address
    assert IDS[0] in repr(result)
    assert "example.com" not in repr(result)
    assert "response_metadata" not in repr(result)
    assert [one.http_status for one in result.response_metadata] == [200]


def test_results_are_compared_without_metadata() -> None:
    """Failures are compared, response metadata is not."""
    failures = [ChunkFailure([IDS[0]], DetectiveError("no"))]
    one = BulkGetMembers(failures=failures, response_metadata=[ResponseMetadata(request_id="1")])
    assert one == BulkGetMembers(failures=failures)
    assert one != BulkGetMembers()


async def test_bulk_is_patient_unless_told_otherwise() -> None:
    """Fields that the policy leaves unset are those of the patient policy; the client itself keeps its own defaults."""
    plain = DetectiveClient(region="eu-west-1", credentials=Credentials("a", "b"))
    single = plain.with_options(retry=RetryPolicy(max_attempts=1))
    for one, attempts in ((plain, 8), (plain.with_options(region="us-east-1"), 8), (single, 1)):
        transport = one.bulk._transport
        assert (transport.max_attempts, transport.schedule.transient_backoff) == (attempts, 1.0)
        assert transport.pool is one._transport.pool
        assert one._transport.schedule.transient_backoff == 0.05
    # Of a fleet, the clients of a run are patient, and the one for single calls is not.
    fleet = DetectiveFleet([Target("111122223333", "eu-west-1")], credentials=Credentials("a", "b"))
    assert fleet.client.with_options(region="us-east-1")._transport.max_attempts == 3
    (outcome,) = [outcome async for outcome in fleet.run(lambda client, _: asyncio.sleep(0, client))]
    derived = outcome.result().with_options(region="us-east-1")
    assert derived._transport.max_attempts == 8
    assert derived.bulk._transport is derived._transport
    assert derived.with_options(retry=RetryPolicy(max_attempts=2))._transport.schedule.transient_backoff == 1.0
    # Jobs that try calls again themselves wait for no longer inside of one, nor more often, unless the policy says so.
    own = plain.with_options(retry=RetryPolicy(max_backoff=9.0))
    more = plain.with_options(retry=RetryPolicy(max_attempts=9))
    for one, longest, attempts in ((plain, 3.0, 3), (own, 9.0, 3), (more, 3.0, 9)):
        transport = Execution.start(one, 1, ["us-east-1"], 60).client_in("us-east-1")._transport
        assert (transport.max_attempts, transport.schedule.max_backoff) == (attempts, longest)
    assert plain.bulk._transport.schedule.max_backoff == 20.0
