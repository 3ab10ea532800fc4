"""The page about the simulator's parity with AWS: it is complete and current."""

import pytest

from detective_async.testing.services.parity import COMMON, INFERRED, parity_of
from docs.parity import PAGE, SERVICES, page

OPERATIONS = [(service, name) for service, (operations, _) in SERVICES.items() for name in operations]


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_every_operation_has_an_entry(service: str, name: str) -> None:
    """It says what is modelled of the operation, in sentences."""
    entry = parity_of(SERVICES[service][0][name])
    assert entry is not None
    assert entry.facts
    for text in (*(fact.text for fact in entry.facts), *entry.gaps):
        assert text.endswith(".")


def test_the_page_is_current() -> None:
    """`make parity` writes it from the entries."""
    assert PAGE.read_text() == page()


def test_the_page_names_each_source() -> None:
    """Facts have a link, are inferred, or were seen; those that are inferred are no small part, and are marked."""
    text = page()
    assert text.count("(inferred)") > 10
    assert INFERRED.url is None
    assert all(fact.text in text for fact in COMMON.facts)
    assert text.count("](https://") > 50
    # Whoever doubts what somebody has seen can look it up.
    assert "(seen on AWS" not in text
    assert "([seen on AWS in 2020](https://" in text
