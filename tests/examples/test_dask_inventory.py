"""The inventory over Dask: it finds the same as the plain one, even if a worker dies on the way."""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.inventories import CLOSED, OPEN, World, found_in, world
from support.programs import EXAMPLES, command

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
        assert f"not opted in: {CLOSED} (16 accounts)" in lines
        failures = sorted(line for line in lines if line.startswith("failed: "))
        assert [line[:60] for line in failures] == [
            f"failed: {failing} in {region}: AssumeRoleError: cannot assume"[:60] for region in sorted([*OPEN, CLOSED])
        ]
        assert lines[-1].startswith(f"{a_world.members.total()} members in 51 targets, 3 failed, ")
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
        assert errors.splitlines()[-1].startswith(f"{a_world.members.total()} members in 15 targets, 0 failed, ")
        assert program.returncode == 0


BROKEN = """
def broken(shard, **options):
    raise MemoryError("too much")

dask_inventory.work_on = broken
"""


def test_a_failed_shard_does_not_stop_the_others(tmp_path: Path) -> None:
    """It is reported with its error."""
    with world(tmp_path, accounts=1, is_example=True) as a_world:
        arguments = a_world.arguments("--workers", "1", regions=("eu-west-1", "us-east-1"))
        with running(command("dask_inventory", *arguments, first=BROKEN, strict=False), a_world) as program:
            out, errors = program.communicate(timeout=120)
    failures = [line for line in errors.splitlines() if line.startswith("failed: shard ")]
    assert [line[:23] for line in failures] == ["failed: shard 1 of 2 of", "failed: shard 2 of 2 of"]
    assert all(line.endswith(": MemoryError: too much") for line in failures)
    assert (program.returncode, out) == (1, "")


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
    assert "line 1: expected an account id" in run.stderr
