"""The targets: limits for the figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from report import table


@dataclass(frozen=True)
class Target:
    """A limit for a figure.

    Attributes:
        what: the name of the figure, for readers.
        figure: reads the figure from the results of its measurement; a KeyError means that a contender was absent.
        limit: the largest allowed value.
        unit: the unit of figure and limit.
        at_least: whether the limit is the smallest allowed value instead.
    """

    what: str
    figure: Callable[[Mapping[str, Any]], float]
    limit: float
    unit: str
    at_least: bool = False

    def judge(self, results: Mapping[str, Any]) -> list[str]:
        """Return a row of the table: name, figure, target, and whether the target is met."""
        limit = f"{'at least' if self.at_least else 'at most'} {self.limit:,g} {self.unit}"
        try:
            figure = self.figure(results)
        except KeyError:
            return [self.what, "not measured", limit, ""]
        met = figure >= self.limit if self.at_least else figure <= self.limit
        return [self.what, f"{figure:,.{_digits(figure)}f} {self.unit}", limit, "met" if met else "missed"]


def verdicts(targets: Sequence[tuple[Target, Mapping[str, Any]]]) -> str:
    """Return the table of all targets, each with the results of its measurement."""
    return table(["figure", "measured", "target", ""], [target.judge(results) for target, results in targets])


def _digits(figure: float) -> int:
    """Return the number of digits after the point, for about three significant digits."""
    return 0 if figure >= 100 else 1 if figure >= 10 else 2
