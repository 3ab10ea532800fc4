"""The pages: their examples work, and their outputs are right."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fences import read_blocks

from detective_async.testing import SimulatorThread
from docs.checks import refused_by_console
from docs.pages import DOCS, MOVING, NOT_RUN, PAGES, WORLD, contents, readings
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
    # As in `python -m asyncio`: snippets import the files of their page.
    monkeypatch.syspath_prepend(folder)
    blocks = [block for page in READINGS[name] for block in read_blocks(page)]
    if shutil.which("curl") is None and any("$ curl " in block.text for block in blocks):
        pytest.skip("curl is not installed")
    async with reading(folder, environ) as reader:
        for block in blocks:
            await reader.read(block)


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


def test_the_blocks_can_be_pasted_line_by_line() -> None:
    """Into `python -m asyncio` of Python 3.11: a line that is complete is run, before the next one is known.

    So there is a blank line after each indented block, and none within a class.
    """
    for page in PAGES:
        # The code of that page is not for pasting.
        for block in read_blocks(page) if page != MOVING else ():
            if block.language == "python" and not block.caption:
                assert refused_by_console(block.text) is None, f"{block}: {refused_by_console(block.text)}"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("for _ in ():\n    pass\n\nprint()\n", None),
        ("async with lock:\n    await work()\n", None),
        ("for _ in ():\n    pass\nprint()\n", "print()"),
        ("class Two:\n    one = 1\n\n    two = 2\n", "    two = 2"),
    ],
)
def test_what_a_console_refuses(text: str, refused: str | None) -> None:
    """What ends a block is the blank line after it."""
    assert refused_by_console(text) == refused
