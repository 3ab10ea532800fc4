"""Tells in one screen what the command does, on the embedded simulator: no AWS account, no network.

An administrator makes 300 accounts members of Detective in 3 regions. Each e-mail address takes a second to verify, the
service throttles, two lines of the list are invalid, and three addresses do not belong to their accounts. Then the list
is corrected and the same command is run again; the coverage is looked at, and a finding is investigated. The commands
are shown as a user would type them.

With `--picture FILE`, all of it is drawn as SVG.
"""

import argparse
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from attrs import define, field
from rich import _export_format
from rich.console import Console
from rich.text import Text

from detective_async.testing import SimulatorThread

ADMINISTRATOR = "111122223333"
REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-2")
MEMBERS = [f"{number:012}" for number in range(100_000_000_001, 100_000_000_301)]
ROLE = "Onboarding"
#: The accounts whose address is wrong in the first list.
MOVED = {MEMBERS[41], MEMBERS[141], MEMBERS[241]}
#: Line number -> invalid line of the first list.
BAD_LINES = {9: "10000000009,account-10000000009@example.com", 77: f"{MEMBERS[76]},account at example.com"}
VERIFICATION = 1.0
COLUMNS = 120
ONBOARD = ("onboard", "accounts.csv", "--regions", ",".join(REGIONS), "--role-name", ROLE, "--yes")
COVERAGE = ("coverage", "--accounts", "accounts.csv", "--regions", ",".join(REGIONS))
INVESTIGATE = ("investigate", "--findings", "finding.json", "--regions", REGIONS[0])
#: A finding of Security Hub, but for when it was seen.
FINDING = {
    "SchemaVersion": "2018-10-08",
    "Id": "example-finding",
    "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/guardduty",
    "AwsAccountId": MEMBERS[6],
    "Resources": [{"Type": "AwsIamRole", "Id": f"arn:aws:iam::{MEMBERS[6]}:role/deploy/Release"}],
}


class UnexpectedError(Exception):
    """A result of the demo is wrong."""


def expect(what: str, actual: object, expected: object) -> None:
    """Stop the demo if a result is wrong."""
    if actual != expected:
        raise UnexpectedError(f"{what}: expected {expected}, got {actual}")


def line(account_id: str) -> str:
    """Return the correct line of an account."""
    return f"{account_id},{'moved' if account_id in MOVED else 'account'}-{account_id}@example.com"


def first_list() -> str:
    """Return the list with its mistakes."""
    lines = [f"{account_id},account-{account_id}@example.com" for account_id in MEMBERS]
    for number, bad in BAD_LINES.items():
        lines[number - 1] = bad
    return "\n".join(lines)


def prepare(sim: SimulatorThread) -> None:
    """Create the accounts, with a role in each that the administrator may assume."""
    for account_id in MEMBERS:
        sim.account(account_id, line(account_id).partition(",")[2])
        sim.role(account_id, ROLE, trusted=[ADMINISTRATOR])
    sim.throttle(None, probability=0.05)


@define
class Screen:
    """What is shown: on standard output, and in a picture.

    Attributes:
        folder: where the commands are run.
        environ: their environment.
        picture: records what is shown; None if no picture is drawn.
    """

    folder: Path
    environ: dict[str, str]
    picture: Console | None = field(default=None)

    def show(self, text: str) -> None:
        """Show text, in which colours are escape sequences."""
        sys.stdout.write(text)
        sys.stdout.flush()
        if self.picture is not None:
            self.picture.print(Text.from_ansi(text.removesuffix("\n")))

    def comment(self, text: str) -> None:
        """Show a comment."""
        self.show(self._styled(f"# {text}\n", "2"))

    def run(self, arguments: Sequence[str], expected_exit_code: int) -> None:
        """Show a command, run it, and show what it writes; a progress bar is drawn if there is a terminal."""
        self.show(self._styled(f"$ detective-async {' '.join(arguments)}\n", "1;32"))
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "detective_async", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if self.picture is None else subprocess.PIPE,
            check=False,
        )
        self.show(f"{(done.stderr or b'').decode()}{done.stdout.decode()}\n")
        expect(f"exit code of {arguments[0]}", done.returncode, expected_exit_code)

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text.rstrip()}\x1b[0m\n" if "FORCE_COLOR" in self.environ else text


def members(sim: SimulatorThread) -> Counter[str]:
    """Count the members of all graphs by status, from the simulator's state."""
    return Counter(status for graph in sim.snapshot().values() for status in graph["members"].values())


def play(sim: SimulatorThread, screen: Screen) -> None:
    """Run the commands, and check what they have done."""
    accounts = screen.folder / "accounts.csv"
    accounts.write_text(first_list())
    (screen.folder / "finding.json").write_text(
        json.dumps({**FINDING, "LastObservedAt": datetime.now(UTC).isoformat()})
    )
    prepare(sim)
    bad, all_rows = len(MOVED), len(REGIONS) * len(MEMBERS)
    good = len(MEMBERS) - len(BAD_LINES) - bad

    screen.comment(f"{len(MEMBERS)} accounts, {len(REGIONS)} regions, and a list with mistakes")
    screen.run(ONBOARD, 1)
    expect("members", members(sim), {"ENABLED": good * len(REGIONS), "VERIFICATION_FAILED": bad * len(REGIONS)})

    accounts.write_text("\n".join(line(account_id) for account_id in MEMBERS))
    screen.comment("the list is corrected, and the same command does what is left to do")
    screen.run((*ONBOARD, "--quiet"), 0)
    expect("members", members(sim), {"ENABLED": all_rows})

    screen.run(COVERAGE, 0)
    screen.run(INVESTIGATE, 0)


def environment(sim: SimulatorThread, *, colours: bool) -> dict[str, str]:
    """Return the environment of the commands."""
    environ = {**os.environ, **sim.environment(ADMINISTRATOR), "COLUMNS": str(COLUMNS)}
    return {**environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"} if colours else environ


def svg_of(picture: Console) -> str:
    """Return what was shown as SVG, in the fonts of whoever looks at it."""
    without_fonts = re.sub(r"@font-face \{\{.*?\}\}\s*", "", _export_format.CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return picture.export_svg(title="detective-async", code_format=without_fonts, unique_id="demo")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", metavar="FILE", type=Path, help="also draw an SVG picture to this file")
    options = parser.parse_args(arguments)
    picture = None
    path: Path | None = options.picture
    if path is not None:
        picture = Console(
            record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="256", highlight=False
        )
    colours = picture is not None or (sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    with SimulatorThread(seed=1, verification_delay=VERIFICATION) as sim, tempfile.TemporaryDirectory() as folder:
        play(sim, Screen(Path(folder), environment(sim, colours=colours), picture))
    if path is not None and picture is not None:
        path.write_text(svg_of(picture))


if __name__ == "__main__":
    try:
        main()
    except UnexpectedError as error:
        sys.exit(f"The demo failed: {error}")
