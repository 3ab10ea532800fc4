"""Lists of accounts: a file, standard input, or AWS Organizations. One reader for all subcommands."""

import codecs
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from detective_async.api.models.members import Account
from detective_async.cli.exits import CommandError
from detective_async.membership import LineProblem, read_accounts
from detective_async.organization import OrganizationAccount

STANDARD_INPUT = "-"
_SEPARATOR = re.compile("[,;\t]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP = b"\x1f\x8b"
#: Lines with a problem that are named.
_NAMED = 20


def read_text(name: str) -> str:
    """Return the content of a text file in UTF-8 or, as spreadsheets write it, UTF-16; `-` is standard input.

    Raises:
        OSError: it cannot be read.
        CommandError: it is not text.
    """
    content = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
    if content.startswith(_GZIP):
        raise CommandError(f"{named(name)}: it is compressed with gzip: decompress it first")
    try:
        # Files of spreadsheets start with a byte order mark.
        encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise CommandError(f"{named(name)}: expected text in UTF-8; save the file in UTF-8") from None


def read_members(name: str) -> tuple[list[Account], list[LineProblem]]:
    """Read accounts with their e-mail addresses, and the problems of the other lines.

    Raises:
        OSError: the file cannot be read.
        CommandError: it has no accounts, and no lines that should be some.
    """
    accounts, problems = read_accounts(read_text(name).splitlines())
    if not accounts and not problems:
        raise CommandError(f"{named(name)}: there are no accounts in it")
    return accounts, list(problems)


def read_ids(name: str, say: Callable[[str], Any] = str) -> list[str]:
    """Read account ids, one a line, with or without e-mail addresses as in the files of Detective's console.

    Args:
        name: the file.
        say: called with what was read with a change.

    Raises:
        OSError: the file cannot be read.
        CommandError: it has no account ids, or something else.
    """
    accounts, problems = read_accounts(_with_addresses(read_text(name).splitlines()))
    if problems:
        raise CommandError("; ".join(describe(name, problems)))
    if not accounts:
        raise CommandError(f"{named(name)}: there are no account ids in it")
    if accounts.notes:
        say("\n".join(describe(name, accounts.notes)))
    return [account.account_id for account in accounts]


def describe(name: str, problems: Sequence[LineProblem]) -> list[str]:
    """Return what is wrong with the lines of a list, without their content."""
    texts = [f"{named(name)}, line {problem.line}: {problem.text}" for problem in problems[:_NAMED]]
    return [*texts, f"and {len(problems) - _NAMED:,} more lines"] if len(problems) > _NAMED else texts


def active_ids(accounts: Iterable[OrganizationAccount], say: Callable[[str], Any]) -> list[str]:
    """Return the ids of active accounts, and name the others."""
    active = [account.account_id for account in accounts if account.ok]
    for account in accounts:
        if not account.ok:
            say(f"left out: account {account.account_id}, which is {account.status}")
    return active


def _with_addresses(lines: Sequence[str]) -> Iterator[str]:
    """Give each line that has an account id only an address, which the reader of accounts expects."""
    separator = next((found[0] for line in lines if (found := _SEPARATOR.search(line.strip()))), ",")
    for line in lines:
        account_id, *rest = _SEPARATOR.split(line.strip(), maxsplit=1)
        has_more = bool(rest) and bool(rest[0].strip(',;\t" '))
        yield line if not account_id or has_more else f"{account_id}{separator}{_address_for(account_id)}"


def _address_for(account_id: str) -> str:
    """Return an address, which is sent to nobody; each account has another one."""
    digits = "".join(filter(str.isdigit, account_id))
    # Without a digit, it may be the heading of the column, which the reader knows.
    return f"{digits}@example.invalid" if digits else ""


def named(name: str) -> str:
    """Return how messages name a file."""
    return "standard input" if name == STANDARD_INPUT else name
