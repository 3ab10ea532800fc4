"""Data source packages, and the ingest history of graphs and members."""

from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator

ADMIN = "111122223333"
MEMBER = "000000000001"
CORE = "DETECTIVE_CORE"


async def test_packages_are_started_for_the_graph_and_its_members(
    sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """The core package is started by default; the history has the time at which a package started for each member."""
    admin, member = boto(), boto(MEMBER)
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    await sim.advance(60)
    await member.accept_invitation(GraphArn=graph)
    packages = (await admin.list_datasource_packages(GraphArn=graph))["DatasourcePackages"]
    states = {name: detail["DatasourcePackageIngestState"] for name, detail in packages.items()}
    assert states == {"ASFF_SECURITYHUB_FINDING": "DISABLED", CORE: "STARTED", "EKS_AUDIT": "DISABLED"}

    await sim.advance(60)
    await admin.update_datasource_packages(GraphArn=graph, DatasourcePackages=["EKS_AUDIT", CORE])
    first = await admin.list_datasource_packages(GraphArn=graph, MaxResults=2)
    second = await admin.list_datasource_packages(GraphArn=graph, NextToken=first["NextToken"])
    assert list(first["DatasourcePackages"]) == ["ASFF_SECURITYHUB_FINDING", CORE]
    core, eks = first["DatasourcePackages"][CORE], second["DatasourcePackages"]["EKS_AUDIT"]
    assert eks["DatasourcePackageIngestState"] == "STARTED"
    changes = {state: change["Timestamp"] for state, change in eks["LastIngestStateChange"].items()}
    # The simulator's clock runs on between the calls.
    assert 120 <= (changes["STARTED"] - changes["DISABLED"]).total_seconds() < 180
    assert core["LastIngestStateChange"]["STARTED"]["Timestamp"] == changes["DISABLED"]

    ids = [MEMBER, "000000000002", "000000000003", ADMIN]
    response = await admin.batch_get_graph_member_datasources(GraphArn=graph, AccountIds=ids)
    one, invited, own = response["MemberDatasources"]
    started = {name: dates["STARTED"]["Timestamp"] for name, dates in one["DatasourcePackageIngestHistory"].items()}
    assert 60 <= (started["EKS_AUDIT"] - started[CORE]).total_seconds() < 120
    assert invited["DatasourcePackageIngestHistory"] == {}
    assert (own["AccountId"], set(own["DatasourcePackageIngestHistory"])) == (ADMIN, {CORE, "EKS_AUDIT"})
    assert [one["AccountId"] for one in response["UnprocessedAccounts"]] == ["000000000003"]

    detail = (await admin.get_members(GraphArn=graph, AccountIds=[MEMBER]))["MemberDetails"][0]
    assert detail["DatasourcePackageIngestStates"]["EKS_AUDIT"] == "STARTED"


async def test_a_member_reads_its_own_history_in_several_graphs(boto: Any, people: Any) -> None:
    """BatchGetMembershipDatasources returns the caller's graphs, and lists the others as unprocessed."""
    admin, member = boto(), boto(MEMBER)
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await member.accept_invitation(GraphArn=graph)
    other = (await boto("222222222222").create_graph())["GraphArn"]
    missing = graph[:-32] + "0" * 32
    response = await member.batch_get_membership_datasources(GraphArns=[graph, other, missing])
    (found,) = response["MembershipDatasources"]
    assert (found["AccountId"], found["GraphArn"]) == (MEMBER, graph)
    assert set(found["DatasourcePackageIngestHistory"]) == {CORE}
    assert [one["GraphArn"] for one in response["UnprocessedGraphs"]] == [other, missing]


async def test_a_test_can_stop_a_package(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """`set_package` sets any state, with its time, for enabled members too; the package can be started again."""
    client = boto()
    graph = (await client.create_graph())["GraphArn"]
    await client.create_members(GraphArn=graph, Accounts=people(2))
    await boto(MEMBER).accept_invitation(GraphArn=graph)
    sim.set_package(graph, CORE, "STOPPED")
    detail = (await client.list_datasource_packages(GraphArn=graph))["DatasourcePackages"][CORE]
    assert detail["DatasourcePackageIngestState"] == "STOPPED"
    assert sorted(detail["LastIngestStateChange"]) == ["STARTED", "STOPPED"]
    ids = [MEMBER, "000000000002"]
    found = await client.batch_get_graph_member_datasources(GraphArn=graph, AccountIds=ids)
    histories = [one["DatasourcePackageIngestHistory"] for one in found["MemberDatasources"]]
    assert [sorted(one.get(CORE, {})) for one in histories] == [["STARTED", "STOPPED"], []]
    await client.update_datasource_packages(GraphArn=graph, DatasourcePackages=[CORE])
    assert sim.snapshot()[graph]["packages"][CORE] == "STARTED"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"graph_arn": "none"}, "there is no behavior graph 'none'"),
        ({"package": "CORE"}, "package: must be one of ASFF_SECURITYHUB_FINDING, .* got 'CORE'"),
        ({"state": "PAUSED"}, "state: must be one of STARTED, STOPPED, DISABLED, got 'PAUSED'"),
    ],
)
async def test_invalid_arguments_of_set_package_are_rejected(
    sim: DetectiveSimulator, boto: Any, wrong: dict[str, Any], message: str
) -> None:
    """The error says what is allowed, and nothing changes."""
    graph = (await boto().create_graph())["GraphArn"]
    before = sim.dump()["graphs"]
    with pytest.raises(ValueError, match=message):
        sim.set_package(**{"graph_arn": graph, "package": CORE, "state": "STOPPED", **wrong})
    assert sim.dump()["graphs"] == before
