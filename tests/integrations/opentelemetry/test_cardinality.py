"""The limits to the cardinality of metrics."""

from detective_async.integrations.opentelemetry.cardinality import BoundedValues, LowestQuotas


def test_bounded_values() -> None:
    """Values beyond the limit become `_OTHER`; earlier ones remain."""
    values = BoundedValues()
    first = [f"code {number}" for number in range(100)]
    assert [values.bound(value) for value in first] == first
    assert values.bound("one more") == "_OTHER"
    assert [values.bound(value) for value in first] == first


def test_lowest_quota() -> None:
    """It is the lowest of the accounts with less than a full quota."""
    levels = LowestQuotas()
    assert levels.lowest("here", "one", 100) == 100
    assert levels.lowest("here", "two", 300) == 100
    assert levels.lowest("there", "three", 500) == 500
    assert levels.lowest("here", "one", 500) == 300
    assert levels.lowest("here", "two", 500) == 500


def test_number_of_accounts() -> None:
    """The latest 256 accounts per region are remembered."""
    levels = LowestQuotas()
    levels.lowest("here", "first", 1)
    levels.lowest("here", "second", 2)
    levels.lowest("here", "first", 1)
    found = [levels.lowest("here", str(number), 400) for number in range(256)]
    assert found == [1] * 255 + [400]


def test_accounts_with_a_full_quota() -> None:
    """They do not evict others."""
    levels = LowestQuotas()
    levels.lowest("here", "drained", 1)
    assert {levels.lowest("here", str(number), 500) for number in range(300)} == {1}
