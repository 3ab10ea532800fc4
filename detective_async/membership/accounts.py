"""Reads lists of accounts: CSV of the Detective console, of AWS Organizations, of AWS's script, and of spreadsheets."""

import csv
import re
from collections.abc import Iterable, Sequence
from typing import SupportsIndex, overload
from weakref import ref

from attrs import frozen

from detective_async.api.models.constraints import ACCOUNT_ID, EMAIL_ADDRESS
from detective_async.api.models.members import Account
from detective_async.errors import ParameterError

_COLUMNS = 2
_DIGITS = 12
_BOM = "\ufeff"
#: An account id as AWS's consoles show it.
_WITH_DASHES = re.compile(r"[0-9]{4}-[0-9]{4}-[0-9]{4}")
#: Semicolons are what spreadsheets write where the comma is the decimal point.
_SEPARATOR = re.compile("[,;\t]")
_NO_LETTERS = re.compile(r"[^a-z]+")
#: The headings of the columns, in lower case and letters only.
_ID_HEADINGS = frozenset({"accountid", "accountids", "account", "id", "awsaccountid", "accountnumber"})
_ADDRESS_HEADINGS = frozenset(
    {"email", "emailaddress", "accountemail", "rootemail", "rootemailaddress", "rootuseremail", "emailid"}
)


@frozen
class LineProblem:
    """A line that is not an account, or that was read with a change.

    Attributes:
        line: its number, from 1.
        text: what is wrong with it; never contains an e-mail address.
    """

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


class _Origins:
    """The problems of the lists that accounts were read from, while these accounts exist.

    By identity: an equal account from a list without problems is another one.
    """

    def __init__(self) -> None:
        self._problems: dict[int, tuple[ref[Account], tuple[LineProblem, ...]]] = {}

    def note(self, account: Account, problems: tuple[LineProblem, ...]) -> None:
        key = id(account)
        self._problems[key] = ref(account, lambda _: self._problems.pop(key, None)), problems

    def problems_of(self, account: Account) -> tuple[LineProblem, ...]:
        return self._problems[id(account)][1] if id(account) in self._problems else ()


_ORIGINS = _Origins()


def problems_behind(given: object, accounts: Iterable[Account]) -> set[LineProblem]:
    """Return the lines that could not be read of all lists that some accounts were read from."""
    problems = set(given.problems) if isinstance(given, AccountList) else set()
    return problems.union(*map(_ORIGINS.problems_of, accounts))


class AccountList(list[Account]):
    """Accounts that were read from lines, with what could not be read.

    A plan that is made of them removes no members while there are `problems`, because a line that could not be read may
    be one of theirs. That is so for any list with any of these accounts, such as a sorted or filtered one; only an
    `Account` that is made anew is not known to be from this list.

    Attributes:
        problems: the lines that are not accounts.
        notes: the lines that were read with a change.
    """

    def __init__(
        self,
        accounts: Iterable[Account] = (),
        problems: Iterable[LineProblem] = (),
        notes: Iterable[LineProblem] = (),
    ) -> None:
        super().__init__(accounts)
        self.problems = tuple(problems)
        self.notes = tuple(notes)
        if self.problems:
            for account in self:
                _ORIGINS.note(account, self.problems)

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Account: ...
    @overload
    def __getitem__(self, index: slice, /) -> "AccountList": ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> "Account | AccountList":
        if isinstance(index, slice):
            return AccountList(super().__getitem__(index), self.problems, self.notes)
        return super().__getitem__(index)


def read_accounts(lines: Iterable[str]) -> tuple[AccountList, list[LineProblem]]:
    """Read accounts from lines such as `123456789012,root@example.com`.

    A line of headings is optional. With one, the columns of account id and e-mail address are found by their names, as
    in the files of the Detective console (`Account ID,Email address`) and of AWS Organizations; without, they are the
    first two. Further columns and blank lines are skipped; a byte order mark, white space, quotes, any kind of line
    end, dashes in account ids, and semicolons or tabs instead of commas are accepted. An invalid line does not prevent
    the others from being read.

    Args:
        lines: a file opened in text mode, or `text.splitlines()`.

    Returns:
        The accounts in their order, and the problems of invalid lines; check both. The problems are also in the list of
        accounts (`problems`), where they stand in the way of removing members, and so are its `notes`.

    Raises:
        ParameterError: `lines` are not lines of text.
    """
    if isinstance(lines, str | bytes):
        raise ParameterError("lines", "expected an open text file, or text.splitlines(), got one piece of text")
    reader = _Reader()
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, str):
            raise ParameterError("lines", f"expected text, got {type(line).__name__}: open the file in text mode")
        text = (line.removeprefix(_BOM) if number == 1 else line).strip()
        # Spreadsheets write blank rows as commas and quotes only.
        if text.strip(',;\t "'):
            reader.read(text, number)
    return AccountList(reader.accounts, reader.problems, reader.notes), list(reader.problems)


class _BadLineError(Exception):
    """A line is invalid; the text says why."""


class _Reader:
    """Reads one line after the other."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.problems: list[LineProblem] = []
        self.notes: list[LineProblem] = []
        self._seen: dict[str, int] = {}
        self._is_first = True
        # The columns of account id and e-mail address, and what is between columns: the first line that has one says.
        self._columns = (0, 1)
        self._separator: str | None = None

    def read(self, text: str, number: int) -> None:
        is_first, self._is_first = self._is_first, False
        try:
            if self._separator is None and (found_separator := _SEPARATOR.search(text)):
                self._separator = found_separator[0]
            columns = _split(text, self._separator or ",")
            if is_first and (found := _columns_in(columns)) is not None:
                self._columns = found
            else:
                self.accounts.append(self._account(columns, number))
        except _BadLineError as problem:
            self.problems.append(LineProblem(number, str(problem)))

    def _account(self, columns: Sequence[str], number: int) -> Account:
        if len(columns) < _COLUMNS:
            raise _BadLineError(
                f"expected 2 columns with a comma between, account id and e-mail address, got {len(columns)}"
            )
        if len(columns) <= max(self._columns):
            raise _BadLineError(f"expected {max(self._columns) + 1} columns, as in the headings, got {len(columns)}")
        account_id, address = (columns[index] for index in self._columns)
        if _WITH_DASHES.fullmatch(account_id):
            account_id = account_id.replace("-", "")
            self.notes.append(LineProblem(number, f"account id read without its dashes: {account_id}"))
        _check_id(account_id)
        first = self._seen.setdefault(account_id, number)
        if first != number:
            raise _BadLineError(f"account {account_id} is there already, on line {first}")
        try:
            EMAIL_ADDRESS(address, "e-mail address")
        except ParameterError as error:
            raise _BadLineError(str(error)) from None
        return Account(account_id, address)


def _split(text: str, separator: str) -> list[str]:
    try:
        columns = next(csv.reader([text], delimiter=separator, skipinitialspace=True))
    except csv.Error as error:
        raise _BadLineError(f"not CSV: {error}") from None
    return [column.strip() for column in columns]


def _columns_in(headings: Sequence[str]) -> tuple[int, int] | None:
    """Return the columns of account id and e-mail address, if these are headings; None if it is a line like others."""
    if len(headings) < _COLUMNS or any("@" in heading or any(map(str.isdigit, heading)) for heading in headings):
        return None
    names = [_NO_LETTERS.sub("", heading.lower()) for heading in headings]
    account_id = next((index for index, name in enumerate(names) if name in _ID_HEADINGS), None)
    address = next((index for index, name in enumerate(names) if name in _ADDRESS_HEADINGS), None)
    if account_id is None and address is None:
        return None
    # The other one of the first two columns, if only one has a name that is known.
    if account_id is None:
        account_id = 1 if address == 0 else 0
    if address is None:
        address = 0 if account_id == 1 else 1
    return account_id, address


def _check_id(value: str) -> None:
    try:
        ACCOUNT_ID(value, "account id")
    except ParameterError:
        problem = "expected an account id of 12 digits in the first column"
    else:
        return
    if value.isascii() and value.isdigit():
        problem = f"{problem}, got {len(value)}"
        if len(value) < _DIGITS:
            problem = f"{problem}: spreadsheets drop leading zeros"
    raise _BadLineError(problem)
