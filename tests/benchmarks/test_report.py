"""Figures and tables: medians, spreads, ratios, and the verdict on a target."""

import pytest
from measurements import median_of
from report import against, cell, figures_table, quotient, ratios, spread
from targets import Target, by_python, verdicts

pytestmark = pytest.mark.once


def test_a_spread_has_the_median_and_the_extremes() -> None:
    """The order of the rounds does not matter, and is kept."""
    assert spread([3, 1, 10]) == {"median": 3, "min": 1, "max": 10, "rounds": [3, 1, 10]}


def test_a_ratio_is_taken_within_its_round() -> None:
    """A round that is slow for both has no more weight than another one; the ratio of the medians would be 1."""
    assert ratios([2, 20, 4], of=[1, 10, 4])["rounds"] == [2, 2, 1]
    assert ratios([2, 20, 4], of=[1, 10, 4])["median"] == 2


def test_ratios_of_unequal_rounds_are_refused() -> None:
    """A round that one contender lacks cannot be paired."""
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], of=[1])


def test_every_contender_is_compared_with_the_baseline() -> None:
    """The ratio's name is the figure's name with another unit, and the baseline's own ratio is 1."""
    figures = against("cpu_us", {"bare": [100, 200], "ours": [150, 250]}, "bare")
    assert figures["bare"]["cpu_ratio"]["rounds"] == [1, 1]
    assert figures["ours"]["cpu_ratio"]["rounds"] == [1.5, 1.25]
    assert figures["ours"]["cpu_us"]["median"] == 200


def test_a_quotient_of_two_contenders_is_a_median_too() -> None:
    """It is taken round by round, like every ratio."""
    assert quotient(spread([100, 10, 30]), by=spread([10, 10, 10])) == 3


def test_a_cell_shows_the_median_and_the_extremes() -> None:
    """It has the requested number of digits, and separators of thousands."""
    assert cell(spread([1000.26, 1, 2000]), 1) == "1,000.3 (1.0-2,000.0)"


def test_a_table_of_figures_is_markdown() -> None:
    """It has a row for each contender, an empty cell for a missing figure, and aligned columns."""
    contenders = {"bare": {"cpu_us": spread([1])}, "ours": {"cpu_us": spread([2]), "wall_us": spread([30])}}
    assert figures_table(contenders, [("CPU", "cpu_us", 0), ("wall", "wall_us", 0)]).splitlines() == [
        "|      | CPU     | wall       |",
        "| ---- | ------- | ---------- |",
        "| bare | 1 (1-1) |            |",
        "| ours | 2 (2-2) | 30 (30-30) |",
    ]


@pytest.mark.parametrize(
    ("figure", "at_least", "said"),
    [
        (1.35, False, "met"),
        (1.36, False, "missed"),
        (1.35, True, "met"),
        (1.34, True, "missed"),
    ],
)
def test_a_target_is_met_up_to_its_limit(figure: float, at_least: bool, said: str) -> None:
    """The limit is the largest or the smallest allowed value."""
    results = {"contenders": {"ours": {"cpu_ratio": spread([figure])}}}
    target = Target("a call", median_of("ours", "cpu_ratio"), 1.35, "x", at_least=at_least)
    assert target.judge(results) == (f"{figure} x", said)
    assert target.wanted == f"at {'least' if at_least else 'most'} 1.35 x"


def test_a_target_of_an_absent_client_is_neither_met_nor_missed() -> None:
    """The table says "not measured"."""
    target = Target("beside another client", median_of("theirs", "cpu_ratio"), 2, "x")
    assert "not measured" in verdicts([(target, {"contenders": {}})])
    assert "met" not in verdicts([(target, {"contenders": {}})])


def test_every_python_has_a_row() -> None:
    """A missed target is in bold, and a measurement that a run lacks is said to be missing."""
    targets = [(name, Target(name, median_of("ours", "ratio"), 1.2, "x", column=name)) for name in ("call", "page")]
    runs = [
        {"python": f"3.{minor}", "measurements": {"call": {"contenders": {"ours": {"ratio": spread([ratio])}}}}}
        for minor, ratio in ((11, 1.1), (12, 1.3))
    ]
    assert by_python(targets, runs).splitlines() == [
        "|      | call          | page          |",
        "| ---- | ------------- | ------------- |",
        "|      | at most 1.2 x | at most 1.2 x |",
        "| 3.11 | 1.10 x        | not measured  |",
        "| 3.12 | **1.30 x**    | not measured  |",
    ]
