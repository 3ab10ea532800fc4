"""The command: serves on the simulator, or on AWS with a configuration file, until Ctrl-C."""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from detective_async import DetectiveError
from web_backend import world
from web_backend.app import make_app
from web_backend.serving import serving, tune_garbage_collector
from web_backend.settings import Settings, read_settings

_PORT = 8080
_BAD_SETTINGS = 2
#: The latency of the simulator in seconds, so that progress is visible.
_DELAY = 0.15


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, and return the exit code."""
    options = _parse(arguments)
    try:
        asyncio.run(_serve(options))
    except (OSError, DetectiveError) as error:
        print(f"web_backend: {error}", file=sys.stderr)
        return _BAD_SETTINGS
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python examples/web_backend",
        description="A backend for the Detective graphs of many accounts, with a page. Without --config it runs on "
        "the simulator, with 40 simulated accounts in 3 regions.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=_PORT, help="the port, 0 for a free one (%(default)s)")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="run on AWS, with the credentials that the AWS CLI would use; the file has a JSON object with accounts, "
        "regions, and optionally names, role_name, member_role, external_id, partition, hosts",
    )
    return parser.parse_args(arguments)


async def _serve(options: argparse.Namespace) -> None:
    async with _settings(options) as settings, serving(make_app(settings), options.host, options.port) as url:
        print(
            f"Serving {len(settings.accounts)} accounts in {len(settings.regions)} regions at {url}/ (Ctrl-C to stop)"
        )
        sys.stdout.flush()
        tune_garbage_collector()
        await _wait_for_signal()


@asynccontextmanager
async def _settings(options: argparse.Namespace) -> AsyncIterator[Settings]:
    if options.config is not None:
        yield read_settings(options.config)
        return
    async with world.simulator(delay=_DELAY) as sim:
        print(f"The state of the simulated Detective is at {sim.url}/_simulator/")
        yield world.settings(sim)


async def _wait_for_signal() -> None:
    """Wait for SIGINT or SIGTERM."""
    loop, received = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not `loop.add_signal_handler`, which Windows does not support.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(received.set))
    await received.wait()
