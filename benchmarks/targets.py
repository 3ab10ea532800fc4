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
        column: the heading of the figure in the table of every Python; None if it is not there.
    """

    what: str
    figure: Callable[[Mapping[str, Any]], float]
    limit: float
    unit: str
    at_least: bool = False
    column: str | None = None

    def judge(self, results: Mapping[str, Any]) -> tuple[str, str]:
        """Return the figure, and whether the target is met."""
        try:
            figure = self.figure(results)
        except KeyError:
            return "not measured", ""
        met = figure >= self.limit if self.at_least else figure <= self.limit
        return f"{figure:,.{_digits(figure)}f} {self.unit}", "met" if met else "missed"

    @property
    def wanted(self) -> str:
        """The limit, for readers."""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:,g} {self.unit}"


def verdicts(targets: Sequence[tuple[Target, Mapping[str, Any]]]) -> str:
    """Return the table of all targets, each with the results of its measurement."""
    rows: list[list[str]] = []
    for target, results in targets:
        figure, verdict = target.judge(results)
        rows.append([target.what, figure, target.wanted, verdict])
    return table(["figure", "measured", "target", ""], rows)


def by_python(targets: Sequence[tuple[str, Target]], runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of every Python: a row for each run, a column for each target.

    Args:
        targets: the name of the measurement, and the target.
        runs: the results of a run with each Python.
    """
    rows = [["", *(target.wanted for _, target in targets)]]
    for run in runs:
        judged = [target.judge(run["measurements"].get(name, {})) for name, target in targets]
        cells = [f"**{figure}**" if verdict == "missed" else figure for figure, verdict in judged]
        rows.append([run["python"], *cells])
    return table(["", *(str(target.column) for _, target in targets)], rows)


def _digits(figure: float) -> int:
    """Return the number of digits after the point, for about three significant digits."""
    return 0 if figure >= 100 else 1 if figure >= 10 else 2
