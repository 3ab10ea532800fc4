"""Data source packages, and the ingest history of graphs and members."""

from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator

ADMIN = "111122223333"
MEMBER = "000000000001"
CORE = "DETECTIVE_CORE"
ALL = {CORE, "ASFF_SECURITYHUB_FINDING", "EKS_AUDIT"}


async def states(client: Any, graph: str) -> dict[str, str]:
    packages = (await client.list_datasource_packages(GraphArn=graph))["DatasourcePackages"]
    return {name: detail["DatasourcePackageIngestState"] for name, detail in packages.items()}


async def test_packages_are_started_for_the_graph_and_its_members(
    sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """All packages of a new graph are started; the history has the time at which one started for each member.

    Source: the user guide, on optional data source packages.
    """
    admin, member = boto(), boto(MEMBER)
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    await sim.advance(60)
    await member.accept_invitation(GraphArn=graph)
    assert await states(admin, graph) == {
        "ASFF_SECURITYHUB_FINDING": "STARTED",
        CORE: "STARTED",
        "EKS_AUDIT": "STARTED",
    }

    sim.set_package(graph, "EKS_AUDIT", "DISABLED")
    await sim.advance(60)
    await admin.update_datasource_packages(GraphArn=graph, DatasourcePackages=["EKS_AUDIT", CORE])
    first = await admin.list_datasource_packages(GraphArn=graph, MaxResults=2)
    second = await admin.list_datasource_packages(GraphArn=graph, NextToken=first["NextToken"])
    assert list(first["DatasourcePackages"]) == ["ASFF_SECURITYHUB_FINDING", CORE]
    core, eks = first["DatasourcePackages"][CORE], second["DatasourcePackages"]["EKS_AUDIT"]
    assert eks["DatasourcePackageIngestState"] == "STARTED"
    changes = {state: change["Timestamp"] for state, change in eks["LastIngestStateChange"].items()}
    # The simulator's clock runs on between the calls.
    assert 60 <= (changes["STARTED"] - changes["DISABLED"]).total_seconds() < 120
    created = core["LastIngestStateChange"]["STARTED"]["Timestamp"]
    assert 60 <= (changes["DISABLED"] - created).total_seconds() < 120

    ids = [MEMBER, "000000000002", "000000000003", ADMIN]
    response = await admin.batch_get_graph_member_datasources(GraphArn=graph, AccountIds=ids)
    one, invited, own = response["MemberDatasources"]
    started = {name: dates["STARTED"]["Timestamp"] for name, dates in one["DatasourcePackageIngestHistory"].items()}
    assert 60 <= (started["EKS_AUDIT"] - started[CORE]).total_seconds() < 120
    assert invited["DatasourcePackageIngestHistory"] == {}
    assert (own["AccountId"], set(own["DatasourcePackageIngestHistory"])) == (ADMIN, ALL)
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
    assert set(found["DatasourcePackageIngestHistory"]) == ALL
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


async def test_updating_sets_the_whole_list(sim: DetectiveSimulator, boto: Any) -> None:
    """Packages that are not named are stopped, all but the core package; the history keeps when they had started.

    Source: a live test that sent only DETECTIVE_CORE and saw the others stop; AWS's Security Reference Architecture
    always appends it. That the core package cannot be stopped is inferred.
    """
    client = boto()
    graph = (await client.create_graph())["GraphArn"]
    await client.update_datasource_packages(GraphArn=graph, DatasourcePackages=[CORE])
    assert await states(client, graph) == {
        "ASFF_SECURITYHUB_FINDING": "STOPPED",
        CORE: "STARTED",
        "EKS_AUDIT": "STOPPED",
    }
    await client.update_datasource_packages(GraphArn=graph, DatasourcePackages=["EKS_AUDIT"])
    assert await states(client, graph) == {
        "ASFF_SECURITYHUB_FINDING": "STOPPED",
        CORE: "STARTED",
        "EKS_AUDIT": "STARTED",
    }
    details = (await client.list_datasource_packages(GraphArn=graph))["DatasourcePackages"]
    assert set(details["EKS_AUDIT"]["LastIngestStateChange"]) == {"STARTED", "STOPPED"}
    # A package that was never started stays disabled.
    sim.set_package(graph, "EKS_AUDIT", "DISABLED")
    await client.update_datasource_packages(GraphArn=graph, DatasourcePackages=[CORE])
    assert (await states(client, graph))["EKS_AUDIT"] == "DISABLED"


@pytest.mark.simulator(package_delay=300)
async def test_packages_take_time_to_start(sim: DetectiveSimulator, boto: Any) -> None:
    """Those of a new graph too; they are disabled until then, and not started if they are no longer wanted."""
    client = boto()
    graph = (await client.create_graph())["GraphArn"]
    assert set((await states(client, graph)).values()) == {"DISABLED"}
    await sim.advance(200)
    # The starts go on, and this one is given up.
    await client.update_datasource_packages(GraphArn=graph, DatasourcePackages=[CORE, "EKS_AUDIT"])
    await sim.advance(101)
    assert await states(client, graph) == {
        "ASFF_SECURITYHUB_FINDING": "DISABLED",
        CORE: "STARTED",
        "EKS_AUDIT": "STARTED",
    }
    await client.update_datasource_packages(GraphArn=graph, DatasourcePackages=[*ALL])
    await sim.advance(270)
    assert (await states(client, graph))["ASFF_SECURITYHUB_FINDING"] == "DISABLED"
    dumped = sim.dump()
    assert set(dumped["graphs"][0]["starting"]) == {"ASFF_SECURITYHUB_FINDING"}
    sim.load(dumped)
    await sim.advance(31)
    assert (await states(client, graph))["ASFF_SECURITYHUB_FINDING"] == "STARTED"
    # A control acts at once, whatever has been started before.
    sim.set_package_delay(60)
    sim.set_package(graph, "EKS_AUDIT", "STOPPED")
    await client.update_datasource_packages(GraphArn=graph, DatasourcePackages=[*ALL])
    sim.set_package(graph, "EKS_AUDIT", "DISABLED")
    await sim.advance(61)
    assert (await states(client, graph))["EKS_AUDIT"] == "DISABLED"
