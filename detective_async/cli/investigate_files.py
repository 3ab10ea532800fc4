"""Reads what investigations are made of: findings as JSON, and ARNs as words or as the AWS CLI's JSON."""

import json
from collections.abc import Iterator
from typing import Any

from detective_async.cli.account_lists import named, read_text
from detective_async.cli.exits import CommandError
from detective_async.investigation.entities import is_entity
from detective_async.settings.arguments import shown


def read_findings(name: str) -> list[Any]:
    """Read findings: JSON values, one after the other, in any layout.

    Raises:
        OSError: the file cannot be read.
        CommandError: it is not JSON.
    """
    found = list(_values(read_text(name), f"{named(name)}: expected findings as JSON"))
    if not found:
        raise CommandError(f"{named(name)}: expected findings as JSON: there is nothing in it")
    return found


def read_arns(name: str) -> list[str]:
    """Read ARNs of users and roles: words with white space between, or JSON that has them, such as the AWS CLI's.

    Raises:
        OSError: the file cannot be read.
        CommandError: it has something else, or none.
    """
    text = read_text(name)
    if text.lstrip()[:1] in ("{", "[", '"'):
        found = list(_arns_in(list(_values(text, f"{named(name)}: expected ARNs, as words or in JSON"))))
    else:
        # Not at the separators of lines that Unicode knows beside it.
        lines = text.split("\n")
        found = [word for number, line in enumerate(lines, 1) for word in _words(line, f"{named(name)}, line {number}")]
    if not found:
        raise CommandError(f"{named(name)}: there are no ARNs of IAM users or roles in it")
    return found


def _words(line: str, where: str) -> list[str]:
    words = line.split()
    for word in words:
        if not is_entity(word):
            raise CommandError(f"{where}: expected ARNs of IAM users or roles, got {shown(word)}")
    return words


def _arns_in(value: Any) -> Iterator[str]:
    """Yield the ARNs of users and roles that JSON has in lists, or as members `Arn`, as IAM's answers have them."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, dict):
            # Others are of policies, or of instance profiles.
            waiting += [item for key, item in reversed(one.items()) if key == "Arn" or isinstance(item, list | dict)]
        elif isinstance(one, str) and is_entity(one):
            yield one


def _values(text: str, problem: str) -> Iterator[Any]:
    """Yield the JSON values in a text."""
    decoder, position = json.JSONDecoder(), 0
    while (position := _next(text, position)) < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except RecursionError:
            raise CommandError(f"{problem}: nested too deeply") from None
        except ValueError as error:
            # It has the position, and nothing of the content.
            raise CommandError(f"{problem}: {error}") from None
        yield value


def _next(text: str, position: int) -> int:
    """Return where the next value begins."""
    while position < len(text) and text[position].isspace():
        position += 1
    return position
