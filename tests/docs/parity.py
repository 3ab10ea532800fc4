"""The page about the simulator's parity with AWS, from the data beside the operations: `make parity` writes it."""

from collections.abc import Callable
from typing import Any

from detective_async.testing.services import detective, organizations, sts
from detective_async.testing.services.parity import API, COMMON, Fact, Parity, parity_of
from docs.pages import DOCS

PAGE = DOCS / "reference" / "parity.md"
#: Service -> its operations, and the beginning of the addresses of their pages in the API reference.
SERVICES: dict[str, tuple[dict[str, Callable[..., Any]], str]] = {
    "Amazon Detective": (detective.OPERATIONS, "https://docs.aws.amazon.com/detective/latest/APIReference/API_"),
    "AWS Security Token Service": (sts.OPERATIONS, "https://docs.aws.amazon.com/STS/latest/APIReference/API_"),
    "AWS Organizations": (
        organizations.OPERATIONS,
        "https://docs.aws.amazon.com/organizations/latest/APIReference/API_",
    ),
}

_HEADING = """\
<!-- `make parity` writes this page, from the data beside the operations of the simulator. -->

# What the simulator models

For each operation: what is modelled, where that comes from, and what is missing. "API" is the operation's page in AWS's
reference, "seen on AWS" a report of what happened there, and "inferred" what no source settles: there the simulator
decides, and AWS may do something else.
"""


def page() -> str:
    """Return the page."""
    parts = [_HEADING, _section("## All operations", COMMON, "")]
    for service, (operations, address) in SERVICES.items():
        parts.append(f"## {service}\n")
        for name, function in sorted(operations.items()):
            entry = parity_of(function)
            if entry is not None:
                parts.append(_section(f"### {name}", entry, f"{address}{name}.html"))
    return "\n".join(parts)


def _section(heading: str, entry: Parity, reference: str) -> str:
    lines = [heading, ""]
    lines += [f"- {fact.text} ({_source(fact, reference)})" for fact in entry.facts]
    lines += [f"- Missing: {gap}" for gap in entry.gaps]
    return "\n".join([*lines, ""])


def _source(fact: Fact, reference: str) -> str:
    url = reference if fact.source == API else fact.source.url
    return f"[{fact.source.title}]({url})" if url else fact.source.title


if __name__ == "__main__":
    PAGE.write_text(page())
