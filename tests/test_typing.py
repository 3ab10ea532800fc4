"""A user's file type-checks against the installed package."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import detective_async

pytestmark = [pytest.mark.slow, pytest.mark.once]

USER_CODE = Path(__file__).parent / "typing" / "user_code.py"
MOCK_RULES = USER_CODE.with_name("mock_rules.py")


def mypy(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run mypy away from the source folder, so that it finds the installed package and its `py.typed`."""
    command = [sys.executable, "-P", "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={directory}", *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def test_the_users_file_exercises_each_public_name() -> None:
    """A name that is added to `__all__` has to be added there too."""
    tree = ast.parse(USER_CODE.read_text())
    used = {
        n.attr
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "d"
    }
    assert used == set(detective_async.__all__)


def test_mypy_strict_accepts_the_users_file(tmp_path: Path) -> None:
    """Every `assert_type` of iterators and responses in it holds, and every mistake in the rules of mocks is one."""
    run = mypy(str(USER_CODE), str(MOCK_RULES), directory=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr


#: What the types have to refuse -> what mypy says about it.
MISTAKES = {
    "client.list_members()": 'Missing positional argument "graph_arn"',
    "client.list_members('arn', 'token')": "Too many positional arguments",
    "client.iter_members('arn', page_size='5')": 'expected "int | None"',
    "client.create_members('arn', [('id', 'mail')])": "List item 0 has incompatible type",
    "d.DetectiveClient('eu-west-1')": "Too many positional arguments",
    "d.DetectiveClent()": 'Module has no attribute "DetectiveClent"',
    "d.MemberDetail(acount_id='1')": "Unexpected keyword argument",
}


@pytest.fixture(scope="module")
def warnings_in(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Check all mistakes in one file, since starting mypy takes longest, and give what it says about each."""
    directory = tmp_path_factory.mktemp("mistakes")
    file = directory / "mistakes.py"
    head = "import detective_async as d\nasync def f(client: d.DetectiveClient) -> None:\n"
    file.write_text(head + "".join(f"    {code}\n" for code in MISTAKES))
    run = mypy(file.name, directory=directory)
    assert run.returncode == 1, run.stderr
    found: dict[str, list[str]] = {code: [] for code in MISTAKES}
    for line, text in re.findall(r"^mistakes\.py:(\d+): error: (.*)$", run.stdout, re.MULTILINE):
        found[list(MISTAKES)[int(line) - head.count("\n") - 1]].append(text)
    return found


@pytest.mark.parametrize("code", MISTAKES)
def test_mypy_refuses_mistakes(code: str, warnings_in: dict[str, list[str]]) -> None:
    """The types refuse it, with one error of their own and perhaps that a coroutine is not awaited."""
    texts = [text for text in warnings_in[code] if not text.startswith("Value of type")]
    assert len(texts) == 1
    assert MISTAKES[code] in texts[0]
