"""A user's file type-checks against the installed package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import detective_async

USER_CODE = Path(__file__).parent / "typing" / "user_code.py"


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
    """Every `assert_type` of iterators and responses in it holds."""
    run = mypy(str(USER_CODE), directory=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("client.list_members()", 'Missing positional argument "graph_arn"'),
        ("client.list_members('arn', 'token')", "Too many positional arguments"),
        ("client.iter_members('arn', page_size='5')", 'expected "int | None"'),
        ("client.create_members('arn', [('id', 'mail')])", "List item 0 has incompatible type"),
        ("d.DetectiveClient('eu-west-1')", "Too many positional arguments"),
        ("d.DetectiveClent()", 'Module has no attribute "DetectiveClent"'),
        ("d.MemberDetail(acount_id='1')", "Unexpected keyword argument"),
    ],
)
def test_mypy_refuses_mistakes(code: str, complaint: str, tmp_path: Path) -> None:
    """The types say no where they should."""
    file = tmp_path / "mistake.py"
    file.write_text(f"import detective_async as d\nasync def f(client: d.DetectiveClient) -> None:\n    {code}\n")
    run = mypy(str(file), directory=tmp_path)
    assert run.returncode == 1
    assert complaint in run.stdout
