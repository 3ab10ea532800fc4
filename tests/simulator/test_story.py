"""The main job, as boto3 does it."""

import asyncio
from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.asyncio


async def test_an_administrator_enables_invites_120_and_lists_them_page_by_page(
    sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """Everything between CreateGraph and a full list of enabled members works, throttles included."""
    admin = boto(attempts=5)
    graph = (await admin.create_graph(Tags={"team": "secops"}))["GraphArn"]
    assert (await admin.list_graphs())["GraphList"][0]["Arn"] == graph

    accounts = people(120)
    sim.throttle(2, operation="CreateMembers", retry_after_ms=1)
    invited = []
    for start in range(0, 120, 50):
        answer = await admin.create_members(GraphArn=graph, Accounts=accounts[start : start + 50], Message="Join us")
        assert answer["UnprocessedAccounts"] == []
        invited += answer["Members"]
    assert [member["Status"] for member in invited] == ["INVITED"] * 120

    for account in accounts[:5]:
        member = boto(account["AccountId"])
        (invitation,) = (await member.list_invitations())["Invitations"]
        assert invitation["GraphArn"] == graph
        assert invitation["AdministratorId"] == "111122223333"
        await member.accept_invitation(GraphArn=graph)

    token: dict[str, str] = {}
    pages = []
    while True:
        page = await admin.list_members(GraphArn=graph, MaxResults=50, **token)
        pages.append(page["MemberDetails"])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert [len(page) for page in pages] == [50, 50, 20]
    members = [member for page in pages for member in page]
    assert [member["AccountId"] for member in members] == [account["AccountId"] for account in accounts]
    assert [member["Status"] for member in members] == ["ENABLED"] * 5 + ["INVITED"] * 115
    assert sum(request.status == 429 for request in sim.requests) == 2


async def test_accounts_and_regions_are_told_apart(boto: Any) -> None:
    """One server holds a graph for each account and region, and each sees its own."""
    clients = [
        boto(account, region=region) for account in ("1" * 12, "2" * 12) for region in ("eu-west-1", "us-east-1")
    ]
    arns = [answer["GraphArn"] for answer in await asyncio.gather(*(client.create_graph() for client in clients))]
    assert len(set(arns)) == 4
    for client, arn in zip(clients, arns, strict=True):
        assert (await client.create_graph())["GraphArn"] == arn
        assert [graph["Arn"] for graph in (await client.list_graphs())["GraphList"]] == [arn]


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-isob-east-1", "aws-iso-b")],
)
async def test_arns_name_the_partition_of_their_region(boto: Any, region: Any, partition: Any) -> None:
    """A graph's ARN starts with the partition, also through the tags' path."""
    client = boto(region=region)
    arn = (await client.create_graph(Tags={"a": "b"}))["GraphArn"]
    assert arn.startswith(f"arn:{partition}:detective:{region}:111122223333:graph:")
    assert (await client.list_tags_for_resource(ResourceArn=arn))["Tags"] == {"a": "b"}


async def test_requests_are_remembered_without_secrets(sim: DetectiveSimulator, boto: Any) -> None:
    """`requests` tells who asked for what, and never how it was signed."""
    session = sim.temporary_credentials("111122223333")
    await boto(credentials=session).create_graph()
    (request,) = sim.requests
    assert (request.operation, request.account_id, request.region) == ("CreateGraph", "111122223333", "eu-west-1")
    assert (request.method, request.target, request.status, request.error_code) == ("POST", "/graph", 200, None)
    assert "amz-sdk-invocation-id" in request.headers
    everything = repr(request) + repr(dict(request.headers))
    assert "authorization" not in request.headers
    assert str(session.session_token) not in everything
    assert session.secret_access_key not in everything
    sim.forget_requests()
    assert sim.requests == []


async def test_temporary_credentials_work_until_they_expire(sim: DetectiveSimulator, boto: Any) -> None:
    """A session token is required with the keys it came with, and dies at its virtual hour."""
    session = sim.temporary_credentials("111122223333", duration=900)
    client = boto(credentials=session)
    await client.create_graph()
    await sim.advance(901)
    with pytest.raises(client.exceptions.ClientError, match="ExpiredTokenException"):
        await client.list_graphs()
