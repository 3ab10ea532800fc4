"""What the reader of the pages would not let pass."""

from pathlib import Path

import pytest
from fences import read_blocks

from docs.pages import PAGES
from docs.reader import reading

pytestmark = [pytest.mark.slow, pytest.mark.once]


async def read(folder: Path, page: str) -> None:
    """Have a page read in an empty folder, with nothing set."""
    path = folder / "page.md"
    path.write_text(page)
    async with reading(folder, {}) as reader:
        for block in read_blocks(path):
            await reader.read(block)


GOOD = {
    "a piece and what it prints": "```python\nprint(1)\nprint(2)\n```\n\n```text\n1\n2\n```\n",
    "pieces that build on each other": "```python\na = 1\n```\n```python\nawait __import__('asyncio').sleep(0)\n```\n",
    "an output with a gap": "```python\nprint('one two three')\n```\n```text\none ... three\n```\n",
    "a program": "```python\nimport asyncio\n\nasyncio.run(asyncio.sleep(0, print(7)))\n```\n```text\n7\n```\n",
    "a file that is run": (
        "```{code-block} python\n:caption: it.py\n\nprint(3)\n```\n```console\n$ python it.py\n3\n```\n"
    ),
    "what a command sets": "```console\n$ export A=5\n$ echo $A\n5\n```\n```console\n$ echo $A\n5\n```\n",
    "a failure that is told": "```console\n$ false\n$ echo $?\n1\n```\n",
    "a command of two lines": "```console\n$ echo a \\\n  b\na b\n```\n",
    "a block in a list": "* - ```python\n    four = 4\n    ```\n",
    "an extra": '```console\n$ pip install "detective-async[progress]"\n```\n',
}
BAD = {
    "another output": ("```python\nprint(1)\n```\n```text\n2\n```\n", "expected:"),
    "an output of nothing": ("```text\n2\n```\n", "nothing was printed before it"),
    "an output that is not shown": ("```python\nprint(1)\n```\n", "not shown: 1"),
    "an output that is not shown before the next": ("```python\nprint(1)\n```\n```python\n```\n", "not shown: 1"),
    "another output of a command": ("```console\n$ echo 1\n2\n```\n", "expected:"),
    "a failure that is not told": ("```console\n$ false\n```\n", "exit code 1"),
    "an output before any command": ("```console\n2\n```\n", "before any command"),
    "a file that nobody uses": ("```{code-block} toml\n:caption: a.toml\n\na = 1\n```\n", "never used"),
    "a file of an unknown kind": (
        "```{code-block} text\n:caption: a.txt\n\na\n```\n",
        "nobody knows how to check a.txt",
    ),
    "a list of accounts that is none": ("```{code-block} text\n:caption: a.csv\n\na,b\nc\n```\n", "a,b"),
    "a block of an unknown kind": ("```yaml\na: 1\n```\n", "nobody knows what to do"),
    "a directive of an unknown kind": ("```{mermaid}\na\n```\n", "nobody knows what to do"),
    "an extra that there is not": ('```console\n$ pip install "detective-async[nothing]"\n```\n', "nothing"),
    "a package of others": ("```console\n$ pip install leftpad\n```\n", "leftpad"),
    "a target that there is not": ("```console\n$ make coffee\n```\n", "make coffee"),
    "an action that there is not": (
        '```json\n{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "detective:Guess"}]}\n```\n',
        "detective:Guess",
    ),
    "a block without an end": ("```python\nprint(1)\n", "never closed"),
    "a line before its fence": ("  - ```python\n  print(1)\n    ```\n", "begins before its fence"),
    "a server that ends": ("```console\n$ python server.py\nRunning\n```\n", "ended"),
}


@pytest.mark.parametrize("name", GOOD)
async def test_a_good_page_is_read_to_its_end(name: str, tmp_path: Path) -> None:
    """With each kind of block."""
    await read(tmp_path, GOOD[name])


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_page_is_found_out(name: str, tmp_path: Path) -> None:
    """By what is wrong with it."""
    page, problem = BAD[name]
    with pytest.raises(AssertionError, match=problem):
        await read(tmp_path, page)


async def test_warnings_are_errors_in_pieces(tmp_path: Path) -> None:
    """As they are in programs."""
    with pytest.raises(DeprecationWarning):
        await read(tmp_path, "```python\nimport warnings\n\nwarnings.warn('old', DeprecationWarning)\n```\n")


async def test_a_program_that_fails_is_found_out(tmp_path: Path) -> None:
    """By its exit code, or by what it says on standard error."""
    with pytest.raises(AssertionError):
        await read(tmp_path, "```python\nimport asyncio\n\nasyncio.run(None)\n```\n")


def test_there_is_something_to_read() -> None:
    """The pages are found, and so are their blocks."""
    assert len(PAGES) > 25
    assert sum(len(read_blocks(page)) for page in PAGES) > 200
