"""A simulated world for the tests of inventories."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define

from detective_async.testing import SimulatorThread

HUB = "999999999999"
OPEN = ["eu-west-1", "us-east-1"]
CLOSED = "me-south-1"
ROLE = "SecurityAudit"
#: The numbers of members of the graphs, in turn: few, more than a page, some, no graph at all, none.
SIZES = [3, 230, 40, None, 0]

#: (account, region, member) -> how many times it is there.
Members = Counter[tuple[str, str, str]]


@define
class World:
    """A simulator with accounts and members.

    Attributes:
        is_example: whether the arguments are for the example, which takes several regions after one option.
    """

    sim: SimulatorThread
    accounts: list[str]
    members: Members
    folder: Path
    is_example: bool = False

    @property
    def output(self) -> Path:
        return self.folder / "members.ndjson"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "members.checkpoint"

    def arguments(
        self, *more: str, accounts: str = "accounts", regions: tuple[str, ...] = (*OPEN, CLOSED)
    ) -> list[str]:
        """Return the arguments for an inventory of all accounts."""
        return [
            *("--role-name", ROLE, "--accounts", str(self.folder / accounts)),
            "--regions",
            *(regions if self.is_example else (",".join(regions),)),
            *more,
        ]

    def to_files(self, *more: str) -> list[str]:
        """Return the arguments of the command for an inventory of all accounts in a file, with a checkpoint."""
        return self.arguments("--file", str(self.output), "--checkpoint", str(self.checkpoint), *more)

    def environment(self) -> dict[str, str]:
        """Return the environment for programs, with the simulator in it."""
        return {**os.environ, **self.sim.environment(HUB)}


@contextmanager
def world(folder: Path, accounts: int = 5, *, is_example: bool = False) -> Iterator[World]:
    """Make a world of that many accounts in two regions, and a third region that they have not opted in to."""
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
        yield World(sim, ids, members, folder, is_example)


def found_in(lines: str | bytes) -> Members:
    """Count the members in an output, each line of which must be complete."""
    text = lines if isinstance(lines, str) else lines.decode()
    assert not text or text.endswith("\n")
    entries = [json.loads(line) for line in text.splitlines()]
    return Members((entry["account_id"], entry["region"], entry["member"]["account_id"]) for entry in entries)
