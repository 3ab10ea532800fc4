"""The page on cost: its table has every operation, and its numbers are those of the API's model."""

import re

import pytest

from detective_async.api.operations import OPERATIONS
from detective_async.cli.program import commands
from detective_async.membership.desired import MAX_MEMBERS
from docs.pages import DOCS

pytestmark = pytest.mark.once

PAGE = DOCS / "explanation" / "cost.md"


def section(heading: str) -> list[str]:
    """Return the first cells of the table below a heading."""
    _, _, text = PAGE.read_text().partition(f"\n## {heading}\n")
    lines = text.partition("\n## ")[0].splitlines()
    return [line.split(" | ")[0] for line in lines if line.startswith("| `")]


def test_every_operation_has_its_effects() -> None:
    """Each operation is in one row; only CreateMembers is in two."""
    named = [name for cell in section("What an operation does") for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted([*OPERATIONS, "CreateMembers"])


def test_every_subcommand_has_its_effects() -> None:
    """Each subcommand is named, but the one that starts a simulator."""
    named = " ".join(section("What a job does"))
    assert [name for name in commands.list_commands(None) if name not in named] == ["simulator"]  # type: ignore[arg-type]


def test_the_quota_of_members() -> None:
    """It is the one that plans warn of."""
    assert f"| {MAX_MEMBERS:,};" in PAGE.read_text()
