"""Hanging look-ups of credentials: other tasks run, calls end at their deadlines, and programs can exit."""

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
from support.loop_threads import run_in_loops

import detective_async
from detective_async import DeadlineExceeded, DefaultCredentials, DetectiveClient, Timeouts
from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.slow

HUB = "111122223333"
# The deadline of calls, in seconds.
DEADLINE = 0.25
# In this time, another task runs at least this often on a busy machine, and about two hundred times on an idle one.
ENOUGH_BEATS = 5
PARTS = ("metadata", "process", "file", "container", "role", "sso")
_SSO = "sso_start_url = corp\nsso_region = eu-west-1\nsso_account_id = 444455556666\nsso_role_name = Reader\n"
_ROLE = f"role_arn = {ROLE}\nregion = eu-west-1\n"


@define
class HangingChain:
    """An environment in which one part of the chain hangs until the end of the test."""

    cloud: Cloud
    home: Path
    monkeypatch: pytest.MonkeyPatch

    def configure(self, part: str) -> None:
        os.mkfifo(self.home / "fifo")
        config, setenv = "", self.monkeypatch.setenv
        if part == "metadata":
            self.monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
            # Otherwise botocore's timeout is one second.
            setenv("AWS_METADATA_SERVICE_TIMEOUT", "600")
        elif part == "process":
            config = f"credential_process = sh -c 'echo $$ > {self.home}/started; exec cat {self.home}/fifo'\n"
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
        self.cloud.hanging_paths |= {"/latest/api/token", "/container", "/federation/credentials", "/"}

    @property
    def has_started(self) -> bool:
        """Whether the look-up hangs already; not known for a file."""
        return bool(self.cloud.requests) or (self.home / "started").exists()

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads of look-ups."""
        return [thread for thread in threading.enumerate() if thread.name == "detective_async.credentials"]

    def release(self) -> None:
        """Let all look-ups end, while their environment still exists."""
        self.cloud.release.set()
        end = time.monotonic() + 30
        while self.threads:
            assert time.monotonic() < end
            # No process reads it, or not yet.
            with suppress(OSError):
                os.close(os.open(self.home / "fifo", os.O_WRONLY | os.O_NONBLOCK))
            time.sleep(0.01)


@pytest.fixture
def hanging_chain(cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingChain]:
    hanging_chain = HangingChain(cloud, home, monkeypatch)
    yield hanging_chain
    hanging_chain.release()


@pytest.mark.parametrize("part", PARTS)
async def test_the_event_loop_is_not_blocked(part: str, hanging_chain: HangingChain) -> None:
    """Other tasks run again and again while the look-up hangs, and the call ends at its deadline, before an attempt.

    The best of several measurements counts, because the machine may be busy.
    """
    hanging_chain.configure(part)

    async def call() -> None:
        timeouts = Timeouts(total=DEADLINE)
        async with DetectiveClient(region="eu-west-1", endpoint_url="http://127.0.0.1:1", timeouts=timeouts) as client:
            with pytest.raises(DeadlineExceeded) as caught:
                await client.list_graphs()
        error = caught.value
        assert (error.operation, error.attempts, error.outcome_unknown) == ("ListGraphs", 0, False)

    beats = [await beats_during(call) for _ in range(3)]
    assert max(beats) >= ENOUGH_BEATS
    if part == "process":
        # Killed when its client was closed, which ends the thread.
        await until(lambda: not hanging_chain.threads)
    else:
        assert len(hanging_chain.threads) == 3
    if part not in ("file", "process"):
        await until(lambda: hanging_chain.has_started)


async def until(condition: Callable[[], object]) -> None:
    """Run other tasks until a condition is true, for up to 30 s."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def test_blocking_is_measured() -> None:
    """While a call blocks the event loop, other tasks do not run."""

    async def block() -> None:
        time.sleep(DEADLINE)  # noqa: ASYNC251 - that is the point

    assert await beats_during(block) < ENOUGH_BEATS


async def test_calls_share_one_hanging_look_up(hanging_chain: HangingChain) -> None:
    """Concurrent calls wait for one look-up; once all have timed out, the next ones start another, up to three."""
    hanging_chain.configure("metadata")
    timeouts = Timeouts(total=0.05)
    async with DetectiveClient(region="eu-west-1", endpoint_url="http://127.0.0.1:1", timeouts=timeouts) as client:
        for _ in range(3):
            given = await asyncio.gather(*(client.list_graphs() for _ in range(100)), return_exceptions=True)
            assert {type(one) for one in given} == {DeadlineExceeded}
        assert 1 <= len(hanging_chain.threads) <= 3


def test_event_loops_share_the_number_of_hanging_look_ups(
    hanging_chain: HangingChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls that give up one after the other in two event loops leave no more than three processes behind."""
    monkeypatch.setattr("detective_async.auth.shared_fetch._ABANDONED_AFTER", 0.0)
    hanging_chain.configure("process")
    timeouts = Timeouts(total=0.05)
    client = DetectiveClient(region="eu-west-1", endpoint_url="http://127.0.0.1:1", timeouts=timeouts)

    async def work(_: int) -> int:
        for _ in range(10):
            with pytest.raises(DeadlineExceeded):
                await client.list_graphs()
        # Counted before either event loop ends: then the other one takes over, and may start two more.
        return len(hanging_chain.threads)

    assert max(run_in_loops(2, work)) == 3
    asyncio.run(client.aclose())


async def test_hanging_look_ups_do_not_block_the_resolution_of_host_names(
    hanging_chain: HangingChain, sim: DetectiveSimulator
) -> None:
    """Even if more of them hang than asyncio has threads."""
    hanging_chain.configure("metadata")
    hanging = [asyncio.create_task(DefaultCredentials().get_credentials()) for _ in range(50)]
    await until(lambda: len(hanging_chain.threads) == 50)
    url = sim.url.replace("127.0.0.1", "localhost")
    async with DetectiveClient(region="eu-west-1", endpoint_url=url, credentials=sim.account(HUB)) as client:
        response = await client.with_options(timeouts=Timeouts(total=30)).list_graphs()
    assert response.response_metadata.http_status == 200
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


_PROGRAM = """
import asyncio, signal, sys
from detective_async import DeadlineExceeded, DetectiveClient, Timeouts

async def main():
    async with DetectiveClient(region="eu-west-1", endpoint_url="http://127.0.0.1:1", timeouts=Timeouts(total={})) as c:
        call = asyncio.create_task(c.list_graphs())
        {}
    print("closed")

# If the tests run in the background, SIGINT may be ignored, and programs inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    asyncio.run(main())
except BaseException as error:
    print(type(error).__name__)
    raise
"""


@contextmanager
def _run(total: float | None, body: str, *folders: Path) -> "Iterator[subprocess.Popen[str]]":
    package = Path(detective_async.__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM.format(total, body)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*folders, package)))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            yield program
        finally:
            # A program that hangs must not hang the test.
            program.kill()


@pytest.mark.parametrize("part", ["metadata", "file"])
def test_a_program_exits_after_the_deadline(part: str, hanging_chain: HangingChain) -> None:
    """An uncaught DeadlineExceeded ends it, although the look-up hangs."""
    hanging_chain.configure(part)
    with _run(DEADLINE, "await call") as program:
        out, _ = program.communicate(timeout=120)
    assert (program.returncode, out.split()) == (1, ["DeadlineExceeded"])


def test_a_program_exits_without_waiting_for_the_call(hanging_chain: HangingChain) -> None:
    """It returns while a call is running."""
    hanging_chain.configure("metadata")
    with _run(None, "await asyncio.wait([call], timeout=0.3)") as program:
        out, _ = program.communicate(timeout=120)
    assert (program.returncode, out.split()) == (0, ["closed"])


def test_a_program_does_not_end_during_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread would hold the import's locks for ever, and what the main thread imports at the end would hang."""
    (tmp_path / "botocore").mkdir()
    (tmp_path / "botocore" / "__init__.py").write_text("import os, time; time.sleep(1); os.write(1, b'imported\\n')")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    until_begun = "while 'botocore' not in sys.modules: await asyncio.sleep(0.01)"
    with _run(None, until_begun, tmp_path) as program:
        out, _ = program.communicate(timeout=120)
    assert (program.returncode, sorted(out.split())) == (0, ["closed", "imported"])


def test_a_program_can_be_interrupted(hanging_chain: HangingChain) -> None:
    """SIGINT ends it during the look-up."""
    hanging_chain.configure("metadata")
    with _run(None, "await call") as program:
        end = time.monotonic() + 60
        while not hanging_chain.has_started:
            assert time.monotonic() < end
            time.sleep(0.01)
        program.send_signal(signal.SIGINT)
        out, _ = program.communicate(timeout=120)
    assert out.split() == ["KeyboardInterrupt"]
    assert program.returncode in {-signal.SIGINT, 1, 130}
