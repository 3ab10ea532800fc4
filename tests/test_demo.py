"""The demo: it tells what it does, and does not succeed when something is wrong."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from scrutiny import complaints

DEMO = Path(__file__).parent.parent / "examples" / "demo.py"


def test_the_demo_succeeds_and_tells_its_figures(tmp_path: Path) -> None:
    """120 members, retries on the way, a table at the end, and not a warning."""
    run = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-X", "dev", str(DEMO)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, complaints(run.stderr)) == (0, "")
    assert "120 accepted" in run.stdout
    assert "page 3: 20 members" in run.stdout
    assert run.stdout.rstrip().endswith("Everything is as it should be.")


@pytest.fixture
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("wrong", ["a member is missing", "a page is missing"])
async def test_the_demo_fails_when_something_is_wrong(
    demo: ModuleType, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result that is not as it should be is told, and ends it."""
    list_members = demo.list_members

    async def list_fewer(*arguments: object) -> tuple[list[object], int]:
        members, pages = await list_members(*arguments)
        return (members[:-1], pages) if wrong == "a member is missing" else (members, pages - 1)

    monkeypatch.setattr(demo, "list_members", list_fewer)
    with pytest.raises(demo.UnexpectedError):
        await demo.main()
