"""The simulator as a program, for clients in any language and for experiments in a shell."""

import argparse
import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from detective_async.testing.environment import CONFLICTING
from detective_async.testing.seed import files as seed_files
from detective_async.testing.server.listener import is_unspecified
from detective_async.testing.simulator import DetectiveSimulator

_NAME = "python -m detective_async.testing"
_PORT = 4580
_ACCOUNT = "111122223333"
_REGION = "us-east-1"
# The maximum number of accounts whose keys are printed.
_MAX_PRINTED = 20
_EXIT_USAGE = 2
_EXIT_FAILED = 1


def main(arguments: Sequence[str] | None = None, *, hints: str | None = None, name: str = _NAME) -> int:
    """Serve until SIGINT or SIGTERM, and return the exit code.

    The commands for a shell to evaluate are written to stdout, everything else to stderr. Afterwards stdout is closed.

    Args:
        arguments: those after the program's name; None takes those of the process.
        hints: what to write last, instead of the accounts' keys.
        name: the program's name, for errors.
    """
    options = _parser(name).parse_args(arguments)
    try:
        return asyncio.run(_serve(options, hints, name))
    except (ValueError, OSError) as error:
        _print_error(error, name)
        return _EXIT_USAGE


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name,
        description="Simulate Amazon Detective, AWS Organizations and STS on this machine.",
        epilog="Prints the environment variables for the AWS CLI, boto3 and other clients, as commands for a shell: "
        f'eval "$({name} &)"',
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=_port, default=_PORT, help="the port to listen on, 0 for a free one (%(default)s)"
    )
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="a name of this machine, under which others may open the page and use the controls; can be repeated",
    )
    parser.add_argument(
        "--control-token",
        metavar="TOKEN",
        help="let those who have this token use the controls over HTTP; see /_simulator/openapi.json",
    )
    parser.add_argument("--seed-file", metavar="FILE", help="load the initial state from this .toml or .json file")
    parser.add_argument("--dump-file", metavar="FILE", help="write the state to this .toml or .json file on exit")
    parser.add_argument(
        "--verification-delay",
        metavar="SECONDS",
        type=_seconds,
        help="the delay from an invitation to the end of its verification (0, or that of the seed file)",
    )
    parser.add_argument("--region", help="the AWS_REGION to print (that of the seed file's first graph, or us-east-1)")
    parser.add_argument(
        "--account",
        type=_account,
        help=f"the account whose keys to print (the first one of the seed file, or {_ACCOUNT})",
    )
    return parser


async def _serve(options: argparse.Namespace, hints: str | None, name: str) -> int:
    simulator = DetectiveSimulator(
        host=options.host, port=options.port, control_token=options.control_token, allowed_hosts=options.allow_host
    )
    if options.seed_file:
        simulator.load(options.seed_file)
    if options.verification_delay is not None:
        simulator.set_verification_delay(options.verification_delay)
    simulator.set_baseline()
    if options.dump_file:
        _check_writable(options.dump_file)
    account = options.account or next(iter(simulator.accounts), _ACCOUNT)
    signalled = _signalled()
    async with simulator:
        region = options.region or next((arn.split(":")[3] for arn in simulator.snapshot()), _REGION)
        try:
            _print_commands(simulator.environment(account, region=region))
        except OSError as error:
            _print_error(OSError(error.errno, error.strerror, "standard output"), name)
            return _EXIT_FAILED
        finally:
            _close_stdout()
        _print_remarks(simulator, options, hints)
        await signalled.wait()
    if options.dump_file:
        try:
            simulator.save(options.dump_file)
        except OSError as error:
            _print_error(error, name)
            return _EXIT_FAILED
    return 0


def _print_commands(variables: dict[str, str]) -> None:
    commands = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    # All of them: the shell that will evaluate the commands may have another environment than this process.
    commands.append(f"unset {' '.join(CONFLICTING)}")
    sys.stdout.write("\n".join((*commands, "")))
    sys.stdout.flush()


def _print_remarks(simulator: DetectiveSimulator, options: argparse.Namespace, hints: str | None) -> None:
    services = "Amazon Detective, AWS Organizations and STS"
    lines = [f"{services} are simulated at {simulator.url}, which shows their state at /_simulator/"]
    lines += _remarks(simulator.url, options)
    if hints is not None:
        lines.append(hints)
    for account_id in simulator.accounts[:_MAX_PRINTED] if hints is None else ():
        keys = simulator.account(account_id)
        lines.append(f"account {account_id}: {keys.access_key_id} {keys.secret_access_key}")
    sys.stderr.write("\n".join((*lines, "")))
    sys.stderr.flush()


def _close_stdout() -> None:
    """Let a shell that waits for the end of the commands, as in `eval "$(... &)"`, evaluate them."""
    # Another one is that of a program in whose process this runs.
    stdout = sys.__stdout__
    if stdout is not None and stdout is sys.stdout and not stdout.isatty():
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdout.fileno())
        os.close(nowhere)


def _remarks(url: str, options: argparse.Namespace) -> Iterator[str]:
    where = urlsplit(url)
    if is_unspecified(options.host):
        which = " of IPv6" if ":" in options.host else ""
        known = "use the one or the name by which you know it"
        yield f"it listens at all addresses{which}: instead of {where.hostname}, {known}"
    for name in options.allow_host:
        yield f"its page may also be opened at http://{name}:{where.port}/_simulator/"
    if options.control_token is not None:
        yield "its controls are at /_simulator/control/, and described by /_simulator/openapi.json"


def _signalled() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set, from now on and in place of what they usually do."""
    signalled, loop = asyncio.Event(), asyncio.get_running_loop()

    def handle(*_: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(signalled.set)

    # Not `loop.add_signal_handler`, which is not available on Windows. The handlers stay, since the process ends next:
    # to put others back while one more signal is pending makes CPython print a traceback.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return signalled


def _print_error(error: Exception, name: str) -> None:
    message = str(error)
    if isinstance(error, OSError):
        what = error.filename if error.filename is not None else "cannot listen"
        message = f"{what}: {error.strerror or error}"
    sys.stderr.write(f"{name}: {message}\n")


def _check_writable(path: str) -> None:
    seed_files.check_name(path)
    folder = Path(path).parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ValueError(f"{path}: cannot be written: {folder} is not a writable folder")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number of seconds, got {text!r}") from None
    if not 0 <= number <= 86400 * 366:
        raise argparse.ArgumentTypeError("must be from 0 to 31622400 (a year)")
    return number


def _account(text: str) -> str:
    if len(text) != 12 or not text.isascii() or not text.isdigit():  # noqa: PLR2004
        raise argparse.ArgumentTypeError("must be an account id of 12 digits")
    return text
