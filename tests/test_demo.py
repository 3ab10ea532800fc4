"""The demo: it tells what it does, and does not succeed when something is wrong."""

import importlib
import sys
from pathlib import Path
from subprocess import run
from types import ModuleType

import pytest

from detective_async import Credentials
from detective_async.testing import environment

pytestmark = [pytest.mark.slow, pytest.mark.once]

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_the_demo_succeeds_and_tells_its_figures(tmp_path: Path) -> None:
    """Five mistakes in the list are named, the rest is onboarded; corrected, and run again, all 900 are members."""
    demo = run(
        [sys.executable, "-W", "error", str(EXAMPLES / "demo.py")], cwd=tmp_path, capture_output=True, check=False
    )
    told, errors = demo.stdout.decode(), demo.stderr.decode()
    assert demo.returncode == 0, errors
    assert "Traceback" not in errors
    assert "Warning" not in errors
    assert errors.count(", line ") == 2
    assert "885 of 894 memberships in 3 regions are as wanted" in errors
    assert told.count("verification failed") == 9
    assert "900 of 900 memberships in 3 regions are as wanted; reinvite: 9, invite: 6, accept: 15" in errors
    assert "900 of 900 memberships in 3 regions are as wanted; nothing had to be done" in errors
    assert told.rstrip().endswith("Everything is as it should be.")


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    # It sets these for the example that it runs; from here on they are set back after the test.
    for name in environment.variables("http://127.0.0.1", Credentials("an id", "a secret"), "eu-west-1"):
        monkeypatch.setenv(name, "")
    return importlib.import_module("demo")


@pytest.mark.parametrize("wrong", ["an account is not onboarded", "the exit code lies"])
def test_the_demo_fails_when_something_is_wrong(
    demo: ModuleType, wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result that is not as it should be is told, and ends it."""
    monkeypatch.setattr(demo, "MEMBERS", demo.MEMBERS[:3])
    monkeypatch.setattr(demo, "MOVED", {demo.MEMBERS[2]})
    monkeypatch.setattr(demo, "BAD_LINES", {2: "nonsense"})
    monkeypatch.setattr(demo, "VERIFICATION", 0.0)
    monkeypatch.setattr(demo.SimulatorThread, "throttle", lambda *_, **__: None)
    onboard = demo.onboard.main

    def lie(arguments: list[str]) -> int:
        if wrong == "the exit code lies":
            onboard(arguments)
            return 0
        accounts = Path(arguments[0])
        accounts.write_text(accounts.read_text().partition("\n")[2])
        return int(onboard(arguments))

    monkeypatch.setattr(demo.onboard, "main", lie)
    with pytest.raises(demo.UnexpectedError):
        demo.main()
    assert "Everything is as it should be" not in capsys.readouterr().out
