"""The jobs over Dask: they find the same as without it, even if a worker dies on the way."""

import asyncio
import importlib.util
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.inventories import CLOSED, HUB, OPEN, ROLE, World, found_in, world
from support.programs import EXAMPLES, command

from detective_async import DetectiveFleet
from detective_async.coverage import Coverage, survey_fleet
from detective_async.testing import Fault, Latency

pytestmark = pytest.mark.slow

# Not imported, since some versions warn at their import.
if importlib.util.find_spec("distributed") is None:
    pytest.skip("distributed is not installed", allow_module_level=True)
psutil = pytest.importorskip("psutil", reason="distributed comes with it")

SCRIPT = [sys.executable, str(EXAMPLES / "dask_inventory.py")]


@contextmanager
def running(command: list[str], a_world: World) -> Iterator["subprocess.Popen[str]"]:
    """Run a program; at the end, kill it with all of its child processes."""
    with subprocess.Popen(
        command,
        cwd=a_world.folder,
        env=a_world.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            yield program
        finally:
            if program.poll() is None:
                for process in (*psutil.Process(program.pid).children(recursive=True), program):
                    process.kill()


def workers_of(program: "subprocess.Popen[str]") -> list[int]:
    """Return the process ids of the workers."""
    children = psutil.Process(program.pid).children(recursive=True)
    return [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    """Another worker repeats its shard: no member is missing or repeated; failed targets are reported."""
    failing = "200000000000"
    with world(tmp_path, accounts=16, is_example=True) as a_world:
        sim = a_world.sim
        (tmp_path / "accounts").write_text("\n".join([*a_world.accounts, failing]))
        sim.inject(Fault(Latency(0.05), count=None))
        command = [*SCRIPT, *a_world.arguments("--workers", "2", "--concurrency", "4", "--output", str(a_world.output))]
        with running(command, a_world) as program:
            while len(sim.requests) < 16:
                assert program.poll() is None
                time.sleep(0.01)
            psutil.Process(workers_of(program)[0]).kill()
            _, errors = program.communicate(timeout=120)
        assert found_in(a_world.output.read_bytes()) == a_world.members
        lines = errors.splitlines()
        assert f"not available: {CLOSED} (16 accounts)" in lines
        failures = sorted(line for line in lines if line.startswith("failed: "))
        assert [line[:60] for line in failures] == [
            f"failed: {failing} in {region}: AssumeRoleError: cannot assume"[:60] for region in sorted([*OPEN, CLOSED])
        ]
        assert lines[-1].startswith(f"{a_world.members.total()} members in 51 targets, 3 failed")
        assert program.returncode == 1
        assert "Traceback" not in errors


def test_an_existing_cluster_is_used(tmp_path: Path) -> None:
    """Its workers can import the package, but not the example's file."""
    elsewhere = [sys.executable, "-P", "-c", "import sys; from distributed.cli import {0}; sys.exit({0}.main())"]
    file = tmp_path / "scheduler.json"
    with world(tmp_path, is_example=True) as a_world, ExitStack() as programs:
        for part, *more in (("dask_scheduler", "--port", "0"), ("dask_worker", "--no-nanny", "--nthreads", "2")):
            command = [one.format(part) for one in elsewhere]
            arguments = ["--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard", *more]
            programs.enter_context(running([*command, *arguments], a_world))
        end = time.monotonic() + 60
        while not file.exists() or not file.read_text().endswith("}"):
            assert time.monotonic() < end
            time.sleep(0.01)
        address = json.loads(file.read_text())["address"]
        with running([*SCRIPT, *a_world.arguments("--scheduler", address)], a_world) as program:
            out, errors = program.communicate(timeout=120)
        assert found_in(out) == a_world.members
        assert errors.splitlines()[-1].startswith(f"{a_world.members.total()} members in 15 targets, 0 failed")
        assert program.returncode == 0


def test_coverage_is_that_of_one_survey(tmp_path: Path) -> None:
    """Whichever administrators cover an account, and whatever failed: as if one program had asked all of them."""
    expected = ["000000000001", "000000000100", "888877776666"]
    with world(tmp_path, accounts=4, is_example=True) as a_world:
        sim = a_world.sim
        # Two administrators have this member: one of them only invited it.
        sim.load(
            {
                "roles": [{"account": one, "name": ROLE, "trusted": [HUB]} for one in a_world.accounts],
                "closed_regions": [CLOSED],
                "graphs": [
                    {"administrator": one, "region": OPEN[0], "members": [{"account": expected[0], "status": status}]}
                    for one, status in zip(a_world.accounts, ("INVITED", "ENABLED", "INVITED"), strict=False)
                ],
            }
        )
        (tmp_path / "accounts").write_text("\n".join([*a_world.accounts, "200000000000"]))
        (tmp_path / "expected").write_text("\n".join(expected))
        arguments = a_world.arguments("--job", "coverage", "--expected", str(tmp_path / "expected"))
        with running([*SCRIPT, *arguments, "--output", str(a_world.output)], a_world) as program:
            _, errors = program.communicate(timeout=120)

        async def survey_them() -> Coverage:
            fleet = DetectiveFleet.assume_role(
                ROLE,
                [*a_world.accounts, "200000000000"],
                [*OPEN, CLOSED],
                source=sim.account(HUB),
                endpoint_url=sim.url,
            )
            async with fleet:
                return await survey_fleet(fleet, accounts=expected)

        coverage = asyncio.run(survey_them())
    rows = [json.loads(line) for line in a_world.output.read_text().splitlines()]
    assert rows == [row.to_dict() for row in coverage]
    assert [(row["account_id"], row["region"], row["covered"]) for row in rows if row["covered"]] == [
        (expected[0], OPEN[0], True)
    ]
    assert program.returncode == 1
    assert errors.splitlines()[0] == str(coverage).splitlines()[0]


def test_investigations_are_started_once(tmp_path: Path) -> None:
    """In each graph that has the account, although a worker is killed and its shard runs again; none for the others."""
    everywhere, in_large, nowhere = (
        f"arn:aws:iam::{account}:role/deployment/Deploy" for account in ("000000000001", "000000000100", "888877776666")
    )
    with world(tmp_path, accounts=5, is_example=True) as a_world:
        sim = a_world.sim
        graphs = Counter(member for _, _, member in a_world.members)
        assert graphs["000000000001"] > graphs["000000000100"] > 0
        (tmp_path / "arns").write_text(f"{everywhere}\n{in_large}\n{nowhere}")
        sim.inject(Fault(Latency(0.05), count=None))
        arguments = a_world.arguments("--job", "investigations", "--entities", str(tmp_path / "arns"), regions=(*OPEN,))
        with running([*SCRIPT, *arguments, "--output", str(a_world.output)], a_world) as program:
            while not any(request.operation == "StartInvestigation" for request in sim.requests):
                assert program.poll() is None
                time.sleep(0.01)
            psutil.Process(workers_of(program)[0]).kill()
            _, errors = program.communicate(timeout=120)
        started = [one for graph in sim.dump()["graphs"] for one in graph.get("investigations", [])]
    reports = [json.loads(line) for line in a_world.output.read_text().splitlines()]
    wanted = {everywhere: graphs["000000000001"], in_large: graphs["000000000100"]}
    assert Counter(one["entity"] for one in reports) == {**wanted, nowhere: 1}
    assert {one["entity"] for one in reports if not one["ok"]} == {nowhere}
    assert len(started) == sum(wanted.values())
    assert program.returncode == 1
    assert errors.splitlines()[-1] == f"{len(reports)} reports, 1 with an error"


BROKEN = """
def broken(shard, read):
    raise MemoryError("too much")

dask_inventory.work_on = broken
"""


@pytest.mark.parametrize("job", ["members", "coverage", "investigations"])
def test_a_failed_shard_does_not_stop_the_others(tmp_path: Path, job: str) -> None:
    """It is reported with its error, and nobody says that an account is not covered, or not in any graph."""
    with world(tmp_path, accounts=1, is_example=True) as a_world:
        for name, line in (("arns", "arn:aws:iam::000000000001:role/Deploy"), ("expected", "000000000001")):
            (tmp_path / name).write_text(line)
        more = ("--job", job, "--entities", str(tmp_path / "arns"), "--expected", str(tmp_path / "expected"))
        arguments = a_world.arguments("--workers", "1", *more, regions=("eu-west-1", "us-east-1"))
        with running(command("dask_inventory", *arguments, first=BROKEN, strict=False), a_world) as program:
            out, errors = program.communicate(timeout=120)
    failures = [line for line in errors.splitlines() if line.startswith("failed: shard ")]
    assert [line[:23] for line in failures] == ["failed: shard 1 of 2 of", "failed: shard 2 of 2 of"]
    assert all(line.endswith(": MemoryError: too much") for line in failures)
    assert program.returncode == 1
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["region"] for line in lines] == ([] if job == "members" else ["eu-west-1", "us-east-1"])
    if job == "coverage":
        assert {line["reason"] for line in lines} == {"could not look"}
    if job == "investigations":
        assert {line["error"]["message"] for line in lines} == {"too much"}


def test_wrong_input_is_refused(tmp_path: Path) -> None:
    """The error comes before any connection to a cluster."""
    with world(tmp_path, is_example=True) as a_world:
        (tmp_path / "accounts").write_text("1234")
        run = subprocess.run(
            [*SCRIPT, *a_world.arguments("--scheduler", "tcp://127.0.0.1:1")],
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 2
    assert "account_ids[0]: expected an account id" in run.stderr
