"""A world to make an inventory of, and how the examples that make one are run."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define

from detective_async.testing import SimulatorThread

EXAMPLES = Path(__file__).parents[2] / "examples"
HUB = "999999999999"
OPEN = ["eu-west-1", "us-east-1"]
CLOSED = "me-south-1"
ROLE = "SecurityAudit"
#: Members of the graphs, in turn: few, more than a page, some; an account that has no graph; and none.
SIZES = [3, 230, 40, None, 0]

#: What there is, or what was found: (account, region, member) -> how often.
Members = Counter[tuple[str, str, str]]


@define
class World:
    """A simulator, and what is in it."""

    sim: SimulatorThread
    accounts: list[str]
    members: Members
    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "members.ndjson"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "members.checkpoint"

    def arguments(
        self, *more: str, accounts: str = "accounts", regions: tuple[str, ...] = (*OPEN, CLOSED)
    ) -> list[str]:
        """Give the arguments that make an inventory of everything."""
        return ["--role-name", ROLE, "--accounts", str(self.folder / accounts), "--regions", *regions, *more]

    def to_files(self, *more: str) -> list[str]:
        """Give those that make it in a file, with a checkpoint."""
        return self.arguments("--output", str(self.output), "--checkpoint", str(self.checkpoint), *more)

    def environment(self) -> dict[str, str]:
        """Give the environment in which programs find the simulator, and their way to the package."""
        return {**os.environ, **self.sim.environment(HUB)}


@contextmanager
def world(folder: Path, accounts: int = 5) -> Iterator[World]:
    """Make a world of so many accounts in two regions, and one that they have not opted in to."""
    ids = [f"{number:012}" for number in range(100_000_000_000, 100_000_000_000 + accounts)]
    members = Members()
    graphs = []
    for number, (account, region) in enumerate((account, region) for account in ids for region in OPEN):
        size = SIZES[number % len(SIZES)]
        if size is not None:
            here = [f"{member:012}" for member in range(size)]
            graphs.append({"administrator": account, "region": region, "members": [{"account": one} for one in here]})
            members.update((account, region, one) for one in here)
    roles = [{"account": account, "name": ROLE, "trusted": [HUB]} for account in ids]
    (folder / "accounts").write_text("\n".join(ids))
    with SimulatorThread() as sim:
        sim.load({"closed_regions": [CLOSED], "roles": roles, "graphs": graphs})
        yield World(sim, ids, members, folder)


def found_in(lines: str | bytes) -> Members:
    """Count the members in an output; each line of it has to be whole."""
    text = lines if isinstance(lines, str) else lines.decode()
    assert not text or text.endswith("\n")
    entries = [json.loads(line) for line in text.splitlines()]
    return Members((entry["account_id"], entry["region"], entry["member"]["account_id"]) for entry in entries)


def command(example: str, *arguments: str, first: str = "", strict: bool = True) -> list[str]:
    """Give the command that runs an example, with its settings changed first if need be.

    A strict one is run with warnings as errors and in development mode.
    """
    program = f"""
import signal, sys
# Where the tests run in the background it may be ignored, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {str(EXAMPLES)!r})
import {example}
{first}
sys.exit({example}.main())
"""
    scrutiny = ["-W", "error", "-X", "dev"] if strict else []
    return [sys.executable, "-P", *scrutiny, "-c", program, *arguments]
