"""Look-ups of credentials that hang: nobody else waits, the call ends at its deadline, and the program can end."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha1
from pathlib import Path

import pytest
from attrs import define
from support.cloud import ROLE, Cloud
from support.heartbeat import beats_during

import detective_async
from detective_async import DeadlineExceeded, DefaultCredentials, DetectiveClient, Timeouts
from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.slow

HUB = "111122223333"
# What a call may take here, in seconds.
DEADLINE = 0.25
# Another task has that many turns in this time on the busiest machine, and some two hundred on an idle one.
ENOUGH_BEATS = 5
PARTS = ("metadata", "process", "file", "container", "role", "sso")
_SSO = "sso_start_url = corp\nsso_region = eu-west-1\nsso_account_id = 444455556666\nsso_role_name = Reader\n"
_ROLE = f"role_arn = {ROLE}\nregion = eu-west-1\n"


@define
class Stuck:
    """An environment in which one part of the chain hangs, until the test is over."""

    cloud: Cloud
    home: Path
    monkeypatch: pytest.MonkeyPatch

    def arrange(self, part: str) -> None:
        os.mkfifo(self.home / "fifo")
        config, setenv = "", self.monkeypatch.setenv
        if part == "metadata":
            self.monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
            # Else botocore gives up after a second.
            setenv("AWS_METADATA_SERVICE_TIMEOUT", "600")
        elif part == "process":
            config = f"credential_process = sh -c 'echo $$ > {self.home}/started; cat {self.home}/fifo'\n"
        elif part == "file":
            config = f"{_ROLE}web_identity_token_file = {self.home}/fifo\n"
        elif part == "container":
            setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{self.cloud.url}/container")
        elif part == "role":
            config = f"{_ROLE}source_profile = keys\n[profile keys]\naws_access_key_id = a\naws_secret_access_key = b\n"
        else:
            config = _SSO
            cached = '{"accessToken": "token", "expiresAt": "2100-01-01T00:00:00Z"}'
            name = sha1(b"corp").hexdigest()  # noqa: S324 - as the CLI does
            (self.home / f".aws/sso/cache/{name}.json").write_text(cached)
        (self.home / ".aws/config").write_text(f"[default]\n{config}")
        self.cloud.silent |= {"/latest/api/token", "/container", "/federation/credentials", "/"}

    @property
    def has_begun(self) -> bool:
        """Whether it hangs already; for a file nothing tells."""
        return bool(self.cloud.asked) or (self.home / "started").exists()

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads that hang."""
        return [thread for thread in threading.enumerate() if thread.name == "detective_async.credentials"]

    def let_go(self) -> None:
        """Let everything end that hangs, as long as the environment is still there that it is meant for."""
        self.cloud.ended.set()
        end = time.monotonic() + 30
        while self.threads:
            assert time.monotonic() < end
            # Nobody reads it, or not yet.
            with suppress(OSError):
                os.close(os.open(self.home / "fifo", os.O_WRONLY | os.O_NONBLOCK))
            time.sleep(0.01)


@pytest.fixture
def stuck(cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stuck]:
    stuck = Stuck(cloud, home, monkeypatch)
    yield stuck
    stuck.let_go()


@pytest.mark.parametrize("part", PARTS)
async def test_the_event_loop_is_not_held_up(part: str, stuck: Stuck) -> None:
    """Others have their turn again and again while the look-up hangs.

    The best of a few times counts, for the machine has other work. The call ends at its deadline, before it began.
    """
    stuck.arrange(part)

    async def call() -> None:
        timeouts = Timeouts(total=DEADLINE)
        async with DetectiveClient(region="eu-west-1", endpoint_url="http://127.0.0.1:1", timeouts=timeouts) as client:
            with pytest.raises(DeadlineExceeded) as caught:
                await client.list_graphs()
        error = caught.value
        assert (error.operation, error.attempts, error.outcome_unknown) == ("ListGraphs", 0, False)

    beats = [await beats_during(call) for _ in range(3)]
    assert max(beats) >= ENOUGH_BEATS
    assert len(stuck.threads) == 3
    if part != "file":
        await until(lambda: stuck.has_begun)


async def until(condition: Callable[[], object]) -> None:
    """Let everybody else run until something is so; far more patient than any machine is slow."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def test_a_stall_would_be_seen() -> None:
    """What waits on the event loop itself leaves others no turn."""

    async def block() -> None:
        time.sleep(DEADLINE)  # noqa: ASYNC251 - that is the point

    assert await beats_during(block) < ENOUGH_BEATS


async def test_many_calls_wait_for_one_look_up(stuck: Stuck) -> None:
    """Calls that come at once, and those that come when the first have given up, wait for the one that is under way."""
    stuck.arrange("metadata")
    timeouts = Timeouts(total=0.05)
    async with DetectiveClient(region="eu-west-1", endpoint_url="http://127.0.0.1:1", timeouts=timeouts) as client:
        for _ in range(3):
            given = await asyncio.gather(*(client.list_graphs() for _ in range(100)), return_exceptions=True)
            assert {type(one) for one in given} == {DeadlineExceeded}
        assert len(stuck.threads) == 1


async def test_other_calls_have_their_names_looked_up(stuck: Stuck, sim: DetectiveSimulator) -> None:
    """More look-ups may hang than asyncio has threads to look up the names of hosts."""
    stuck.arrange("metadata")
    hanging = [asyncio.create_task(DefaultCredentials().get_credentials()) for _ in range(50)]
    await until(lambda: len(stuck.threads) == 50)
    url = sim.url.replace("127.0.0.1", "localhost")
    async with DetectiveClient(region="eu-west-1", endpoint_url=url, credentials=sim.account(HUB)) as client:
        answer = await client.with_options(timeouts=Timeouts(total=30)).list_graphs()
    assert answer.response_metadata.http_status == 200
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


_PROGRAM = """
import asyncio, signal
from detective_async import DeadlineExceeded, DetectiveClient, Timeouts

async def main():
    async with DetectiveClient(region="eu-west-1", endpoint_url="http://127.0.0.1:1", timeouts=Timeouts(total={})) as c:
        call = asyncio.create_task(c.list_graphs())
        {}
    print("closed")

# Where the tests run in the background it may be ignored, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    asyncio.run(main())
except BaseException as error:
    print(type(error).__name__)
    raise
"""


@contextmanager
def _run(total: float | None, body: str) -> "Iterator[subprocess.Popen[str]]":
    package = Path(detective_async.__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(total, body)],
        env={**os.environ, "PYTHONPATH": str(package)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            yield program
        finally:
            # One that hangs is to fail the test, and not to hang it too.
            program.kill()


@pytest.mark.parametrize("part", ["metadata", "file"])
def test_a_program_ends_after_the_deadline(part: str, stuck: Stuck) -> None:
    """An error that nobody catches ends it, with the look-up still hanging."""
    stuck.arrange(part)
    with _run(DEADLINE, "await call") as program:
        out, _ = program.communicate(timeout=120)
    assert (program.returncode, out.split()) == (1, ["DeadlineExceeded"])


def test_a_program_ends_that_has_not_waited(stuck: Stuck) -> None:
    """So does one that returns, and leaves a call behind."""
    stuck.arrange("metadata")
    with _run(None, "await asyncio.wait([call], timeout=0.3)") as program:
        out, _ = program.communicate(timeout=120)
    assert (program.returncode, out.split()) == (0, ["closed"])


def test_a_program_can_be_interrupted(stuck: Stuck) -> None:
    """Ctrl-C ends it at once, in the middle of the look-up."""
    stuck.arrange("metadata")
    with _run(None, "await call") as program:
        end = time.monotonic() + 60
        while not stuck.has_begun:
            assert time.monotonic() < end
            time.sleep(0.01)
        program.send_signal(signal.SIGINT)
        out, _ = program.communicate(timeout=120)
    assert out.split() == ["KeyboardInterrupt"]
    assert program.returncode in {-signal.SIGINT, 1, 130}
