"""Clients without a server: rules answer their calls."""

import asyncio
import contextlib
import inspect
import traceback
from typing import Any

import pytest
from attrs import evolve
from support.fakes import FakeTime

import detective_async as d
from detective_async.api.models.exceptions import MODELLED_EXCEPTIONS
from detective_async.api.operations import OPERATIONS
from detective_async.testing import Failure, Fault, SimulatorThread, mocks
from detective_async.testing.mocks import (
    CreateGraph,
    CreateMembers,
    DeleteGraph,
    DeleteMembers,
    DisableOrganizationAdminAccount,
    GetMembers,
    ListDatasourcePackages,
    ListGraphs,
    ListMembers,
    MockDetective,
    MockedOperation,
    UnexpectedCall,
    UnusedRuleWarning,
    mock,
    operations,
)

ARN = "arn:aws:detective:us-east-1:111122223333:graph:0123456789abcdef0123456789abcdef"
GRAPH = d.Graph(arn=ARN)
ONE, TWO = (
    d.MemberDetail(account_id=name * 12, graph_arn=ARN, administrator_id="111122223333", status=d.MemberStatus.ENABLED)
    for name in "45"
)
FIRST = d.ListMembersResponse(member_details=[ONE], next_token="more")
LAST = d.ListMembersResponse(member_details=[TWO])


async def test_a_rule_answers_every_call() -> None:
    """What it returns comes back; what was asked is recorded, with account and region."""
    detective = MockDetective(mock(ListMembers, returns=LAST))
    client = detective.client(region="eu-west-1")
    assert await client.list_members(ARN, max_results=5) == LAST
    assert (await client.list_members(ARN)).response_metadata.attempts == 1
    assert detective.asked(ListMembers) == [
        d.ListMembersRequest(ARN, max_results=5),
        d.ListMembersRequest(ARN),
    ]
    assert [(call.operation, call.account_id, call.region) for call in detective.calls] == [
        ("ListMembers", "111122223333", "eu-west-1")
    ] * 2
    assert detective.asked(ListGraphs) == []


async def test_an_error_by_its_class() -> None:
    """It has the operation, and the status that the API has for it."""
    detective = MockDetective(
        mock(DeleteGraph, raises=d.ResourceNotFoundException, times=1),
        mock(DeleteGraph, raises=d.TooManyRequestsException, times=1),
        mock(DeleteGraph, raises=d.ValidationException, times=1),
        mock(DeleteGraph, raises=d.ConnectError, times=1),
        mock(DeleteGraph, raises=d.ConnectionLost, times=1),
        mock(DeleteGraph, raises=d.HostNotFound),
    )
    client = detective.client()
    for kind, status, retryable in (
        (d.ResourceNotFoundException, 404, False),
        (d.TooManyRequestsException, 429, True),
        (d.ValidationException, 400, False),
    ):
        with pytest.raises(kind) as caught:
            await client.delete_graph(ARN)
        error: Any = caught.value
        assert (error.code, error.status, error.operation) == (kind.__name__, status, "DeleteGraph")
        assert error.retryable is retryable
    for lost, unknown in ((d.ConnectError, False), (d.ConnectionLost, True)):
        with pytest.raises(lost) as broken:
            await client.delete_graph(ARN)
        assert (broken.value.outcome_unknown, broken.value.operation) == (unknown, "DeleteGraph")
    with pytest.raises(d.HostNotFound) as missing:
        await client.delete_graph(ARN)
    assert missing.value.host == "api.detective.us-east-1.amazonaws.com"


@pytest.mark.parametrize("kind", MODELLED_EXCEPTIONS.values())
async def test_the_statuses_are_those_of_the_api(kind: type[d.ServiceError]) -> None:
    """Each exception of the API has the status that its documentation says."""
    with pytest.raises(kind) as caught:
        await MockDetective(mock(ListGraphs, raises=kind)).client().list_graphs()
    documented = inspect.getdoc(kind)
    assert documented is not None
    assert f"HTTP {caught.value.status}" in documented


@pytest.mark.parametrize("kind", MODELLED_EXCEPTIONS.values())
async def test_errors_say_what_those_of_a_server_say(kind: type[d.ServiceError]) -> None:
    """Whether the service may have acted, whether to try again: as a client reads it from the simulator's response."""
    with pytest.raises(kind) as mocked:
        await MockDetective(mock(CreateGraph, raises=kind)).client().create_graph()
    with SimulatorThread() as sim:
        sim.inject(Fault(Failure(status=mocked.value.status, code=kind.__name__)))
        options: Any = {"endpoint_url": sim.url, "credentials": sim.account("111122223333")}
        async with d.DetectiveClient(region="us-east-1", retry=d.RetryPolicy(max_attempts=1), **options) as client:
            with pytest.raises(kind) as real:
                await client.create_graph()
    for name in ("code", "operation", "attempts", "retryable", "retry_after", "outcome_unknown"):
        assert getattr(mocked.value, name) == getattr(real.value, name), name


async def test_each_call_gets_a_response_of_its_own() -> None:
    """What the code under test does to one changes neither the rule nor later responses; the same for errors."""
    full = d.ServiceQuotaExceededException("ServiceQuotaExceededException", resources=["A"])
    client = MockDetective(mock(ListMembers, returns=LAST), mock(CreateGraph, raises=full)).client()
    for _ in range(2):
        (await client.list_members(ARN)).member_details.append(ONE)
        with pytest.raises(d.ServiceQuotaExceededException) as caught:
            await client.create_graph()
        caught.value.resources.append("B")
    assert (LAST.member_details, full.resources) == ([TWO], ["A"])


@pytest.mark.parametrize("where", ["when", "returns"])
async def test_an_error_in_a_function_is_not_swallowed(where: str) -> None:
    """Code that catches everything gets it, and so does the end of the block; not an error that the API has."""

    def fail(_: object) -> Any:
        raise LookupError("a mistake in the test")

    def refuse(_: object) -> Any:
        raise d.ConflictException("ConflictException")

    arguments: dict[str, Any] = {"returns": LAST, where: fail}
    with (
        pytest.raises(LookupError, match="a mistake in the test"),
        MockDetective(mock(ListMembers, **arguments)) as one,
        contextlib.suppress(Exception),
    ):
        await one.client().list_members(ARN)
    with MockDetective(mock(ListMembers, returns=refuse)) as other, pytest.raises(d.ConflictException):
        await other.client().list_members(ARN)


async def _async(_: object) -> Any:
    raise NotImplementedError


class _Callable:
    async def __call__(self, _: object) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("function", [_async, _Callable()])
@pytest.mark.parametrize("where", ["when", "returns", "sequence"])
def test_async_functions_are_refused(where: str, function: Any) -> None:
    """The coroutine that it returns would be true, whatever it returns."""
    arguments: dict[str, Any] = {"returns": LAST, where: function} if where != "sequence" else {where: [function]}
    with pytest.raises(TypeError, match=f"{where}: must be an ordinary function, not an async one"):
        mock(ListMembers, **arguments)


def lost() -> d.DetectiveError:
    """Return an error that was raised, with a cause, a context and a note."""
    error = d.ConnectionLost("lost", operation="x", attempts=1, outcome_unknown=True)
    error.add_note("in a tunnel")
    with pytest.raises(d.ConnectionLost):
        raise_from_another(error)
    return error


def raise_from_another(error: d.DetectiveError) -> None:
    """Raise an error because of another one."""
    try:
        int("?")
    except ValueError as cause:
        raise error from cause


async def test_an_error_that_was_raised_keeps_what_is_known_about_it() -> None:
    """Its cause, its context, its notes and where it was raised, however often; the instance does not grow."""
    error = lost()
    where = traceback.extract_tb(error.__traceback__)
    client = MockDetective(mock(CreateGraph, sequence=[error, error]), mock(CreateGraph, raises=error)).client()
    lengths = set()
    for _ in range(4):
        with pytest.raises(d.ConnectionLost, match="lost") as caught:
            await client.create_graph()
        found = caught.value
        assert found is not error
        assert (found.__cause__, found.__context__) == (error.__cause__, error.__context__) != (None, None)
        assert found.__suppress_context__
        assert found.__notes__ == ["in a tunnel"]
        frames = traceback.extract_tb(found.__traceback__)
        assert [frame.name for frame in frames][-2:] == ["lost", "raise_from_another"]
        lengths.add(len(frames))
        assert traceback.extract_tb(error.__traceback__) == where
    assert len(lengths) == 1


async def test_an_error_by_an_instance() -> None:
    """Each call raises a copy, with all members; the instance collects no tracebacks."""
    error = d.ServiceQuotaExceededException("ServiceQuotaExceededException", "full", status=402, resources=["MEMBERS"])
    client = MockDetective(mock(CreateGraph, raises=error)).client()
    for _ in range(2):
        with pytest.raises(d.ServiceQuotaExceededException, match="full") as caught:
            await client.create_graph()
        assert (caught.value.resources, caught.value is error) == (["MEMBERS"], False)
    assert error.__traceback__ is None


async def test_a_sequence() -> None:
    """Answers and errors come one after the other; then the rule is used up, and the next one answers."""
    detective = MockDetective(
        mock(ListMembers, sequence=[FIRST, d.InternalServerException, LAST]),
        mock(ListMembers, returns=d.ListMembersResponse()),
    )
    client = detective.client()
    assert await client.list_members(ARN) == FIRST
    with pytest.raises(d.InternalServerException):
        await client.list_members(ARN)
    assert await client.list_members(ARN) == LAST
    assert (await client.list_members(ARN)).member_details == []
    by_function = MockDetective(_RULE(ListMembers, sequence=[FIRST, lambda _: LAST])).client()
    assert await by_function.iter_members(ARN).collect() == [ONE, TWO]


async def test_iterators_and_pages() -> None:
    """An iterator asks with the token that the page before returned."""
    detective = MockDetective(mock(ListMembers, sequence=[FIRST, LAST]))
    assert await detective.client().iter_members(ARN).collect() == [ONE, TWO]
    assert [request.next_token for request in detective.asked(ListMembers)] == [None, "more"]


async def test_a_function_answers_by_the_request() -> None:
    """`returns` may compute the response, and `when` selects the requests."""
    detective = MockDetective(
        mock(
            CreateMembers,
            returns=lambda asked: d.CreateMembersResponse(
                members=[evolve(ONE, account_id=account.account_id) for account in asked.accounts]
            ),
        ),
        mock(DeleteMembers, when=lambda asked: "5" * 12 in asked.account_ids, raises=d.ConflictException),
        mock(DeleteMembers, returns=d.DeleteMembersResponse(account_ids=["4" * 12])),
    )
    client = detective.client()
    invited = await client.create_members(ARN, [d.Account("7" * 12, "seven@example.com")])
    assert [member.account_id for member in invited.members] == ["7" * 12]
    assert (await client.delete_members(ARN, ["4" * 12])).account_ids == ["4" * 12]
    with pytest.raises(d.ConflictException):
        await client.delete_members(ARN, ["4" * 12, "5" * 12])


async def test_operations_without_a_response_or_a_request() -> None:
    """They return None, and are recorded as others are."""
    detective = MockDetective(mock(DisableOrganizationAdminAccount), mock(DeleteGraph, times=1))
    client = detective.client()
    await client.disable_organization_admin_account()
    await client.delete_graph(ARN)
    assert [call.request for call in detective.calls] == [None, d.DeleteGraphRequest(ARN)]


async def test_derived_clients() -> None:
    """Rules may be for one region or account; `with_options`, `bulk` and waiters ask them too."""
    detective = MockDetective(
        mock(ListGraphs, region="eu-west-1", returns=d.ListGraphsResponse(graph_list=[GRAPH])),
        mock(ListGraphs, account_id="4" * 12, raises=d.AccessDeniedException),
        mock(ListGraphs, returns=d.ListGraphsResponse()),
        mock(
            GetMembers, returns=lambda asked: d.GetMembersResponse(member_details=[ONE, TWO][: len(asked.account_ids)])
        ),
        mock(DeleteMembers, returns=lambda asked: d.DeleteMembersResponse(account_ids=list(asked.account_ids))),
    )
    client = detective.client()
    assert (await client.list_graphs()).graph_list == []
    assert (await client.with_options(region="eu-west-1").list_graphs()).graph_list == [GRAPH]
    with pytest.raises(d.AccessDeniedException):
        await client.with_options(account_id="4" * 12).list_graphs()
    other = client.with_options(credentials=d.Credentials("AKIAIOSFODNN7EXAMPLE", "s", account_id="4" * 12))
    with pytest.raises(d.AccessDeniedException):
        await other.list_graphs()
    settled = await client.wait_for_members(ARN, ["4" * 12, "5" * 12], timeout=1)
    assert len(settled) == 2
    deleted = await client.bulk.delete_members(ARN, [f"{number:012d}" for number in range(120)])
    assert (len(deleted.account_ids), len(detective.asked(DeleteMembers))) == (120, 3)


async def test_fleets() -> None:
    """A fleet's calls carry the account and region of their target; no role is assumed."""
    detective = MockDetective(
        mock(ListGraphs, region="us-east-1", account_id="4" * 12, raises=d.AccessDeniedException),
        mock(ListGraphs, region="ap-east-2", raises=d.HostNotFound),
        mock(ListGraphs, returns=d.ListGraphsResponse(graph_list=[GRAPH])),
    )
    regions = ["us-east-1", "eu-west-1", "ap-east-2"]
    fleet = detective.attach(d.DetectiveFleet.assume_role("Audit", ["4" * 12, "5" * 12], regions))
    async with fleet:
        outcomes = [outcome async for outcome in fleet.run(lambda client, _: client.list_graphs())]
        pairs = [target async for target, _ in fleet.iter_graphs()]
    assert {(one.target.account_id[0], one.target.region): one.kind for one in outcomes} == {
        ("4", "us-east-1"): d.OutcomeKind.FAILED,
        ("5", "us-east-1"): d.OutcomeKind.SUCCEEDED,
        **{(name, "eu-west-1"): d.OutcomeKind.SUCCEEDED for name in "45"},
        # The hosts of the other regions have responded, and botocore does not list this one.
        **{(name, "ap-east-2"): d.OutcomeKind.REGION_UNAVAILABLE for name in "45"},
    }
    assert len(pairs) == 3
    assert {call.account_id for call in detective.calls} == {"4" * 12, "5" * 12}


async def test_the_client_of_a_fleet() -> None:
    """It asks the rules too."""
    detective = MockDetective(mock(ListGraphs, returns=d.ListGraphsResponse()))
    async with detective.attach(d.DetectiveFleet([d.Target("4" * 12, "eu-west-1")])) as fleet:
        await fleet.client.with_options(region="eu-west-1").list_graphs()
    assert len(detective.calls) == 1


@pytest.mark.parametrize("operation", ["ListGraphs", d.ListGraphsResponse, None])
def test_what_is_no_operation_was_not_asked_for(operation: Any) -> None:
    """It is refused: a mistake must not look like a call that was not made."""
    with pytest.raises(TypeError, match="such as ListMembers"):
        MockDetective().asked(operation)


def test_only_clients_and_fleets_are_answered() -> None:
    """Something else is refused."""
    with pytest.raises(TypeError, match="DetectiveClient or a DetectiveFleet"):
        MockDetective().attach(object())  # type: ignore[type-var] # pyright: ignore[reportArgumentType]


async def test_an_unexpected_call() -> None:
    """It raises an error of its own that shows the call and the rules, and no e-mail address."""
    detective = MockDetective(
        mock(ListGraphs, returns=d.ListGraphsResponse(), times=1),
        mock(CreateMembers, region="eu-west-1", account_id="4" * 12, when=lambda _: True, raises=d.ConflictException),
    )
    client = detective.client()
    await client.list_graphs()
    with pytest.raises(UnexpectedCall) as caught:
        await client.create_members(ARN, [d.Account("4" * 12, "someone@example.com")])
    text = str(caught.value)
    assert text.startswith("no rule answers CreateMembers of 111122223333 in us-east-1: CreateMembersRequest(")
    assert "\n  ListGraphs; used for 1 of 1 call" in text
    assert (
        "\n  CreateMembers of 444444444444 in eu-west-1, under a condition; used for 0 calls, and may be for any number"
        in text
    )
    assert "someone@" not in text
    with pytest.raises(UnexpectedCall, match="ListGraphs of 111122223333"):
        await client.list_graphs()


async def test_an_unexpected_call_that_was_caught() -> None:
    """The end of the `with` statement raises it again, except if there is another error."""

    async def careless(client: d.DetectiveClient) -> None:
        with contextlib.suppress(Exception):
            await client.list_graphs()

    async def careless_and_wrong() -> None:
        with MockDetective() as detective:
            await careless(detective.client())
            await detective.client().list_members("no arn")

    with pytest.raises(UnexpectedCall, match=r"(?s)ListGraphs.*The rules are:\n  none"), MockDetective() as detective:
        await careless(detective.client())
    with pytest.raises(d.ParameterError):
        await careless_and_wrong()
    with MockDetective(mock(ListGraphs, returns=d.ListGraphsResponse())) as detective:
        await careless(detective.client())


async def test_a_rule_that_was_not_used() -> None:
    """The end of the `with` statement warns of it, except if there is an error."""
    rules = (mock(ListGraphs, returns=d.ListGraphsResponse()), mock(DeleteGraph, region="eu-west-1"))
    with pytest.warns(UnusedRuleWarning) as caught, MockDetective(*rules) as detective:
        await detective.client().list_graphs()
    assert [str(one.message) for one in caught] == ["no call has used the rule DeleteGraph in eu-west-1"]
    assert caught[0].filename == __file__
    with pytest.raises(ZeroDivisionError), MockDetective(*rules):
        _ = 1 / 0


MODULE_LEVEL = mock(ListMembers, sequence=[FIRST, LAST])


@pytest.mark.parametrize("_number", range(2))
async def test_a_rule_serves_many_mocks(_number: int) -> None:
    """Each counts its own calls, so that a rule of a module is the same in every test; also if it is given twice."""
    with MockDetective(MODULE_LEVEL, MODULE_LEVEL) as detective:
        client = detective.client()
        answers = [await client.list_members(ARN) for _ in range(4)]
        assert answers == [FIRST, LAST, FIRST, LAST]
        with pytest.raises(UnexpectedCall, match="ListMembers; used for 2 of 2 calls"):
            await client.list_members(ARN)
        detective._mistakes.clear()


async def test_an_account_that_is_not_known() -> None:
    """The credentials of a provider are never asked for."""

    async def provider() -> d.Credentials:
        raise NotImplementedError

    detective = MockDetective()
    with pytest.raises(
        UnexpectedCall, match=r"ListGraphs of an account that is not known in us-east-1: ListGraphsRequest\("
    ):
        await detective.client(credentials=provider).list_graphs()
    assert detective.calls[0].account_id is None


async def test_requests_are_validated(fake_time: FakeTime) -> None:
    """Malformed arguments and closed clients are errors, as they are with a server; no rule is asked."""
    detective = MockDetective(mock(ListMembers, returns=LAST))
    client = detective.client(clock=fake_time.clock())
    with pytest.raises(d.ParameterError):
        await client.list_members("no arn")
    await client.aclose()
    with pytest.raises(d.ClientClosed):
        await client.list_members(ARN)
    assert detective.calls == []
    assert [rule.operation for rule in detective.unused] == ["ListMembers"]
    assert repr(detective) == "<MockDetective [rules: 1, calls: 0]>"


async def test_other_tasks_get_their_turns() -> None:
    """A mocked call waits for one round of the event loop."""
    client = MockDetective(mock(ListGraphs, returns=d.ListGraphsResponse())).client()
    order: list[str] = []

    async def call(name: str) -> None:
        for _ in range(2):
            await client.list_graphs()
            order.append(name)

    await asyncio.gather(call("one"), call("two"))
    assert order == ["one", "two", "one", "two"]


_RULE: Any = mock
_MOCK: Any = MockDetective


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: _RULE("ListMembers", returns=LAST), TypeError, "such as ListMembers"),
        (lambda: _RULE(ListMembers, returns=d.ListGraphsResponse()), TypeError, "expected ListMembersResponse"),
        (
            lambda: _RULE(ListMembers),
            TypeError,
            "ListMembers: give one of returns, raises and sequence, got none of them",
        ),
        (lambda: _RULE(DeleteGraph, returns=LAST), TypeError, "expected NoneType"),
        (lambda: _RULE(ListMembers, sequence=[FIRST, "text"]), TypeError, "expected ListMembersResponse, got str"),
        (lambda: _RULE(ListMembers, sequence=[]), ValueError, "must not be empty"),
        (lambda: _RULE(ListMembers, raises=d.WaiterTimeout), TypeError, "cannot raise WaiterTimeout"),
        (lambda: _RULE(ListMembers, returns=LAST, raises=d.ConflictException), TypeError, "one of returns"),
        (lambda: _RULE(ListMembers, returns=LAST, times=0), ValueError, "times: must be 1 or more"),
        (lambda: _RULE(ListMembers, returns=LAST, times=True), TypeError, "times: must be 1 or more"),
        (lambda: _RULE(ListMembers, raises=LAST), TypeError, "raises must be a DetectiveError, or a class of one"),
        (lambda: _RULE(ListMembers, raises=lambda _: LAST), TypeError, "raises must be a DetectiveError"),
        (lambda: _RULE(ListMembers, raises=ValueError("x")), TypeError, "raises must be a DetectiveError"),
        (lambda: _RULE(ListMembers, raises=ValueError), TypeError, "cannot raise ValueError"),
        (lambda: _RULE(ListMembers, raises=int), TypeError, "cannot raise int"),
        (
            lambda: _RULE(ListMembers, returns=d.ConflictException),
            TypeError,
            "ConflictException; give errors as raises",
        ),
        (
            lambda: _RULE(ListMembers, returns=d.ConflictException("ConflictException", "x")),
            TypeError,
            "give errors as",
        ),
        (lambda: _RULE(ListMembers, returns=d.ListMembersResponse), TypeError, "not the class itself"),
        (lambda: _RULE(ListMembers, sequence=[FIRST, ValueError("x")]), TypeError, "raises must be a DetectiveError"),
        (lambda: _RULE(ListMembers, sequence=[FIRST], times=2), TypeError, "times: must not be given with a sequence"),
        (lambda: _RULE(ListMembers, sequence="x"), TypeError, "sequence: must be a list"),
        (lambda: _RULE(ListMembers, sequence=5), TypeError, "sequence: must be a list"),
        (lambda: _RULE(ListMembers, returns=LAST, when=3), TypeError, "when: must be a function of the request, got 3"),
        (lambda: _RULE(ListMembers, returns=LAST, region="eu-wst-1"), ValueError, "region: .*did you mean eu-west-1"),
        (lambda: _RULE(ListMembers, returns=LAST, region=5), TypeError, "region: must be a region"),
        (
            lambda: _RULE(ListMembers, returns=LAST, account_id="12"),
            ValueError,
            "account_id: must be an account id of 12",
        ),
        (
            lambda: _RULE(ListMembers, returns=LAST, account_id=444455556666),
            TypeError,
            "account_id: must be an account",
        ),
        (lambda: _MOCK(ListMembers), TypeError, r"must be made by mock\("),
    ],
)
def test_mistakes_are_refused(make: Any, kind: type[Exception], message: str) -> None:
    """When the rule is made, and not when it is used, the error says what is expected."""
    with pytest.raises(kind, match=message):
        make()


async def test_a_function_that_returns_something_else_is_refused() -> None:
    """Its result is checked when it is called."""
    rule = _RULE(ListMembers, returns=lambda _: d.ListGraphsResponse())
    with pytest.raises(TypeError, match="ListMembers: expected ListMembersResponse, got ListGraphsResponse"):
        await MockDetective(rule).client().list_members(ARN)


def test_every_operation_can_be_mocked() -> None:
    """Each has the types of its request and response, which are those of the API's rows."""
    found = {name: thing for name, thing in vars(mocks).items() if isinstance(thing, MockedOperation)}
    assert {thing.name for thing in found.values()} == set(found) == set(OPERATIONS)
    annotations = inspect.get_annotations(operations, eval_str=True)
    for name, row in OPERATIONS.items():
        of_request, of_response = annotations[name].__args__
        assert of_request is (row.request or type(None))
        assert of_response is row.response


async def test_pairs_of_packages() -> None:
    """Responses whose members are maps are iterated over as those of a server."""
    response = d.ListDatasourcePackagesResponse(
        datasource_packages={
            d.DatasourcePackage.DETECTIVE_CORE: d.DatasourcePackageIngestDetail(
                datasource_package_ingest_state=d.DatasourcePackageIngestState.STARTED
            )
        }
    )
    client = MockDetective(mock(ListDatasourcePackages, returns=response)).client()
    assert [package async for package, _ in client.iter_datasource_packages(ARN)] == ["DETECTIVE_CORE"]
