"""What the figures are held against."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from report import table


@dataclass(frozen=True)
class Target:
    """A limit that a figure is to keep.

    Attributes:
        what: what the figure is, for readers.
        figure: takes it out of the results of its measurement; a KeyError means that somebody was absent.
        limit: the most that it may be.
        unit: what both are in.
        at_least: whether the limit is the least that it may be, instead.
    """

    what: str
    figure: Callable[[Mapping[str, Any]], float]
    limit: float
    unit: str
    at_least: bool = False

    def judge(self, results: Mapping[str, Any]) -> list[str]:
        """Give a row of the table: what, figure, target, and whether it is met."""
        limit = f"{'at least' if self.at_least else 'at most'} {self.limit:,g} {self.unit}"
        try:
            figure = self.figure(results)
        except KeyError:
            return [self.what, "not measured", limit, ""]
        met = figure >= self.limit if self.at_least else figure <= self.limit
        return [self.what, f"{figure:,.{_digits(figure)}f} {self.unit}", limit, "met" if met else "missed"]


def verdicts(targets: Sequence[tuple[Target, Mapping[str, Any]]]) -> str:
    """Give the table of all targets, each with the results of its measurement."""
    return table(["figure", "measured", "target", ""], [target.judge(results) for target, results in targets])


def _digits(figure: float) -> int:
    """Give three digits that count, whatever the size."""
    return 0 if figure >= 100 else 1 if figure >= 10 else 2
