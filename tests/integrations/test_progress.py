"""The progress bar."""

import io
import sys

import pytest
from rich.console import Console

from detective_async import ConfigurationError, DetectiveClient, DetectiveFleet, ProgressEvent, Target
from detective_async.integrations.progress import ProgressBar


async def fail_some(_client: DetectiveClient, target: Target) -> None:
    if int(target.account_id) < 3:
        raise ValueError


async def test_bar_without_terminal() -> None:
    """Only the final state is written."""
    written = io.StringIO()
    async with DetectiveFleet([Target(f"{number:012}", "eu-west-1") for number in range(9)]) as fleet:
        with ProgressBar("auditing", console=Console(file=written, width=200)) as bar:
            async for _ in fleet.run(fail_some, progress=bar):
                pass
            assert written.getvalue() == ""
    (line,) = written.getvalue().splitlines()
    assert line.startswith("auditing")
    assert "9/9" in line
    assert "failed: 3" in line
    assert "/s" in line


def test_bar_on_a_terminal() -> None:
    """The bar is updated, also with an unknown total."""
    written = io.StringIO()
    console = Console(file=written, width=200, force_terminal=True)
    with ProgressBar("auditing", console=console) as bar:
        bar(ProgressEvent(done=3, failed=1, total=None, elapsed=1.5))
    assert "3/?" in written.getvalue()
    assert "failed: 1" in written.getvalue()
    assert "2.0/s" in written.getvalue()


def test_bar_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output has the program's output only."""
    with ProgressBar("auditing") as bar:
        bar(ProgressEvent(done=3, failed=0, total=4, elapsed=1.5))
        print("result")  # noqa: T201 - what the program is for
    captured = capsys.readouterr()
    assert captured.out == "result\n"
    assert "3/4" in captured.err


def test_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(ConfigurationError, match=r'not installed: pip install "detective-async\[progress\]"') as caught:
        ProgressBar("auditing")
    assert caught.value.__suppress_context__
