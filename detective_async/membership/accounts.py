"""Reads lists of accounts: CSV of the Detective console, of AWS Organizations, of AWS's script, and of spreadsheets."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Self, SupportsIndex, overload
from uuid import uuid4

from attrs import evolve, field, frozen

from detective_async.api.models.constraints import ACCOUNT_ID, EMAIL_ADDRESS
from detective_async.api.models.members import Account
from detective_async.errors import ParameterError
from detective_async.organization import AccountStatus

_COLUMNS = 2
_DIGITS = 12
_BOM = "\ufeff"
#: An account id as AWS's consoles show it.
_WITH_DASHES = re.compile(r"[0-9]{4}-[0-9]{4}-[0-9]{4}")
#: Semicolons are what spreadsheets write where the comma is the decimal point.
_SEPARATOR = re.compile("[,;\t]")
#: A first line that tells Excel the separator.
_NAMED_SEPARATOR = re.compile(r'"?sep=([,;\t]?)"?', re.IGNORECASE)
_ONLY_DIGITS = re.compile(r"-*\d[\d-]*")
_NO_LETTERS = re.compile(r"[^a-z]+")
#: The headings of the columns, in lower case and letters only: of several, the first one here.
_ID_HEADINGS = ("accountid", "awsaccountid", "accountids", "accountnumber", "account", "id")
_ADDRESS_HEADINGS = (
    *("rootemail", "rootemailaddress", "rootuseremail", "rootuseremailaddress", "rootaccountemail"),
    *("rootaccountemailaddress", "accountemail", "accountemailaddress", "emailaddress", "email", "emailid"),
)
#: AWS retires `Status` in favour of `State`.
_STATE_HEADINGS = ("state", "status")
#: What AWS Organizations calls accounts that cannot be members; columns of other lists have other values.
_INACTIVE = frozenset(AccountStatus) - {AccountStatus.ACTIVE}
#: A number as spreadsheets show it, of which they keep no more.
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+?[0-9]+", re.IGNORECASE)
#: What no address of a root user has, although some of it is valid: white space, what separates addresses, and marks.
_NOT_IN_ADDRESS = re.compile(r"[\s;,<>]|^mailto:", re.IGNORECASE)


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


@frozen
class Origin:
    """A list that accounts were read from, and about which there is something to say.

    Attributes:
        key: tells it from other lists with the same problems.
        problems: the lines that could not be read.
        inactive: the accounts that are not active in AWS Organizations, with their states.
    """

    key: str
    problems: tuple[LineProblem, ...] = field(eq=False)
    inactive: Mapping[str, str] = field(eq=False)


class ListedId(str):  # noqa: SLOT000 - pickle keeps what `__dict__` has, and no slots
    """An account id that knows what could not be read of its list, also in an account that is copied or pickled.

    Attributes:
        origins: the lists that it was read from.
    """

    origins: tuple[Origin, ...] = ()


def _listed(account: Account, origins: Iterable[Origin]) -> Account:
    account_id = ListedId(account.account_id)
    account_id.origins = tuple(dict.fromkeys((*_origins_of(account), *origins)))
    return evolve(account, account_id=account_id) if account_id.origins else account


def _origins_of(account: object) -> tuple[Origin, ...]:
    account_id = getattr(account, "account_id", None)
    return account_id.origins if isinstance(account_id, ListedId) else ()


def origins_of(given: object, accounts: Iterable[object]) -> list[Origin]:
    """Return the lists that some accounts were read from, as far as there is anything to say of them."""
    origins = dict.fromkeys(given.origins if isinstance(given, AccountList) else ())
    origins.update(dict.fromkeys(one for account in accounts for one in _origins_of(account)))
    return list(origins)


class AccountList(list[Account]):
    """Accounts that were read from lines, with what could not be read.

    A plan that is made of them removes no members while there are `problems`, because a line that could not be read may
    be one of theirs. That is so for any list with any of these accounts or their copies, such as a sorted, filtered or
    unpickled one; only an `Account` that is made anew is not known to be from this list.

    Attributes:
        problems: the lines that are not accounts.
        notes: the lines that were read with a change.
        inactive: the accounts that the list of AWS Organizations says are not active, with their states. They are not
            in this list; a plan neither adds nor removes them.
    """

    def __init__(
        self,
        accounts: Iterable[Account] = (),
        problems: Iterable[LineProblem] = (),
        notes: Iterable[LineProblem] = (),
        inactive: Mapping[str, str] | None = None,
    ) -> None:
        self.problems = tuple(problems)
        self.notes = tuple(notes)
        self.inactive = dict(inactive or {})
        #: Of it and of lists that were added to it.
        self.origins: tuple[Origin, ...] = ()
        if self.problems or self.inactive:
            self.origins = (Origin(uuid4().hex, self.problems, self.inactive),)
        super().__init__(self._marked(accounts))

    def __add__(self, other: Iterable[Account], /) -> "AccountList":  # type: ignore[override] # of any accounts
        """Join it with other accounts; what could not be read of either is kept."""
        joined = self[:]
        joined.extend(other)
        return joined

    def __radd__(self, other: Iterable[Account], /) -> "AccountList":
        """Join it with accounts before it."""
        return AccountList(other) + self

    def __iadd__(self, other: Iterable[Account], /) -> Self:  # type: ignore[override] # as `list`, for accounts only
        """Add other accounts; what could not be read of them is kept."""
        self.extend(other)
        return self

    def extend(self, other: Iterable[Account], /) -> None:
        """Add other accounts; what could not be read of them is kept."""
        super().extend(other)
        if isinstance(other, AccountList):
            self.problems += other.problems
            self.notes += other.notes
            self.inactive |= other.inactive
            self.origins = tuple(dict.fromkeys((*self.origins, *other.origins)))
            self[:] = list(self._marked(self))

    def _marked(self, accounts: Iterable[Account]) -> Iterable[Account]:
        return (_listed(account, self.origins) for account in accounts)

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Account: ...
    @overload
    def __getitem__(self, index: slice, /) -> "AccountList": ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> "Account | AccountList":
        if isinstance(index, slice):
            part = AccountList(super().__getitem__(index))
            vars(part).update(vars(self))
            return part
        return super().__getitem__(index)


def read_accounts(lines: Iterable[str]) -> tuple[AccountList, list[LineProblem]]:
    """Read accounts from lines such as `123456789012,root@example.com`.

    A line of headings is optional. With one, the columns of account id and e-mail address are found by their names, as
    in the files of the Detective console (`Account ID,Email address`) and of AWS Organizations, whose accounts that are
    not active become `inactive`; without, they are the first two. Further columns and blank lines are skipped; a byte
    order mark, white space, quotes, any kind of line end, dashes in account ids, and semicolons or tabs instead of
    commas are accepted. An invalid line does not prevent the others from being read, except for headings that do not
    name both columns among several.

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
    if not isinstance(lines, Iterable):
        raise ParameterError("lines", f"expected an open text file, got {type(lines).__name__}")
    reader = _Reader()
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, str):
            raise ParameterError("lines", f"expected text, got {type(line).__name__}: open the file in text mode")
        text = (line.removeprefix(_BOM) if number == 1 else line).strip()
        # Spreadsheets write blank rows as commas and quotes only.
        if text.strip(',;\t "'):
            reader.read(text, number)
    return AccountList(reader.accounts, reader.problems, reader.notes, reader.inactive), list(reader.problems)


class _BadLineError(Exception):
    """A line is invalid; the text says why."""


class _Reader:
    """Reads one line after the other."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.problems: list[LineProblem] = []
        self.notes: list[LineProblem] = []
        self.inactive: dict[str, str] = {}
        # Account id, or address in lower case -> its line.
        self._seen: dict[str, int] = {}
        self._is_readable = True
        self._is_first = True
        # The columns of account id and e-mail address, and what is between columns: the first line that has one says.
        self._columns = (0, 1)
        self._state_column: int | None = None
        self._separator: str | None = None

    def read(self, text: str, number: int) -> None:
        if self._is_first and (named := _NAMED_SEPARATOR.fullmatch(text)):
            # White space at the end of the line is gone.
            self._separator = named[1] or "\t"
            return
        is_first, self._is_first = self._is_first, False
        if not self._is_readable:
            return
        try:
            if self._separator is None and (found_separator := _SEPARATOR.search(text)):
                self._separator = found_separator[0]
            columns = _split(text, self._separator or ",")
            if is_first and _is_headings(columns):
                self._read_headings(columns)
            else:
                self._read_account(columns, number)
        except _BadLineError as problem:
            self.problems.append(LineProblem(number, str(problem)))

    def _read_headings(self, headings: Sequence[str]) -> None:
        names = list(map(_heading_name, headings))
        account_id, address = _index_of(_ID_HEADINGS, names), _index_of(_ADDRESS_HEADINGS, names)
        if len(headings) == _COLUMNS and (account_id, address) != (None, None):
            # The other one of two columns, if only one has a name that is known.
            account_id = 1 - (address or 0) if account_id is None else account_id
            address = 1 - account_id if address is None else address
        if account_id is None or address is None:
            # Another column may have addresses, too, such as those of owners.
            self._is_readable = False
            missing = "account ids" if account_id is None else "e-mail addresses"
            name = "Account ID" if account_id is None else "Email address"
            raise _BadLineError(f"no heading says which column has the {missing}: name it {name!r}; no line is read")
        self._columns = account_id, address
        self._state_column = _index_of(_STATE_HEADINGS, names)

    def _read_account(self, columns: Sequence[str], number: int) -> None:
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
            raise _BadLineError(f"account {account_id} is on line {first} too")
        if state := self._inactive_state(columns):
            self.inactive[account_id] = state
            return
        try:
            EMAIL_ADDRESS(address, "e-mail address")
        except ParameterError as error:
            raise _BadLineError(str(error)) from None
        if _NOT_IN_ADDRESS.search(address) or not address.isprintable():
            raise _BadLineError("expected one e-mail address and nothing else, without white space or invisible marks")
        first = self._seen.setdefault(address.casefold(), number)
        if first != number:
            raise _BadLineError(f"the e-mail address of account {account_id} is on line {first} too")
        self.accounts.append(Account(account_id, address))

    def _inactive_state(self, columns: Sequence[str]) -> str | None:
        if self._state_column is None or self._state_column >= len(columns):
            return None
        state = re.sub(r"[\s-]+", "_", columns[self._state_column].upper())
        return state if state in _INACTIVE else None


def _split(text: str, separator: str) -> list[str]:
    try:
        columns = next(csv.reader([text], delimiter=separator, skipinitialspace=True))
    except csv.Error as error:
        raise _BadLineError(f"not CSV: {error}") from None
    return [column.strip() for column in columns]


def _is_headings(columns: Sequence[str]) -> bool:
    """Return whether a first line has names of columns, and not an account or a text."""
    if len(columns) < _COLUMNS or any("@" in column or _ONLY_DIGITS.fullmatch(column) for column in columns):
        return False
    names = list(map(_heading_name, columns))
    has_known = any(_index_of(known, names) is not None for known in (_ID_HEADINGS, _ADDRESS_HEADINGS))
    # Of two columns, none is taken for the other one.
    return has_known or (len(columns) > _COLUMNS and not any(map(str.isdigit, "".join(columns))))


def _heading_name(column: str) -> str:
    """Return a heading in lower case and letters only; empty if it has digits, as of an account id in words."""
    return "" if any(map(str.isdigit, column)) else _NO_LETTERS.sub("", column.lower())


def _index_of(known: Iterable[str], names: Sequence[str]) -> int | None:
    """Return the column with the first of some names."""
    return next((names.index(name) for name in known if name in names), None)


def _check_id(value: str) -> None:
    try:
        ACCOUNT_ID(value, "account id")
    except ParameterError:
        problem = "expected an account id of 12 digits in the first column"
    else:
        return
    if _ROUNDED.fullmatch(value):
        problem = (
            f"{problem}, got a number that a spreadsheet has rounded: format the column as text, and fill it again"
        )
    elif value.isascii() and value.isdigit():
        problem = f"{problem}, got {len(value)}"
        if len(value) < _DIGITS:
            problem = f"{problem}: spreadsheets drop leading zeros"
    raise _BadLineError(problem)
