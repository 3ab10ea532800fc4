"""The simulator as a program: for code in any language, and to play with at a shell."""

import argparse
import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from detective_async.testing import seed_files
from detective_async.testing.environment import DISTURBING
from detective_async.testing.seed_schema import SeedError
from detective_async.testing.simulator import DetectiveSimulator

_NAME = "python -m detective_async.testing"
_PORT = 4580
_ACCOUNT = "111122223333"
# The keys of so many accounts are shown; those of the others can be had through a role.
_SHOWN = 20
_EXIT_USAGE = 2
_EXIT_FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, and return the exit code.

    What a shell is to evaluate goes to stdout, everything else to stderr.
    """
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_serve(options))
    except (SeedError, OSError) as error:
        return _complain(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description="Simulate Amazon Detective, with an STS beside it, on this machine.",
        epilog="The environment variables for the AWS CLI, boto3 and all the others are printed as a shell wants them.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=_port, default=_PORT, help="the port to listen on, 0 for a free one (%(default)s)"
    )
    parser.add_argument("--seed-file", metavar="FILE", help="start from the state in this .toml or .json file")
    parser.add_argument("--dump-file", metavar="FILE", help="write the state to this .toml or .json file on exit")
    parser.add_argument(
        "--verification-delay",
        metavar="SECONDS",
        type=_seconds,
        help="how long the verification of an invitation takes (0, or what the seed file says)",
    )
    parser.add_argument("--region", default="us-east-1", help="the AWS_REGION to print (%(default)s)")
    parser.add_argument(
        "--account", type=_account, help=f"the account whose keys to print (the seed file's first, or {_ACCOUNT})"
    )
    return parser


async def _serve(options: argparse.Namespace) -> int:
    simulator = DetectiveSimulator(host=options.host, port=options.port)
    if options.seed_file:
        simulator.load(options.seed_file)
    if options.verification_delay is not None:
        simulator.set_verification_delay(options.verification_delay)
    if options.dump_file:
        _check_writable(options.dump_file)
    account = options.account or next(iter(simulator.accounts), _ACCOUNT)
    with _until_signalled() as signalled:
        async with simulator:
            _tell(simulator, simulator.environment(account, region=options.region))
            await signalled.wait()
        if options.dump_file:
            try:
                simulator.save(options.dump_file)
            except OSError as error:
                _complain(error)
                return _EXIT_FAILED
    return 0


def _tell(simulator: DetectiveSimulator, variables: dict[str, str]) -> None:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    # What is set where this was started is probably set where the lines will be pasted.
    lines += [f"unset {name}" for name in DISTURBING if name in os.environ]
    sys.stdout.write("\n".join((*lines, "")))
    sys.stdout.flush()
    said = [f"Amazon Detective and STS are simulated at {simulator.url}, which shows their state at /_simulator/"]
    for account_id in simulator.accounts[:_SHOWN]:
        keys = simulator.account(account_id)
        said.append(f"account {account_id}: {keys.access_key_id} {keys.secret_access_key}")
    sys.stderr.write("\n".join((*said, "")))
    sys.stderr.flush()


@contextlib.contextmanager
def _until_signalled() -> Iterator[asyncio.Event]:
    """Give an event that is set by SIGINT and SIGTERM, which do nothing else meanwhile."""
    signalled, loop = asyncio.Event(), asyncio.get_running_loop()
    # Not the loop's own handlers, which Windows has none of.
    before = {
        number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(signalled.set))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield signalled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _complain(error: Exception) -> int:
    message = str(error)
    if isinstance(error, OSError):
        what = error.filename if error.filename is not None else "cannot listen"
        message = f"{what}: {error.strerror or error}"
    sys.stderr.write(f"{_NAME}: {message}\n")
    return _EXIT_USAGE


def _check_writable(path: str) -> None:
    seed_files.check_name(path)
    folder = Path(path).parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise SeedError(f"{path}: cannot be written: {folder} is not a folder that can be written to")


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 86400 * 366:
        raise argparse.ArgumentTypeError("must be from 0 to a year's seconds")
    return number


def _account(text: str) -> str:
    if len(text) != 12 or not text.isascii() or not text.isdigit():  # noqa: PLR2004
        raise argparse.ArgumentTypeError("must have 12 digits")
    return text
