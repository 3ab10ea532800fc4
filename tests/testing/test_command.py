"""`python -m detective_async.testing`: the simulator as a program."""

import http.client
import json
import os
import re
import runpy
import shlex
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from support.strict_mode import warnings_in

import detective_async.testing
from detective_async.testing import DetectiveSimulator
from detective_async.testing.command import main
from detective_async.testing.environment import CONFLICTING

pytestmark = pytest.mark.slow

HUB = "111122223333"
ONE = "000000000001"
PROGRAM = [sys.executable, "-W", "error", "-X", "dev", "-m", "detective_async.testing"]

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the program; kill it at the end of the test."""
    running = []

    def run(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def exported(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read the variables that the program prints for a shell to export."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    while len(found) < 9:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        word, setting = shlex.split(line)
        assert word == "export"
        name, _, value = setting.partition("=")
        found[name] = value
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal(start: Start, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """It prints all that boto3 needs; a signal ends it with exit code 0 and without further output."""
    process = start("--port", "0", "--region", "eu-west-1")
    variables = exported(process)
    assert sorted(variables) == [
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL_DETECTIVE",
        "AWS_ENDPOINT_URL_ORGANIZATIONS",
        "AWS_ENDPOINT_URL_STS",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "NO_PROXY",
        "no_proxy",
    ]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    session = boto3.Session()
    detective, sts = session.client("detective"), session.client("sts")
    assert detective.create_graph()["GraphArn"].split(":")[3:5] == ["eu-west-1", HUB]
    assert sts.get_caller_identity()["Account"] == HUB
    detective.close()
    sts.close()
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "")
    intro, account = warnings_in(err).splitlines()
    assert intro.startswith("Amazon Detective, AWS Organizations and STS are simulated at http://127.0.0.1:")
    assert account == f"account {HUB}: {variables['AWS_ACCESS_KEY_ID']} {variables['AWS_SECRET_ACCESS_KEY']}"


def test_a_shell_evaluates_what_is_printed(start: Start) -> None:
    """The commands set the variables, and unset those that conflict, whether or not the program has them itself."""
    process = start("--port", "0")
    variables = exported(process)
    assert process.stdout is not None
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    # The program has not got the variable that the shell has.
    lines.append(process.stdout.readline())
    assert lines[-1] == f"unset {' '.join(CONFLICTING)}\n"
    script = "\n".join([*lines, 'echo "$AWS_ENDPOINT_URL_STS ${AWS_SESSION_TOKEN-none}"'])
    said = subprocess.run(
        ["/bin/sh", "-c", script], env={"AWS_SESSION_TOKEN": "old"}, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == [variables["AWS_ENDPOINT_URL_STS"], "none"]


@pytest.mark.parametrize(
    ("regions", "options", "expected"),
    [
        (["eu-west-1", "us-west-2"], [], "eu-west-1"),
        (["eu-west-1"], ["--region", "us-west-2"], "us-west-2"),
        ([], [], "us-east-1"),
    ],
)
def test_the_region_of_the_variables(
    start: Start, tmp_path: Path, regions: list[str], options: list[str], expected: str
) -> None:
    """It is that of the first graph, so that clients find it."""
    seed = tmp_path / "world.toml"
    graphs = [f'[[graphs]]\nadministrator = "{ONE}"\nregion = "{region}"\n' for region in regions]
    seed.write_text(f'[[accounts]]\nid = "{ONE}"\n' + "".join(graphs))
    assert exported(start("--port", "0", "--seed-file", str(seed), *options))["AWS_REGION"] == expected


def test_others_can_reach_and_control_it(start: Start, tmp_path: Path) -> None:
    """At all addresses, it prints one that others can use; with the token, `reset` gets them back to the seed file."""
    seed = tmp_path / "world.toml"
    seed.write_text(f'closed_regions = ["me-south-1"]\n[[accounts]]\nid = "{HUB}"')
    arguments = ["--port", "0", "--host", "0.0.0.0", "--allow-host", "simulator", "--allow-host", "SIM.example"]  # noqa: S104
    process = start(*arguments, "--control-token", "open-sesame", "--seed-file", str(seed))
    variables = exported(process)
    where = urlsplit(variables["AWS_ENDPOINT_URL_DETECTIVE"])
    assert where.hostname not in (None, "0.0.0.0")  # noqa: S104
    assert where.hostname in variables["NO_PROXY"].split(",")

    def control(method: str, name: str, body: str = "", host: str = "sim.example") -> Any:
        headers = {"Host": host, "Authorization": "Bearer open-sesame", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", where.port or 0, timeout=60)
        connection.request(method, f"/_simulator/control/{name}", body, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return json.loads(answer) if answer else response.status

    assert control("GET", "accounts", host="simulator:4580") == [HUB]
    assert control("POST", "open_region", '{"region": "me-south-1"}') == 204
    assert control("GET", "dump")["closed_regions"] == []
    assert control("POST", "reset") == 204
    assert control("GET", "dump")["closed_regions"] == ["me-south-1"]
    process.terminate()
    _, err = process.communicate(timeout=120)
    assert warnings_in(err).splitlines()[1:-1] == [
        f"it listens at all addresses: instead of {where.hostname}, use the one or the name by which you know it",
        f"its page may also be opened at http://simulator:{where.port}/_simulator/",
        f"its page may also be opened at http://SIM.example:{where.port}/_simulator/",
        "its controls are at /_simulator/control/, and described by /_simulator/openapi.json",
    ]
    assert "sesame" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--control-token", "two words"], "control_token: must be letters, digits and signs"),
        (["--allow-host", "http://simulator"], "allowed_hosts: must be names without a port"),
    ],
)
def test_invalid_names_are_reported(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    """Exit code 2, in one line."""
    assert error_of(capsys, "--port", "0", *arguments).startswith(words)


def test_the_state_is_saved_and_loaded(start: Start, tmp_path: Path) -> None:
    """The dump that is written on exit can be loaded, and has the changes of this run; a second signal is ignored."""
    seed, state = tmp_path / "world.toml", tmp_path / "state.json"
    seed.write_text(f'[[accounts]]\nid = "{ONE}"\n[[graphs]]\nadministrator = "{ONE}"\nregion = "us-east-1"\n')
    process = start("--port", "0", "--seed-file", str(seed), "--dump-file", str(state))
    variables = exported(process)
    client = boto3.client(
        "detective",
        region_name="us-east-1",
        endpoint_url=variables["AWS_ENDPOINT_URL_DETECTIVE"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )
    (graph,) = [one["Arn"] for one in client.list_graphs()["GraphList"]]
    client.tag_resource(ResourceArn=graph, Tags={"a": "b"})
    client.close()
    # Stopped meanwhile, it gets both at the same moment: after the first one, it would end at any time.
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
        process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert json.loads(state.read_text())["graphs"][0]["tags"] == {"a": "b"}
    sim = DetectiveSimulator()
    sim.load(state)
    assert sim.snapshot()[graph]["tags"] == {"a": "b"}


def run_and_signal(arguments: list[str], **options: Any) -> int:
    """Run the program in this process, and send it signals until it ends, and another one after that."""
    done = threading.Event()

    def interrupt() -> None:
        while not done.wait(0.2):
            os.kill(os.getpid(), signal.SIGTERM)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # A signal before the program has its own handler must not end the test run.
    signal.signal(signal.SIGTERM, lambda *_: None)
    sender = threading.Thread(target=interrupt)
    sender.start()
    try:
        return main(arguments, **options)
    finally:
        done.set()
        sender.join()
        signal.raise_signal(signal.SIGTERM)
        for number, handler in before.items():
            signal.signal(number, handler)


def test_main_can_be_called(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`main` returns the exit code; its arguments are obeyed."""
    dump = tmp_path / "state.toml"
    arguments = ["--port", "0", "--account", ONE, "--verification-delay", "5", "--dump-file", str(dump)]
    others = ["--host", "0.0.0.0", "--allow-host", "simulator", "--control-token", "open-sesame"]  # noqa: S104
    assert run_and_signal([*arguments, *others]) == 0
    out, err = capsys.readouterr()
    *exports, unset = out.splitlines()
    assert all(re.fullmatch(r"export (AWS_\w+|NO_PROXY|no_proxy)=\S+", line) for line in exports)
    assert unset == f"unset {' '.join(CONFLICTING)}"
    assert f"account {ONE}: " in err
    assert "it listens at all addresses" in err
    content = tomllib.loads(dump.read_text())
    assert (content["verification_delay"], content["accounts"][0]["id"]) == (5.0, ONE)
    assert run_and_signal(["--port", "0"]) == 0


def test_hints_take_the_place_of_the_keys(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They are the last line. A standard output that is the process's own is closed, and late signals do nothing."""
    with (tmp_path / "out").open("w") as out:
        for name in ("stdout", "__stdout__"):
            monkeypatch.setattr(sys, name, out)
        assert run_and_signal(["--port", "0"], hints="Try this.") == 0
        out.write("to nobody")
    assert capsys.readouterr().err.splitlines()[-1] == "Try this."
    assert (tmp_path / "out").read_text().splitlines()[-1] == f"unset {' '.join(CONFLICTING)}"


def test_a_failed_dump_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the state cannot be written, the exit code is 1, and one line has the reason."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "state.json"))

    monkeypatch.setattr(os, "replace", full)
    assert run_and_signal(["--port", "0", "--dump-file", str(tmp_path / "state.json")]) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("state.json: No space left on device")


def test_a_standard_output_that_is_full(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is served, whose address nobody would learn: the exit code is 1, and one line has the reason."""

    def full(_: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.stdout, "write", full)
    assert run_and_signal(["--port", "0"]) == 1
    reason = "standard output: No space left on device"
    assert capsys.readouterr().err == f"python -m detective_async.testing: {reason}\n"


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the program with arguments that must fail before it serves; return its one line."""
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line.removeprefix("python -m detective_async.testing: ")


def test_a_port_in_use_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the reason."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = error_of(capsys, "--port", str(server.getsockname()[1]))
    assert error.startswith("cannot listen: ")
    assert "in use" in error


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [
        ("--seed-file", "12.toml", "accounts[0].id: must be an account id of 12 digits"),
        ("--seed-file", "broken.toml", "cannot be read"),
        ("--seed-file", "unknown.toml", "account: unknown key; did you mean accounts?"),
        ("--seed-file", "no.toml", "No such file or directory"),
        ("--dump-file", "no/state.json", "not a writable folder"),
        ("--dump-file", "state.yaml", "must end in .toml or .json"),
    ],
)
def test_an_invalid_file_is_reported_at_the_start(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str, name: str, words: str
) -> None:
    """Exit code 2, before it serves; the error names the file, the key and what is allowed."""
    (tmp_path / "12.toml").write_text('[[accounts]]\nid = "12"')
    (tmp_path / "broken.toml").write_text("[[accounts]]\nid = ")
    (tmp_path / "unknown.toml").write_text("[[account]]")
    error = error_of(capsys, "--port", "0", option, str(tmp_path / name))
    assert error.startswith(f"{tmp_path / name}: ")
    assert words in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "65536"],
        ["--port", "x"],
        ["--account", "12"],
        ["--verification-delay", "-1"],
        ["--verification-delay", "nan"],
        ["--verification-delay", "soon"],
        ["--what"],
    ],
)
def test_invalid_arguments_print_the_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Argparse prints the usage and what is expected, and exits with code 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    text = capsys.readouterr().err
    assert "usage: python -m detective_async.testing" in text
    assert "must be" in text or arguments == ["--what"]


def test_the_package_can_be_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m detective_async.testing --help` prints the options; importing `__main__` runs nothing."""
    monkeypatch.setattr(sys, "argv", ["x", "--help"])
    # By path: pytest's import hook for plugins does not support `runpy.run_module`.
    module = str(Path(detective_async.testing.__file__).parent / "__main__.py")
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(module, run_name="__main__")
    assert caught.value.code == 0
    assert "--seed-file FILE" in capsys.readouterr().out
    runpy.run_path(module, run_name="imported")
