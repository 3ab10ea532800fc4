"""Invalid parameters raise before anything is sent; the error names the parameter and what is expected."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from detective_async import (
    Account,
    Clock,
    CreateGraphRequest,
    DatasourcePackage,
    DateFilter,
    DetectiveClient,
    FilterCriteria,
    ParameterError,
    SortCriteria,
    State,
    StaticCredentials,
    StringFilter,
)
from detective_async.api import operations, wire
from detective_async.api.models.constraints import ACCOUNT_ID, DistinctItems, ModelInstance

ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16
ACCOUNT = Account("111122223333", "root@example.com")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
Call = Callable[[DetectiveClient], Awaitable[object]]

TABLE: list[tuple[Call, str, str]] = [
    (lambda c: c.delete_graph(""), "graph_arn", "must not be empty"),
    (lambda c: c.delete_graph(None), "graph_arn", "got None"),  # type: ignore[arg-type]
    (lambda c: c.delete_graph(5), "graph_arn", "got an int"),  # type: ignore[arg-type]
    (lambda c: c.delete_graph(ARN[:-1]), "graph_arn", "expected a behavior graph ARN"),
    (lambda c: c.delete_graph(ARN + "\n"), "graph_arn", "expected a behavior graph ARN"),
    (
        lambda c: c.delete_graph(ARN.replace("1111", "\u0661\u0661\u0661\u0661")),
        "graph_arn",
        "expected a behavior graph ARN",
    ),
    (lambda c: c.list_tags_for_resource("arn:aws:s3:::bucket"), "resource_arn", "is not one"),
    (lambda c: c.create_graph(tags={}), "tags", "must not be empty"),
    (lambda c: c.create_graph(tags={"": "x"}), "a key of tags", "must not be empty"),
    (lambda c: c.create_graph(tags={"k" * 129: "x"}), "a key of tags", "of 1 to 128 characters, got 129"),
    (lambda c: c.create_graph(tags={"k": "v" * 257}), "tags['k']", "of 0 to 256 characters, got 257"),
    (lambda c: c.create_graph(tags={"k": 5}), "tags['k']", "got an int"),  # type: ignore[dict-item]
    (lambda c: c.create_graph(tags={"k": "\ud800"}), "tags['k']", "lone surrogate"),
    (lambda c: c.create_graph(tags={f"k{i}": "" for i in range(51)}), "tags", "must have 1 to 50 items, got 51"),
    (lambda c: c.create_graph(tags=["k"]), "tags", "expected a mapping, got a list"),  # type: ignore[arg-type]
    (lambda c: c.create_members(ARN, []), "accounts", "must not be empty"),
    (lambda c: c.create_members(ARN, [ACCOUNT] * 51), "accounts", "must have 1 to 50 items, got 51"),
    (lambda c: c.create_members(ARN, [ACCOUNT, "x"]), "accounts[1]", "expected an Account, got a str"),  # type: ignore[list-item]
    (lambda c: c.create_members(ARN, ACCOUNT), "accounts", "expected a list"),  # type: ignore[arg-type]
    (
        lambda c: c.create_members(ARN, [ACCOUNT, Account("1" * 11, "a@b.org")]),
        "accounts[1].account_id",
        "expected an account id (12 digits, as a string), got 11 characters",
    ),
    (lambda c: c.create_members(ARN, [Account("1" * 11 + "x", "a@b.org")]), "accounts[0].account_id", "is not one"),
    (lambda c: c.create_members(ARN, [Account("1" * 12, "nobody")]), "accounts[0].email_address", "is not one"),
    (lambda c: c.create_members(ARN, [Account("1" * 12, "")]), "accounts[0].email_address", "must not be empty"),
    (lambda c: c.create_members(ARN, [ACCOUNT], message=""), "message", "must not be empty"),
    (lambda c: c.create_members(ARN, [ACCOUNT], message="x" * 1001), "message", "of 1 to 1000 characters, got 1001"),
    (
        lambda c: c.create_members(ARN, [ACCOUNT], disable_email_notification=1),  # type: ignore[arg-type]
        "disable_email_notification",
        "expected True or False, got an int",
    ),
    (lambda c: c.get_members(ARN, "111122223333"), "account_ids", "expected a list, got a str"),
    (lambda c: c.get_members(ARN, [111122223333]), "account_ids[0]", "got an int"),  # type: ignore[list-item]
    (lambda c: c.batch_get_membership_datasources([ARN, "x"]), "graph_arns[1]", "'x' is not one"),
    (lambda c: c.list_members(ARN, max_results=0), "max_results", "must be 1 to 200, got 0"),
    (lambda c: c.list_members(ARN, max_results=201), "max_results", "must be 1 to 200, got 201"),
    (lambda c: c.list_members(ARN, max_results=True), "max_results", "expected a whole number, got a bool"),
    (lambda c: c.list_members(ARN, next_token=""), "next_token", "must not be empty"),
    (lambda c: c.list_graphs(next_token=5), "next_token", "expected a pagination token, got an int"),  # type: ignore[arg-type]
    (lambda c: c.list_investigations(ARN, max_results=101), "max_results", "must be 1 to 100, got 101"),
    (
        lambda c: c.list_investigations(ARN, filter_criteria=FilterCriteria(severity=StringFilter(""))),
        "filter_criteria.severity.value",
        "must not be empty",
    ),
    (
        lambda c: c.list_investigations(
            ARN,
            filter_criteria=FilterCriteria(created_time=DateFilter(NOW, datetime(2026, 1, 1))),  # noqa: DTZ001
        ),
        "filter_criteria.created_time.end_inclusive",
        "must have a time zone",
    ),
    (
        lambda c: c.list_investigations(ARN, sort_criteria=SortCriteria(field="AGE")),
        "sort_criteria.field",
        "'AGE' is not one of SEVERITY, STATUS, CREATED_TIME",
    ),
    (lambda c: c.list_indicators(ARN, "0" * 21, indicator_type=5), "indicator_type", "got an int"),  # type: ignore[arg-type]
    (lambda c: c.get_investigation(ARN, "x" * 21), "investigation_id", "is not one"),
    (lambda c: c.start_investigation(ARN, "x", NOW, NOW), "entity_arn", "is not one"),
    (
        lambda c: c.start_investigation(ARN, "arn:x", NOW, "2026"),  # type: ignore[arg-type]
        "scope_end_time",
        "expected a datetime, got a str",
    ),
    (lambda c: c.update_investigation_state(ARN, "0" * 21, "DONE"), "state", "is not one of ACTIVE, ARCHIVED"),
    (lambda c: c.update_datasource_packages(ARN, ["EKS"]), "datasource_packages[0]", "'EKS' is not one of"),
    (lambda c: c.untag_resource(ARN, []), "tag_keys", "must not be empty"),
    (lambda c: c.enable_organization_admin_account("12"), "account_id", "got 2"),
]


@pytest.fixture
async def offline() -> AsyncIterator[DetectiveClient]:
    """A client that fails the test if it reads the time, as it does before it sends a request."""

    def never() -> float:
        raise AssertionError("something was about to be sent")

    async with DetectiveClient(
        region="eu-west-1", credentials=StaticCredentials("key", "secret"), clock=Clock(time=never, monotonic=never)
    ) as client:
        yield client


@pytest.mark.parametrize(("call", "parameter", "problem"), TABLE)
async def test_invalid_parameters_raise_with_their_path(
    offline: DetectiveClient, call: Call, parameter: str, problem: str
) -> None:
    """Nothing is sent, and the error names the parameter and the problem."""
    with pytest.raises(ParameterError) as caught:
        await call(offline)
    assert caught.value.parameter == parameter
    assert problem in caught.value.problem
    assert str(caught.value).startswith(f"{parameter}: ")
    assert isinstance(caught.value, ValueError)


async def test_an_invalid_email_address_is_not_quoted(offline: DetectiveClient) -> None:
    """The address is sensitive even if it is invalid."""
    with pytest.raises(ParameterError) as caught:
        await offline.create_members(ARN, [Account("1" * 12, "somebody.at.example.com")])
    assert "somebody" not in str(caught.value)


def test_an_account_is_not_checked_by_its_constructor() -> None:
    """It is checked in a call, where the path is known."""
    assert Account("not digits", "not an address").account_id == "not digits"


async def test_any_iterable_is_accepted_as_a_list(client: DetectiveClient) -> None:
    """Generators, sets and tuples are accepted for lists of the API."""
    arn = (await client.create_graph()).graph_arn
    response = await client.get_members(arn, (f"{n:012}" for n in range(3)))
    assert len(response.unprocessed_accounts) == 3
    assert len((await client.get_members(arn, {"111122223333"})).unprocessed_accounts) <= 1


async def test_unknown_enum_values_can_be_sent_explicitly(offline: DetectiveClient) -> None:
    """A string must be a known value; an instance of the enum may have any value."""
    with pytest.raises(AssertionError, match="about to be sent"):
        await offline.update_datasource_packages(ARN, [DatasourcePackage("ADDED_TOMORROW")])
    with pytest.raises(AssertionError, match="about to be sent"):
        await offline.update_investigation_state(ARN, "0" * 21, State.ARCHIVED)
    with pytest.raises(AssertionError, match="about to be sent"):
        await offline.update_investigation_state(ARN, "0" * 21, "ARCHIVED")


ONE, TWO = ACCOUNT.account_id, "444455556666"


@pytest.mark.parametrize(
    ("values", "parameter", "problem"),
    [
        ([], "ids", "must not be empty"),
        ((), "ids", "must not be empty"),
        (ONE, "ids", "expected a list, got a str"),
        (None, "ids", "expected a list, got None"),
        ([ONE, TWO, "x"], "ids[2]", ", got 1 character"),
        ([ONE, [TWO]], "ids[1]", "got a list"),
        ([ONE, TWO, TWO, ONE], "ids[2]", f"{TWO} is there already, as ids[1]"),
        ([TWO, ONE, ONE, ONE], "ids[2]", f"{ONE} is there already, as ids[1]"),
    ],
)
def test_distinct_items(values: object, parameter: str, problem: str) -> None:
    """Any number is accepted; the error names the first invalid or duplicate item by its index."""
    rule = DistinctItems(ACCOUNT_ID)
    rule([f"{number:012}" for number in range(5000)], "ids")
    rule((ONE, TWO), "ids")
    with pytest.raises(ParameterError) as caught:
        rule(values, "ids")
    assert caught.value.parameter == parameter
    assert problem in caught.value.problem


def test_items_that_are_distinct_in_one_member() -> None:
    """The error quotes that member only, since others may be sensitive."""
    rule = DistinctItems(ModelInstance(Account), "account_id")
    rule([ACCOUNT, Account(TWO, ACCOUNT.email_address)], "accounts")
    with pytest.raises(ParameterError) as caught:
        rule([ACCOUNT, Account(TWO, "a@b.org"), Account(ONE, "other@example.com")], "accounts")
    assert str(caught.value) == f"accounts[2].account_id: {ONE} is there already, as accounts[0]"


def test_subclasses_of_str_are_encoded_as_strings() -> None:
    """Also as keys, which not every JSON encoder accepts."""

    class Tag(StrEnum):
        TEAM = "team"

    class Name(str):
        __slots__ = ()

    request = CreateGraphRequest(tags={Tag.TEAM: Name("secops"), Name("of"): Tag.TEAM})
    assert wire.encode(operations.CREATE_GRAPH, request).body == b'{"Tags":{"team":"secops","of":"team"}}'
