"""`detective-async simulator`: the simulator as a program."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import click

from detective_async.cli import options as common
from detective_async.cli import signals

_MAX_PORT = 65535
_NAME = "detective-async simulator"


@click.command(
    "simulator",
    cls=common.Command,
    example="""detective-async simulator --demo
eval "$(detective-async simulator --demo &)"; detective-async coverage --regions all""",
)
@click.option("--demo", is_flag=True, help="Begin with a world to try all subcommands on; standard error says how.")
@click.option("--host", metavar="ADDRESS", help="The address to listen on; default: 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, _MAX_PORT), help="The port, 0 for a free one; default: 4580.")
@click.option(
    "--seed-file",
    metavar="FILE",
    type=common.FILE,
    help="Load the initial state from this .toml or .json file.",
)
@click.option(
    "--dump-file",
    metavar="FILE",
    type=common.FILE,
    help="Write the state to this .toml or .json file on exit.",
)
@click.option("--verification-delay", metavar="SECONDS", type=float, help="From an invitation to its verification.")
@click.option("--region", metavar="NAME", help="The AWS_REGION to print; default: us-east-1.")
@click.option(
    "--account",
    metavar="ID",
    callback=common.check_account,
    help="The account whose keys to print; default: the first.",
)
@click.option("--allow-host", metavar="NAME", multiple=True, help="A name of this machine under which others use it.")
@click.option("--control-token", metavar="TOKEN", help="Let those who have this token use the controls over HTTP.")
def command(*, demo: bool, **options: Any) -> int:
    """Simulate Amazon Detective, AWS Organizations and STS on this machine, until Ctrl-C.

    Commands for a shell, which point AWS clients to it, are written to standard output, which is closed then: a shell
    can evaluate them as in the second example. `python -m detective_async.testing` is the same without --demo.
    """
    from detective_async.testing.command import main  # noqa: PLC0415 - not needed for --help

    arguments = []
    for name, value in options.items():
        values = value if isinstance(value, tuple) else (value,)
        arguments += [f"--{name.replace('_', '-')}={one}" for one in values if one is not None]
    if not demo:
        return main(arguments, name=_NAME)
    if options["seed_file"] is not None:
        raise click.UsageError("--demo and --seed-file contradict each other")
    from detective_async.cli.demo_world import HINTS, demo_world  # noqa: PLC0415

    signals.begin()
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder) / "demo.json"
        seed.write_text(json.dumps(demo_world()))
        hints = f"{HINTS}\nTo end it, press Ctrl-C, or: kill {os.getpid()}"
        return main([f"--seed-file={seed}", *arguments], hints=hints, name=_NAME)
