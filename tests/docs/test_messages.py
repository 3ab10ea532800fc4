"""The page of messages: it explains every message in the source, and has no row without one."""

import enum
from collections import defaultdict
from functools import cache

import pytest

from detective_async import ServiceError
from detective_async.cli import exits
from detective_async.client.regions import NOT_OPTED_IN, UNKNOWN_KEYS
from detective_async.coverage import CoverageReason, RegionState
from detective_async.fleet import OutcomeKind
from detective_async.investigation import SkipReason
from detective_async.membership import Reason
from docs.messages import HOLE, Message, Row, Source, is_opaque, read_rows
from docs.pages import DOCS

pytestmark = pytest.mark.once

PAGE = DOCS / "reference" / "messages.md"
#: Section -> what gets the messages that it explains.
SECTIONS = {
    "ParameterError": {"ParameterError"},
    "ConfigurationError": {"ConfigurationError"},
    "What is wrong with a proxy": {"_ProxyError"},
    "What is wrong with a config file": {"SharedFileError"},
    "CredentialsError and AssumeRoleError": {"CredentialsError", "AssumeRoleError"},
    "TransportError": {"NoResponse", "ConnectError", "ConnectionLost", "AttemptTimeout", "DeadlineExceeded"},
    "DecodeError": {"MismatchError", "DecodeError"},
    "PaginationError, WaiterTimeout and ClientClosed": {"PaginationError", "WaiterTimeout", "ClientClosed"},
    "TypeError, ValueError, RuntimeError and ImportError": {"TypeError", "ValueError", "RuntimeError", "ImportError"},
    "Problem answers of aiohttp_web and asgi": {"ProblemError", "Problem", "ConnectionAbortedError"},
    "Plans and reports": {"Blocked", "Failure", "Note", "Problem", "StoppedError", "end", "give_up"},
    "Lines of a list of accounts": {"_BadLineError", "LineProblem"},
    "The command": {"CommandError", "UsageError", "BadParameter"},
    "Log lines and warnings": {"warning", "warn_explicit"},
}
#: Section -> the values that it explains.
VALUES: dict[str, tuple[type[enum.StrEnum], ...]] = {
    "Plans and reports": (Reason,),
    "Coverage and fleets": (CoverageReason, RegionState, OutcomeKind),
    "Entities of findings": (SkipReason,),
}
#: Where a text is only passed on, or where nobody sees it.
PASSED_ON = {
    # The dates of credentials: caught where they are read.
    ("api/expiration.py", "ValueError"),
    ("api/wire/responses.py", "DecodeError"),
    ("cli/account_lists.py", "CommandError"),
    ("cli/coverage_run.py", "CommandError"),
    ("cli/coverage_run.py", "ConfigurationError"),
    ("cli/inventory_run.py", "CommandError"),
    ("cli/investigate_run.py", "CommandError"),
    ("cli/exits.py", "CommandError"),
    ("cli/options.py", "CommandError"),
    ("cli/words.py", "CommandError"),
    ("http/exchange.py", "NoResponse"),
    # aiohttp's own texts.
    ("integrations/aiohttp_web/problem.py", "Problem"),
    ("integrations/web/problem.py", "warning"),
    # The end of a span.
    ("integrations/opentelemetry/hook.py", "end"),
    ("membership/accounts.py", "LineProblem"),
    ("membership/apply.py", "Problem"),
    ("membership/changes.py", "end"),
    ("membership/accounts.py", "_BadLineError"),
    ("membership/decisions.py", "Blocked"),
    ("membership/desired.py", "ParameterError"),
    ("membership/region_plans.py", "Problem"),
    ("membership/states.py", "end"),
}
ROWS = read_rows(PAGE)


@cache
def messages() -> list[Message]:
    """Return the messages: finding them takes seconds, which an import would add to the start of every test process."""
    return list(Source.read().messages())


def row_of(message: Message) -> Row | None:
    """Return the row that explains a message: of those that match, the one that leaves the least open."""
    sections = [name for name, kinds in SECTIONS.items() if message.kind in kinds]
    rows = [row for row in ROWS if row.section in sections and row.matches(message.text.replace(HOLE, "\N{BULLET}"))]
    return max(rows, key=lambda row: row.words, default=None)


def codes() -> set[str]:
    """Return the error codes that the library knows."""
    modelled = {
        kind.__name__ for kind in ServiceError.__subclasses__() if kind.__module__.startswith("detective_async")
    }
    return modelled | exits._REMEDIES.keys() | NOT_OPTED_IN | {UNKNOWN_KEYS, "AccessDenied"}


def test_every_message_is_explained() -> None:
    """Each message in the source has a row in the section of its class."""
    missing = [message for message in messages() if not is_opaque(message.text) and row_of(message) is None]
    assert not missing, "\n".join(f"{one.where} {one.kind}: {one.text.replace(HOLE, '...')}" for one in missing)
    assert len(messages()) > 200


def test_every_value_and_code_is_explained() -> None:
    """Each reason, state and kind, and each error code that the library knows, has a row."""
    explained = defaultdict(set)
    for row in ROWS:
        explained[row.section].add(row.text)
    for section, enums in VALUES.items():
        assert {str(value) for kind in enums for value in kind} <= explained[section], section
    assert codes() == explained["ServiceError"]


def test_every_row_explains_something() -> None:
    """A row that matches no message and no value is out of date."""
    used = {row_of(message) for message in messages()}
    values = {(section, str(value)) for section, enums in VALUES.items() for kind in enums for value in kind}
    values |= {("ServiceError", code) for code in codes()}
    unused = [row for row in ROWS if row not in used and (row.section, row.text) not in values]
    assert not unused, "\n".join(f"{row.section}: {row.text}" for row in unused)


def test_the_messages_that_cannot_be_read_are_known() -> None:
    """Where the source only passes a text on, it is found where it is made; a new such place has to be looked at."""
    assert {(one.where.partition(":")[0], one.kind) for one in messages() if is_opaque(one.text)} == PASSED_ON
