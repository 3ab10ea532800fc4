"""Programs that end in the middle of a run: nothing is said of tasks, generators or sockets that were forgotten."""

import asyncio
import signal
import sys
import textwrap

import pytest
from scrutiny import complaints

from fleet.gauge import gauging

pytestmark = pytest.mark.slow

START = """
import asyncio, signal, sys
from detective_async import Credentials, DetectiveFleet, Target

accounts = [f"{n:012}" for n in range(200)]
targets = [Target(account, "eu-west-1", Credentials(account, "secret")) for account in accounts]
fleet = DetectiveFleet(targets, endpoint_url=sys.argv[1], concurrency=20)

async def idle(client, target):
    # Some have ended by the time the program does, some are about to, and some never will.
    number = int(target.account_id)
    for _ in range(number % 7):
        await asyncio.sleep(0)
    if number % 5 == 4:
        await asyncio.Event().wait()

async def ask(client, target):
    return await client.list_graphs()

"""
# Each is the body of a coroutine that is run to its end.
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
    "a task that nobody waits for": """
        global task
        async def consume():
            async for _ in fleet.run(idle):
                await asyncio.sleep(0)
        task = asyncio.create_task(consume())
        for _ in range(5):
            await asyncio.sleep(0)
    """,
    "a task, and a run that it has left": """
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
    "a run that was never begun": """
        global run
        run = fleet.run(idle), fleet.iter_graphs(), aiter(fleet.iter_graphs())
    """,
    "a run in hand as its fleet is closed": """
        async with fleet:
            run = fleet.run(ask)
            await anext(run)
    """,
    "a stream in hand as its fleet is closed": """
        async with fleet:
            run = aiter(fleet.iter_graphs())
            await anext(run)
    """,
    "a stream that was left as its fleet is closed": """
        async with fleet:
            async for _ in fleet.iter_members():
                break
    """,
    "a stream in a task that nobody waits for": """
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


async def test_a_program_that_ends() -> None:
    """In every way in which a run may be left behind."""
    async with gauging(pages=3) as gauge:
        # All in one process, for starting one takes the most of the time.
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
        ended = await run(program, gauge.url, *ENDS)
        out, error = await ended.communicate()
    said = complaints(error.decode())
    assert (ended.returncode, out) == (0, b""), said
    assert said.splitlines() == [f"--- {name}" for name in ENDS]


@pytest.mark.parametrize("loop", ["fleet.run(ask)", "fleet.iter_members()"])
async def test_ctrl_c(loop: str) -> None:
    """A program that waits for outcomes, with requests under way, ends with a KeyboardInterrupt, and says no more."""
    program = START + textwrap.dedent(f"""
        async def main():
            async with fleet:
                async for _ in {loop}:
                    pass

        # Where the tests run in the background it may be ignored, and that is inherited.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        asyncio.run(main(), debug=True)
    """)
    async with gauging(lambda _: len(gauge.asked) > 50) as gauge:
        ended = await run(program, gauge.url)
        try:
            while len(gauge.held) < 20:
                assert ended.returncode is None
                await asyncio.sleep(0.01)
            ended.send_signal(signal.SIGINT)
            out, error = await ended.communicate()
        finally:
            if ended.returncode is None:
                ended.kill()
    lines = complaints(error.decode()).splitlines()
    assert (ended.returncode, out) == (-signal.SIGINT, b""), lines
    assert lines[-1] == "KeyboardInterrupt"
    assert {line for line in lines if line and not line.startswith(" ")} <= {
        "Traceback (most recent call last):",
        "asyncio.exceptions.CancelledError",
        "During handling of the above exception, another exception occurred:",
        "KeyboardInterrupt",
    }
