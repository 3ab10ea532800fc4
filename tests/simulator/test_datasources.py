"""Data source packages and the histories of who contributes what since when."""

from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.asyncio

MEMBER = "000000000001"


async def test_packages_are_started_for_the_graph_and_its_members(
    sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """The core is there from the start; others are started, and the history tells when for each member."""
    admin, member = boto(), boto(MEMBER)
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    await sim.advance(60)
    await member.accept_invitation(GraphArn=graph)
    packages = (await admin.list_datasource_packages(GraphArn=graph))["DatasourcePackages"]
    states = {name: detail["DatasourcePackageIngestState"] for name, detail in packages.items()}
    assert states == {"ASFF_SECURITYHUB_FINDING": "DISABLED", "DETECTIVE_CORE": "STARTED", "EKS_AUDIT": "DISABLED"}

    await sim.advance(60)
    await admin.update_datasource_packages(GraphArn=graph, DatasourcePackages=["EKS_AUDIT", "DETECTIVE_CORE"])
    first = await admin.list_datasource_packages(GraphArn=graph, MaxResults=2)
    second = await admin.list_datasource_packages(GraphArn=graph, NextToken=first["NextToken"])
    assert list(first["DatasourcePackages"]) == ["ASFF_SECURITYHUB_FINDING", "DETECTIVE_CORE"]
    eks = second["DatasourcePackages"]["EKS_AUDIT"]
    assert eks["DatasourcePackageIngestState"] == "STARTED"
    assert set(eks["LastIngestStateChange"]) == {"DISABLED", "STARTED"}

    answer = await admin.batch_get_graph_member_datasources(
        GraphArn=graph, AccountIds=[MEMBER, "000000000002", "000000000003", "111122223333"]
    )
    one, invited, own = answer["MemberDatasources"]
    started = {name: dates["STARTED"]["Timestamp"] for name, dates in one["DatasourcePackageIngestHistory"].items()}
    assert round((started["EKS_AUDIT"] - started["DETECTIVE_CORE"]).total_seconds()) == 60
    assert invited["DatasourcePackageIngestHistory"] == {}
    assert (own["AccountId"], set(own["DatasourcePackageIngestHistory"])) == (
        "111122223333",
        {"DETECTIVE_CORE", "EKS_AUDIT"},
    )
    assert [one["AccountId"] for one in answer["UnprocessedAccounts"]] == ["000000000003"]

    detail = (await admin.get_members(GraphArn=graph, AccountIds=[MEMBER]))["MemberDetails"][0]
    assert detail["DatasourcePackageIngestStates"]["EKS_AUDIT"] == "STARTED"


async def test_a_member_looks_up_its_own_history_in_several_graphs(boto: Any, people: Any) -> None:
    """BatchGetMembershipDatasources answers for graphs it is in, and names the others."""
    admin, member = boto(), boto(MEMBER)
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await member.accept_invitation(GraphArn=graph)
    other = (await boto("222222222222").create_graph())["GraphArn"]
    missing = graph[:-32] + "0" * 32
    answer = await member.batch_get_membership_datasources(GraphArns=[graph, other, missing])
    (found,) = answer["MembershipDatasources"]
    assert (found["AccountId"], found["GraphArn"]) == (MEMBER, graph)
    assert set(found["DatasourcePackageIngestHistory"]) == {"DETECTIVE_CORE"}
    assert [one["GraphArn"] for one in answer["UnprocessedGraphs"]] == [other, missing]


async def test_a_package_can_be_stopped_from_outside(sim: DetectiveSimulator, boto: Any) -> None:
    """`set_package` leads to the states that no operation does, with their times; starting it again works."""
    client = boto()
    graph = (await client.create_graph())["GraphArn"]
    accounts = [{"AccountId": name, "EmailAddress": f"account-{name}@example.com"} for name in ("1" * 12, "2" * 12)]
    await client.create_members(GraphArn=graph, Accounts=accounts)
    await boto("1" * 12).accept_invitation(GraphArn=graph)
    sim.set_package(graph, "DETECTIVE_CORE", "STOPPED")
    detail = (await client.list_datasource_packages(GraphArn=graph))["DatasourcePackages"]["DETECTIVE_CORE"]
    assert detail["DatasourcePackageIngestState"] == "STOPPED"
    assert sorted(detail["LastIngestStateChange"]) == ["STARTED", "STOPPED"]
    ids = [account["AccountId"] for account in accounts]
    found = await client.batch_get_graph_member_datasources(GraphArn=graph, AccountIds=ids)
    histories = [one["DatasourcePackageIngestHistory"] for one in found["MemberDatasources"]]
    assert [sorted(one.get("DETECTIVE_CORE", {})) for one in histories] == [["STARTED", "STOPPED"], []]
    await client.update_datasource_packages(GraphArn=graph, DatasourcePackages=["DETECTIVE_CORE"])
    assert sim.snapshot()[graph]["packages"]["DETECTIVE_CORE"] == "STARTED"
    wrongs: list[tuple[Any, Any, Any]] = [
        ("none", "DETECTIVE_CORE", "STOPPED"),
        (graph, "CORE", "STOPPED"),
        (graph, "EKS_AUDIT", "PAUSED"),
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"no behavior graph|package: must be one of|state: must be one of"):
            sim.set_package(*wrong)
