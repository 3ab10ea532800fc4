"""The CSV of accounts: what is read, and what is said of the rest."""

import io
from typing import Any

import pytest

from detective_async import Account, ParameterError
from detective_async.membership import read_accounts

ONE = Account("444455556666", "root@example.com")
TWO = Account("012345678901", "cloud+two@example.co.uk")


@pytest.mark.parametrize(
    "text",
    [
        "444455556666,root@example.com\n012345678901,cloud+two@example.co.uk\n",
        "\ufeff444455556666,root@example.com\r\n012345678901,cloud+two@example.co.uk\r\n",
        "\n  \n444455556666 , root@example.com\n\n\t012345678901,\tcloud+two@example.co.uk  ",
        '"444455556666","root@example.com"\n"012345678901" , "cloud+two@example.co.uk"\n,',
        "444455556666,root@example.com\r012345678901,cloud+two@example.co.uk",
    ],
)
def test_what_any_program_writes(text: str) -> None:
    """Byte order mark, line ends, white space, quotes and blank lines do not matter."""
    assert read_accounts(text.splitlines()) == ([ONE, TWO], [])


def test_an_open_file() -> None:
    """It is read as it is."""
    assert read_accounts(io.StringIO("444455556666,root@example.com\r\n", newline="")) == ([ONE], [])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("44445555666,root@example.com", "12 digits in the first column, got 11: spreadsheets drop leading zeros"),
        ("4444555566667,root@example.com", "12 digits in the first column, got 13"),
        ("4.44456E+11,root@example.com", "12 digits in the first column"),
        ("\u0664\u0664\u0664\u0664\u0665\u0665\u0665\u0665\u0666\u0666\u0666\u0666,root@example.com", "12 digits"),
        ("root@example.com,444455556666", "12 digits in the first column"),
        ("Account,Email", "12 digits in the first column"),
        (",root@example.com", "12 digits in the first column"),
        ("444455556666,root.example.com", "e-mail address: expected an e-mail address"),
        ("444455556666,root@example", "e-mail address: expected an e-mail address"),
        ("444455556666,", "e-mail address: must not be empty"),
        ("444455556666", "2 columns with a comma between, account id and e-mail address, got 1"),
        ("444455556666;root@example.com", "2 columns with a comma between, account id and e-mail address, got 1"),
        ("444455556666,root@example.com,me", "2 columns with a comma between, account id and e-mail address, got 3"),
        ("444455556666,root@exam\rple.com", "not CSV: new-line character seen"),
    ],
)
def test_a_line_that_is_no_account(line: str, problem: str) -> None:
    """It is named by its number, with what is wrong; the lines around it are read."""
    accounts, problems = read_accounts(["012345678901,cloud+two@example.co.uk", "", line, "777788889999,a@b.cc"])
    assert accounts == [TWO, Account("777788889999", "a@b.cc")]
    (found,) = problems
    assert found.line == 3
    assert problem in found.text
    assert str(found) == f"line 3: {found.text}"


def test_an_account_that_is_there_twice() -> None:
    """Its first line counts, even one whose address is malformed; the others say where that is."""
    lines = [
        "",
        "444455556666,root@example.com",
        "444455556666,other@example.com",
        "777788889999,bad",
        "777788889999,a@b.cc",
    ]
    accounts, problems = read_accounts(lines)
    assert accounts == [ONE]
    assert [str(problem) for problem in problems][::2] == [
        "line 3: account 444455556666 is there already, on line 2",
        "line 5: account 777788889999 is there already, on line 4",
    ]


def test_no_address_is_quoted() -> None:
    """Whatever is wrong with a line, its address is kept out of the report."""
    lines = [
        f"{account},secret.person{rest}" for account in ("1", "444455556666") for rest in ("@", "@x", "@x.yy,", "")
    ]
    _, problems = read_accounts([*lines, "secret.person@x.yy", "secret.person@x.yy,444455556666"])
    assert len(problems) == len(lines) + 2
    assert "secret" not in str(problems) + "".join(map(str, problems))


@pytest.mark.parametrize("lines", ["444455556666,root@example.com", b"444455556666,root@example.com", [b"1,2"], [7]])
def test_what_is_no_lines_of_text(lines: Any) -> None:
    """A mistake of the program and not of the file is an error."""
    with pytest.raises(ParameterError, match="lines: expected"):
        read_accounts(lines)
