"""Reading the CSV of accounts."""

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from detective_async import Account, ParameterError, to_dict
from detective_async.membership import AccountList, read_accounts
from detective_async.membership.accounts import origins_of

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
def test_formats(text: str) -> None:
    """Byte order mark, line ends, white space, quotes and blank lines are accepted, of a list or an open file."""
    assert read_accounts(text.splitlines()) == read_accounts(io.StringIO(text, newline=None)) == ([ONE, TWO], [])
    assert read_accounts(io.StringIO("444455556666,root@example.com\r\n", newline="")) == ([ONE], [])


_NO_ID = "expected an account id of 12 digits in the first column"
_NO_ADDRESS = "e-mail address: expected an e-mail address (name@domain.tld), but the value given is not one"
_ONE_ADDRESS = "expected one e-mail address and nothing else, without white space or invisible marks"
_COLUMNS = "expected 2 columns with a comma between, account id and e-mail address, got"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("44445555666,root@example.com", f"{_NO_ID}, got 11: spreadsheets drop leading zeros"),
        ("4444555566667,root@example.com", f"{_NO_ID}, got 13"),
        (
            "4.44456E+11,root@example.com",
            f"{_NO_ID}, got a number that a spreadsheet has rounded: format the column as text, and fill it again",
        ),
        ("\u0664\u0664\u0664\u0664\u0665\u0665\u0665\u0665\u0666\u0666\u0666\u0666,root@example.com", _NO_ID),
        # A byte order mark is one only at the beginning of the file.
        ("\ufeff444455556666,root@example.com", _NO_ID),
        ("root@example.com,444455556666", _NO_ID),
        ("Account,Email", _NO_ID),
        (",root@example.com", _NO_ID),
        ("444455556666,root.example.com", _NO_ADDRESS),
        ("444455556666,root@example", _NO_ADDRESS),
        ("444455556666,", "e-mail address: must not be empty; expected an e-mail address (name@domain.tld)"),
        ("444455556666,\u200broot@example.com", _ONE_ADDRESS),
        ("444455556666,mailto:root@example.com", _ONE_ADDRESS),
        ("444455556666,root@example.com;other@example.com", _ONE_ADDRESS),
        (
            "444455556666,Cloud+Two@example.co.uk",
            "the e-mail address of account 444455556666 is on line 1 too",
        ),
        ("444455556666", f"{_COLUMNS} 1"),
        ("444455556666;root@example.com", f"{_COLUMNS} 1"),
        ("444455556666,root@exam\rple.com", "not CSV: new-line character seen"),
    ],
)
def test_invalid_line(line: str, problem: str) -> None:
    """The problem names the line, and the other lines are read."""
    accounts, problems = read_accounts(["012345678901,cloud+two@example.co.uk", "", line, "777788889999,a@b.cc"])
    assert accounts == [TWO, Account("777788889999", "a@b.cc")]
    (found,) = problems
    assert found.line == 3
    # The rest of csv's own message depends on the version of Python.
    assert found.text.partition(" in unquoted field")[0] == problem
    assert str(found) == f"line 3: {found.text}"


@pytest.mark.parametrize(
    "lines",
    [
        # As the Detective console writes and reads it.
        ["Account ID,Email address", "444455556666,root@example.com", "012345678901,cloud+two@example.co.uk"],
        ["\ufeffAccountId,EmailAddress", "444455556666,root@example.com,", f"{TWO.account_id},{TWO.email_address},x"],
        # As AWS Organizations exports its accounts.
        [
            '"Account ID","ARN","Email","Name","Status"',
            '444455556666,arn:aws:organizations::1:account/o-a/444455556666,root@example.com,"Test, too",ACTIVE',
            '"012345678901",arn,cloud+two@example.co.uk,Name,ACTIVE',
        ],
        # Of several columns, the one with the most exact name counts.
        [
            "Id,Account ID,Owner,Root account e-mail,OU level 1",
            f"1,{ONE.account_id},a@b.cc,{ONE.email_address},x",
            f"2,{TWO.account_id},a@b.cc,{TWO.email_address},",
        ],
        ["Email,Account", "root@example.com,444455556666", "cloud+two@example.co.uk,012345678901"],
        ["", "E-mail,Number", "root@example.com,444455556666", "cloud+two@example.co.uk,012345678901"],
        ["Number,E-mail", "444455556666,root@example.com", "012345678901,cloud+two@example.co.uk"],
        ["Account,Contact", "444455556666,root@example.com", "012345678901,cloud+two@example.co.uk"],
        ["Contact,Account", "root@example.com,444455556666", "cloud+two@example.co.uk,012345678901"],
        ['444455556666,root@example.com,"Test, too",12', "012345678901,cloud+two@example.co.uk"],
    ],
)
def test_headings_and_further_columns(lines: list[str]) -> None:
    """Headings name the columns, in any order; without them, the first two count. Further columns are skipped."""
    assert read_accounts(lines) == ([ONE, TWO], [])


@pytest.mark.parametrize(
    ("headings", "missing"),
    [
        ("Account ID,Owner,Address of root", "e-mail addresses: name it 'Email address'"),
        ("Number,Owner,Email", "account ids: name it 'Account ID'"),
        ("Nummer,Besitzer,Adresse", "account ids: name it 'Account ID'"),
    ],
)
def test_unknown_headings(headings: str, missing: str) -> None:
    """No column is guessed among several, as another one may have addresses, too."""
    accounts, problems = read_accounts([headings, "444455556666,owner@example.com,root@example.com", "x"])
    assert accounts == []
    assert [str(one) for one in problems] == [
        f"line 1: no heading says which column has the {missing}; no line is read"
    ]


def test_accounts_that_are_not_active() -> None:
    """A state of AWS Organizations leaves an account out, whatever its address; other lists have other states."""
    lines = ["Account ID,Email,State", "444455556666,root@example.com,ACTIVE", "012345678901,,Pending closure"]
    accounts, problems = read_accounts([*lines, "777788889999,a@b.cc,Enabled", "777788880000,b@b.cc"])
    assert [one.account_id for one in accounts] == ["444455556666", "777788889999", "777788880000"]
    assert problems == []
    assert accounts.inactive == accounts[:1].inactive == {"012345678901": "PENDING_CLOSURE"}


def test_dashes() -> None:
    """An account id as consoles show it is read, with a note."""
    accounts, problems = read_accounts(["4444-5555-6666,root@example.com", "0123-45678901,cloud+two@example.co.uk"])
    assert accounts == [ONE]
    assert [str(note) for note in accounts.notes] == ["line 1: account id read without its dashes: 444455556666"]
    assert [problem.line for problem in problems] == [2]


def test_lists_know_of_what_was_not_read() -> None:
    """Problems and notes are in the list itself and in its parts, not in single accounts."""
    accounts, problems = read_accounts(["4444-5555-6666,root@example.com", "x", "012345678901,cloud+two@example.co.uk"])
    assert accounts.problems == tuple(problems)
    part = accounts[:1]
    assert isinstance(part, AccountList)
    assert (part, part.problems, part.notes) == ([ONE], accounts.problems, accounts.notes)
    assert accounts[1] == TWO
    # Changes of the list of problems do not make them disappear.
    problems.clear()
    assert len(accounts.problems) == 1


def test_lists_are_joined_with_what_was_not_read() -> None:
    """Also if no line of one of them could be read: then there is no account that knows of it."""
    whole, _ = read_accounts([f"{ONE.account_id},{ONE.email_address}"])
    broken, problems = read_accounts(["123,two@example.com"])
    extended, added = whole[:], whole[:]
    extended.extend(broken)
    added += broken
    for joined in (whole + broken, broken + whole, list(whole) + broken, extended, added):
        assert isinstance(joined, AccountList)
        assert joined == [ONE]
        assert joined.problems == tuple(problems)
        assert origins_of(None, sorted(joined, key=repr))[0].problems == tuple(problems)
    assert type(whole + list(whole)) is AccountList
    assert pickle.loads(pickle.dumps(whole + broken)).problems == tuple(problems)


@pytest.mark.parametrize(
    "changed",
    [
        copy.deepcopy,
        lambda account: pickle.loads(pickle.dumps(account)),
        lambda account: evolve(account, email_address="other@example.com"),
    ],
)
def test_copies_know_their_list(changed: Callable[[Account], Account]) -> None:
    """Lines that could not be read are known of accounts that were copied, in any list; each list counts once."""
    lines = [f"{ONE.account_id},{ONE.email_address}", "123,two@example.com"]
    (first,), (second,) = (read_accounts(lines)[0] for _ in range(2))
    copied = changed(first)
    assert type(copied) is Account
    assert copied.account_id == ONE.account_id
    assert len(origins_of(None, [copied, first])) == 1
    assert len(origins_of(None, [copied, second])) == 2
    assert to_dict(first) == to_dict(ONE)
    assert repr(first) == repr(ONE)
    assert origins_of(None, [ONE]) == []


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=,", "sep=\t"])
def test_line_that_names_the_separator(first: str) -> None:
    """It is Excel's own, and no account; the headings follow."""
    separator = first.strip('"')[-1]
    lines = [first, separator.join(["Account ID", "Email"]), separator.join(["444455556666", "root@example.com"])]
    assert read_accounts(lines) == ([ONE], [])


def test_missing_columns() -> None:
    """A line without the columns that the headings name is a problem; what looks like an account is no heading."""
    accounts, problems = read_accounts(["Name,Account ID,Email", "a,444455556666,root@example.com", "b,012345678901"])
    assert accounts == [ONE]
    assert [str(problem) for problem in problems] == ["line 3: expected 3 columns, as in the headings, got 2"]
    assert [problem.line for problem in read_accounts(["email,444455556666"])[1]] == [1]
    assert [problem.line for problem in read_accounts(["Name,Contact"])[1]] == [1]
    assert [problem.line for problem in read_accounts(["Account"])[1]] == [1]
    for first in ("account 222233334444,root(at)example.com", "ID: 2222-3333-4444,root.example.com"):
        accounts, problems = read_accounts([first, "444455556666,root@example.com"])
        assert (accounts, [problem.line for problem in problems]) == ([ONE], [1])


def test_duplicate_account() -> None:
    """The first line counts, even with a malformed address; the others refer to it."""
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
        "line 3: account 444455556666 is on line 2 too",
        "line 5: account 777788889999 is on line 4 too",
    ]


def test_problems_contain_no_addresses() -> None:
    """No problem contains an address."""
    lines = [
        f"{account},secret.person{rest}" for account in ("1", "444455556666") for rest in ("@", "@x", "@x.yy,", "")
    ]
    _, problems = read_accounts([*lines, "secret.person@x.yy", "secret.person@x.yy,444455556666"])
    assert len(problems) == len(lines) + 2
    assert "secret" not in str(problems) + "".join(map(str, problems))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("444455556666,root@example.com", "expected an open text file, or text.splitlines(), got one piece of text"),
        (b"444455556666,root@example.com", "expected an open text file, or text.splitlines(), got one piece of text"),
        ([b"1,2"], "expected text, got bytes: open the file in text mode"),
        (None, "expected an open text file, got NoneType"),
        ([7], "expected text, got int: open the file in text mode"),
    ],
)
def test_invalid_argument(lines: Any, problem: str) -> None:
    """A wrong type is an error of the program, and raised."""
    with pytest.raises(ParameterError) as raised:
        read_accounts(lines)
    assert str(raised.value) == f"lines: {problem}"
