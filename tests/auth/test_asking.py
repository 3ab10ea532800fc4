"""Functions that ask a person for an MFA code: one prompt at a time, and programs that end meanwhile."""

import asyncio
import os
import pickle
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest
from support.loop_threads import wait_until

import detective_async
from detective_async import AssumeRole, CredentialsError, DetectiveClient, Timeouts
from detective_async.auth.threads import SharedCall
from detective_async.testing import DetectiveSimulator

HUB, SPOKE = "111122223333", "444455556666"
PHONE = "arn:aws:iam::111122223333:mfa/phone"


class Person:
    """Types a code when the test says so."""

    def __init__(self) -> None:
        self.types = threading.Event()
        self.asked: list[threading.Thread] = []

    def __call__(self) -> str:
        self.asked.append(threading.current_thread())
        assert self.types.wait(30)
        return "123456"


def client_of(sim: DetectiveSimulator, person: Person) -> DetectiveClient:
    """Return a client whose role asks a person, and whose look-ups take no more than a moment."""
    role = AssumeRole(
        sim.role(SPOKE, "Audit", trusted=[HUB]), source=sim.account(HUB), mfa_serial=PHONE, mfa_code=person
    )
    return DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=role, timeouts=Timeouts(credentials=0.05)
    )


async def test_a_call_joins_a_prompt_that_an_earlier_one_gave_up(sim: DetectiveSimulator) -> None:
    """No second prompt appears beside it, and what the person types at last counts."""
    person = Person()
    async with client_of(sim, person) as client:
        for _ in range(3):
            with pytest.raises(CredentialsError, match=r"gave no credentials within 0\.05 s"):
                await client.list_graphs()
        client._transport.shared.timeouts = Timeouts()
        call = asyncio.create_task(client.list_graphs())
        # Its task, that of the fetch, and the prompt's part in it.
        for _ in range(10):
            await asyncio.sleep(0)
        person.types.set()
        await call
    assert len(person.asked) == 1


async def test_a_code_that_no_call_waits_for_is_not_kept(sim: DetectiveSimulator) -> None:
    """It may be too old for the next call, which asks again."""
    person = Person()
    async with client_of(sim, person) as client:
        with pytest.raises(CredentialsError):
            await client.list_graphs()
        person.types.set()
        await asyncio.to_thread(person.asked[0].join)
        client._transport.shared.timeouts = Timeouts()
        await client.list_graphs()
    assert len(person.asked) == 2


async def test_a_thread_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is raised, and the next call tries again."""
    call = SharedCall(lambda: "123456")
    with monkeypatch.context() as patch:
        patch.delattr(threading.Thread, "start")
        with pytest.raises(AttributeError):
            await call.result()
    assert await call.result() == "123456"


def here() -> str:
    return "123456"


async def test_a_pickled_role_asks_itself() -> None:
    """A prompt that is shown belongs to this process."""
    role = AssumeRole(f"arn:aws:iam::{SPOKE}:role/Audit", mfa_serial=PHONE, mfa_code=here)
    again = pickle.loads(pickle.dumps(role))
    assert await again._prompt.result() == "123456"


_PROGRAM = """
import asyncio, getpass
from detective_async import AssumeRole, Credentials, CredentialsError, DetectiveClient, Timeouts

role = AssumeRole(
    "arn:aws:iam::444455556666:role/Audit",
    source=Credentials("AKIAIOSFODNN7EXAMPLE", "secret"),
    mfa_serial="arn:aws:iam::111122223333:mfa/phone",
    mfa_code={},
)

async def main():
    timeouts = Timeouts(credentials=0.5)
    async with DetectiveClient(region="eu-west-1", credentials=role, timeouts=timeouts) as client:
        try:
            await client.list_graphs()
        except CredentialsError:
            print("given up", flush=True)

asyncio.run(main())
"""


def start(function: str, stdin: int) -> "subprocess.Popen[str]":
    package = Path(detective_async.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM.format(function)],
        env={**os.environ, "PYTHONPATH": str(package)},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Without a terminal of its own, so that `getpass` reads the standard input.
        start_new_session=True,
    )


def read_until_given_up(program: "subprocess.Popen[str]") -> None:
    assert program.stdout is not None
    assert "given up" in program.stdout.readline()


@pytest.mark.slow
def test_a_program_that_ends_while_it_reads_a_pipe() -> None:
    """It waits for the line, and does not crash."""
    with start("input", subprocess.PIPE) as program:
        try:
            read_until_given_up(program)
            with pytest.raises(subprocess.TimeoutExpired):
                program.wait(0.5)
            _, err = program.communicate("123456\n", timeout=60)
        finally:
            program.kill()
    assert (program.returncode, err) == (0, "")


@pytest.mark.slow
def test_a_program_that_ends_in_getpass() -> None:
    """It waits for the line, and the terminal has its echo again."""
    person, terminal = os.openpty()
    try:
        with start("getpass.getpass", terminal) as program:
            try:
                read_until_given_up(program)
                wait_until(lambda: not has_echo(terminal))
                with pytest.raises(subprocess.TimeoutExpired):
                    program.wait(0.5)
                os.write(person, b"123456\n")
                program.communicate(timeout=60)
            finally:
                program.kill()
        assert program.returncode == 0
        assert has_echo(terminal)
    finally:
        os.close(person)
        os.close(terminal)


def has_echo(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
