"""The pages: their examples work, and their outputs are right."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fences import Block, read_blocks

from detective_async.testing import SimulatorThread
from docs.pages import DOCS, NOT_RUN, PAGES, WORLD, contents, readings
from docs.reader import reading

pytestmark = [pytest.mark.slow, pytest.mark.once]

HUB = "111122223333"
READINGS = readings()


@pytest.fixture
def how_to_world() -> Iterator[SimulatorThread]:
    """The simulator that the first page of the how-tos starts."""
    with SimulatorThread() as simulator:
        simulator.load(WORLD)
        yield simulator


@pytest.mark.parametrize("name", READINGS)
async def test_the_blocks_of_a_page_work(
    name: str, how_to_world: SimulatorThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files, programs, commands and outputs are processed in order, as a reader would do."""
    environ = how_to_world.environment(HUB, region="eu-west-1") if name.startswith("how-to/") else {}
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    folder = tmp_path / "folder"
    folder.mkdir()
    if environ:
        # The page tells the reader to download it.
        shutil.copy(WORLD, folder)
    monkeypatch.chdir(folder)
    blocks = [block for page in READINGS[name] for block in read_blocks(page)]
    if shutil.which("curl") is None and any("$ curl " in block.text for block in blocks):
        pytest.skip("curl is not installed")
    async with reading(folder, environ) as reader:
        for block in blocks:
            await reader.read(block)


def test_the_programs_type_check(tmp_path: Path) -> None:
    """All files of Python except tests pass mypy in strict mode."""
    programs = {block.caption: block.text for page in PAGES for block in read_blocks(page) if is_typed(block)}
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-P", "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}"]
    run = subprocess.run([*command, *programs], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(programs) > 10


def is_typed(block: Block) -> bool:
    """Return whether a block is a file of Python, except for tests."""
    name = block.caption
    return name.endswith(".py") and not name.startswith("test_") and name not in NOT_RUN


def test_only_what_cannot_be_run_is_not() -> None:
    """Each file that is not run is on a page, and imports a package that is not there."""
    captions = {block.caption: block.text for page in PAGES for block in read_blocks(page)}
    for name, package in NOT_RUN.items():
        assert package in captions[name]
        assert importlib.util.find_spec(package) is None, f"{package} is installed: run {name}"


def test_every_page_is_in_a_table_of_contents_once() -> None:
    """Every page can be reached from the first one."""
    listed = [page for index in PAGES for page in contents(index)]
    assert sorted([*listed, DOCS / "index.md"]) == PAGES
