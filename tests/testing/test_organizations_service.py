"""AWS Organizations on the simulator's port, with boto3 and the AWS CLI."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model
import pytest
from support.clients.validator import problems

from detective_async.testing import DetectiveSimulator, Failure, Fault, SimulatorThread

MANAGEMENT = "999999999999"
DELEGATE = "111122223333"
OUTSIDER = "333333333333"
ONE, TWO = "000000000001", "000000000002"
MODEL = botocore.model.ServiceModel(
    botocore.loaders.Loader().load_service_model("organizations", "service-2"), "organizations"
)
TARGET = "AWSOrganizationsV20161128.ListAccounts"
OPERATIONS = {
    "list_accounts": {},
    "describe_account": {"AccountId": ONE},
    "list_delegated_administrators": {},
}


@pytest.fixture
def organizations(boto: Any) -> Callable[..., Any]:
    """Create boto3 clients of AWS Organizations: `organizations(account_id, region=...)`."""
    return lambda account_id=MANAGEMENT, **options: boto(account_id, service="organizations", **options)


@pytest.fixture
def organization(sim: DetectiveSimulator) -> None:
    sim.account(ONE, "one@example.com", name="The first one")
    sim.organization(MANAGEMENT, [DELEGATE, ONE])


def check(operation: str, response: dict[str, Any]) -> dict[str, Any]:
    """Return a response without its metadata, which must be valid by botocore's model."""
    del response["ResponseMetadata"]
    assert problems(MODEL.operation_model(operation).output_shape, response) == []
    return response


@pytest.mark.usefixtures("organization")
async def test_accounts_are_listed_with_all_members_of_the_model(sim: DetectiveSimulator, organizations: Any) -> None:
    """In the order of their ids; every member that botocore's model has is there, and valid."""
    found = check("ListAccounts", await organizations().list_accounts())["Accounts"]
    assert [one["Id"] for one in found] == [ONE, DELEGATE, MANAGEMENT]
    assert set(found[0]) == set(MODEL.shape_for("Account").members)
    first = found[0]
    assert (first["Email"], first["Name"]) == ("one@example.com", "The first one")
    assert (first["Status"], first["State"], first["JoinedMethod"]) == ("ACTIVE", "ACTIVE", "INVITED")
    assert timedelta(0) <= sim.now - first["JoinedTimestamp"] < timedelta(minutes=5)
    assert first["Arn"].startswith(f"arn:aws:organizations::{MANAGEMENT}:account/o-")
    assert first["Paths"] == [f"{first['Arn'].split('/')[1]}/r-{first['Paths'][0].split('/r-')[1]}"]
    described = check("DescribeAccount", await organizations().describe_account(AccountId=ONE))
    assert described == {"Account": first}


@pytest.mark.usefixtures("organization")
async def test_the_organization_is_described_to_all_its_accounts(organizations: Any) -> None:
    """To the management account and to every other one: the same, with the management account."""
    of_management = check("DescribeOrganization", await organizations().describe_organization())
    of_one = check("DescribeOrganization", await organizations(ONE).describe_organization())
    assert of_management == of_one
    found = of_one["Organization"]
    assert (found["MasterAccountId"], found["FeatureSet"]) == (MANAGEMENT, "ALL")
    assert found["MasterAccountEmail"] == f"account-{MANAGEMENT}@example.com"
    (account,) = [one for one in (await organizations().list_accounts())["Accounts"] if one["Id"] == MANAGEMENT]
    assert found["MasterAccountArn"] == account["Arn"]
    assert found["Arn"].split("/")[-1] == found["Id"] == account["Arn"].split("/")[1]


async def test_pages_have_at_most_twenty_accounts(sim: DetectiveSimulator, organizations: Any) -> None:
    """By default too; boto3's paginator finds each account once, whatever the size of a page."""
    accounts = [f"{number:012d}" for number in range(1, 46)]
    sim.organization(MANAGEMENT, accounts)
    first = await organizations().list_accounts()
    assert len(first["Accounts"]) == 20
    second = await organizations().list_accounts(MaxResults=7, NextToken=first["NextToken"])
    assert [one["Id"] for one in second["Accounts"]] == accounts[20:27]
    for size in (1, 20):
        paginator = organizations().client.get_paginator("list_accounts")
        pages = paginator.paginate(PaginationConfig={"PageSize": size})
        found = await asyncio.to_thread(pages.build_full_result)
        assert [one["Id"] for one in found["Accounts"]] == [*accounts, MANAGEMENT]


@pytest.mark.usefixtures("organization")
async def test_only_administrators_may_list_accounts(sim: DetectiveSimulator, organizations: Any, boto: Any) -> None:
    """The management account and the delegated administrator; the error for other accounts is that of AWS."""
    for method, given in OPERATIONS.items():
        for account in (DELEGATE, ONE):
            await organizations(account).refused("AccessDeniedException", method, **given)
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=DELEGATE)
    for method, given in OPERATIONS.items():
        await getattr(organizations(DELEGATE), method)(**given)
        refused = await organizations(ONE).refused("AccessDeniedException", method, **given)
        assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert refused["Error"]["Message"] == "You don't have permissions to access this resource."
    sim.deregister_administrator(MANAGEMENT)
    await organizations(DELEGATE).refused("AccessDeniedException", "list_accounts")


@pytest.mark.usefixtures("organization")
async def test_an_account_outside_has_no_organization(organizations: Any) -> None:
    """AWSOrganizationsNotInUseException for each operation; an account that is outside is not found from within."""
    for method, given in {**OPERATIONS, "describe_organization": {}}.items():
        refused = await organizations(OUTSIDER).refused("AWSOrganizationsNotInUseException", method, **given)
        assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert "not a member of an organization" in refused["Error"]["Message"]
    await organizations().refused("AccountNotFoundException", "describe_account", AccountId=OUTSIDER)


@pytest.mark.usefixtures("organization")
async def test_the_delegated_administrator_is_listed(sim: DetectiveSimulator, organizations: Any, boto: Any) -> None:
    """For Detective and without a service, since the delegation in the first region; another service has none."""
    client = organizations()
    assert check("ListDelegatedAdministrators", await client.list_delegated_administrators()) == {
        "DelegatedAdministrators": []
    }
    since = sim.now
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=DELEGATE)
    await sim.advance(3600)
    await boto(MANAGEMENT, region="us-east-1").enable_organization_admin_account(AccountId=DELEGATE)
    for given in ({}, {"ServicePrincipal": "detective.amazonaws.com"}):
        response = check("ListDelegatedAdministrators", await client.list_delegated_administrators(**given))
        (found,) = response["DelegatedAdministrators"]
        assert set(found) == set(MODEL.shape_for("DelegatedAdministrator").members)
        assert found["Id"] == DELEGATE
        assert timedelta(0) <= found["DelegationEnabledDate"] - since < timedelta(minutes=5)
    other = await client.list_delegated_administrators(ServicePrincipal="guardduty.amazonaws.com")
    assert other["DelegatedAdministrators"] == []
    refused = await client.refused(
        "InvalidInputException", "list_delegated_administrators", ServicePrincipal="detective"
    )
    assert refused["Reason"] == "UNRECOGNIZED_SERVICE_PRINCIPAL"


@pytest.mark.usefixtures("organization")
@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("PENDING_ACTIVATION", "SUSPENDED"),
        ("ACTIVE", "ACTIVE"),
        ("SUSPENDED", "SUSPENDED"),
        ("PENDING_CLOSURE", "PENDING_CLOSURE"),
        ("CLOSED", "SUSPENDED"),
    ],
)
async def test_accounts_have_states(sim: DetectiveSimulator, organizations: Any, state: Any, status: str) -> None:
    """State is what was set, and the older Status has the nearest of its values; both are in a dump."""
    sim.set_account_state(ONE, state)
    account = check("DescribeAccount", await organizations().describe_account(AccountId=ONE))["Account"]
    assert (account["State"], account["Status"]) == (state, status)
    sim.load(sim.dump())
    assert (await organizations().describe_account(AccountId=ONE))["Account"] == account


def test_an_unknown_state_is_refused() -> None:
    """The error has the states that there are."""
    sim = DetectiveSimulator()
    with pytest.raises(ValueError, match="state: must be one of PENDING_ACTIVATION, ACTIVE, SUSPENDED"):
        sim.set_account_state(ONE, "suspended")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert sim.accounts == []
    with pytest.raises(ValueError, match="name: must be an account's name of 1 to 128 characters"):
        sim.account(ONE, name="")


@pytest.mark.usefixtures("organization")
async def test_joining_and_leaving_change_both_services(sim: DetectiveSimulator, organizations: Any, boto: Any) -> None:
    """An account that joins is listed and becomes a member automatically; one that leaves is neither."""
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=DELEGATE)
    detective = boto(DELEGATE)
    graph = (await detective.list_graphs())["GraphList"][0]["Arn"]
    await detective.update_organization_configuration(GraphArn=graph, AutoEnable=True)

    async def both() -> tuple[list[str], list[str]]:
        accounts = (await organizations(DELEGATE).list_accounts())["Accounts"]
        members = (await detective.list_members(GraphArn=graph))["MemberDetails"]
        return [one["Id"] for one in accounts], [one["AccountId"] for one in members]

    assert await both() == ([ONE, DELEGATE, MANAGEMENT], [])
    await sim.advance(86400)
    sim.organization(MANAGEMENT, [TWO])
    assert await both() == ([ONE, TWO, DELEGATE, MANAGEMENT], [TWO])
    joined = (await organizations().describe_account(AccountId=TWO))["Account"]["JoinedTimestamp"]
    assert timedelta(0) <= sim.now - joined < timedelta(minutes=5)
    sim.leave_organization(TWO)
    assert await both() == ([ONE, DELEGATE, MANAGEMENT], [])
    await organizations(TWO).refused("AWSOrganizationsNotInUseException", "describe_organization")


@pytest.mark.usefixtures("organization")
@pytest.mark.parametrize(
    ("method", "given", "reason"),
    [
        ("list_accounts", {"MaxResults": 0}, "MIN_VALUE_EXCEEDED"),
        ("list_accounts", {"MaxResults": 21}, "MAX_VALUE_EXCEEDED"),
        ("list_accounts", {"NextToken": "x"}, "INVALID_PAGINATION_TOKEN"),
        ("describe_account", {}, "INPUT_REQUIRED"),
        ("describe_account", {"AccountId": "1" * 13}, "MAX_LENGTH_EXCEEDED"),
        ("describe_account", {"AccountId": "x"}, "INVALID_PATTERN"),
        ("list_delegated_administrators", {"ServicePrincipal": ""}, "MIN_LENGTH_EXCEEDED"),
    ],
)
async def test_invalid_input_has_a_reason(organizations: Any, method: str, given: dict[str, Any], reason: str) -> None:
    """InvalidInputException, with the Reason that AWS documents for it."""
    refused = await organizations().refused("InvalidInputException", method, **given)
    assert refused["Reason"] == reason


async def ask(raw: Any, body: bytes = b"{}", target: str = TARGET, method: str = "POST", **options: Any) -> Any:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    options = {"service": "organizations", "credentials": raw.sim.account(MANAGEMENT), **options}
    return await raw.ask(method, "/", body, headers=headers, **options)


@pytest.mark.usefixtures("organization")
@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"body": b"["}, "SerializationException"),
        ({"body": b"[]"}, "SerializationException"),
        ({"body": b'{"MaxResults": "20"}'}, "SerializationException"),
        ({"target": "AWSOrganizationsV20161128.CreateAccount"}, "UnknownOperationException"),
        ({"target": "ListAccounts"}, "UnknownOperationException"),
        ({"method": "PUT"}, "UnknownOperationException"),
        ({"service": "sts"}, "InvalidSignatureException"),
        ({"service": "detective"}, "InvalidSignatureException"),
    ],
)
async def test_malformed_requests_have_status_400(raw: Any, options: dict[str, Any], code: str) -> None:
    """As everywhere in this protocol, whatever the client's mistake was."""
    reply = await ask(raw, **options)
    assert (reply.status, reply.code) == (400, code)
    assert json.loads(reply.body)["__type"] == code
    assert json.loads(reply.body)["message"]
    assert reply.headers["content-type"] == "application/x-amz-json-1.1"


@pytest.mark.usefixtures("organization")
async def test_the_body_may_be_empty(raw: Any) -> None:
    """Then it has no members."""
    reply = await ask(raw, b"")
    assert (reply.status, len(json.loads(reply.body)["Accounts"])) == (200, 3)
    assert reply.headers["content-type"] == "application/x-amz-json-1.1"


@pytest.mark.usefixtures("organization")
async def test_requests_are_recorded_and_faults_apply(sim: DetectiveSimulator, organizations: Any) -> None:
    """Faults name these operations too; errors have this service's names."""
    sim.throttle(operation="ListAccounts")
    sim.inject(Fault(Failure(), operation="DescribeOrganization"))
    refused = await organizations().refused("TooManyRequestsException", "list_accounts")
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400
    refused = await organizations().refused("ServiceException", "describe_organization")
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 500
    recorded = [(one.operation, one.account_id, one.error_code) for one in sim.requests]
    assert recorded == [
        ("ListAccounts", MANAGEMENT, "TooManyRequestsException"),
        ("DescribeOrganization", MANAGEMENT, "ServiceException"),
    ]


@pytest.mark.usefixtures("organization")
async def test_a_closed_region_does_not_matter(sim: DetectiveSimulator, organizations: Any, boto: Any) -> None:
    """The service is global, and its endpoint does not depend on the regions that an account has opted in to."""
    sim.close_region("me-south-1")
    await boto(region="me-south-1").refused("UnrecognizedClientException", "list_graphs")
    assert (await organizations(region="me-south-1").list_accounts())["Accounts"]


@pytest.mark.cli
@pytest.mark.slow
def test_the_cli_pages_through_the_accounts(tmp_path: Path) -> None:
    """With nothing but the variables of `environment`: it lists all accounts of 3 pages, and shows the error's code."""
    with SimulatorThread() as sim:
        sim.organization(MANAGEMENT, [f"{number:012d}" for number in range(1, 46)])
        sim.set_account_state(ONE, "CLOSED")

        def run(account: str, *arguments: str) -> subprocess.CompletedProcess[str]:
            own = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "HOME": str(tmp_path)}
            program = [sys.executable, "-m", "awscli", "organizations", *arguments, "--output", "json"]
            environment = {**os.environ, **own, **sim.environment(account)}
            return subprocess.run(program, env=environment, capture_output=True, text=True, check=False)

        listed = run(MANAGEMENT, "list-accounts")
        assert listed.returncode == 0, listed.stderr
        accounts = json.loads(listed.stdout)["Accounts"]
        assert len(accounts) == 46
        assert (accounts[0]["Id"], accounts[0]["State"]) == (ONE, "CLOSED")
        assert [one.operation for one in sim.requests] == ["ListAccounts"] * 3
        denied = run(TWO, "list-accounts")
        assert denied.returncode != 0
        assert "(AccessDeniedException) when calling the ListAccounts operation" in denied.stderr
