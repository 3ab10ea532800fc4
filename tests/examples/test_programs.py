"""The programs that call the command's jobs with arguments of their own."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.programs import EXAMPLES

from detective_async.testing import SimulatorThread

ADMIN, MEMBER = "111122223333", "444455556666"
REGIONS = ("eu-west-1", "us-east-1")


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatorThread]:
    """A simulator that the environment points to."""
    monkeypatch.syspath_prepend(EXAMPLES)
    with SimulatorThread() as simulator:
        for name, value in simulator.environment(ADMIN, region=REGIONS[0]).items():
            monkeypatch.setenv(name, value)
        yield simulator


def run(name: str, *arguments: str) -> int:
    """Run a program of the examples in this process."""
    code: int = importlib.import_module(name).main(list(arguments))
    return code


def test_onboard_and_inventory(sim: SimulatorThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run changes nothing, the next one onboards, and the inventory has each member in each region."""
    for account_id in (ADMIN, MEMBER):
        sim.role(account_id, "Onboarding", trusted=[ADMIN])
    accounts, ids, output = tmp_path / "accounts.csv", tmp_path / "ids", tmp_path / "members.ndjson"
    accounts.write_text(f"{MEMBER},account-{MEMBER}@example.com\n")
    ids.write_text(f"{ADMIN}\n")
    onboard = ("onboard", str(accounts), "--regions", *REGIONS, "--member-role", "Onboarding")
    assert run(*onboard, "--dry-run") == 0
    assert not sim.snapshot()
    assert run(*onboard, "--quiet") == 0
    assert [graph["members"] for graph in sim.snapshot().values()] == [{MEMBER: "ENABLED"}] * 2
    inventory = ("inventory", "--role-name", "Onboarding", "--accounts", str(ids), "--regions", *REGIONS)
    assert run(*inventory, "--output", str(output), "--checkpoint", str(tmp_path / "checkpoint"), "--quiet") == 0
    members = [json.loads(line) for line in output.read_text().splitlines()]
    assert sorted(member["region"] for member in members) == list(REGIONS)
    capsys.readouterr()
    assert run(*inventory, "--output-format") == 2
