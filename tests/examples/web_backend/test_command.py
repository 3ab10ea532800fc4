"""The command of the backend."""

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
from support.programs import EXAMPLES
from support.strict_mode import warnings_in
from web_backend.command import main
from web_backend.settings import read_settings

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """It prints its URL, serves its page on the simulator, and ends without an error message."""
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
        found = re.search(r"Serving 40 accounts in 3 regions at (http://\S+/)", lines)
        assert found is not None, lines
        with urlopen(found[1]) as response:  # noqa: S310 - it is http
            assert b"<title>Fleet: Detective</title>" in response.read()
        with urlopen(f"{found[1]}api/fleet/overview") as response:  # noqa: S310 - likewise
            # The signal comes in the middle of the stream.
            response.readline()
            program.send_signal(number)
            _, errors = program.communicate(timeout=120)
    finally:
        program.kill()
    assert (program.returncode, warnings_in(errors)) == (0, "")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "expected a JSON object"),
        ('{"accounts": []}', "'accounts' is missing or empty"),
        ('{"accounts": ["111122223333"], "regions": "eu-west-1"}', "expected a list of strings"),
        ('{"accounts": ["1"], "regions": ["eu-west-1"]}', "1"),
        ('{"acounts": ["1"]}', "unknown setting 'acounts'; the settings are accounts, regions"),
    ],
)
def test_invalid_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, problem: str) -> None:
    """The error is one line, and the exit code is 2."""
    path = tmp_path / "fleet.json"
    path.write_text(content)
    assert main(["--config", str(path), "--port", "0"]) == 2
    assert problem in capsys.readouterr().err


def test_a_port_that_is_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """The error is one line, and the exit code is 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 2
    assert capsys.readouterr().err.startswith("web_backend: ")


def test_valid_settings(tmp_path: Path) -> None:
    """A file names accounts, regions and roles; reading it sends nothing to AWS."""
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps({"accounts": ["111122223333"], "regions": ["eu-west-1"], "role_name": "security/Audit"}))
    (target,) = read_settings(path).targets()
    assert (target.account_id, target.region) == ("111122223333", "eu-west-1")
