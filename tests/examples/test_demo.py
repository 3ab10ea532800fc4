"""The demo: it tells its story on one screen, fails if a result is wrong, and draws the README's picture."""

import importlib
import re
import sys
from pathlib import Path
from subprocess import run
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest
from support.programs import EXAMPLES
from support.strict_mode import warnings_in

pytestmark = [pytest.mark.slow, pytest.mark.once]

PICTURE = EXAMPLES.parent / "docs" / "_static" / "demo.svg"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    """What it prints where there is no terminal; it also draws a picture."""
    demo = run(
        [sys.executable, "-W", "error", str(EXAMPLES / "demo.py"), "--picture", str(folder / "demo.svg")],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stderr
    assert warnings_in(demo.stderr.decode()) == ""
    return re.sub(r"\x1b\[[\d;]*m", "", demo.stdout.decode())


def test_the_story_fits_one_screen(printed: str) -> None:
    """It reports five mistakes in the list and onboards the rest; after the correction, all 900 are members."""
    lines = printed.splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 130
    assert printed.count("accounts.csv, line ") == 2
    assert sum("VERIFICATION_FAILED" in line for line in lines) == 3
    assert "885 of 894 memberships in 3 regions are as wanted" in lines
    assert "900 of 900 memberships in 3 regions are as wanted" in lines
    assert "900 of 900 covered (100 %)" in lines
    assert any("IMPOSSIBLE_TRAVEL" in line for line in lines)
    assert [line.split()[2] for line in lines if line.startswith("$ detective-async ")] == [
        "onboard",
        "onboard",
        "coverage",
        "investigate",
    ]


def texts_of(picture: Path) -> list[str]:
    """Return the lines of a picture, without the ids that differ from run to run."""
    root = ET.fromstring(picture.read_text())  # noqa: S314 - our own picture
    rows: dict[float, list[str]] = {}
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        if text.get("y") is not None:
            rows.setdefault(float(text.get("y", "")), []).append(text.text or "")
    lines = ["".join(parts).replace("\xa0", " ").rstrip() for _, parts in sorted(rows.items())]
    return [re.sub(r"\d{8}-\d", "<id>", line) for line in lines if line]


def test_the_picture_of_the_readme_is_the_demo(printed: str, folder: Path) -> None:
    """`make picture` draws it; it shows each line that the demo prints, and loads nothing from elsewhere."""
    drawn, committed = texts_of(folder / "demo.svg"), texts_of(PICTURE)
    assert drawn == committed
    # Ids are left out of the picture's lines.
    words = {word for word in printed.split() if not re.search(r"\d{8}-\d", word)}
    assert {word for word in words if word not in "".join(committed)} == set()
    text = PICTURE.read_text()
    assert "@font-face" not in text
    assert re.findall(r"url\((?!#)", text) == []


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("demo")


@pytest.mark.parametrize("wrong", ["an account is not onboarded", "the exit code is wrong"])
def test_the_demo_fails_if_a_result_is_wrong(demo: ModuleType, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong result raises an error, and ends the demo."""
    monkeypatch.setattr(demo, "MEMBERS", demo.MEMBERS[:8])
    monkeypatch.setattr(demo, "MOVED", {demo.MEMBERS[2]})
    monkeypatch.setattr(demo, "BAD_LINES", {2: "nonsense"})
    monkeypatch.setattr(demo, "VERIFICATION", 0.0)
    monkeypatch.setattr(demo.SimulatorThread, "throttle", lambda *_, **__: None)
    if wrong == "the exit code is wrong":
        monkeypatch.setattr(demo, "COVERAGE", ("coverage", "--regions", "eu-west-3"))
        words = "exit code of coverage: expected 0, got 1"
    else:
        monkeypatch.setattr(demo, "first_list", lambda: "\n".join(map(demo.line, demo.MEMBERS[:6])) + "\nnonsense")
        words = "members: expected"
    with pytest.raises(demo.UnexpectedError, match=words):
        demo.main([])
