"""The output of an inventory and its checkpoint: locked while they are in use, and complete after any interruption."""

import csv
import io
import json
import math
import os
import re
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any, Protocol, Self

from detective_async.cli.exits import CommandError, failing
from detective_async.cli.output import csv_cells, json_line

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

#: An account in a region.
TargetKey = tuple[str, str]


class Format(Protocol):
    """How members are written.

    Attributes:
        header: the first line, or nothing.
    """

    header: bytes

    def line(self, member: Mapping[str, Any]) -> bytes:
        """Return the line of a member."""
        ...

    def target_in(self, line: bytes) -> TargetKey | None:
        """Return the account and the region that a line is about; None if it is incomplete, or something else."""
        ...


class Ndjson:
    """A JSON object a line."""

    header = b""

    def line(self, member: Mapping[str, Any]) -> bytes:
        """Return the line of a member."""
        return f"{json_line(member)}\n".encode()

    def target_in(self, line: bytes) -> TargetKey | None:
        """Return the account and the region that a line is about; None if it is incomplete, or something else."""
        with suppress(ValueError, RecursionError):
            match json.loads(line):
                case {"account_id": str(account_id), "region": str(region)}:
                    return account_id, region
        return None


class Csv:
    """Comma-separated values; the account and the region are the first two.

    Args:
        columns: their names.
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self._columns = tuple(columns)
        self.header = _csv_line(self._columns)

    def line(self, member: Mapping[str, Any]) -> bytes:
        """Return the line of a member."""
        return _csv_line(csv_cells(member, self._columns))

    def target_in(self, line: bytes) -> TargetKey | None:
        """Return the account and the region that a line is about; None if it is incomplete, or something else."""
        with suppress(ValueError, csv.Error):
            match next(csv.reader([line.decode()])):
                case [account_id, region, *rest] if len(rest) + 2 == len(self._columns):
                    return account_id, region
        return None


def _csv_line(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Let errors name the file, where they name none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or name
        raise


def lock(file: IO[Any], name: str) -> None:
    """Lock a file until it is closed, or the process has ended in any way."""
    try:
        lock_file(file)
    except (BlockingIOError, PermissionError):
        raise CommandError(f"another run is using {name}: wait until it has ended") from None


def read_checkpoint(name: str) -> tuple[dict[str, object], int, set[TargetKey]]:
    """Read the job, the size of the output, and the finished targets."""
    try:
        match json.loads(Path(name).read_text()):
            case {"job": dict(job), "size": int(size), "finished": list(finished)} if size >= 0 and not isinstance(
                size, bool
            ):
                return job, size, {_finished_target(one) for one in finished}
    except (ValueError, RecursionError):
        pass
    raise CommandError(f"{name} is not a checkpoint: remove it, or name another one")


def _finished_target(value: object) -> TargetKey:
    match value:
        case [str(account_id), str(region)] if re.fullmatch("[0-9]{12}", account_id):
            return account_id, region
    raise ValueError


class Output:
    """The output, and the checkpoint if there is one; both are locked until the end.

    The checkpoint names the job, the finished targets, and the size of the output that has all of their lines. Anything
    after that size is an incomplete write, and is cut off when the job continues. Once all targets are finished, it is
    removed; if it is there for all that, the job begins anew.

    Args:
        format_: how members are written.
        path: the file; None writes to standard output.
        checkpoint: the file of the checkpoint, or None.
        job: what must be the same when the job continues: a name -> a value.
        targets: all targets of the job.
        start_over: whether to begin anew in any case.

    Attributes:
        finished: the targets that an earlier run has finished.
        was_complete: whether these were all targets, so that the job begins anew.

    Raises:
        CommandError: another run uses a file, or the files are not those of this job.
        OSError: a file cannot be opened.
    """

    def __init__(
        self,
        format_: Format,
        path: str | None,
        checkpoint: str | None = None,
        job: Mapping[str, object] | None = None,
        targets: Collection[TargetKey] = (),
        *,
        start_over: bool = False,
    ) -> None:
        self.finished: set[TargetKey] = set()
        self.was_complete = False
        self._targets = frozenset(targets)
        self._name = "standard output" if path is None else path
        self._format = format_
        # The same path for all runs, whatever they call it.
        self._checkpoint = Path(checkpoint).resolve() if checkpoint else None
        self._job = dict(job or {})
        self._size = 0
        # Never: the first target is saved at once, also where the clock has just started.
        self._saved_at = -math.inf
        with ExitStack() as files:
            if checkpoint and self._checkpoint:
                # A file of its own, since the checkpoint is replaced. It stays: a run that starts while another one
                # removes it would lock a file that no later run sees.
                lock(files.enter_context(Path(f"{self._checkpoint}.lock").open("ab")), checkpoint)
                # An empty one may have been made in advance: nothing would be lost.
                if self._checkpoint.exists() and not (start_over and self._checkpoint.stat().st_size == 0):
                    self._load(checkpoint, start_over=start_over)
            if path is None:
                sys.stdout.flush()
                self._file: IO[bytes] = files.enter_context(nullcontext(sys.stdout.buffer))
            elif self._size and not Path(path).exists():
                raise CommandError(f"{path} is shorter than {checkpoint} says; --start-over begins anew")
            else:
                # Opened without a change, because it may be in use.
                self._file = files.enter_context(Path(path).open("ab"))
                if Path(path).is_file():
                    lock(self._file, path)
                    if self._checkpoint and (start_over or self.was_complete):
                        # Before the output is cut off, with which it would not agree any more.
                        self._checkpoint.unlink(missing_ok=True)
                    self._cut_off(path, checkpoint)
            if format_.header and not self._size:
                with failing(self._name):
                    self._size = self._file.write(format_.header)
            self._files = files.pop_all()

    def _load(self, checkpoint: str, *, start_over: bool) -> None:
        job, size, finished = read_checkpoint(checkpoint)
        if start_over:
            return
        if different := [name for name, value in self._job.items() if job.get(name) != value]:
            raise CommandError(
                f"{checkpoint} belongs to another job with a different {', '.join(different)}; "
                "repeat its arguments to continue it, name another checkpoint, or give --start-over"
            )
        self.was_complete = self._are_all(finished)
        if not self.was_complete:
            self._size, self.finished = size, finished

    def _cut_off(self, path: str, checkpoint: str | None) -> None:
        """Remove what the checkpoint does not know of: all, without one."""
        with Path(path).open("rb") as file:
            if file.seek(0, os.SEEK_END) < self._size:
                raise CommandError(f"{path} is shorter than {checkpoint} says; --start-over begins anew")
            file.seek(max(0, self._size - 1))
            if self._size and file.read(1) != b"\n":
                raise CommandError(f"{path} has no line that ends where {checkpoint} says; --start-over begins anew")
            file.seek(0)
            if (self._size or self.finished) and not self._agrees_with(file):
                raise CommandError(f"{path} and {checkpoint} contradict each other; --start-over begins anew")
        self._file.truncate(self._size)

    def _agrees_with(self, lines: IO[bytes]) -> bool:
        """Return whether the lines before the size are of finished targets, and those after it are not.

        If not, the one was edited, or belongs to another output: lines would be lost, or written twice.
        """
        header = self._format.header
        position = len(header)
        if lines.read(position) != header:
            return False
        for line in lines:
            position += len(line)
            if (position <= self._size) != (self._format.target_in(line) in self.finished):
                return False
        return True

    def add(self, target: TargetKey, members: Iterable[Mapping[str, Any]]) -> None:
        """Write all the members of a target."""
        with _naming(self._name):
            self._size += self._file.write(b"".join(map(self._format.line, members)))
        self.finished.add(target)
        if time.monotonic() - self._saved_at >= SAVE_EVERY:
            self._save()

    def complete(self) -> None:
        """Note that all targets are finished: the same job does not continue, but begins anew."""
        self.finished |= self._targets

    def _are_all(self, finished: AbstractSet[TargetKey]) -> bool:
        return bool(self._targets) and self._targets <= finished

    def _save(self) -> None:
        with _naming(self._name):
            self._file.flush()
            if self._checkpoint:
                # The output must be on the disk before the checkpoint.
                os.fsync(self._file.fileno())
        if self._checkpoint:
            # The old checkpoint stays until the new one is there.
            with _naming(str(self._checkpoint)), Path(f"{self._checkpoint}.new").open("w") as file:
                json.dump({"job": self._job, "size": self._size, "finished": sorted(self.finished)}, file)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(self._checkpoint)
        self._saved_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with _naming(self._name), self._files:
            self._save()
            if self._checkpoint and self._are_all(self.finished):
                # While it is locked. Otherwise every later run would have nothing to do.
                self._checkpoint.unlink()
