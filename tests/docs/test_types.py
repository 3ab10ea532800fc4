"""The Python of README and the pages type-checks, with both checkers that most users have."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.fences import Block

from docs.typed import coroutine, mypy, pyright, typed_files

pytestmark = [pytest.mark.slow, pytest.mark.once]

FILES = typed_files()
CHECKERS = [mypy, pyright]
#: What is wrong -> a block that type checkers must refuse.
MISTAKES = {
    "an attribute that does not exist": "from detective_async import Graph\nprint(Graph(arn='a').ann)\n",
    "an attribute of None": "from detective_async import DetectiveClient\n"
    "graph = await DetectiveClient().iter_graphs().first()\nprint(graph.arn)\n",
    "a member that is missing": "from detective_async import MemberDetail\nprint(MemberDetail())\n",
    "an optional member": "from detective_async import Graph\nprint(Graph(arn='a').created_time.year)\n",
}


@pytest.mark.parametrize("check", CHECKERS)
def test_every_block_type_checks(check: Callable[[Path, dict[str, str]], str], tmp_path: Path) -> None:
    """Programs, files, snippets and tests; mypy in strict mode, pyright in its standard mode."""
    assert check(tmp_path, FILES) == ""


def test_all_kinds_of_blocks_are_checked() -> None:
    """None of them is silently left out."""
    names = list(FILES)
    assert sum(name.startswith("snippets_") for name in names) > 10
    assert sum(name.startswith("readme_") for name in names) > 4
    assert "snippets_how_to_cookbook.py" in names
    assert "snippets_moving.py" in names
    assert FILES["snippets_moving.py"].count("async def row_") > 30
    assert any(name.startswith("test_") for name in names)


@pytest.mark.parametrize("check", CHECKERS)
def test_wrong_types_are_reported(check: Callable[[Path, dict[str, str]], str], tmp_path: Path) -> None:
    """Every mistake in a block is found, and blocks that are joined see each other's names."""
    blocks = {
        f"snippets_{number}.py": coroutine("page", "", [Block(Path("page.md"), 1, "", "python", "", text)])
        for number, text in enumerate(MISTAKES.values())
    }
    joined = [Block(Path("page.md"), 1, "", "python", "", text) for text in ("x = 1\n", "print(x + 1)\n")]
    lines = check(tmp_path, {**blocks, "snippets_fine.py": coroutine("page", "", joined)}).splitlines()
    for name, mistake in zip(blocks, MISTAKES, strict=True):
        assert [line for line in lines if line.startswith(f"{name}:")], mistake
    assert not [line for line in lines if line.startswith("snippets_fine.py")]
