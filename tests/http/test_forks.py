"""A client in a process that forks: parent and child go on, each with its own connections."""

import subprocess
import sys
import uuid

import pytest
from support.certificates import Certificates
from support.server_thread import server_thread
from support.strict_mode import warnings_in
from support.wire_server import Request

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no fork"),
]

PROGRAM = """
import asyncio, atexit, gc, multiprocessing, os, sys, warnings
# Since 3.12, Python warns where other threads exist; here they do nothing.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
import aiohttp
from detective_async import ConfigurationError, Credentials, DetectiveClient, RetryPolicy

client = DetectiveClient(
    region="eu-west-1", credentials=Credentials("a", "b"), endpoint_url=sys.argv[1], retry=RetryPolicy(max_attempts=1)
)

async def call(count=3):
    for _ in range(2):
        await asyncio.gather(*(client.list_graphs() for _ in range(count)))

def work():
    asyncio.run(call())
    gc.collect()
    asyncio.run(call())

def in_child(function):
    if (child := os.fork()) == 0:
        try:
            function()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

async def fork_in_the_loop():
    await call()
    print("in the loop", await asyncio.to_thread(in_child, work))
    # A response that arrives while the child is there.
    waiting = [asyncio.create_task(client.list_graphs()) for _ in range(3)]
    await asyncio.sleep(0)
    print("during calls", in_child(work))
    await asyncio.gather(*waiting)
    await call()

def leave():
    # As sys.exit does, but for the parent's event loop, which this child must not end.
    client.__init__(region="eu-west-1")
    gc.collect()
    atexit._run_exitfuncs()

async def with_a_session():
    async with aiohttp.ClientSession() as session:
        mine = DetectiveClient(
            region="eu-west-1", credentials=Credentials("a", "b"), endpoint_url="http://127.0.0.1:1", session=session
        )
        def refused():
            try:
                asyncio.run(mine.list_graphs())
            except ConfigurationError:
                os._exit(7)
        print("a session", in_child(refused))

if __name__ == "__main__":
    with asyncio.Runner() as runner:
        runner.run(fork_in_the_loop())
        print("between two calls", in_child(work))
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        process.join()
        print("multiprocessing", process.exitcode)
        print("the end", in_child(leave))
        runner.run(with_a_session())
        runner.run(call())
        runner.run(client.aclose())
"""


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_forks(tls: bool, certificates: Certificates) -> None:
    """Whenever it forks, no request of either gets lost or breaks, and the parent keeps its connections."""

    def react(request: Request) -> None:
        request.answer(b'{"GraphList": []}')

    with server_thread(react, tls=certificates.good if tls else None) as server:
        run = subprocess.run(
            [sys.executable, "-P", "-W", "error", "-c", PROGRAM, server.url],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert warnings_in(run.stderr) == ""
        assert run.stdout.splitlines() == [
            "in the loop 0",
            "during calls 0",
            "between two calls 0",
            "multiprocessing 0",
            "the end 0",
            "a session 7",
        ]
        # Of the parent: two rounds of calls, those during which it forked, and two times two rounds.
        parents = [request.connection for request in server.requests[:6]]
        used = [request for request in server.requests if request.connection in parents]
        assert len(used) == 6 + 3 + 6 + 6
        assert len(set(parents)) == 3
        # Each child: two event loops.
        assert len({request.connection for request in server.requests}) == 3 + 4 * 2 * 3


IDS = """
import os
from detective_async.http.call import _random_id

read, write = os.pipe()
if os.fork() == 0:
    os.write(write, _random_id().encode())
    os._exit(0)
os.wait()
print(os.read(read, 100).decode(), _random_id())
"""


def test_the_ids_of_a_child_are_not_its_parents() -> None:
    """AWS tells calls apart by their ids, which have the form of random UUIDs."""
    run = subprocess.run([sys.executable, "-c", IDS], capture_output=True, text=True, check=True)
    childs, parents = map(uuid.UUID, run.stdout.split())
    assert childs != parents
    assert {(one.version, one.variant) for one in (childs, parents)} == {(4, uuid.RFC_4122)}
