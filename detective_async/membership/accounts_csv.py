"""Reads accounts from the CSV format of AWS's multi-account script for Detective."""

import csv
from collections.abc import Iterable

from attrs import frozen

from detective_async.api.models.constraints import ACCOUNT_ID, EMAIL_ADDRESS
from detective_async.api.models.members import Account
from detective_async.errors import ParameterError

_COLUMNS = 2
_DIGITS = 12
_BOM = "\ufeff"


@frozen
class LineProblem:
    """A line that is not an account.

    Attributes:
        line: its number, from 1.
        text: what is wrong with it; never contains an e-mail address.
    """

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


def read_accounts(lines: Iterable[str]) -> tuple[list[Account], list[LineProblem]]:
    """Read accounts from lines such as `123456789012,root@example.com`, the format of AWS's script.

    Blank lines are skipped; a byte order mark, white space, quotes and any kind of line end are accepted. An invalid
    line does not prevent the others from being read.

    Args:
        lines: a file opened in text mode, or `text.splitlines()`.

    Returns:
        The accounts in their order, and the problems of invalid lines; check both.

    Raises:
        ParameterError: `lines` are not lines of text.
    """
    if isinstance(lines, str | bytes):
        raise ParameterError("lines", "expected an open text file, or text.splitlines(), got one piece of text")
    accounts: list[Account] = []
    problems: list[LineProblem] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, str):
            raise ParameterError("lines", f"expected text, got {type(line).__name__}: open the file in text mode")
        text = (line.removeprefix(_BOM) if number == 1 else line).strip()
        # Spreadsheets write blank rows as commas and quotes only.
        if not text.strip(', "'):
            continue
        try:
            accounts.append(_read(text, number, seen))
        except _BadLineError as problem:
            problems.append(LineProblem(number, str(problem)))
    return accounts, problems


class _BadLineError(Exception):
    """A line is invalid; the text says why."""


def _read(text: str, number: int, seen: dict[str, int]) -> Account:
    try:
        columns = [column.strip() for column in next(csv.reader([text], skipinitialspace=True))]
    except csv.Error as error:
        raise _BadLineError(f"not CSV: {error}") from None
    if len(columns) != _COLUMNS:
        raise _BadLineError(
            f"expected 2 columns with a comma between, account id and e-mail address, got {len(columns)}"
        )
    account_id, address = columns
    _check_id(account_id)
    first = seen.setdefault(account_id, number)
    if first != number:
        raise _BadLineError(f"account {account_id} is there already, on line {first}")
    try:
        EMAIL_ADDRESS(address, "e-mail address")
    except ParameterError as error:
        raise _BadLineError(str(error)) from None
    return Account(account_id, address)


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
