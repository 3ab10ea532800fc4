"""The demo: it prints its figures, and fails if a result is wrong."""

import importlib
import sys
from pathlib import Path
from subprocess import run
from types import ModuleType

import pytest
from support.programs import EXAMPLES

from detective_async import Credentials
from detective_async.testing import environment

pytestmark = [pytest.mark.slow, pytest.mark.once]


def test_the_demo_succeeds_and_prints_its_figures(tmp_path: Path) -> None:
    """It reports five mistakes in the list and onboards the rest; after the correction, all 900 are members."""
    demo = run(
        [sys.executable, "-W", "error", str(EXAMPLES / "demo.py")], cwd=tmp_path, capture_output=True, check=False
    )
    printed, errors = demo.stdout.decode(), demo.stderr.decode()
    assert demo.returncode == 0, errors
    assert "Traceback" not in errors
    assert "Warning" not in errors
    assert errors.count(", line ") == 2
    assert "885 of 894 memberships in 3 regions are as wanted" in errors
    assert printed.count("verification failed: ") == 9
    # A report has a row per account and region, and one per region; those without a problem are only counted.
    assert "    885 rows without a problem: invite, accept\n" in printed
    assert "    903 rows without a problem: nothing had to be done\n" in printed
    assert len(printed.splitlines()) < 80
    assert "900 of 900 memberships in 3 regions are as wanted; reinvite: 9, invite: 6, accept: 15" in errors
    assert "900 of 900 memberships in 3 regions are as wanted; nothing had to be done" in errors
    assert printed.rstrip().endswith("All results are as expected.")


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    # The demo sets these variables; the patch restores them after the test.
    for name in environment.variables("http://127.0.0.1", Credentials("an id", "a secret"), "eu-west-1"):
        monkeypatch.setenv(name, "")
    return importlib.import_module("demo")


@pytest.mark.parametrize("wrong", ["an account is not onboarded", "the exit code is wrong"])
def test_the_demo_fails_if_a_result_is_wrong(
    demo: ModuleType, wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong result raises an error, and ends the demo."""
    monkeypatch.setattr(demo, "MEMBERS", demo.MEMBERS[:3])
    monkeypatch.setattr(demo, "MOVED", {demo.MEMBERS[2]})
    monkeypatch.setattr(demo, "BAD_LINES", {2: "nonsense"})
    monkeypatch.setattr(demo, "VERIFICATION", 0.0)
    monkeypatch.setattr(demo.SimulatorThread, "throttle", lambda *_, **__: None)
    onboard = demo.onboard.main

    def wrong_main(arguments: list[str]) -> int:
        if wrong == "the exit code is wrong":
            onboard(arguments)
            return 0
        accounts = Path(arguments[0])
        accounts.write_text(accounts.read_text().partition("\n")[2])
        return int(onboard(arguments))

    monkeypatch.setattr(demo.onboard, "main", wrong_main)
    with pytest.raises(demo.UnexpectedError):
        demo.main()
    assert "All results are as expected" not in capsys.readouterr().out
