"""whoami: who calls, where, and what they may do."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Program

from detective_async import DefaultCredentials
from detective_async.cli import permissions
from detective_async.cli.demo_world import ACCOUNTS, ADMINISTRATOR, CLOSED, MANAGEMENT, REGIONS
from detective_async.cli.options import Job
from detective_async.testing import Drop, Failure, Fault

EVERYWHERE = ["--regions", ",".join((*REGIONS, CLOSED))]


def may(program: Program, *arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rows by region and job."""
    ended = program("whoami", *arguments, "--output", "ndjson")
    rows = [json.loads(line) for line in ended.out.splitlines()]
    return {(row["region"], row["job"]): row for row in rows}


def test_the_account_and_its_graphs(program: Program) -> None:
    """They are those of the simulator; only reads are sent, and a region that is not open is no failure."""
    ended = program("whoami", *EVERYWHERE, "--output", "json")
    assert (ended.code, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert (found["ok"], found["account_id"], found["source"]) == (True, ADMINISTRATOR, "the environment")
    graphs = {region["region"]: region["graph_arn"] for region in found["regions"]}
    assert {arn for arn in graphs.values() if arn} == set(program.sim.snapshot())
    assert [region for region, arn in graphs.items() if arn is None] == [REGIONS[2], CLOSED]
    assert found["regions"][3]["problem"] == "the account has not opted in to the region"
    assert program.changes == []


def test_what_it_may_do(program: Program) -> None:
    """What can be read is tried; what would change something is named as not tried."""
    rows = may(program, *EVERYWHERE)
    assert {job for _, job in rows} == {*permissions.NEEDS, "any"}
    assert rows[REGIONS[0], "coverage"]["may"] == "yes"
    investigate = rows[REGIONS[0], "investigate"]
    assert (investigate["may"], investigate["missing"]) == ("if", [])
    assert "detective:StartInvestigation" in investigate["not_tried"]
    assert rows[REGIONS[2], "teardown"]["may"] == "no graph"
    assert rows[REGIONS[2], "onboard"]["may"] == "if"
    assert rows[CLOSED, "any"]["may"] == "no region"


def test_the_formats_agree(program: Program) -> None:
    """CSV has the rows of NDJSON, the table those that need attention, and counts the others."""
    program.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "ListMembers", count=None))
    rows = may(program, *EVERYWHERE)
    table = list(csv.DictReader(io.StringIO(program("whoami", *EVERYWHERE, "--output", "csv").out)))
    assert [(row["region"], row["job"], row["may"]) for row in table] == [
        (*key, row["may"]) for key, row in rows.items()
    ]
    ended = program("whoami", *EVERYWHERE)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].split() == ["job", "may", "region", "problem"]
    denied = {line.partition("  ")[0] for line in lines if "denied: detective:ListMembers" in line}
    assert denied == {"onboard", "onboard --organization", "coverage", "inventory", "investigate", "teardown"}
    assert f"account {ADMINISTRATOR}, credentials from the environment" in lines
    assert lines[-1] == f"regions: 4; with a graph: {REGIONS[0]}, {REGIONS[1]}"
    assert "1 region without Detective: the account has not opted in to the region" in lines


def test_every_permission_that_can_be_read_is_tried(program: Program) -> None:
    """Each denied operation is missing for the jobs that need it, and for no others."""
    for needs in {one for need in permissions.NEEDS.values() for one in need.reads}:
        operation = needs.partition(":")[2]
        program.sim.clear_faults()
        program.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), operation, count=None))
        for (_, job), row in may(program).items():
            assert (row["may"] == "no") == (needs in permissions.NEEDS[job].reads), (needs, job)
            assert row["missing"] == ([needs] if needs in permissions.NEEDS[job].reads else [])


def test_another_account(program: Program, become: Callable[[str], None]) -> None:
    """A member has no graph; it may not list the accounts of the organization, its management account may."""
    become(ACCOUNTS[0])
    rows = may(program)
    assert rows[REGIONS[0], "coverage"]["may"] == "no graph"
    assert rows[REGIONS[0], "onboard --organization"]["missing"] == ["organizations:ListAccounts"]
    become(MANAGEMENT)
    assert may(program)[REGIONS[0], "onboard --organization"]["may"] == "if"
    assert "with a graph: none" in program("whoami").out


def test_an_account_in_no_organization(program: Program, become: Callable[[str], None]) -> None:
    """That is an answer, with a graph and without, and no failure."""
    become("222222222222")
    for _ in range(2):
        assert program("whoami").code == 0
        assert may(program)[REGIONS[0], "onboard --organization"]["may"] == "no organization"
        (program.folder / "accounts").write_text("222222222223,root@example.com")
        # The account is not the simulator's, and so its address is.
        assert program("onboard", "accounts", "--yes").code == 0


@pytest.mark.parametrize(
    ("operation", "words"),
    [("ListGraphs", "InternalServerException: out of order"), ("ListMembers", "detective:ListMembers: Internal")],
)
def test_what_could_not_be_looked_at(
    program: Program, monkeypatch: pytest.MonkeyPatch, operation: str, words: str
) -> None:
    """It is said why, and the exit code is 1."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    program.sim.inject(Fault(Failure(500, "InternalServerException", "out of order"), operation, count=None))
    ended = program("whoami")
    assert ended.code == 1
    assert words in ended.out


def test_a_connection_that_is_lost(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    program.sim.inject(Fault(Drop(), "ListGraphs", count=None))
    ended = program("whoami")
    assert ended.code == 1
    assert "ListGraphs: " in ended.out


def test_a_denied_look(program: Program) -> None:
    """Who may not list graphs has an answer, too."""
    program.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "ListGraphs", count=None))
    rows = may(program)
    assert {row["may"] for row in rows.values()} == {"no"}
    assert program("whoami").code == 0


def test_a_host_that_does_not_exist(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has looked: most likely it is mistyped."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    ended = program("whoami", "--endpoint-url", "http://nowhere.invalid")
    assert ended.code == 1
    assert "check --regions, --endpoint-url, and the network's name servers" in ended.out
    (row,) = may(program, "--endpoint-url", "http://nowhere.invalid").values()
    assert row["may"] == "unknown"


def test_all_shows_more(program: Program) -> None:
    """What each job needs, and what its options and a delegation need."""
    lines = program("whoami", *EVERYWHERE).out.splitlines()
    assert any(line.startswith("2 regions, investigate: yes, if you may StartInvestigation ") for line in lines)
    assert any("; the management account also EnableOrganizationAdminAccount " in line for line in lines)
    ended = program("whoami", "--all", "--regions", REGIONS[0])
    assert re.split("  +", ended.out.splitlines()[0]) == ["job", "may", "region", "if you may", "some options need"]
    for needs in permissions.NEEDS.values():
        for name in (*needs.changes, *needs.options):
            assert name in ended.out
    row = may(program, *EVERYWHERE)[REGIONS[2], "onboard --organization"]
    assert row["for_delegation"] == list(permissions.NEEDS["onboard --organization"].delegation)


def test_the_source_of_the_credentials(program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A profile is named, and so is the file that has its keys."""
    keys = program.sim.account(ADMINISTRATOR)
    file = tmp_path / "credentials"
    file.write_text(
        f"[security]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    ended = program("whoami", "--profile", "security", "--output", "json")
    found = json.loads(ended.out)
    assert (found["source"], found["profile"]) == ("the shared credentials file, profile security", "security")


def test_a_source_that_is_not_known() -> None:
    """Before any look-up, and by botocore's name if it is a new one."""
    job, own = Job(profile="security"), DefaultCredentials("security")
    assert permissions._source(own, job) == "the AWS credential chain, profile security"
    own._found = type("Found", (), {"method": "telepathy"})()
    assert permissions._source(own, job) == "telepathy, profile security"


def test_what_only_options_need(program: Program) -> None:
    """It is no reason for a no, and it is said."""
    program.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "ListDatasourcePackages", count=None))
    rows = may(program)
    assert (rows[REGIONS[0], "coverage"]["may"], rows[REGIONS[0], "onboard"]["may"]) == ("yes", "if")
    assert program("coverage").code == 1
    lines = program("whoami").out.splitlines()
    denied = "; denied for some options: detective:ListDatasourcePackages"
    assert f"1 region, coverage: yes{denied}" in lines
    assert [line.partition(":")[0] for line in lines if denied in line][1:] == [
        "1 region, onboard --organization",
        "1 region, onboard",
    ]


def test_a_region_of_another_partition(program: Program) -> None:
    """It is not asked, also where it is the first one, and it is not said that it is not opted in to."""
    program.sim.close_region("cn-north-1")
    ended = program("whoami", "--regions", "cn-north-1,eu-west-1", "--output", "json")
    found = {one["region"]: one["problem"] for one in json.loads(ended.out)["regions"]}
    text = "cn-north-1 is of another partition (aws-cn); these credentials are of aws"
    assert (ended.code, found) == (1, {"cn-north-1": text, "eu-west-1": None})
    assert {one.region for one in program.sim.requests if one.operation != "ListAccounts"} == {"eu-west-1"}


def test_keys_that_the_configured_region_does_not_know(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next region is asked; if none knows them, that is the error, and so is any other at once."""
    program.sim.close_region("cn-north-1")
    monkeypatch.setenv("AWS_REGION", "cn-north-1")
    ended = program("whoami", "--regions", "eu-west-1", "--output", "json")
    assert (ended.code, json.loads(ended.out)["account_id"]) == (0, ADMINISTRATOR)
    monkeypatch.setenv("AWS_REGION", "us-gov-west-1")
    program.sim.inject(Fault(Failure(403, "AccessDenied", "no"), "GetCallerIdentity"))
    ended = program("whoami", "--regions", "eu-west-1")
    assert (ended.code, "AccessDenied" in ended.err) == (1, True)
