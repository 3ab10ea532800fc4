"""Loading and saving worlds: what is loaded is what was saved, and errors name the invalid key."""

import json
import os
import textwrap
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import fields
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hypothesis_profiles import examples

from detective_async.testing import DetectiveSimulator, SeedError, seed
from detective_async.testing.seed import toml
from detective_async.testing.services.call import Call
from detective_async.testing.services.detective import OPERATIONS
from detective_async.testing.services.errors import ApiError
from detective_async.testing.world.world import PACKAGES, Delays

HUB = "111122223333"
MANAGEMENT = "999999999999"
ONE, TWO = "000000000001", "000000000002"
REGION = "eu-west-1"
NOW = 1_800_000_000.0
SAMPLE = textwrap.dedent(str(seed.__doc__).split("::\n", 1)[1].split("\nThe accounts of roles", 1)[0])
EARLY, LATE, FUTURE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2900-01-01T00:00:00Z"
GRAPH = {"administrator": HUB, "region": REGION}
ADMINISTRATOR_OF_REGION = f"organizations[0].administrators.{REGION}.account"


def simulator(**settings: Any) -> DetectiveSimulator:
    return DetectiveSimulator(wall_clock=lambda: NOW, **settings)


def with_member(**member: Any) -> dict[str, Any]:
    return {"graphs": [{**GRAPH, "members": [{"account": ONE, **member}]}]}


def with_graph(**members: Any) -> dict[str, Any]:
    return {"graphs": [{**GRAPH, **members}]}


def organization(**members: Any) -> dict[str, Any]:
    return {"organizations": [{"management_account": ONE, **members}]}


def with_investigations(*changes: dict[str, Any]) -> dict[str, Any]:
    one = {"entity_arn": f"arn:aws:iam::{HUB}:user/me", "created": "2026-01-02T00:00:00Z"}
    return {"graphs": [{**GRAPH, "investigations": [{**one, **change} for change in changes]}]}


def test_the_documented_sample_is_loaded(tmp_path: Path) -> None:
    """The complete seed in the documentation can be loaded, and has every key."""
    path = tmp_path / "world.toml"
    path.write_text(SAMPLE, "utf-8")
    sim = DetectiveSimulator(wall_clock=lambda: datetime(2026, 2, 15, tzinfo=UTC).timestamp())
    sim.load(path)
    assert sim.now == datetime(2026, 3, 1, 8, tzinfo=UTC)
    (arn,) = sim.snapshot()
    assert arn == f"arn:aws:detective:{REGION}:{HUB}:graph:0123456789abcdef0123456789abcdef"
    assert sim.snapshot()[arn] == {
        "administrator": HUB,
        "members": {
            ONE: "ACCEPTED_BUT_DISABLED",
            TWO: "ENABLED",
            "000000000003": "VERIFICATION_IN_PROGRESS",
            "000000000004": "ACCEPTED_BUT_DISABLED",
        },
        "packages": {"ASFF_SECURITYHUB_FINDING": "STARTED", "DETECTIVE_CORE": "STARTED", "EKS_AUDIT": "DISABLED"},
        "tags": {"team": "secops"},
    }
    dumped = sim.dump()
    assert [member["invitation_type"] for member in dumped["graphs"][0]["members"]] == [
        "INVITATION",
        "ORGANIZATION",
        "INVITATION",
        "INVITATION",
    ]
    assert sim.accounts == [HUB, ONE, MANAGEMENT, TWO]
    assert dumped["accounts"][0] == {
        "id": HUB,
        "email": "root@secops.example",
        "name": "secops",
        "state": "ACTIVE",
    }
    assert dumped["organizations"][0]["delegated"] == HUB
    assert dumped["graphs"][0]["investigations"][0]["state"] == "ARCHIVED"
    # Each key is in the sample, or in a comment of the sample.
    for table in ("accounts", "roles", "organizations", "graphs"):
        for entry in dumped[table]:
            assert all(key in SAMPLE for key in entry), table


async def test_a_loaded_world_works(boto: Any, sim: DetectiveSimulator) -> None:
    """Accounts, roles, verifications, closed regions and investigations of a loaded world work."""
    sim.load(
        {
            "verification_delay": 60,
            "closed_regions": ["me-south-1"],
            "investigations": {"outcome": "FAILED"},
            "accounts": [{"id": ONE, "email": "right@example.com"}],
            "roles": [{"account": TWO, "name": "Audit", "trusted": [HUB]}],
            "graphs": [
                {
                    **GRAPH,
                    "members": [
                        {"account": ONE, "email": "wrong@example.com", "status": "VERIFICATION_IN_PROGRESS"},
                        {"account": TWO, "status": "INVITED"},
                    ],
                }
            ],
        }
    )
    client = boto(HUB)
    role = {"RoleArn": f"arn:aws:iam::{TWO}:role/Audit", "RoleSessionName": "me"}
    assert (await boto(HUB, service="sts").assume_role(**role))["AssumedRoleUser"]["Arn"].endswith("Audit/me")
    await boto(HUB, region="me-south-1").refused("UnrecognizedClientException", "list_graphs")
    (graph,) = [one["Arn"] for one in (await client.list_graphs())["GraphList"]]
    await boto(TWO).accept_invitation(GraphArn=graph)
    await sim.advance(61)
    members = (await client.list_members(GraphArn=graph))["MemberDetails"]
    assert [member["Status"] for member in members] == ["VERIFICATION_FAILED", "ENABLED"]
    assert members[1]["DatasourcePackageIngestStates"]["DETECTIVE_CORE"] == "STARTED"
    started = await client.start_investigation(
        GraphArn=graph,
        EntityArn=f"arn:aws:iam::{HUB}:user/me",
        ScopeStartTime=datetime(2026, 1, 1, tzinfo=UTC),
        ScopeEndTime=datetime(2026, 1, 2, tzinfo=UTC),
    )
    found = await client.get_investigation(GraphArn=graph, InvestigationId=started["InvestigationId"])
    assert found["Status"] == "FAILED"
    # Loading replaces the whole world.
    sim.load({})
    assert (sim.snapshot(), sim.accounts) == ({}, [])


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"account": []}, "account", "did you mean accounts?"),
    ({"zzz": 1}, "zzz", "the keys here are accounts, activation_delay"),
    ({"accounts": {}}, "accounts", "must be a list"),
    ({"accounts": ["x"]}, "accounts[0]", "must be a table"),
    ({"accounts": [{"email": "x@y"}]}, "accounts[0].id", "is required"),
    ({"accounts": [{"id": None}]}, "accounts[0].id", "is required"),
    ({"accounts": [{"id": 111122223333}]}, "accounts[0].id", "12 digits, as a string, got 111122223333"),
    ({"accounts": [{"id": ONE}, {"id": ONE}]}, "accounts[1].id", "exists already"),
    ({"accounts": [{"id": ONE, "email": "\ud800"}]}, "accounts[0].email", "an e-mail address"),
    ({"accounts": [{"id": ONE, "volume_problem": "BIG" * 99}]}, "accounts[0].volume_problem", "one of VOLUME_TOO_HIGH"),
    ({"accounts": [{"id": ONE, "volume_problem": []}]}, "accounts[0].volume_problem", "one of VOLUME_TOO_HIGH"),
    ({"time": datetime(2026, 1, 1)}, "time", "with a time zone"),  # noqa: DTZ001  that is what is wrong with it
    ({"time": "9999-01-01T00:00:00Z"}, "time", "from 1900 to 9000"),
    ({"time": "0001-01-01T00:00:00+23:00"}, "time", "with a time zone"),
    ({"time": "today"}, "time", "such as 2026-01-31T12:00:00Z"),
    ({"verification_delay": -1}, "verification_delay", "a number of seconds"),
    ({"verification_delay": True}, "verification_delay", "a number of seconds"),
    ({"verification_delay": float("nan")}, "verification_delay", "a number of seconds"),
    ({"closed_regions": ["Ireland"]}, "closed_regions[0]", "such as eu-west-1"),
    ({"investigations": {"outcome": "FINE"}}, "investigations.outcome", "one of SUCCESSFUL, FAILED"),
    ({"roles": [{"account": ONE, "name": "R"}]}, "roles[0].trusted", "is required"),
    (
        {"roles": [{"account": ONE, "name": "R", "trusted": [], "max_session_duration": 1.5}]},
        "roles[0].max_session_duration",
        "a whole number from 3600 to 43200",
    ),
    ({"roles": [{"account": ONE, "name": "R", "trusted": []}] * 2}, "roles[1].name", "exists already"),
    (
        {"organizations": [{"management_account": ONE}, {"management_account": TWO, "accounts": [ONE]}]},
        "organizations[1].accounts",
        "is in the organization of",
    ),
    ({"organizations": [{"management_account": ONE}] * 2}, "organizations[1].management_account", "exists already"),
    (organization(delegated=ONE), "organizations[0].delegated", "another account"),
    (organization(delegated=TWO), "organizations[0].delegated", "an account of the organization"),
    (organization(delegated_since="2026-01-01T00:00:00Z"), "organizations[0].delegated_since", "only with a delegated"),
    (organization(joined={TWO: "2026-01-01T00:00:00Z"}), f"organizations[0].joined.{TWO}", "of the organization"),
    ({"accounts": [{"id": ONE, "state": "DEAD"}]}, "accounts[0].state", "PENDING_ACTIVATION, ACTIVE, SUSPENDED"),
    (
        organization(administrators={REGION: {"account": TWO}}),
        ADMINISTRATOR_OF_REGION,
        "an account of the organization",
    ),
    (
        organization(accounts=[TWO, HUB], delegated=HUB, administrators={REGION: {"account": TWO}}),
        ADMINISTRATOR_OF_REGION,
        "must be the delegated account",
    ),
    ({"graphs": [GRAPH, GRAPH]}, "graphs[1]", "exists already"),
    ({"graphs": [{**GRAPH, "auto_enable": 1}]}, "graphs[0].auto_enable", "true or false"),
    ({"graphs": [{**GRAPH, "auto_enable": True}]}, "graphs[0].auto_enable", "must be false"),
    ({"graphs": [{**GRAPH, "tags": []}]}, "graphs[0].tags", "must be a table"),
    ({"graphs": [{**GRAPH, "tags": {str(n): "" for n in range(51)}}]}, "graphs[0].tags", "50 entries at most"),
    ({"graphs": [{**GRAPH, "tags": {"a b": ""}}]}, "graphs[0].tags", "letters, digits and any of"),
    ({"graphs": [{**GRAPH, "starting": {"EKS_AUDIT": "2026-01-01T00:00:00Z"}}]}, "graphs[0].starting.EKS_AUDIT", "not"),
    (
        {"graphs": [{**GRAPH, "deleted_at": "2026-01-01T00:00:00Z", "members": [{"account": ONE}]}]},
        "graphs[0].deleted_at",
        "only without members",
    ),
    ({"volume_limit": -1}, "volume_limit", "a whole number"),
    (organization(settling={"region": REGION}), "organizations[0].settling.until", "is required"),
    (with_member(checked_at="2026-01-01T00:00:00Z"), "graphs[0].members[0].checked_at", "ACCEPTED_BUT_DISABLED"),
    ({"graphs": [{**GRAPH, "packages": {"EKS": "STARTED"}}]}, "graphs[0].packages", "EKS_AUDIT"),
    ({"graphs": [{**GRAPH, "members": [{"account": ONE}] * 1201}]}, "graphs[0].members", "1200 entries at most"),
    ({"graphs": [{**GRAPH, "members": [{"account": ONE}] * 2}]}, "graphs[0].members[1].account", "exists already"),
    ({"graphs": [{**GRAPH, "members": [{"account": HUB}]}]}, "graphs[0].members[0].account", "exists already"),
    (
        {"accounts": [{"id": ONE, "state": "CLOSED"}], **with_member(status="ENABLED")},
        "graphs[0].members[0].status",
        f"not be ENABLED, since account {ONE} is CLOSED",
    ),
    (with_member(status="ENABLD"), "graphs[0].members[0].status", "ENABLED, INVITED"),
    (with_member(disabled_reason="VOLUME_UNKNOWN"), "graphs[0].members[0].disabled_reason", "ACCEPTED_BUT_DISABLED"),
    (with_member(status="INVITED", ingest={}), "graphs[0].members[0].ingest", "ENABLED"),
    (with_member(verifies_at="2026-01-01T00:00:00Z"), "graphs[0].members[0].verifies_at", "VERIFICATION_IN_PROGRESS"),
    (with_member(invitation_type="ORGANIZATION"), "graphs[0].members[0].invitation_type", "INVITATION, unless"),
    (with_investigations({"entity_arn": "x"}), "graphs[0].investigations[0].entity_arn", "an IAM user or role"),
    (with_investigations({"scope_end": "2026-01-01T00:00:00Z"}), "graphs[0].investigations[0].scope_end", "later than"),
    (
        with_investigations({"finishes": "2026-01-01T00:00:00Z"}),
        "graphs[0].investigations[0].finishes",
        "not be earlier",
    ),
    (with_investigations(*[{"id": "1" * 21}] * 2), "graphs[0].investigations[1].id", "exists already"),
    (with_graph(created=FUTURE), "graphs[0].created", "must not be later than now"),
    (with_graph(history={"EKS_AUDIT": {"STARTED": FUTURE}}), "graphs[0].history.EKS_AUDIT.STARTED", "later than now"),
    (
        with_graph(created=LATE, history={"EKS_AUDIT": {"STARTED": EARLY}}),
        "graphs[0].history.EKS_AUDIT.STARTED",
        "must not be earlier than the graph's creation, 2026-02-01 00:00:00+00:00",
    ),
    (
        with_graph(packages={"EKS_AUDIT": "DISABLED"}, history={"EKS_AUDIT": {"STARTED": EARLY}}),
        "graphs[0].history.EKS_AUDIT",
        "the latest state must be the present one, DISABLED",
    ),
    (
        with_graph(history={"EKS_AUDIT": {"STARTED": EARLY, "STOPPED": LATE}}),
        "graphs[0].history.EKS_AUDIT",
        "the latest state must be the present one, STARTED",
    ),
    (with_graph(history={"EKS_AUDIT": {}}), "graphs[0].history.EKS_AUDIT", "the present one"),
    (
        with_graph(created=LATE, packages={"EKS_AUDIT": "DISABLED"}, starting={"EKS_AUDIT": EARLY}),
        "graphs[0].starting.EKS_AUDIT",
        "not be earlier than created",
    ),
    (with_graph(created=LATE, deleted_at=EARLY), "graphs[0].deleted_at", "not be earlier than created"),
    (
        with_graph(created=LATE, members=[{"account": ONE, "status": "INVITED", "invited_at": EARLY}]),
        "graphs[0].members[0].invited_at",
        "must not be earlier than the graph's creation, 2026-02-01 00:00:00+00:00, got 2026-01-01 00:00:00+00:00",
    ),
    (with_member(invited_at=LATE, updated_at=EARLY), "graphs[0].members[0].updated_at", "earlier than invited_at"),
    (with_member(updated_at=FUTURE), "graphs[0].members[0].updated_at", "later than now"),
    (with_member(invited_at=FUTURE), "graphs[0].members[0].invited_at", "later than now"),
    (
        with_member(status="VERIFICATION_IN_PROGRESS", updated_at=LATE, verifies_at=EARLY),
        "graphs[0].members[0].verifies_at",
        "earlier than updated_at",
    ),
    (
        with_member(status="ACCEPTED_BUT_DISABLED", updated_at=LATE, checked_at=EARLY),
        "graphs[0].members[0].checked_at",
        "earlier than updated_at",
    ),
    (
        with_member(ingest={"EKS_AUDIT": {"STARTED": FUTURE}}),
        "graphs[0].members[0].ingest.EKS_AUDIT.STARTED",
        "later than now",
    ),
    (with_member(status="INVITED", any_address=True), "graphs[0].members[0].any_address", "VERIFICATION_IN_PROGRESS"),
    (with_investigations({"created": FUTURE}), "graphs[0].investigations[0].created", "later than now"),
    (
        with_graph(created=LATE, **with_investigations({"created": EARLY})["graphs"][0]),
        "graphs[0].investigations[0].created",
        "earlier than the graph's creation",
    ),
    (organization(joined={ONE: FUTURE}), f"organizations[0].joined.{ONE}", "later than now"),
    (organization(settling={"region": REGION, "until": LATE}), "organizations[0].settling", "only with a delegated"),
    (
        organization(accounts=[TWO], delegated=TWO, joined={TWO: LATE}, delegated_since=EARLY),
        "organizations[0].delegated_since",
        "earlier than joined",
    ),
    (
        organization(accounts=[TWO], delegated=TWO, delegated_since=FUTURE),
        "organizations[0].delegated_since",
        "later than now",
    ),
    (
        organization(accounts=[TWO], delegated_since=LATE, administrators={REGION: {"account": TWO, "since": EARLY}}),
        f"organizations[0].administrators.{REGION}.since",
        "earlier than delegated_since",
    ),
    (
        organization(joined={ONE: LATE}, administrators={REGION: {"account": ONE, "since": EARLY}}),
        f"organizations[0].administrators.{REGION}.since",
        "earlier than joined",
    ),
    (
        {"accounts": [{"id": ONE, "state": "CLOSED"}], **organization(accounts=[TWO])},
        "organizations[0].accounts",
        f"can be closed only when its other accounts are closed or have left: {TWO}",
    ),
]


@pytest.mark.parametrize(("content", "key", "words"), WRONG)
def test_an_invalid_seed_names_the_key_and_changes_nothing(content: dict[str, Any], key: str, words: str) -> None:
    """The error names the key and what is allowed; the world is not changed."""
    sim = simulator()
    sim.account(HUB)
    before = sim.dump()
    with pytest.raises(SeedError) as caught:
        sim.load(content)
    assert str(caught.value).startswith(f"{key}: ")
    assert words in str(caught.value)
    assert len(str(caught.value)) < 250
    assert sim.dump() == before


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("w.toml", "accounts = [", "cannot be read"),
        ("w.toml", "time = 1", "time: must be a date"),
        ("w.json", "{", "cannot be read"),
        ("w.json", "[]", "the seed: must be a table"),
        ("w.json", "[" * 100_000, "cannot be read"),
        ("w.json", '{"accounts": [{"id": "1"}]}', "accounts[0].id: must be an account id"),
        ("w.yaml", "", "must end in .toml or .json"),
    ],
)
def test_an_invalid_file_is_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    """Whether the format or the content is invalid, the error begins with the file's name."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(SeedError) as caught:
        simulator().load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    with pytest.raises(OSError, match="No such file"):
        simulator().load(tmp_path / "absent.toml")


def test_optional_keys_have_defaults() -> None:
    """The defaults of members, investigations and graphs."""
    sim = simulator(verification_delay=5)
    sim.load(
        {
            "accounts": [{"id": ONE, "volume_problem": "VOLUME_UNKNOWN"}],
            "graphs": [
                {
                    **GRAPH,
                    "members": [
                        {"account": ONE, "status": "ACCEPTED_BUT_DISABLED"},
                        {"account": TWO, "status": "ACCEPTED_BUT_DISABLED"},
                        {"account": "000000000003"},
                        {"account": "000000000004", "status": "VERIFICATION_IN_PROGRESS"},
                    ],
                    "investigations": [{"entity_arn": f"arn:aws:iam::{HUB}:role/r"}],
                }
            ],
        }
    )
    (graph,) = sim.dump()["graphs"]
    now = datetime.fromtimestamp(NOW, UTC).isoformat()
    later = (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=5)).isoformat()
    assert [member.get("disabled_reason") for member in graph["members"]] == [
        "VOLUME_UNKNOWN",
        "VOLUME_TOO_HIGH",
        None,
        None,
    ]
    assert graph["members"][2]["ingest"] == {package: {"STARTED": now} for package in PACKAGES}
    assert graph["members"][3]["verifies_at"] == later
    assert (graph["created"], graph["investigations"][0]["finishes"]) == (now, now)
    assert len(graph["id"]) == 32


def test_nothing_is_older_than_what_it_is_in() -> None:
    """By default, a graph, a delegation and an organization began with the earliest of what is said about them."""
    sim = simulator()
    sim.load(
        {
            **organization(accounts=[HUB], administrators={REGION: {"account": HUB, "since": LATE}}),
            "graphs": [{**GRAPH, "members": [{"account": HUB[::-1], "invited_at": EARLY, "updated_at": LATE}]}],
        }
    )
    dumped = sim.dump()
    assert dumped["graphs"][0]["created"] == "2026-01-01T00:00:00+00:00"
    (found,) = dumped["organizations"]
    assert found["delegated_since"] == found["joined"][HUB] == "2026-02-01T00:00:00+00:00"
    sim.load(dumped)
    assert sim.dump() == dumped


def test_the_management_account_may_be_the_administrator() -> None:
    """In some regions or in all; the delegate is another account."""
    sim = simulator()
    administrators = {REGION: {"account": MANAGEMENT}, "us-east-1": {"account": HUB}}
    organization = {"management_account": MANAGEMENT, "accounts": [HUB], "administrators": administrators}
    graph = {"administrator": MANAGEMENT, "region": REGION, "auto_enable": True, "members": [{"account": HUB}]}
    sim.load({"organizations": [organization], "graphs": [graph]})
    assert sim.dump()["organizations"][0]["delegated"] == HUB
    sim.organization(MANAGEMENT, [ONE])
    (snapshot,) = sim.snapshot().values()
    assert snapshot["members"] == {ONE: "ENABLED", HUB: "ENABLED"}


def test_the_time_of_a_seed_only_advances() -> None:
    """Loading advances to a later time; with an earlier one, verifications that are due are completed."""
    sim = simulator()
    later = datetime.fromtimestamp(NOW + 1000, UTC)
    sim.load({"time": later})
    assert sim.now == later
    sim.load({"time": "2020-01-01T00:00:00Z", **with_member(status="VERIFICATION_IN_PROGRESS", verifies_at=later)})
    assert sim.now == later
    (graph,) = sim.snapshot().values()
    assert graph["members"] == {ONE: "INVITED"}


def test_ids_after_loading_are_new_and_repeatable() -> None:
    """A loaded world does not create ids that it has already; the same seed leads to the same ids."""
    first, second, third = (simulator(seed=1) for _ in range(3))
    first.load({"graphs": [GRAPH]})
    dumped = first.dump()
    ids = [dumped["graphs"][0]["id"]]
    for sim in (second, third):
        sim.load(dumped)
        ids.append(sim._world.ensure_graph(ONE, REGION, sim.now).arn.rpartition(":")[2])
    assert ids[0] != ids[1] == ids[2]


CALLS = st.sampled_from(
    [
        ("CreateGraph", {"Tags": {"a": "ünï\x7f\u2028\U0001f600"}}),
        ("DeleteGraph", {}),
        ("CreateMembers", {"Accounts": [{"AccountId": one, "EmailAddress": "x@y.example"} for one in (ONE, TWO)]}),
        ("CreateMembers", {"Accounts": [{"AccountId": TWO, "EmailAddress": f"account-{TWO}@example.com"}]}),
        ("DeleteMembers", {"AccountIds": [ONE]}),
        ("AcceptInvitation", {}),
        ("RejectInvitation", {}),
        ("DisassociateMembership", {}),
        ("StartMonitoringMember", {"AccountId": ONE}),
        ("UpdateDatasourcePackages", {"DatasourcePackages": ["EKS_AUDIT"]}),
        ("EnableOrganizationAdminAccount", {"AccountId": HUB}),
        ("DisableOrganizationAdminAccount", {}),
        ("UpdateOrganizationConfiguration", {"AutoEnable": True}),
        (
            "StartInvestigation",
            {
                "EntityArn": f"arn:aws:iam::{HUB}:user/me",
                "ScopeStartTime": datetime(1, 1, 1, tzinfo=UTC),
                "ScopeEndTime": datetime(9999, 12, 31, tzinfo=UTC),
            },
        ),
        ("ListInvitations", {}),
        ("control", {"name": "set_volume", "arguments": (ONE, "VOLUME_UNKNOWN")}),
        ("control", {"name": "set_volume", "arguments": (ONE, None)}),
        ("control", {"name": "set_volume_limit", "arguments": (10**9,)}),
        ("control", {"name": "set_volume_limit", "arguments": (10**13,)}),
        ("control", {"name": "set_account_state", "arguments": (ONE, "CLOSED")}),
        ("control", {"name": "set_account_state", "arguments": (ONE, "ACTIVE")}),
        ("control", {"name": "set_account_state", "arguments": (MANAGEMENT, "CLOSED")}),
        ("control", {"name": "organization", "arguments": (MANAGEMENT, [HUB, ONE])}),
        ("control", {"name": "organization", "arguments": (MANAGEMENT, [TWO])}),
        ("control", {"name": "leave_organization", "arguments": (ONE,)}),
        ("control", {"name": "deregister_administrator", "arguments": (MANAGEMENT,)}),
        ("control", {"name": "close_region", "arguments": ("me-south-1",)}),
        ("control", {"name": "account", "arguments": (TWO, "x@y.example")}),
        ("control", {"name": "_advance", "arguments": (40,)}),
        ("control", {"name": "_advance", "arguments": (3600,)}),
        ("stop", {}),
        ("role", {}),
    ]
)

#: The calls after which an organization's graph enrolls accounts.
ENROLLING: list[tuple[tuple[str, dict[str, Any]], str | None]] = [
    (("control", {"name": "organization", "arguments": (MANAGEMENT, [HUB])}), None),
    (("EnableOrganizationAdminAccount", {"AccountId": HUB}), None),
    (("UpdateOrganizationConfiguration", {"AutoEnable": True}), None),
]
#: The accounts by which most calls are made, where that is not the administrator.
SUITED = {
    "EnableOrganizationAdminAccount": MANAGEMENT,
    "DisableOrganizationAdminAccount": MANAGEMENT,
    "AcceptInvitation": TWO,
    "RejectInvitation": TWO,
    "DisassociateMembership": TWO,
    "ListInvitations": TWO,
}


@settings(max_examples=examples(150))
@given(
    calls=st.lists(st.tuples(CALLS, st.sampled_from([None, None, HUB, ONE, TWO, MANAGEMENT])), max_size=25),
    delays=st.fixed_dictionaries({f"{one.name}_delay": st.sampled_from([0, 60]) for one in fields(Delays)}),
    enrolling=st.booleans(),
)
def test_dumping_and_loading_preserves_the_world(
    calls: list[tuple[tuple[str, dict[str, Any]], str | None]], delays: dict[str, float], *, enrolling: bool
) -> None:
    """After any calls: a dump that is loaded and dumped again is the same, also through TOML and JSON.

    With or without an organization at the beginning, whose graph enrolls accounts.
    """
    sim = simulator(**delays)
    for (name, members), caller in [*(ENROLLING if enrolling else ()), *calls]:
        account = caller or SUITED.get(name, HUB)
        graphs = list(sim.snapshot())
        graph = graphs[0] if graphs else "none"
        try:
            if name == "control":
                getattr(sim, members["name"])(*members["arguments"])
            elif name == "stop":
                sim.set_package(graph, "DETECTIVE_CORE", "STOPPED")
            elif name == "role":
                sim.role(account, "R", trusted=[HUB], external_id="word", path="/p/", max_session_duration=7200)
            else:
                sim.account(account)
                given = {"GraphArn": graph, **members}
                sim._world.complete_due(sim.now)
                OPERATIONS[name](Call(sim._world, name, account, REGION, sim.now, given))
        except (ApiError, ValueError):
            pass
    dumped = sim.dump()
    assert tomllib.loads(toml.dumps(dumped)) == json.loads(json.dumps(dumped)) == dumped
    other = simulator()
    other.load(dumped)
    assert other.dump() == dumped
    assert other.snapshot() == sim.snapshot()
    for account in sim.accounts:
        assert sim._world.memberships(account, REGION).keys() == other._world.memberships(account, REGION).keys()
    # Both worlds also change in the same way afterwards.
    for one in (sim, other):
        one._advance(3600)
    assert other.snapshot() == sim.snapshot()


def test_what_is_due_in_a_later_age_is_loaded() -> None:
    """With the longest delays, in the last year that the virtual time can have."""
    century = 100 * 366 * 86400
    sim = simulator(verification_delay=century, package_delay=century, deletion_delay=century)
    sim.load({"time": "9000-12-31T00:00:00Z"})
    for account in (HUB, MANAGEMENT):
        sim.account(account)
        graph = sim._world.ensure_graph(account, REGION, sim.now)
        people = [{"AccountId": ONE, "EmailAddress": "x@y.example"}]
        given = {"GraphArn": graph.arn, "Accounts": people}
        OPERATIONS["CreateMembers"](Call(sim._world, "CreateMembers", account, REGION, sim.now, given))
    sim._world.delete_graph(graph, sim.now)
    dumped = sim.dump()
    sim.load(dumped)
    assert sim.dump() == dumped
    with pytest.raises(SeedError, match="from 1900 to 9199"):
        sim.load({"next_check": "9200-01-01T00:00:00Z"})


PLAIN = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(content=st.dictionaries(st.text(), PLAIN, max_size=4))
def test_toml_is_read_back_as_it_was_written(content: dict[str, Any]) -> None:
    """The standard library reads any keys, strings and nesting as they were written."""
    assert tomllib.loads(toml.dumps(content)) == content


def test_toml_has_a_readable_layout() -> None:
    """Lists of tables have headers; tables inside them have one line each."""
    content = {"a": 1, "graphs": [{"region": REGION, "members": [{"account": ONE}], "tags": {"a b": 'c"'}}], "z": []}
    assert toml.dumps(content) == textwrap.dedent(
        """\
        a = 1
        z = []

        [[graphs]]
        region = "eu-west-1"
        members = [
          { account = "000000000001" },
        ]
        tags = { "a b" = "c\\"" }
        """
    )


@pytest.mark.parametrize("name", ["state.toml", "state.json"])
def test_a_file_is_replaced_atomically(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through links too; on failure, the old file remains, and no temporary file."""
    sim = simulator()
    sim.account(HUB)
    target = tmp_path / name
    link = tmp_path / f"link-{name}"
    link.symlink_to(target)
    sim.save(link)
    assert link.is_symlink()
    again = simulator()
    again.load(target)
    assert again.dump() == sim.dump()
    sim.account(ONE)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    before = target.read_text()
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        sim.save(target)
    assert target.read_text() == before
    assert {path.name for path in tmp_path.iterdir()} == {name, f"link-{name}"}
    with pytest.raises(SeedError, match=r"must end in \.toml or \.json"):
        sim.save(tmp_path / "state")
