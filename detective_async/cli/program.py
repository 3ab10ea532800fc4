"""The command's frame: finds the subcommand, runs it, and turns whatever ends it into an exit code and one line."""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, TextIO

import click

from detective_async._version import __version__
from detective_async.cli import signals
from detective_async.cli.exits import (
    DONE,
    FAILED,
    USAGE,
    CommandError,
    did_you_mean,
    error_line,
    exit_code_of,
)
from detective_async.errors import DetectiveError, printable

NAME = "detective-async"

#: Subcommand -> what it does, so that the list of them imports none.
COMMANDS: Mapping[str, str] = {
    "whoami": "Show the account, the regions, the graphs, and what you may do.",
    "onboard": "Make accounts members, in many regions at once.",
    "coverage": "Show which account is not covered, where, and why.",
    "inventory": "Write every member of every graph, resumably.",
    "investigate": "Investigate users and roles, also those of findings.",
    "teardown": "Delete the graphs of an account, with all data.",
    "simulator": "Simulate Detective on this machine, to try all of it.",
}
_SHELLS = ("bash", "fish", "zsh")
_EPILOG = """\b
Examples:
  detective-async whoami --regions all
  detective-async onboard accounts.csv --regions eu-west-1,us-east-1 --role-name Onboarding --dry-run
  detective-async coverage --regions all --organization || echo "not covered"

Exit codes: 0 done, 1 something failed, 2 wrong use and nothing was done, 130 Ctrl-C, 143 kill.
"""


class _Commands(click.Group):
    """The subcommands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"detective_async.cli.{cmd_name}").command
        # Else completion would show the start of the help.
        found.short_help = COMMANDS[cmd_name]
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"no such command: {args[0]!r}{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_completion(ctx: click.Context, _parameter: click.Parameter, shell: str | None) -> None:
    if shell is None:
        return
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - rarely needed

    script = get_completion_class(shell)
    assert script is not None  # noqa: S101 - click has all that the option allows
    variable = f"_{NAME}_COMPLETE".replace("-", "_").upper()
    source = script(ctx.command, {}, NAME, variable).source()
    # Fish would end lists of regions, and descriptions, at their first comma.
    click.echo(source.replace('(string split "," $completion)', '(string split -m 1 "," $completion)'))
    ctx.exit()


@click.group(
    NAME,
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
@click.option(
    "--completion",
    type=click.Choice(_SHELLS),
    is_eager=True,
    expose_value=False,
    callback=_print_completion,
    help="Print the completion for a shell, for its start-up file.",
)
def commands() -> None:
    """Run Amazon Detective from the command line, in many accounts and regions at once."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # Names from outside may have characters that a terminal's encoding does not have.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = _run_and_write(arguments)
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        # Python would try again at its end, and end with another code.
        _discard(sys.stderr)
    return code


def _run_and_write(arguments: Sequence[str] | None) -> int:
    code = DONE
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # What came first was said: an interruption.
        _discard(sys.stdout)
        return code or FAILED
    except OSError as error:
        # If the command has failed, it has said why: most likely because of the same.
        if code == DONE:
            _complain(f"standard output: {error_line(error)}")
        _discard(sys.stdout)
        return code or FAILED
    return code


def _run(arguments: Sequence[str] | None) -> int:
    given = None if arguments is None else list(arguments)
    with _loggers_restored():
        try:
            result: Any = commands.main(given, NAME, standalone_mode=False)
        except BrokenPipeError:
            raise
        except (KeyboardInterrupt, click.Abort):
            what, code = signals.outcome()
            _complain(what)
            return code
        except click.UsageError as error:
            return _wrong_use(error)
        except CommandError as error:
            _complain(str(error))
            return error.exit_code
        except (DetectiveError, OSError) as error:
            _complain(error_line(error))
            return exit_code_of(error)
    return DONE if result is None else int(result)


def _wrong_use(error: click.UsageError) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show(sys.stderr)
        return USAGE
    path = NAME if error.ctx is None else error.ctx.command_path
    message = error.format_message().rstrip(".")
    _complain(f"{message}{' See' if message.endswith('?') else ': see'} `{path} --help`")
    return USAGE


def _complain(text: str) -> None:
    # Where standard error is closed, there is nobody to tell.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{NAME}: {printable(text)}\n")
        sys.stderr.flush()


@contextlib.contextmanager
def _loggers_restored() -> Any:
    """Undo what -v does, for callers in the same process."""
    logger = logging.getLogger("detective_async")
    handlers, level = list(logger.handlers), logger.level
    try:
        yield
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)


def _discard(stream: TextIO) -> None:
    """Let Python write the rest of a stream's buffer to nowhere: nobody can read it, which has been dealt with."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
