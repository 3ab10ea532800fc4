"""What keeps metrics few."""

from detective_async.integrations.opentelemetry.cardinality import BoundedValues, LowestQuotas


def test_values_beyond_the_bound_are_others() -> None:
    """Those that were known before stay known."""
    values = BoundedValues()
    first = [f"code {number}" for number in range(100)]
    assert [values.bound(value) for value in first] == first
    assert values.bound("one more") == "_OTHER"
    assert [values.bound(value) for value in first] == first


def test_an_account_that_has_recovered_counts_no_more() -> None:
    """The lowest level is that of those which have less than all."""
    levels = LowestQuotas()
    assert levels.lowest("here", "one", 100) == 100
    assert levels.lowest("here", "two", 300) == 100
    assert levels.lowest("there", "three", 500) == 500
    assert levels.lowest("here", "one", 500) == 300
    assert levels.lowest("here", "two", 500) == 500


def test_only_the_latest_accounts_are_remembered() -> None:
    """However many have retries, 256 of each place are kept; one that is heard of again counts as late."""
    levels = LowestQuotas()
    levels.lowest("here", "first", 1)
    levels.lowest("here", "second", 2)
    levels.lowest("here", "first", 1)
    found = [levels.lowest("here", str(number), 400) for number in range(256)]
    assert found == [1] * 255 + [400]


def test_accounts_that_have_all_take_no_room() -> None:
    """However many they are, the one that has less is not forgotten."""
    levels = LowestQuotas()
    levels.lowest("here", "drained", 1)
    assert {levels.lowest("here", str(number), 500) for number in range(300)} == {1}
