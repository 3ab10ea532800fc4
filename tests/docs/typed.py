"""The Python blocks of README and the pages as files for type checkers, and what two checkers say about them.

- A block with a caption is a file of that name, and a block that calls `asyncio.run` is a file of its own. So is each
  block of README.
- The other blocks of a page are joined in the order in which they are read, as the body of one coroutine, because they
  may await.
- On the page about moving from boto3, the snippets of this library are functions of the names that the page defines.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import indent

from support.fences import Block, read_blocks

from docs.pages import DOCS, MOVING, NOT_RUN, readings
from docs.peers import PEERS

README = DOCS.parent / "README.md"
#: Tests have fixtures, which are rarely annotated; boto3 ships no types.
_MYPY = """\
[mypy]
strict = true
[mypy-boto3.*,moto.*]
ignore_missing_imports = true
[mypy-{tests}]
disallow_untyped_defs = false
disallow_untyped_calls = false
"""
_PYRIGHT = {"typeCheckingMode": "standard", "reportMissingModuleSource": False, "include": ["."]}
_HEAD_OF_MOVING = """\
from datetime import datetime
from detective_async import DetectiveClient

"""
_NAMES_OF_MOVING = (
    "client: DetectiveClient, graph_arn: str, investigation_id: str, role_arn: str, start: datetime, end: datetime"
)


def typed_files() -> dict[str, str]:
    """Return all files by name: the Python of README and of the pages."""
    files: dict[str, str] = {}

    def add(name: str, text: str) -> None:
        assert name not in files, f"two pages have a file {name}"
        files[name] = text

    for block in _python(README):
        add(_name_of(block, "test_" if "\ndef test_" in block.text else ""), block.text)
    for name, pages in readings().items():
        snippets: list[Block] = []
        for block in (block for page in pages for block in _python(page)):
            if block.caption in NOT_RUN:
                # The types of what it imports are not installed either.
                continue
            if block.caption:
                add(block.caption, block.text)
            elif "asyncio.run(" in block.text:
                add(_name_of(block), block.text)
            else:
                snippets.append(block)
        if snippets:
            add(f"snippets_{_identifier(name)}.py", coroutine("page", "", snippets))
    ours = _python(MOVING)[len(PEERS) - 1 :: len(PEERS)]
    rows = [coroutine(f"row_{block.line}", _NAMES_OF_MOVING, [block]) for block in ours]
    add("snippets_moving.py", "\n\n".join([_HEAD_OF_MOVING, *rows]))
    return files


def coroutine(name: str, parameters: str, blocks: Iterable[Block]) -> str:
    """Return a coroutine function whose body are these blocks."""
    body = "\n".join(f"# {block}\n{block.text}" for block in blocks)
    return f"async def {name}({parameters}) -> None:\n{indent(body, '    ')}"


def mypy(folder: Path, files: dict[str, str]) -> str:
    """Return what mypy reports in strict mode; empty if it is nothing."""
    tests = ",".join(Path(name).stem for name in files if name.startswith("test_")) or "no_test"
    _write(folder, {**files, "mypy.ini": _MYPY.format(tests=tests)})
    options = ("--config-file=mypy.ini", f"--cache-dir={folder / 'cache'}", "--no-error-summary", "--no-pretty")
    return _run(folder, "mypy", *options, *files)


def pyright(folder: Path, files: dict[str, str]) -> str:
    """Return what pyright reports in its standard mode; empty if it is nothing."""
    _write(folder, {**files, "pyrightconfig.json": json.dumps(_PYRIGHT)})
    found = json.loads(
        _run(folder, "basedpyright", "--outputjson", f"--pythonpath={sys.executable}", "-p", str(folder))
    )
    assert found["summary"]["filesAnalyzed"] == len(files)
    return "\n".join(
        f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}: {one['message']}"
        for one in found["generalDiagnostics"]
    )


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)


def _run(folder: Path, module: str, *arguments: str) -> str:
    # Away from the source folder, and without the current one: the checkers must find the installed package.
    command = [sys.executable, "-P", "-m", module, *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return run.stdout


def _python(page: Path) -> list[Block]:
    return [block for block in read_blocks(page) if block.language == "python"]


def _identifier(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name.removesuffix(".md")).lower()


def _name_of(block: Block, prefix: str = "") -> str:
    return f"{prefix}{_identifier(block.path.name)}_{block.line}.py"
