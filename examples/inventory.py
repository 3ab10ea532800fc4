r"""Every member of every graph in many accounts and regions, as one JSON object a line (NDJSON).

    python inventory.py --role-name SecurityAudit --accounts accounts.csv --regions eu-west-1 us-east-1 \
        --output members.ndjson --checkpoint members.checkpoint

The role is assumed in each account, with the credentials that the AWS CLI would use. A line has the `account_id` and
`region` that were asked, the `graph_arn`, and the `member`, with its e-mail address only if you ask for it.

With a checkpoint, the same command goes on where it was stopped, by Ctrl-C or in whatever way, and tries again what
failed; in the end the output has each member once. Without one, the output is written anew.

Exit codes: 0 all is well, 1 something failed, 2 the arguments are wrong and nothing was sent, 130 Ctrl-C.
"""

import argparse
import asyncio
import hashlib
import json
import math
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Self

from attrs import asdict

from detective_async import (
    ConfigurationError,
    DetectiveClient,
    DetectiveFleet,
    Outcome,
    OutcomeKind,
    ParameterError,
    ProgressEvent,
    Target,
)
from detective_async.progress import ProgressBar

#: Seconds of work that a crash may cost: waiting for the disk after each target would cost more.
SAVE_EVERY = 1.0
#: An account id, and as in the files that Detective's console takes, perhaps an e-mail address.
ACCOUNT = re.compile(r'\s*"?([0-9]{12})"?\s*(,\s*("?[^\s",@]+@[^\s",@]+"?)?\s*)?')


class InputError(Exception):
    """What was passed in is wrong."""


#: What may be raised before anything is sent.
BAD_INPUT = InputError, ParameterError, ConfigurationError, OSError, UnicodeError


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Make a parser of what the inventory is told, on one machine or on many."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role-name", required=True, help="the role to assume in each account")
    parser.add_argument("--external-id", help="what the role's trust policy asks for")
    parser.add_argument(
        "--accounts", required=True, metavar="FILE", help="account ids, one a line; - for standard input"
    )
    parser.add_argument("--regions", required=True, nargs="+", metavar="REGION", help="such as eu-west-1")
    parser.add_argument("--concurrency", type=int, default=64, help="how many requests at a time (%(default)s)")
    parser.add_argument("--endpoint-url", help="where to send requests, instead of to the regions' own endpoints")
    parser.add_argument("--output", metavar="FILE", help="where to write, instead of to standard output")
    parser.add_argument("--with-email-addresses", action="store_true", help="write the members' e-mail addresses too")
    return parser


def read_accounts(name: str) -> list[str]:
    """Read the ids of the accounts."""
    content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    found: dict[str, int] = {}
    problems: list[str] = []
    # Spreadsheets begin a file with a mark.
    for number, line in enumerate(content.decode("utf-8-sig").splitlines(), start=1):
        match = ACCOUNT.fullmatch(line)
        if match is None:
            is_header = number == 1 and line.lower().replace(" ", "").startswith("accountid")
            if line.strip() and not is_header:
                # It is not shown, for there may be an address in it.
                problems.append(f"line {number}: expected 12 digits, and then nothing or a comma and an e-mail address")
        elif match[1] in found:
            problems.append(f"line {number}: {match[1]} is there already, on line {found[match[1]]}")
        else:
            found[match[1]] = number
    if problems or not found:
        raise InputError("\n".join([f"--accounts {name}:", *(problems or ["there are none in it"])]))
    return list(found)


def make_fleet(options: argparse.Namespace, account_ids: Iterable[str]) -> DetectiveFleet:
    """Make a fleet of every account in every region."""
    return DetectiveFleet.assume_role(
        options.role_name,
        account_ids,
        options.regions,
        external_id=options.external_id,
        concurrency=options.concurrency,
        endpoint_url=options.endpoint_url,
    )


async def read_members(client: DetectiveClient, target: Target, *, with_email_addresses: bool) -> list[bytes]:
    """Read the members of a target's graph, 1,200 at most, as lines."""
    lines: list[bytes] = []
    async for graph in client.iter_graphs():
        where = {"account_id": target.account_id, "region": target.region, "graph_arn": graph.arn}
        async for member in client.iter_members(graph.arn or "", page_size=200):
            fields = asdict(member)
            if not with_email_addresses:
                del fields["email_address"]
            lines.append(json.dumps({**where, "member": fields}, default=datetime.isoformat).encode() + b"\n")
    return lines


class Output:
    """Where the lines go; with a checkpoint, which of the targets have all of theirs there.

    The checkpoint says what job it is of, which targets are finished, and how long the output is with them. What comes
    after that in the output was cut short, and is cut off when the job goes on.
    """

    def __init__(self, path: str | None, checkpoint: str | None = None, job: dict[str, object] | None = None) -> None:
        self.finished: set[tuple[str, str]] = set()
        self._checkpoint, self._job = checkpoint, job or {}
        self._size = 0
        # Never: the first target is saved at once, also where the clock has just started.
        self._saved_at = -math.inf
        if checkpoint and Path(checkpoint).exists():
            self._load(checkpoint)
        if (Path(path).stat().st_size if path and Path(path).exists() else 0) < self._size:
            raise InputError(f"{path} is shorter than {checkpoint} says: delete both to begin anew")
        name = sys.stdout.fileno() if path is None else path
        self._file = open(name, "ab" if checkpoint else "wb", closefd=path is not None)  # noqa: SIM115
        if checkpoint:
            self._file.truncate(self._size)

    def _load(self, checkpoint: str) -> None:
        try:
            state = json.loads(Path(checkpoint).read_text())
            job, self._size = dict(state["job"]), int(state["size"])
            self.finished = {(account_id, region) for account_id, region in state["finished"]}
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{checkpoint} is no checkpoint") from None
        if different := [name for name, value in self._job.items() if job.get(name) != value]:
            raise InputError(f"{checkpoint} is of another job, with a different {', '.join(different)}")

    def add(self, target: Target, lines: Iterable[bytes]) -> None:
        """Write all the lines of a target."""
        self._size += self._file.write(b"".join(lines))
        self.finished.add((target.account_id, target.region))
        if time.monotonic() - self._saved_at >= SAVE_EVERY:
            self._save()

    def _save(self) -> None:
        self._file.flush()
        if self._checkpoint:
            # What the checkpoint speaks of has to be on the disk before it, and the old one until there is the new one.
            os.fsync(self._file.fileno())
            with Path(f"{self._checkpoint}.new").open("w") as file:
                json.dump({"job": self._job, "size": self._size, "finished": sorted(self.finished)}, file)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(self._checkpoint)
        self._saved_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            self._save()


class Report:
    """What came of it."""

    def __init__(self, finished_before: int = 0) -> None:
        self._finished_before = finished_before
        self._began = time.monotonic()
        self._members = self._targets = 0
        self._unavailable: Counter[str] = Counter()
        self._failures: list[str] = []

    def add(self, outcome: Outcome[list[bytes]]) -> None:
        """Take note of how a target ended."""
        self._targets += 1
        self._members += len(outcome.value or [])
        if outcome.kind is OutcomeKind.REGION_UNAVAILABLE:
            self._unavailable[outcome.target.region] += 1
        elif outcome.error:
            self.fail(str(outcome.target), outcome.error)

    def fail(self, what: str, error: BaseException) -> None:
        """Take note of what failed."""
        self._failures.append(f"failed: {what}: {type(error).__name__}: {error}")

    def tell(self) -> int:
        """Write it to standard error, and give the exit code."""
        closed = [f"not opted in: {region}, accounts: {count}" for region, count in self._unavailable.items()]
        summary = (
            f"{self._members} members in {self._targets} targets, {len(self._failures)} failed, "
            f"{self._finished_before} were finished before, {time.monotonic() - self._began:.1f} s"
        )
        print(*sorted(closed), *sorted(self._failures), summary, sep="\n", file=sys.stderr)
        return 1 if self._failures else 0


def progress_bar(*, quiet: bool) -> AbstractContextManager[Callable[[ProgressEvent], object] | None]:
    """Make a progress bar, if it is wanted and can be drawn."""
    try:
        return nullcontext() if quiet else ProgressBar("targets")
    except ConfigurationError:
        # What draws it is not installed.
        return nullcontext()


async def collect(fleet: DetectiveFleet, output: Output, report: Report, options: argparse.Namespace) -> None:
    """Read the members of all targets that are not finished, and write them."""
    finished = frozenset(output.finished)

    async def read(client: DetectiveClient, target: Target) -> list[bytes]:
        if (target.account_id, target.region) in finished:
            return []
        return await read_members(client, target, with_email_addresses=options.with_email_addresses)

    with progress_bar(quiet=options.quiet) as progress:
        async with fleet, aclosing(fleet.run(read, progress=progress)) as outcomes:
            async for outcome in outcomes:
                if (outcome.target.account_id, outcome.target.region) in finished:
                    continue
                report.add(outcome)
                if outcome.kind is not OutcomeKind.FAILED:
                    # In a thread, because a disk or a pipe may be slow, and the others go on meanwhile.
                    await asyncio.to_thread(output.add, outcome.target, outcome.value or [])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the inventory, and give the exit code."""
    parser = argument_parser(__doc__)
    parser.add_argument("--checkpoint", metavar="FILE", help="where to note what is finished, and to go on from")
    parser.add_argument("--quiet", action="store_true", help="draw no progress bar")
    options = parser.parse_args(arguments)
    if options.checkpoint and not options.output:
        parser.error("--checkpoint needs --output: of standard output, nothing can be taken back")
    try:
        account_ids = read_accounts(options.accounts)
        fleet = make_fleet(options, account_ids)
        output = Output(options.output, options.checkpoint, job_of(options, account_ids))
    except BAD_INPUT as error:
        parser.error(str(error))
    report = Report(len(output.finished))
    try:
        with output:
            asyncio.run(collect(fleet, output, report, options))
    except KeyboardInterrupt:
        report.tell()
        print("interrupted: run it again to go on" if options.checkpoint else "interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        report.fail("writing", error)
    return report.tell()


def job_of(options: argparse.Namespace, account_ids: Iterable[str]) -> dict[str, object]:
    """Say what has to be the same when the job goes on."""
    return {
        "role": options.role_name,
        "list of accounts": hashlib.sha256(" ".join(sorted(account_ids)).encode()).hexdigest(),
        "list of regions": sorted(options.regions),
        "choice of e-mail addresses": options.with_email_addresses,
        "output": options.output and str(Path(options.output).resolve()),
    }


if __name__ == "__main__":
    sys.exit(main())
