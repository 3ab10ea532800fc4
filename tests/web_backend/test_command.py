"""The backend as a program."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from scrutiny import complaints
from web_backend.command import main
from web_backend.settings import read_settings

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    """It says where it is, shows its page on the simulator, and ends without a complaint."""
    program = subprocess.Popen(
        [sys.executable, "-W", "error", str(EXAMPLES / "web_backend"), "--port", "0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDEVMODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout is not None
        lines = program.stdout.readline() + program.stdout.readline()
        found = re.search(r"(http://\S+/) shows 40 accounts in 3 regions", lines)
        assert found is not None, lines
        with urlopen(found[1]) as answer:  # noqa: S310 - it is http
            assert b"<h1>Detective</h1>" in answer.read()
        with urlopen(f"{found[1]}api/fleet/overview") as answer:  # noqa: S310 - likewise
            # Ended in the middle of this.
            answer.readline()
            program.send_signal(number)
            _, errors = program.communicate(timeout=120)
    finally:
        program.kill()
    assert (program.returncode, complaints(errors)) == (0, "")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object"),
        ('{"accounts": []}', "'accounts' is missing or empty"),
        ('{"accounts": ["111122223333"], "regions": "eu-west-1"}', "expected a list of strings"),
        ('{"accounts": ["1"], "regions": ["eu-west-1"]}', "1"),
        ('{"acounts": ["1"]}', "'acounts' is not one of accounts, regions"),
    ],
)
def test_settings_that_make_no_sense(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, problem: str
) -> None:
    """They are told in a line, and the exit code is 2."""
    path = tmp_path / "fleet.json"
    path.write_text(content)
    assert main(["--config", str(path), "--port", "0"]) == 2
    assert problem in capsys.readouterr().err


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told in a line, too."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 2
    assert capsys.readouterr().err.startswith("web_backend: ")


def test_real_settings(tmp_path: Path) -> None:
    """A file says which accounts, regions and roles; nothing is asked of AWS for that."""
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps({"accounts": ["111122223333"], "regions": ["eu-west-1"], "role_name": "security/Audit"}))
    (target,) = read_settings(path).targets()
    assert (target.account_id, target.region) == ("111122223333", "eu-west-1")
