"""How results are written: formulas, control characters, and tables that show what needs attention first."""

import csv
import io
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detective_async.cli import output
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
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with output.progress_bar("working", quiet=False) as bar:
        assert bar is None
