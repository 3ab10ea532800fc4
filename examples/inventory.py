r"""Writes every member of every graph in many accounts and regions, as one JSON object a line (NDJSON).

    python inventory.py --role-name SecurityAudit --accounts accounts.csv --regions eu-west-1 us-east-1 \
        --output members.ndjson --checkpoint members.checkpoint

The role is assumed in each account, with the credentials that the AWS CLI would use. A line has the `account_id` and
`region` of the request, the `graph_arn`, and the `member`, with its e-mail address only with --with-email-addresses.

With a checkpoint, the same command continues where it was stopped, by Ctrl-C or otherwise, and retries what failed; in
the end the output has each member once. Without a checkpoint, the output is overwritten. A second run on the same
output or checkpoint is refused while the first one is running.

Exit codes: 0 success, 1 something failed, 2 the arguments are wrong and nothing was sent, 130 Ctrl-C.
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
from contextlib import AbstractContextManager, ExitStack, aclosing, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self

from attrs import asdict

from detective_async import (
    ConfigurationError,
    DetectiveClient,
    DetectiveFleet,
    HostNotFound,
    Outcome,
    OutcomeKind,
    ParameterError,
    ProgressEvent,
    Target,
)
from detective_async.integrations.progress import ProgressBar

if sys.platform == "win32":
    import msvcrt

    def lock_file(file: IO[Any]) -> None:
        """Lock a file, or raise a `PermissionError` if it is locked."""
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def lock_file(file: IO[Any]) -> None:
        """Lock a file, or raise a `BlockingIOError` if it is locked."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


#: Seconds between two saves of the checkpoint, and so the work that a crash may lose: syncing each target is slow.
SAVE_EVERY = 1.0
#: An account id, with an optional e-mail address, as in the files for Detective's console.
ACCOUNT = re.compile(r'\s*+"?([0-9]{12})"?\s*+(,\s*+("?[^\s",@]+@[^\s",@]+"?)?\s*+)?')


class InputError(Exception):
    """A file or an argument is wrong."""


#: The errors of wrong input, which are raised before anything is sent.
BAD_INPUT = InputError, ParameterError, ConfigurationError, OSError, UnicodeError


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Make the parser of the arguments that the inventories on one machine and on many have in common."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role-name", required=True, help="the role to assume in each account")
    parser.add_argument("--external-id", help="the external id that the role's trust policy requires")
    parser.add_argument(
        "--accounts", required=True, metavar="FILE", help="a file of account ids, one a line; - for standard input"
    )
    parser.add_argument("--regions", required=True, nargs="+", metavar="REGION", help="the regions, such as eu-west-1")
    parser.add_argument("--concurrency", type=int, default=64, help="the most requests at a time (%(default)s)")
    parser.add_argument("--endpoint-url", help="send all requests to this URL (default: the regions' own endpoints)")
    parser.add_argument("--output", metavar="FILE", help="write to this file (default: standard output)")
    parser.add_argument("--with-email-addresses", action="store_true", help="also write the members' e-mail addresses")
    return parser


def read_accounts(name: str) -> list[str]:
    """Read the account ids from a file."""
    content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    found: dict[str, int] = {}
    problems: list[str] = []
    # Files of spreadsheets start with a byte order mark.
    for number, line in enumerate(content.decode("utf-8-sig").splitlines(), start=1):
        match = ACCOUNT.fullmatch(line)
        if match is None:
            is_header = number == 1 and line.lower().replace(" ", "").startswith("accountid")
            if line.strip() and not is_header:
                # The line is not shown, since it may contain an e-mail address.
                problems.append(f"line {number}: expected an account id of 12 digits, or ACCOUNT_ID,EMAIL_ADDRESS")
        elif match[1] in found:
            problems.append(f"line {number}: account {match[1]} is already on line {found[match[1]]}")
        else:
            found[match[1]] = number
    if problems or not found:
        raise InputError("\n".join([f"--accounts {name}:", *(problems or ["the file has no account ids"])]))
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
    """Read the members of a target's graph, at most 1,200, as lines."""
    lines: list[bytes] = []
    async for graph in client.iter_graphs():
        where = {"account_id": target.account_id, "region": target.region, "graph_arn": graph.arn}
        async for member in client.iter_members(graph.arn or "", page_size=200):
            fields = asdict(member)
            if not with_email_addresses:
                del fields["email_address"]
            lines.append(json.dumps({**where, "member": fields}, default=datetime.isoformat).encode() + b"\n")
    return lines


def lock(file: IO[Any], name: str) -> None:
    """Lock a file until it is closed, or the process has ended in any way."""
    try:
        lock_file(file)
    except (BlockingIOError, PermissionError):
        raise InputError(f"another run is using {name}: wait until it has ended") from None


def read_checkpoint(name: str) -> tuple[dict[str, object], int, set[tuple[str, str]]]:
    """Read the job, the size of the output, and the finished targets."""
    try:
        match json.loads(Path(name).read_text()):
            case {"job": dict(job), "size": int(size), "finished": list(finished)} if size >= 0 and not isinstance(
                size, bool
            ):
                return job, size, {finished_target(one) for one in finished}
    except (ValueError, RecursionError):
        pass
    raise InputError(f"{name} is not a checkpoint")


def finished_target(value: object) -> tuple[str, str]:
    """Return the account and the region of a finished target."""
    match value:
        case [str(account_id), str(region)] if re.fullmatch("[0-9]{12}", account_id):
            return account_id, region
    raise ValueError


def target_in(line: bytes) -> tuple[str, str] | None:
    """Return the account and the region that a line is about; None if it is incomplete, or something else."""
    with suppress(ValueError, RecursionError):
        match json.loads(line):
            case {"account_id": str(account_id), "region": str(region)}:
                return account_id, region
    return None


class Output:
    """The output, and the checkpoint if there is one; both are locked until the end.

    The checkpoint names the job, the finished targets, and the size of the output that has all of their lines. Anything
    after that size is an incomplete write, and is cut off when the job continues.
    """

    def __init__(self, path: str | None, checkpoint: str | None = None, job: dict[str, object] | None = None) -> None:
        self.finished: set[tuple[str, str]] = set()
        # The same path for all runs, whatever they call it.
        self._checkpoint = Path(checkpoint).resolve() if checkpoint else None
        self._job = job or {}
        self._size = 0
        # Never: the first target is saved at once, also where the clock has just started.
        self._saved_at = -math.inf
        with ExitStack() as files:
            if checkpoint and self._checkpoint:
                # A file of its own, since the checkpoint is replaced. It stays: a run that starts while another one
                # removes it would lock a file that no later run sees.
                lock(files.enter_context(Path(f"{self._checkpoint}.lock").open("ab")), checkpoint)
                if self._checkpoint.exists():
                    self._load(checkpoint)
            if path is None:
                self._file = files.enter_context(open(sys.stdout.fileno(), "wb", closefd=False))
            elif self._size and not Path(path).exists():
                raise InputError(f"{path} is shorter than {checkpoint} says; delete both to start over")
            else:
                # Opened without a change, because it may be in use.
                self._file = files.enter_context(Path(path).open("ab"))
                if Path(path).is_file():
                    lock(self._file, path)
                    self._cut_off(path, checkpoint)
            self._files = files.pop_all()

    def _load(self, checkpoint: str) -> None:
        job, self._size, self.finished = read_checkpoint(checkpoint)
        if different := [name for name, value in self._job.items() if job.get(name) != value]:
            raise InputError(
                f"{checkpoint} belongs to another job with a different {', '.join(different)}; "
                "repeat its arguments to continue it, or name another checkpoint"
            )

    def _cut_off(self, path: str, checkpoint: str | None) -> None:
        """Remove what the checkpoint does not know of: all, without one."""
        with Path(path).open("rb") as file:
            if file.seek(0, os.SEEK_END) < self._size:
                raise InputError(f"{path} is shorter than {checkpoint} says; delete both to start over")
            file.seek(max(0, self._size - 1))
            if self._size and file.read(1) != b"\n":
                raise InputError(f"{path} has no line that ends where {checkpoint} says; delete both to start over")
            file.seek(0)
            if (self._size or self.finished) and not self._agrees_with(file):
                raise InputError(f"{path} and {checkpoint} contradict each other; delete both to start over")
        self._file.truncate(self._size)

    def _agrees_with(self, lines: Iterable[bytes]) -> bool:
        """Return whether the lines before the size are of finished targets, and those after it are not.

        If not, the one was edited, or belongs to another output: lines would be lost, or written twice.
        """
        position = 0
        for line in lines:
            position += len(line)
            if (position <= self._size) != (target_in(line) in self.finished):
                return False
        return True

    def add(self, target: Target, lines: Iterable[bytes]) -> None:
        """Write all the lines of a target."""
        self._size += self._file.write(b"".join(lines))
        self.finished.add((target.account_id, target.region))
        if time.monotonic() - self._saved_at >= SAVE_EVERY:
            self._save()

    def _save(self) -> None:
        self._file.flush()
        if self._checkpoint:
            # The output must be on the disk before the checkpoint; the old checkpoint stays until the new one is there.
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
        with self._files:
            self._save()


class Report:
    """The counts and failures of a run."""

    def __init__(self, finished_before: int = 0) -> None:
        self._finished_before = finished_before
        self._began = time.monotonic()
        self._members = self._targets = 0
        self._unavailable: Counter[str] = Counter()
        self._failures: list[str] = []

    def add(self, outcome: Outcome[list[bytes]]) -> None:
        """Record the outcome of a target."""
        self._targets += 1
        self._members += len(outcome.value or [])
        if outcome.kind is OutcomeKind.REGION_UNAVAILABLE:
            why = "no Detective" if isinstance(outcome.error, HostNotFound) else "not opted in"
            self._unavailable[f"{why}: {outcome.target.region}"] += 1
        elif outcome.error:
            self.fail(str(outcome.target), outcome.error)

    def fail(self, what: str, error: BaseException) -> None:
        """Record a failure."""
        self._failures.append(f"failed: {what}: {type(error).__name__}: {error}")

    def write(self) -> int:
        """Write the report to standard error, and return the exit code."""
        closed = [f"{text} ({count} accounts)" for text, count in self._unavailable.items()]
        summary = (
            f"{self._members} members in {self._targets} targets, {len(self._failures)} failed, "
            f"{self._finished_before} finished earlier, {time.monotonic() - self._began:.1f} s"
        )
        print(*sorted(closed), *sorted(self._failures), summary, sep="\n", file=sys.stderr)
        return 1 if self._failures else 0


def progress_bar(*, quiet: bool) -> AbstractContextManager[Callable[[ProgressEvent], object] | None]:
    """Make a progress bar, unless it was switched off or rich is not installed."""
    try:
        return nullcontext() if quiet else ProgressBar("targets")
    except ConfigurationError:
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
                    # In a thread, since a disk or a pipe may be slow and must not block the other targets.
                    await asyncio.to_thread(output.add, outcome.target, outcome.value or [])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the inventory, and return the exit code."""
    parser = argument_parser(__doc__)
    parser.add_argument("--checkpoint", metavar="FILE", help="save the progress in this file, and continue from it")
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")
    options = parser.parse_args(arguments)
    if options.checkpoint and not options.output:
        parser.error("--checkpoint needs --output: an incomplete write to standard output cannot be cut off")
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
        report.write()
        hint = ": run the same command again to continue" if options.checkpoint else ""
        print(f"interrupted{hint}", file=sys.stderr)
        return 130
    except OSError as error:
        report.fail("output", error)
    return report.write()


def job_of(options: argparse.Namespace, account_ids: Iterable[str]) -> dict[str, object]:
    """Return the arguments that must be the same when the job continues."""
    return {
        "role": options.role_name,
        "list of accounts": hashlib.sha256(" ".join(sorted(account_ids)).encode()).hexdigest(),
        "list of regions": sorted(options.regions),
        "choice of e-mail addresses": options.with_email_addresses,
        "output": options.output and str(Path(options.output).resolve()),
    }


if __name__ == "__main__":
    sys.exit(main())
