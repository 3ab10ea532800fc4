"""coverage: the table and the files agree with the simulator."""

import csv
import io
import json
from collections.abc import Callable

import pytest
from cli.conftest import Program

from detective_async.cli import output
from detective_async.cli.demo_world import ACCOUNTS, ADMINISTRATOR, CLOSED, MANAGEMENT, REGIONS, ROLE, SUSPENDED
from detective_async.testing import Failure, Fault, Latency

EVERYWHERE = ["--regions", ",".join((*REGIONS, CLOSED))]
OPEN = ["--regions", ",".join(REGIONS[:2])]


def listed(program: Program, *accounts: str) -> str:
    """Write a list of accounts, and return its name."""
    (program.folder / "list").write_text("\n".join(accounts))
    return "list"


def statuses(program: Program) -> dict[tuple[str, str], str]:
    """Return (account, region) -> status, from the simulator's state."""
    return {
        (account_id, arn.split(":")[3]): status
        for arn, graph in program.sim.snapshot().items()
        for account_id, status in graph["members"].items()
    }


def test_all_formats_have_what_is_true(program: Program) -> None:
    """An account is covered where it is enabled, or administers the graph."""
    truth = {key for key, status in statuses(program).items() if status == "ENABLED"}
    truth |= {(ADMINISTRATOR, region) for region in REGIONS[:2]}
    ended = program("coverage", *EVERYWHERE, "--output", "json")
    found = json.loads(ended.out)
    assert (ended.code, found["ok"]) == (1, False)
    assert {(row["account_id"], row["region"]) for row in found["rows"] if row["covered"]} == truth
    assert found["totals"]["total"] == len(found["rows"]) == 4 * 31
    ended = program("coverage", *EVERYWHERE, "--output", "ndjson")
    assert [json.loads(line) for line in ended.out.splitlines()] == found["rows"]
    ended = program("coverage", *EVERYWHERE, "--output", "csv")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert {(row["account_id"], row["region"]) for row in rows if row["covered"] == "yes"} == truth
    reasons = {(row["account_id"], row["region"]): row["reason"] for row in rows}
    assert reasons[ACCOUNTS[3], REGIONS[0]] == "verification failed"
    assert reasons[ACCOUNTS[8], REGIONS[1]] == "invited"
    assert reasons[ACCOUNTS[17], REGIONS[1]] == "volume too high"
    assert reasons[ACCOUNTS[0], REGIONS[2]] == "no graph"
    assert program.changes == []


def test_the_table_shows_what_is_not_covered(program: Program) -> None:
    """Accounts with the same problem in several regions are one row; the others are counted."""
    lines = [line.split() for line in program("coverage", *OPEN).out.splitlines()]
    assert lines == [
        ["account", "region", "status", "not", "covered", "because"],
        [ACCOUNTS[3], f"{REGIONS[0]},", REGIONS[1], "VERIFICATION_FAILED", "verification", "failed"],
        [ACCOUNTS[8], f"{REGIONS[0]},", REGIONS[1], "INVITED", "invited"],
        [ACCOUNTS[17], f"{REGIONS[0]},", REGIONS[1], "ACCEPTED_BUT_DISABLED", "volume", "too", "high"],
        ["54", "covered"],
        ["2", "covered,", "as", "the", "administrator"],
        ["56", "of", "62", "covered", "(90.3", "%)"],
    ]


def test_a_list_that_is_covered(program: Program) -> None:
    """Exit code 0; members that are not in the list are counted, without the administrator."""
    accounts = program.folder / "accounts"
    accounts.write_text("\n".join(["Account ID", ACCOUNTS[0], f"{ACCOUNTS[1]},root@example.com"]))
    ended = program("coverage", *OPEN, "--accounts", "accounts")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "4 covered",
        "4 of 4 covered (100 %)",
        "28 members not in the list of accounts",
    ]
    accounts.write_text(ACCOUNTS[30])
    assert program("coverage", *OPEN, "--accounts", "accounts").code == 1


def test_the_organization(program: Program) -> None:
    """All of its accounts are asked for; one that is suspended is not expected to be covered."""
    ended = program("coverage", *OPEN, "--organization", "--output", "json")
    rows = json.loads(ended.out)["rows"]
    assert {row["account_id"] for row in rows} == {ADMINISTRATOR, MANAGEMENT, *ACCOUNTS}
    assert {row["reason"] for row in rows if row["account_id"] == SUSPENDED} == {"suspended"}
    ended = program("coverage", *OPEN, "--organization")
    assert "2 not expected to be covered: suspended" in ended.out.splitlines()
    assert SUSPENDED not in ended.out


@pytest.mark.parametrize("region", ["all", CLOSED])
def test_a_region_that_is_not_open(program: Program, region: str) -> None:
    """It does not count where all regions are asked for, and does where it is named."""
    ended = program("coverage", "--regions", region, "--organization")
    assert ended.code == 1
    assert (f"without Detective or not opted in: {CLOSED}" in ended.out.splitlines()) == (region == "all")
    if region == "all":
        assert "42 not expected to be covered: region not opted in" in ended.out.splitlines()


def test_nothing_to_cover(program: Program, become: Callable[[str], None]) -> None:
    """An account without a graph covers nothing, which is not everything; each format says what the regions have."""
    become(ACCOUNTS[0])
    ended = program("coverage", *EVERYWHERE, "--uncovered")
    hint = "no account is a member, and none was named: see --organization and --accounts"
    lines = [hint, f"{', '.join(REGIONS)}: no graph"]
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.splitlines()[:3] == ["0 of 0 covered", *lines]
    assert ended.out.splitlines()[3].startswith(f"{CLOSED}: not opted in: UnrecognizedClientException")
    for format_ in ("csv", "ndjson"):
        assert program("coverage", "-q", *EVERYWHERE, "-o", format_).err.splitlines()[:2] == lines
    found = json.loads(program("coverage", *OPEN, "--output", "json").out)
    assert {one["state"] for one in found["regions"]} == {"no graph"}
    ended = program("coverage", "--regions", CLOSED, "--accounts", listed(program, ACCOUNTS[0]))
    assert (ended.code, "none was named" in ended.out) == (1, False)


def test_only_what_is_not_covered(program: Program) -> None:
    """All formats have these rows only, and the totals of all; a table has nothing where everything is covered."""
    ended = program("coverage", "-q", *OPEN, "--uncovered", "--output", "json")
    found = json.loads(ended.out)
    assert (ended.code, ended.err, len(found["rows"])) == (1, "", 6)
    assert found["totals"]["total"] == 62
    rows = list(csv.DictReader(io.StringIO(program("coverage", *OPEN, "--uncovered", "--output", "csv").out)))
    assert [row["covered"] for row in rows] == ["no"] * 6
    ended = program("coverage", "-q", *OPEN, "--uncovered")
    assert ended.out.splitlines()[-1] == "56 of 62 covered (90.3 %)"
    assert not any(line.endswith(" covered") for line in ended.out.splitlines())
    ended = program("coverage", "-q", *OPEN, "--uncovered", "--accounts", listed(program, ACCOUNTS[0]))
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_all_formats_count_the_same(program: Program) -> None:
    """Also where some accounts are suspended and a region is closed."""
    found = json.loads(program("coverage", "--regions", "all", "--organization", "--output", "json").out)
    totals = found["totals"]
    rows = list(csv.DictReader(io.StringIO(program("coverage", "--regions", "all", "--organization", "-o", "csv").out)))
    assert len(rows) == totals["total"] == totals["covered"] + sum(totals["reasons"].values())
    assert [row["expected"] for row in rows].count("yes") == totals["expected"] < totals["total"]
    table = program("coverage", "--regions", "all", "--organization").out
    assert f"{totals['covered']} of {totals['expected']} covered (" in table
    assert "not expected to be covered: suspended" in table


def test_a_suspended_account_alone_is_no_failure(program: Program, become: Callable[[str], None]) -> None:
    """100 % of those expected are covered, and the exit code says the same."""
    world = {
        "accounts": [{"id": one} for one in (ADMINISTRATOR, ACCOUNTS[0], MANAGEMENT)]
        + [{"id": SUSPENDED, "state": "PENDING_ACTIVATION"}],
        "organizations": [
            {"management_account": MANAGEMENT, "accounts": [ADMINISTRATOR, ACCOUNTS[0], SUSPENDED]},
        ],
        "graphs": [
            {
                "administrator": ADMINISTRATOR,
                "region": REGIONS[0],
                "members": [{"account": one, "status": "ENABLED"} for one in (ACCOUNTS[0], MANAGEMENT)],
            }
        ],
    }
    program.sim.load(world)
    program.sim.role(ADMINISTRATOR, ROLE, trusted=[MANAGEMENT])
    become(MANAGEMENT)
    ended = program("coverage", "--organization", "--role-name", ROLE, "--account", ADMINISTRATOR)
    assert (ended.code, ended.err) == (0, "")
    assert "3 of 3 covered (100 %)" in ended.out.splitlines()
    assert "1 not expected to be covered: pending activation" in ended.out.splitlines()


def test_a_progress_bar(program: Program) -> None:
    """On a terminal only."""
    assert "asking regions" in program.on_terminal("coverage", *OPEN, answer="").out
    assert "asking regions" not in program.on_terminal("coverage", "-q", *OPEN, answer="").out


def test_a_region_that_could_not_be_read(program: Program) -> None:
    """It is said why, and its accounts are not said to be uncovered for another reason."""
    program.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "ListMembers", None, REGIONS[1], None))
    ended = program("coverage", *OPEN)
    assert ended.code == 1
    assert "could not look" in ended.out
    assert f"{REGIONS[1]}: could not look: AccessDeniedException: no" in ended.out.splitlines()[-1]


def test_the_administrator_by_its_role(program: Program, become: Callable[[str], None]) -> None:
    """The management account lists the accounts itself, and asks as the administrator."""
    become(MANAGEMENT)
    program.sim.role(ADMINISTRATOR, ROLE, trusted=[MANAGEMENT])
    ended = program("coverage", *OPEN, "--organization", "--role-name", ROLE, "--account", ADMINISTRATOR, "-o", "json")
    found = json.loads(ended.out)
    assert {one["administrator_id"] for one in found["regions"]} == {ADMINISTRATOR}
    assert len(found["rows"]) == 2 * 42


def test_a_slow_region_is_not_silent(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error is no terminal, a line says from time to time how far the survey is."""
    monkeypatch.setattr(output, "SAY_EVERY", 0.05)
    program.sim.inject(Fault(Latency(0.8), "ListMembers", region=REGIONS[0], count=1))
    ended = program("coverage", "--regions", ",".join(REGIONS[:2]), "--output", "json")
    assert "asking regions: 1 of 2 done, 0 failed" in ended.err.splitlines()
    program.sim.inject(Fault(Latency(0.8), "ListGraphs", count=1))
    ended = program("coverage", "--regions", REGIONS[0], "--output", "json")
    assert ended.err.splitlines()[0] == "asking regions: nothing has ended yet"
    assert program("coverage", "--regions", REGIONS[0], "--output", "json", "--quiet").err == ""


def test_a_region_that_does_not_answer(program: Program) -> None:
    """It could not be looked at within the time limit, and the others are read."""
    program.sim.inject(Fault(Latency(30), "ListMembers", region=REGIONS[0]))
    ended = program("coverage", *OPEN, "--timeout", "1", "--output", "json")
    found = json.loads(ended.out)
    assert {one["region"]: one["state"] for one in found["regions"]} == {
        REGIONS[0]: "could not look",
        REGIONS[1]: "members",
    }
    assert found["regions"][0]["error"]["message"] == "the region was not read within 1 s"
    assert (ended.code, {row["reason"] for row in found["rows"] if row["region"] == REGIONS[0]}) == (
        1,
        {"could not look"},
    )


def test_a_region_of_another_partition(program: Program) -> None:
    """It could not be looked at, and nothing is asked there; alone, nothing is done."""
    program.sim.close_region("cn-north-1")
    text = "cn-north-1 is of another partition (aws-cn); these credentials are of aws"
    ended = program("coverage", "--regions", f"cn-north-1,{REGIONS[0]}", "--output", "json")
    found = json.loads(ended.out)
    errors = {one["region"]: one["error"] and one["error"]["message"] for one in found["regions"]}
    assert (ended.code, errors) == (1, {"cn-north-1": text, REGIONS[0]: None})
    assert {row["reason"] for row in found["rows"] if row["region"] == "cn-north-1"} == {"could not look"}
    assert {one.region for one in program.sim.requests} == {REGIONS[0]}
    ended = program("coverage", "--regions", "cn-north-1")
    assert (ended.code, ended.out, ended.err) == (2, "", f"detective-async: {text}\n")


def test_nothing_could_be_looked_at(program: Program) -> None:
    """It is not said that no account is a member, which nobody knows, and there is a remedy."""
    denied = Failure(403, "AccessDeniedException", "no")
    program.sim.inject(Fault(denied, "ListGraphs", region=REGIONS[0], count=None))
    ended = program("coverage", "--regions", REGIONS[0])
    remedy = "`detective-async whoami` shows which permissions are missing"
    text = f"{REGIONS[0]}: could not look: AccessDeniedException: no"
    lines = ended.out.splitlines()
    assert (ended.code, lines[0], len(lines)) == (1, "nothing could be looked at", 2)
    assert (lines[1].startswith(text), lines[1].endswith(remedy)) == (True, True)
    ended = program("coverage", "--regions", f"{REGIONS[0]},{REGIONS[2]}")
    assert ended.out.splitlines()[:2] == ["0 of 0 covered", f"{REGIONS[2]}: no graph"]
