"""Programs that end during a run print no warnings about tasks, generators or sockets."""

import asyncio
import signal
import sys
import textwrap

import pytest
from support.strict_mode import warnings_in

from fleet.counting_server import counting_server

pytestmark = pytest.mark.slow

START = """
import asyncio, signal, sys
from detective_async import Credentials, DetectiveFleet, Target

accounts = [f"{n:012}" for n in range(200)]
targets = [Target(account, "eu-west-1", Credentials(account, "secret")) for account in accounts]
fleet = DetectiveFleet(targets, endpoint_url=sys.argv[1], concurrency=20)

async def idle(client, target):
        # At the end of the program some have ended, some are about to end, and some never end.
    number = int(target.account_id)
    for _ in range(number % 7):
        await asyncio.sleep(0)
    if number % 5 == 4:
        await asyncio.Event().wait()

async def ask(client, target):
    return await client.list_graphs()

"""
# The body of each program's main coroutine.
ENDS = {
    "a break, and nothing after it": """
        async for _ in fleet.run(idle):
            break
    """,
    "a run in a variable": """
        run = fleet.run(idle)
        await anext(run)
    """,
    "a run that outlives the loop": """
        global run
        run = fleet.run(idle)
        await anext(run)
    """,
    "a task that is never awaited": """
        global task
        async def consume():
            async for _ in fleet.run(idle):
                await asyncio.sleep(0)
        task = asyncio.create_task(consume())
        for _ in range(5):
            await asyncio.sleep(0)
    """,
    "a task that has left its run": """
        async def consume():
            async for _ in fleet.run(idle):
                break
            for _ in range(3):
                await asyncio.sleep(0)
        asyncio.create_task(consume())
        await asyncio.sleep(0)
    """,
    "several of them": """
        global runs
        runs = [fleet.run(idle) for _ in range(5)]
        for number, run in enumerate(runs):
            for _ in range(number):
                await anext(run)
    """,
    "a run that was never started": """
        global run
        run = fleet.run(idle), fleet.iter_graphs(), aiter(fleet.iter_graphs())
    """,
    "a fleet closed during a run": """
        async with fleet:
            run = fleet.run(ask)
            await anext(run)
    """,
    "a fleet closed during a stream": """
        async with fleet:
            run = aiter(fleet.iter_graphs())
            await anext(run)
    """,
    "a fleet closed after leaving a stream": """
        async with fleet:
            async for _ in fleet.iter_members():
                break
    """,
    "a stream in a task that is never awaited": """
        global task
        async def consume():
            async with fleet:
                async for _ in fleet.iter_members():
                    await asyncio.sleep(0)
        task = asyncio.create_task(consume())
        for _ in range(50):
            await asyncio.sleep(0)
    """,
    "an error": """
        async with fleet:
            async for outcome in fleet.run(ask):
                sys.exit(0)
    """,
}


async def run(program: str, *arguments: str) -> asyncio.subprocess.Process:
    options = ("-P", "-W", "error", "-X", "dev", "-c", program, *arguments)
    return await asyncio.create_subprocess_exec(
        sys.executable, *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def test_program_ends_during_a_run() -> None:
    """For every way to leave a run behind."""
    async with counting_server(pages=3) as server:
        # All in one process, as starting it takes most of the time.
        program = START
        for number, body in enumerate(ENDS.values()):
            program += f"async def main_{number}():\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
        program += textwrap.dedent("""
            import gc
            for number, name in enumerate(sys.argv[2:]):
                print("---", name, file=sys.stderr, flush=True)
                fleet = fleet.shard(0, 1)
                try:
                    asyncio.run(globals()[f"main_{number}"](), debug=True)
                except SystemExit:
                    pass
                gc.collect()
        """)
        ended = await run(program, server.url, *ENDS)
        out, error = await ended.communicate()
    said = warnings_in(error.decode())
    assert (ended.returncode, out) == (0, b""), said
    assert said.splitlines() == [f"--- {name}" for name in ENDS]


@pytest.mark.parametrize("loop", ["fleet.run(ask)", "fleet.iter_members()"])
async def test_ctrl_c(loop: str) -> None:
    """A program that waits for outcomes ends with a KeyboardInterrupt only."""
    program = START + textwrap.dedent(f"""
        async def main():
            async with fleet:
                async for _ in {loop}:
                    pass

                # In background jobs SIGINT may be ignored, which is inherited.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        asyncio.run(main(), debug=True)
    """)
    async with counting_server(lambda _: len(server.asked) > 50) as server:
        ended = await run(program, server.url)
        try:
            while len(server.held) < 20:
                assert ended.returncode is None
                await asyncio.sleep(0.01)
            ended.send_signal(signal.SIGINT)
            out, error = await ended.communicate()
        finally:
            if ended.returncode is None:
                ended.kill()
    lines = warnings_in(error.decode()).splitlines()
    assert (ended.returncode, out) == (-signal.SIGINT, b""), lines
    assert lines[-1] == "KeyboardInterrupt"
    assert {line for line in lines if line and not line.startswith(" ")} <= {
        "Traceback (most recent call last):",
        "asyncio.exceptions.CancelledError",
        "During handling of the above exception, another exception occurred:",
        "KeyboardInterrupt",
    }
