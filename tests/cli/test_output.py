"""How results are written: formulas, control characters, and tables that show what needs attention first."""

import csv
import io
import json
import os
import shutil
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detective_async import CredentialsError
from detective_async.cli import output
from detective_async.cli.exits import CommandError, failing
from detective_async.cli.output import Results, csv_cells, json_line, text, write


def results(rows: list[dict[str, Any]], **more: Any) -> Results:
    """Return results of two columns."""
    settings: dict[str, Any] = {
        "columns": ("account_id", "region", "what"),
        "rows": rows,
        "document": {"rows": rows},
        "shown": {"account_id": "account", "region": "region", "what": "what", "note": "note"},
        "attention": lambda row: row.get("bad", False),
        "summarize": lambda row: f"rows {row['what']}",
        **more,
    }
    return Results(**settings)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_calculates_nothing(start: str) -> None:
    """A cell that begins like a formula is text."""
    (cell,) = csv_cells({"a": f"{start}HYPERLINK(1)"}, ["a"])
    assert cell[0] in "'\\"
    assert "HYPERLINK" in cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [("a;=1+1", "a;'=1+1"), ('a; "@x', "a;' \"@x"), (" =1", "' =1"), ("a;b=1", "a;b=1"), ("1-2;3", "1-2;3")],
)
def test_a_spreadsheet_with_semicolons_calculates_nothing(value: str, cell: str) -> None:
    """With the separator of many languages, a part of a cell is a cell."""
    assert csv_cells({"a": value}, ["a"]) == [cell]


@given(st.text())
def test_no_character_is_a_command(value: str) -> None:
    """CSV and tables have printable characters only, JSON only those of ASCII, from which the text can be read."""
    (cell,) = csv_cells({"a": value}, ["a"])
    assert cell.isprintable()
    assert not cell.startswith(("=", "+", "-", "@"))
    line = json_line(value)
    assert (line.isascii(), line.isprintable(), json.loads(line)) == (True, True, value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (7, "7"),
        (["a", "b\x1b"], "a b\\x1b"),
        ({"a": 1}, '{"a": 1}'),
        ("a\u202eb", "a\\u202eb"),
    ],
)
def test_values_as_text(value: object, expected: str) -> None:
    """Each kind."""
    assert text(value) == expected


ROWS: list[dict[str, Any]] = [
    {"account_id": "1", "region": "eu", "what": "good"},
    {"account_id": "2", "region": "eu", "what": "wrong", "bad": True},
    {"account_id": "2", "region": "us", "what": "wrong", "bad": True},
    {"account_id": "1", "region": "us", "what": "good"},
    {"account_id": "1", "region": "ap", "what": "better"},
]


def shown(some: Results, capsys: pytest.CaptureFixture[str], **options: Any) -> list[list[str]]:
    """Write a table, and return the words of its lines."""
    write(some, "table", **options)
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_accounts_with_the_same_problem_are_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Where they are many; a row that is of no account, but of a graph, is none of them."""
    wrong = {"region": "eu", "what": "wrong", "bad": True}
    rows = [{**wrong, "account_id": None}, *({**wrong, "account_id": str(number)} for number in range(6))]
    assert shown(results(rows, blank={"account_id": "graph"}), capsys) == [
        ["account", "region", "what"],
        ["graph", "eu", "wrong"],
        ["0", "and", "5", "more", "eu", "wrong"],
    ]


def test_what_needs_attention_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    """The others are counted; rows that differ in their region only are one; empty columns are left out."""
    assert shown(results(ROWS, summary=["the end"]), capsys) == [
        ["account", "region", "what"],
        ["2", "eu,", "us", "wrong"],
        ["2", "rows", "good"],
        ["1", "rows", "better"],
        ["the", "end"],
    ]
    assert shown(results(ROWS), capsys, show_all=True) == [
        ["account", "region", "what"],
        ["2", "eu,", "us", "wrong"],
        ["1", "eu,", "us", "good"],
        ["1", "ap", "better"],
    ]
    assert shown(results(ROWS, attention=lambda _: False), capsys)[0] == ["2", "rows", "good"]


def test_many_of_a_kind_are_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    """More than five accounts, or two regions; all of them with --all."""
    rows: list[dict[str, Any]] = [
        {"account_id": f"{account:02}", "region": region, "what": "gone", "bad": True}
        for account in range(30)
        for region in ("eu", "us", "ap")
    ]
    assert shown(results(rows), capsys)[1:] == [["00", "and", "29", "more", "3", "regions", "gone"]]
    assert len(shown(results(rows), capsys, show_all=True)) == 31


def test_a_long_table_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """It says how many rows more need attention."""
    rows: list[dict[str, Any]] = [
        {"account_id": str(one), "region": "eu", "what": str(one), "bad": True} for one in range(25)
    ]
    lines = shown(results(rows), capsys)
    assert len(lines) == 22
    assert lines[-1][:3] == ["...", "and", "5"]
    brief = shown(results(rows, brief=rows[:1]), capsys)
    assert brief[1:] == [["0", "eu", "0"]]


def test_the_formats_have_the_same_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON, NDJSON and CSV."""
    write(results(ROWS), "json")
    assert json.loads(capsys.readouterr().out) == {"rows": ROWS}
    write(results(ROWS), "ndjson")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS
    write(results(ROWS), "csv")
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert found == [{name: row[name] for name in ("account_id", "region", "what")} for row in ROWS]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colours_and_a_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless NO_COLOR is set, or --quiet given; elsewhere there is none."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for is_plain in (False, True):
        if is_plain:
            monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys, "stdout", terminal := _Terminal())
        write(results(ROWS), "table")
        assert ("\x1b[33m" in terminal.getvalue()) is not is_plain
    monkeypatch.setattr(sys, "stderr", errors := _Terminal())
    with output.progress_bar("working", quiet=True) as bar:
        assert bar is None
    with output.progress_bar("working", quiet=False) as bar:
        assert bar is not None
    assert "working" in errors.getvalue()


def test_accounts_with_different_regions_are_not_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Only those of the same regions are counted together; with all rows, the regions are named."""
    regions = ("eu-west-1", "us-east-1", "ap-southeast-2", "eu-west-2")
    rows = [
        {"account_id": f"{number:012}", "region": region, "what": "x", "bad": True}
        for number in range(12)
        for region in (regions[:3] if number < 6 else regions[1:])
    ]
    write(results(rows), "table")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(line[0], line[1:4], line[4:6]) for line in lines] == [
        ("000000000000", ["and", "5", "more"], ["3", "regions"]),
        ("000000000006", ["and", "5", "more"], ["3", "regions"]),
    ]
    write(results(rows), "table", show_all=True)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [len(line) for line in lines] == [5] * 12
    assert lines[0][1:4] == ["eu-west-1,", "us-east-1,", "ap-southeast-2"]


@pytest.mark.parametrize(("columns", "width"), [("0", 1000), ("", 1000), ("x", 1000), ("10", 72), ("90", 90)])
def test_no_column_vanishes(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nought is no width, and lines are longer than a terminal that is too narrow for them."""
    monkeypatch.setenv("COLUMNS", columns)
    assert output.console_for(io.StringIO()).width == width


def test_the_width_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for where nobody has set one."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((123, 40)))
    assert output.console_for(Terminal()).width == 123


def test_empty_cells_have_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a column says so."""
    write(
        results([{"account_id": None, "region": "eu-west-1", "what": "x", "bad": True}], blank={"account_id": "graph"}),
        "table",
    )
    assert capsys.readouterr().out.splitlines()[1].split() == ["graph", "eu-west-1", "x"]


def test_a_file_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is a failure, and no wrong use."""

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(CommandError, match="standard output: No space left on device") as caught:
        write(results([]), "json")
    assert caught.value.exit_code == 1


def test_errors_after_something_was_done() -> None:
    """They are failures, with what is to be done about them."""
    with pytest.raises(CommandError, match="log in") as caught, failing():
        raise CredentialsError("no credentials")
    assert caught.value.exit_code == 1
    with pytest.raises(CommandError, match="No such file") as caught, failing("standard output"):
        raise FileNotFoundError(2, "No such file", "members.csv")
    assert caught.value.exit_code == 1
