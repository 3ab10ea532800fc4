"""Files for spreadsheets and programs: the same rows as the streams, whole, sorted, and without formulas."""

import asyncio
import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.backend import TARGETS, Backend
from support.wire_server import until
from web_backend import world
from web_backend.ordering import words_key
from web_backend.tables import COLUMNS, cell, columns_of, csv_lines

from detective_async.testing import DetectiveSimulator, Fault, Latency

EXPORT = "/api/export"


async def table(backend: Backend, path: str) -> list[dict[str, str]]:
    async with backend.http.get(f"{EXPORT}/{path}") as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/csv"
        assert int(response.headers["Content-Length"]) == len(await response.read())
        assert response.headers["Content-Disposition"].startswith("attachment; filename=")
        return list(csv.DictReader(io.StringIO(await response.text("utf-8-sig"))))


async def values(backend: Backend, path: str) -> list[Any]:
    async with backend.http.get(f"{EXPORT}/{path}") as response:
        assert response.content_type == "application/x-ndjson"
        return [json.loads(line) for line in (await response.read()).splitlines()]


def surveys() -> list[asyncio.Task[Any]]:
    return [one for one in asyncio.all_tasks() if one.get_name().startswith("survey of")]


def sorted_lines(lines: list[Any]) -> list[str]:
    return sorted(json.dumps(line, sort_keys=True) for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["members", "investigations"])
async def test_a_file_has_what_the_stream_has(backend: Backend, kind: str) -> None:
    """It is sorted. What failed are lines of NDJSON; a CSV has only rows, and says that it is incomplete."""
    lines = await backend.ndjson(f"/api/fleet/{kind}")
    assert sorted_lines(await values(backend, f"{kind}.ndjson")) == sorted_lines(lines)
    rows = await table(backend, f"{kind}.csv")
    assert len(rows) == len([line for line in lines if "Failure" not in line])
    ids = [row["MemberId" if kind == "members" else "InvestigationId"] for row in rows]
    assert all(ids)
    assert ids == sorted(ids)
    for form in ("csv", "ndjson"):
        async with backend.http.get(f"{EXPORT}/{kind}.{form}") as response:
            assert response.headers["Failures"] == str(len(world.REGIONS))
            assert f"-incomplete-{len(world.REGIONS)}-failed.{form}" in response.headers["Content-Disposition"]


@pytest.mark.slow
async def test_members(backend: Backend) -> None:
    """With the stream's filters; names and e-mail addresses only on request."""
    rows = await table(backend, "members.csv?status=VERIFICATION_FAILED")
    assert {row["Status"] for row in rows} == {"VERIFICATION_FAILED"}
    assert all(row["UpdatedTime"] and row["AdministratorId"] in world.ACCOUNTS for row in rows)
    assert {(row["Name"], row["EmailAddress"]) for row in rows} == {("", "")}
    asked = await table(backend, "members.csv?member=4444-5555-6666&emails=true")
    assert {row["EmailAddress"] for row in asked} == {world.address("444455556666")}
    enabled = await table(backend, "members.csv?status=ENABLED")
    assert "DETECTIVE_CORE=STARTED" in enabled[0]["Packages"]
    assert int(enabled[0]["VolumeUsageInBytes"]) > 0


@pytest.mark.slow
async def test_members_in_an_order_of_the_table(backend: Backend) -> None:
    """By a column, in either direction, in both forms; what has no value is last, and another column is refused."""
    for sort, column in (("since", "UpdatedTime"), ("administrator", "AdministratorId"), ("account", "MemberId")):
        for sign in ("", "-"):
            rows = await table(backend, f"members.csv?sort={sign}{sort}")
            found = [row[column] for row in rows]
            assert len(set(found)) > 10
            assert found == sorted(found, reverse=bool(sign)), f"{sign}{sort}"
    volumes = [row["VolumeUsageInBytes"] for row in await table(backend, "members.csv?sort=-volume")]
    known = [int(volume) for volume in volumes if volume]
    assert known == sorted(known, reverse=True)
    assert volumes == [*map(str, known), *[""] * (len(volumes) - len(known))]
    assert 0 < len(known) < len(volumes)
    *lines, _, _, failure = await values(backend, "members.ndjson?sort=status")
    assert "Failure" in failure
    statuses = [line["Member"]["Status"] for line in lines]
    assert list(dict.fromkeys(statuses)) == [
        "VERIFICATION_FAILED",
        "ACCEPTED_BUT_DISABLED",
        "VERIFICATION_IN_PROGRESS",
        "INVITED",
        "ENABLED",
    ]
    for path in ("members.csv?sort=nosuch", "members.ndjson?sort=--account", "coverage.csv?sort=account"):
        assert "sort" in str(await backend.get(f"{EXPORT}/{path}", 400)), path


@pytest.mark.parametrize(
    ("first", "second"),
    [("payments-9", "payments-10"), ("alpha", "Beta"), ("a_b", "a-b"), ("a-b", "a1"), ("zurich", "zürichs"), ("", "a")],
)
def test_texts_have_the_order_that_people_expect(first: str, second: str) -> None:
    """Whatever the case and the accents, with numbers by their value."""
    assert words_key(first) < words_key(second)


@pytest.mark.slow
async def test_coverage_and_failures(backend: Backend) -> None:
    """A row for each cell; the failures of a kind are a file of their own."""
    rows = await table(backend, "coverage.csv")
    assert len(rows) == len(world.NAMES) * len(world.REGIONS)
    assert {row["State"] for row in rows} == {"on", "off", "failed"}
    assert {row["Cause"] for row in rows if row["State"] == "failed"} == {"AccessDenied"}
    off = [line for line in await values(backend, "coverage.ndjson?state=off") if "Failure" not in line]
    assert len(off) == len([row for row in rows if row["State"] == "off"])
    for query in ("", "?kind=coverage"):
        failures = await table(backend, f"failures.csv{query}")
        assert {(row["AccountId"], row["Cause"]) for row in failures} == {(world.CLOSED, "AccessDenied")}
    assert len(await values(backend, "failures.ndjson")) == len(world.REGIONS)


@pytest.mark.slow
async def test_each_file_says_what_was_not_checked(backend: Backend) -> None:
    """In its name, whatever is selected: what is missing there may be what was selected."""
    for path in ("coverage.csv?state=off", "coverage.csv?account=9999", "members.csv?member=9999", "coverage.ndjson"):
        async with backend.http.get(f"{EXPORT}/{path}") as response:
            assert response.headers["Failures"] == str(len(world.REGIONS)), path
            assert f"-incomplete-{len(world.REGIONS)}-failed." in response.headers["Content-Disposition"]
    for path in ("coverage.ndjson", "coverage.ndjson?account=9999", "members.ndjson?status=VERIFICATION_FAILED"):
        *_, one, two, three = await values(backend, path)
        assert {line["Failure"]["Cause"] for line in (one, two, three)} == {"AccessDenied"}, path


@pytest.mark.slow
async def test_a_file_waits_for_the_whole_survey(backend: Backend, sim: DetectiveSimulator) -> None:
    """It never has only a part; if the survey is stopped, the answer is a problem."""
    sim.inject(Fault(Latency(0.1), count=None))
    reader = asyncio.create_task(table(backend, "members.csv"))
    await until(lambda: sim.requests, "it is under way")
    assert len(await reader) > 1000
    assert [request.operation for request in sim.requests].count("ListGraphs") == TARGETS - len(world.REGIONS)
    sim.inject(Fault(Latency(1), count=None))
    waiting = asyncio.create_task(backend.get(f"{EXPORT}/members.csv?max_age=0", 503))
    await until(surveys, "it is under way")
    surveys()[0].cancel()
    assert "stopped" in (await waiting)["detail"]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", '"=1"', "\uff1d1", "\uff0b1", "\uff0d1", "\uff201"]
)
def test_formulas_are_text(text: str) -> None:
    """A quote makes them text in spreadsheets."""
    assert cell(text) == f"'{text}"
    for hidden in ("\u00a0", "\u200b", "\ufeff", "\x0b", "\x00", "\u3000", "\u00a0\ufeff"):
        assert cell(hidden + text) == f"'{hidden}{text}"
    for before in ("", "x"):
        for separator in ";\t\r\n":
            assert cell(f"{before}{separator}{text}") == f"{before}{separator}'{text}"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "name", ["x;=1+1", 'x;=HYPERLINK("http://evil.example")', 'x";"=1', "x,;=1", "x\t=1", "\t=1", "x,\r\n=1", 'x;"\n+1']
)
def test_no_separator_makes_a_formula(name: str, separator: str) -> None:
    """Excel takes that of the computer's region, which is a semicolon in much of Europe."""
    text = csv_lines([["111122223333", name, "eu-west-1"]]).decode("utf-8-sig")
    cells = [one for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for one in row]
    assert not [one for one in cells if one.lstrip('" \t\r\n').startswith(("=", "+", "-", "@"))], cells


def test_cells() -> None:
    """Nothing is empty, numbers stay numbers, and other text stays what it is."""
    assert [cell(value) for value in (None, 12, -3, True, "a=b", {"A": "x", "B": "y"})] == [
        "",
        "12",
        "-3",
        "True",
        "a=b",
        "A=x B=y",
    ]


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=4), max_size=4))
def test_csv_is_read_back(rows: list[list[str]]) -> None:
    """Any text, with quotes, commas and line ends."""
    read = list(csv.reader(io.StringIO(csv_lines(rows).decode("utf-8-sig"), newline="")))
    assert read == [[cell(value) for value in row] for row in rows]


def test_a_file_says_that_it_is_in_utf_8() -> None:
    """Excel takes it for something else otherwise, and shows Zürich as ZÃ¼rich."""
    assert csv_lines([["Zürich"]]) == b"\xef\xbb\xbfZ\xc3\xbcrich\r\n"


def test_names_of_accounts_are_no_formulas_either() -> None:
    """They come from whoever named the accounts."""
    line = {"AccountId": "111122223333", "Region": "eu-west-1", "State": "on"}
    row = csv_lines([columns_of("coverage", line, {"111122223333": '=HYPERLINK("http://evil.example")'})]).decode(
        "utf-8-sig"
    )
    assert row.startswith("111122223333,\"'=HYPERLINK(")
    assert len(next(csv.reader([row]))) == len(COLUMNS["coverage"])


@pytest.mark.slow
async def test_personal_data_is_in_a_file_only_on_request(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    """In any kind of file and in both forms; who has asked for it is in the log, and who has not is not."""

    def logged() -> list[str]:
        # In its debug mode, asyncio warns of steps that a busy machine makes long.
        return [record.getMessage() for record in caplog.records if record.name == "web_backend"]

    kinds = ("members", "coverage", "investigations", "failures")
    for path in (f"{kind}.{form}" for kind in kinds for form in ("csv", "ndjson")):
        async with backend.http.get(f"{EXPORT}/{path}") as response:
            plain = await response.text()
        assert not [name for name in world.NAMES.values() if name in plain], path
        assert "@" not in plain
        assert logged() == []
        async with backend.http.get(f"{EXPORT}/{path}?names=true") as response:
            assert [name for name in world.NAMES.values() if name in await response.text()], path
        assert [f"/{path}?names=true" in message for message in logged()] == [True]
        assert "127.0.0.1" in caplog.text
        caplog.clear()
    await table(backend, "members.csv?member=444455556666&emails=true")
    assert "emails=true" in caplog.text
    assert "example" not in caplog.text
