"""Writes results to standard output: a table for people, JSON, NDJSON or CSV for programs."""

import asyncio
import csv
import io
import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Self

from attrs import Factory, frozen

from detective_async.cli import signals
from detective_async.cli.exits import failing
from detective_async.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from detective_async.events import ProgressCallback, ProgressEvent

Row = Mapping[str, Any]

#: Becomes an s after a number other than 1.
PLURAL = "{s}"
#: Rows that need attention, of which a table shows no more unless it is asked for all.
_MOST_ROWS = 20
#: Regions that a table names before it only counts them.
_NAMED_REGIONS = 2
#: Accounts with the same problem that a table names one by one.
_NAMED_ACCOUNTS = 5
_UNBROKEN = frozenset({"account_id", "region", "job"})
#: Where a spreadsheet sees a formula begin, also after a semicolon: in many of the languages of Europe, that separates
#: cells.
_FORMULA = re.compile(r"(^|;)(?=[\s\"]*[=+\-@])")
#: Characters of a line, where the output is no terminal and nobody has set COLUMNS: lines are not broken.
_NO_TERMINAL = 1000
#: Seconds between two lines about the progress, where there is no terminal.
SAY_EVERY = 30.0
#: Where there are fewer, lines are longer than the terminal is wide, since columns would vanish.
_LEAST_WIDTH = 72


@frozen(kw_only=True)
class Results:
    """The results of a command.

    Attributes:
        columns: the columns of CSV.
        rows: the results, as plain data under the columns' names.
        document: the JSON document.
        shown: the table's columns and their headings; rows that differ in their regions only are shown as one.
        attention: whether a row needs attention; a table shows these first, and counts the others.
        summarize: what a table says of rows that it does not show, after their number; `PLURAL` is behind the noun.
        summary: the last lines of a table.
        brief: the rows of a table that does not show all, if they are others.
        blank: column -> what a table has in it for a row that has nothing there.
        text: lines that are written instead of a table that does not show all.
    """

    columns: Sequence[str]
    rows: Sequence[Row]
    document: Mapping[str, Any]
    shown: Mapping[str, str]
    attention: Callable[[Row], bool]
    summarize: Callable[[Row], str]
    summary: Sequence[str] = ()
    brief: Sequence[Row] | None = None
    blank: Mapping[str, str] = Factory(dict)
    text: str | None = None


def write(results: Results, format_: str, *, show_all: bool = False) -> None:
    """Write results to standard output, all of them also if there is a signal.

    Raises:
        BrokenPipeError: the reader has gone.
        CommandError: they cannot be written.
        KeyboardInterrupt: there was a signal.
    """
    with signals.held(), failing("standard output"):
        _write(results, format_, show_all=show_all)


def _write(results: Results, format_: str, *, show_all: bool) -> None:
    if format_ == "json":
        json.dump(results.document, sys.stdout, indent=1)
        sys.stdout.write("\n")
    elif format_ == "ndjson":
        for row in results.rows:
            sys.stdout.write(f"{json_line(row)}\n")
    elif format_ == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(results.columns)
        writer.writerows(csv_cells(row, results.columns) for row in results.rows)
    else:
        write_table(results, show_all=show_all)
    sys.stdout.flush()


def json_line(value: object) -> str:
    """Return a value as one line of JSON, in ASCII, so that no character of it is a terminal's command."""
    return json.dumps(value)


def csv_cells(row: Row, columns: Iterable[str]) -> list[str]:
    """Return the cells of a line of CSV: lists with blanks between, and nothing that a spreadsheet calculates."""
    return [_cell(text(row.get(column))) for column in columns]


def _cell(value: str) -> str:
    return _FORMULA.sub(r"\1'", value)


def text(value: object) -> str:
    """Return a plain value as text, without control characters."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return json_line(value)
    if isinstance(value, list | tuple):
        return " ".join(map(text, value))
    return printable(str(value))


def write_table(results: Results, *, show_all: bool = False) -> None:
    """Draw a table: first what needs attention, then how many other rows there are, by what is said of them."""
    from rich.text import Text  # noqa: PLC0415 - only tables need it

    as_text = results.text is not None and not show_all
    rows = results.rows if show_all or results.brief is None else results.brief
    bad = [] if as_text else [row for row in rows if results.attention(row)]
    good = [] if as_text else [row for row in rows if not results.attention(row)]
    lines = _merged(bad, results, show_all=show_all)
    hidden = 0 if show_all else max(0, len(lines) - _MOST_ROWS)
    attention = lines[: len(lines) - hidden]
    others = _merged(good, results, show_all=True) if show_all else []
    # Elsewhere, lines have no blanks at their ends.
    drawn = None if sys.stdout.isatty() else io.StringIO()
    console = console_for(sys.stdout if drawn is None else drawn)
    for line in (results.text or "").splitlines() if as_text else ():
        console.print(Text(printable(line)))
    if attention or others:
        console.print(_table(attention, others, results.shown))
    if hidden:
        console.print(Text(f"... and {hidden:,} more rows that need attention: --all shows them"))
    if not show_all:
        counts = Counter(results.summarize(row) for row in good)
        for what, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            console.print(Text(f"{count:,} {printable(what.replace(PLURAL, '' if count == 1 else 's'))}"))
    for line in results.summary:
        console.print(Text(printable(line), style="bold"))
    if drawn is not None:
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in drawn.getvalue().splitlines()))


def _table(attention: Sequence[Sequence[str]], others: Sequence[Sequence[str]], shown: Mapping[str, str]) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - only tables need it
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, show_edge=False)
    used = [index for index in range(len(shown)) if any(line[index] for line in (*attention, *others))]
    headings = [(name, heading) for index, (name, heading) in enumerate(shown.items()) if index in used]
    for name, heading in headings:
        # Ids are not broken, so that they can be copied and searched for.
        table.add_column(Text(heading), header_style="bold", no_wrap=name in _UNBROKEN, overflow="fold")
    for lines, style in ((attention, "yellow"), (others, "")):
        for line in lines:
            table.add_row(*(Text(line[index]) for index in used), style=style)
    return table


def _merged(rows: Iterable[Row], results: Results, *, show_all: bool) -> list[list[str]]:
    """Return the cells of rows: those that differ in their region only as one, and those in their account only too."""
    names = list(results.shown)
    index = names.index("region") if "region" in names else None
    lines = [[text(row.get(name)) for name in names] for row in rows]
    if index is not None:
        lines = _merge(lines, index, ", ".join)
    if "account_id" in names and not show_all:
        # Of the same regions, and not of as many.
        lines = _merge(lines, names.index("account_id"), _accounts, keep=_NAMED_ACCOUNTS)
    if index is not None and not show_all:
        for line in lines:
            line[index] = _regions(line[index])
    return [[cell or results.blank.get(name, "") for name, cell in zip(names, line, strict=True)] for line in lines]


def _merge(
    lines: Iterable[list[str]], index: int, join: Callable[[Sequence[str]], str], keep: int = 0
) -> list[list[str]]:
    """Join the cells of one column of lines that are the same otherwise, where there are more than `keep`."""
    groups: dict[tuple[bool, tuple[str, ...]], list[str]] = {}
    for line in lines:
        # Rows that are of no account, for example, are not of several.
        key = bool(line[index]), (*line[:index], *line[index + 1 :])
        groups.setdefault(key, []).append(line[index])
    merged = []
    for (_, others), cells in groups.items():
        joined = [join(cells)] if len(cells) > keep else cells
        merged += [[*others[:index], cell, *others[index:]] for cell in joined]
    return merged


def _regions(joined: str) -> str:
    number = joined.count(",") + 1
    return joined if number <= _NAMED_REGIONS else f"{number} regions"


def _accounts(ids: Sequence[str]) -> str:
    return f"{ids[0]} and {len(ids) - 1:,} more"


def console_for(stream: Any) -> "Console":
    """Make a console that draws on a stream: in colours and at its width on a terminal, in long lines elsewhere."""
    from rich.console import Console  # noqa: PLC0415 - only tables and progress bars need it

    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        wide = max(int(columns), _LEAST_WIDTH)
    elif stream.isatty():
        wide = max(shutil.get_terminal_size().columns, _LEAST_WIDTH)
    else:
        wide = _NO_TERMINAL
    return Console(file=stream, width=wide, highlight=False, markup=False, emoji=False, soft_wrap=False)


class _Lines:
    """Says from time to time how far a job is, where there is no terminal for a bar; within a running event loop."""

    def __init__(self, description: str) -> None:
        self._description = description
        self._text = "nothing has ended yet"

    def __call__(self, event: "ProgressEvent") -> None:
        """Note how far the job is."""
        of_all = "" if event.total is None else f" of {event.total:,}"
        self._text = f"{event.done:,}{of_all} done, {event.failed:,} failed"

    def _say(self) -> None:
        # Where it cannot be written, the results matter more.
        with suppress(OSError):
            sys.stderr.write(f"{self._description}: {self._text}\n")
            sys.stderr.flush()
        self._later = asyncio.get_running_loop().call_later(SAY_EVERY, self._say)

    def __enter__(self) -> Self:
        self._later = asyncio.get_running_loop().call_later(SAY_EVERY, self._say)
        return self

    def __exit__(self, *_: object) -> None:
        self._later.cancel()


def progress_bar(description: str, *, quiet: bool) -> "AbstractContextManager[ProgressCallback | None]":
    """Make a progress bar on standard error; where that is no terminal, a line every half minute."""
    if quiet:
        return nullcontext()
    if not sys.stderr.isatty():
        return _Lines(description)
    from detective_async.integrations.progress import ProgressBar  # noqa: PLC0415 - only terminals need it

    return ProgressBar(description, console=console_for(sys.stderr))
