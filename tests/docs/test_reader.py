"""The simulated reader detects mistakes in pages."""

from pathlib import Path

import pytest
from support.fences import read_blocks

from docs.pages import PAGES
from docs.reader import reading

pytestmark = [pytest.mark.slow, pytest.mark.once]


async def read(folder: Path, page: str) -> None:
    """Process a page in an empty folder, with no variables set."""
    path = folder / "page.md"
    path.write_text(page)
    async with reading(folder, {}) as reader:
        for block in read_blocks(path):
            await reader.read(block)


GOOD = {
    "a snippet and its output": "```python\nprint(1)\nprint(2)\n```\n\n```text\n1\n2\n```\n",
    "snippets in one namespace": "```python\na = 1\n```\n```python\nawait __import__('asyncio').sleep(0)\n```\n",
    "an output with a gap": "```python\nprint('one two three')\n```\n```text\none ... three\n```\n",
    "a program": "```python\nimport asyncio\n\nasyncio.run(asyncio.sleep(0, print(7)))\n```\n```text\n7\n```\n",
    "a file that is run": (
        "```{code-block} python\n:caption: it.py\n\nprint(3)\n```\n```console\n$ python it.py\n3\n```\n"
    ),
    "a variable that a command sets": "```console\n$ export A=5\n$ echo $A\n5\n```\n```console\n$ echo $A\n5\n```\n",
    "an exit code that is shown": "```console\n$ false\n$ echo $?\n1\n```\n",
    "a command of two lines": "```console\n$ echo a \\\n  b\na b\n```\n",
    "a block in a list": "* - ```python\n    four = 4\n    ```\n",
    "an extra": '```console\n$ pip install "detective-async[progress]"\n```\n',
}
BAD = {
    "another output": ("```python\nprint(1)\n```\n```text\n2\n```\n", "expected:"),
    "an output without a block": ("```text\n2\n```\n", "the block before it has no output"),
    "an output that is not shown": ("```python\nprint(1)\n```\n", "not on the page: 1"),
    "an output that is not shown before the next": ("```python\nprint(1)\n```\n```python\n```\n", "not on the page: 1"),
    "another output of a command": ("```console\n$ echo 1\n2\n```\n", "expected:"),
    "an exit code that is not shown": ("```console\n$ false\n```\n", "exit code 1"),
    "an output before any command": ("```console\n2\n```\n", "before the first command"),
    "a file that is not used": ("```{code-block} toml\n:caption: a.toml\n\na = 1\n```\n", "never used"),
    "a file of an unknown kind": (
        "```{code-block} text\n:caption: a.txt\n\na\n```\n",
        "there is no check for files like a.txt",
    ),
    "an invalid list of accounts": ("```{code-block} text\n:caption: a.csv\n\na,b\nc\n```\n", "a,b"),
    "an unknown language": ("```yaml\na: 1\n```\n", "not supported"),
    "an unknown directive": ("```{mermaid}\na\n```\n", "not supported"),
    "an unknown extra": ('```console\n$ pip install "detective-async[nothing]"\n```\n', "nothing"),
    "an unknown package": ("```console\n$ pip install leftpad\n```\n", "leftpad"),
    "an unknown target": ("```console\n$ make coffee\n```\n", "make coffee"),
    "an unknown action": (
        '```json\n{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "detective:Guess"}]}\n```\n',
        "detective:Guess",
    ),
    "a block without an end": ("```python\nprint(1)\n", "never closed"),
    "a line before its fence": ("  - ```python\n  print(1)\n    ```\n", "begins before its fence"),
    "a server that ends": ("```console\n$ python server.py\nRunning\n```\n", "ended"),
}


@pytest.mark.parametrize("name", GOOD)
async def test_a_correct_page_passes(name: str, tmp_path: Path) -> None:
    """Each kind of block is processed."""
    await read(tmp_path, GOOD[name])


@pytest.mark.parametrize("name", BAD)
async def test_a_mistake_is_detected(name: str, tmp_path: Path) -> None:
    """The error names the mistake."""
    page, problem = BAD[name]
    with pytest.raises(AssertionError, match=problem):
        await read(tmp_path, page)


async def test_warnings_are_errors_in_snippets(tmp_path: Path) -> None:
    """They are errors in programs too."""
    with pytest.raises(DeprecationWarning):
        await read(tmp_path, "```python\nimport warnings\n\nwarnings.warn('old', DeprecationWarning)\n```\n")


async def test_a_failing_program_is_detected(tmp_path: Path) -> None:
    """Its exit code or its error output fails the test."""
    with pytest.raises(AssertionError):
        await read(tmp_path, "```python\nimport asyncio\n\nasyncio.run(None)\n```\n")


def test_pages_and_blocks_are_found() -> None:
    """So the other tests do not pass for want of pages."""
    assert len(PAGES) > 25
    assert sum(len(read_blocks(page)) for page in PAGES) > 200
