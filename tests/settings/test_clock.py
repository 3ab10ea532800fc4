"""The clock."""

import pytest

from detective_async import Clock


class Fixed:
    """A function with a short repr."""

    def __call__(self) -> float:
        return 0.5

    def __repr__(self) -> str:
        return "half"


@pytest.mark.parametrize(("clock", "text"), [(Clock(), "Clock()"), (Clock(random=Fixed()), "Clock(random=half)")])
def test_repr(clock: Clock, text: str) -> None:
    """It shows what was replaced, as the signatures in the reference do."""
    assert repr(clock) == text
