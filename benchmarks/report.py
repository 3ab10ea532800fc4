"""Figures and tables from the measured values: medians, spreads, and ratios within each round."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

#: A figure of every round, with its median and its extremes.
Spread = dict[str, Any]

#: contender -> one figure per round.
Rounds = Mapping[str, Sequence[float]]


def spread(figures: Sequence[float]) -> Spread:
    """Return the median and the extremes of a figure, and the figure of every round."""
    rounded = [round(figure, 3) for figure in figures]
    return {"median": round(median(figures), 3), "min": min(rounded), "max": max(rounded), "rounds": rounded}


def ratios(figures: Sequence[float], of: Sequence[float]) -> Spread:
    """Return the spread of the ratios of two figures, round by round: what slows down a whole round cancels out."""
    return spread([figure / other for figure, other in zip(figures, of, strict=True)])


def against(name: str, figures: Rounds, baseline: str) -> dict[str, dict[str, Spread]]:
    """Return the spread of a figure, and of its ratio to one contender's.

    Args:
        name: the name of the figure; the ratio's name has `ratio` in place of the unit after the last `_`.
        figures: the contenders' figures.
        baseline: the contender that the ratios refer to.
    """
    ratio = f"{name.rpartition('_')[0]}_ratio"
    return {
        contender: {name: spread(rounds), ratio: ratios(rounds, figures[baseline])}
        for contender, rounds in figures.items()
    }


def quotient(of: Mapping[str, Any], by: Mapping[str, Any]) -> float:
    """Return the median of the ratios of two contenders' figures, round by round."""
    median_of_rounds: float = ratios(of["rounds"], by["rounds"])["median"]
    return median_of_rounds


class Times:
    """The wall time and the CPU time of each contender, round by round.

    Args:
        unit: the unit of the times.
        contenders: the contenders, in the order of the tables.
    """

    def __init__(self, unit: str, contenders: Iterable[str]) -> None:
        self._unit = unit
        self._wall: dict[str, list[float]] = {contender: [] for contender in contenders}
        self._cpu: dict[str, list[float]] = {contender: [] for contender in self._wall}

    def add(self, contender: str, *, wall: float, cpu: float) -> None:
        """Add a round of a contender."""
        self._wall[contender].append(wall)
        self._cpu[contender].append(cpu)

    def beside(self, baseline: str) -> dict[str, dict[str, Spread]]:
        """Return the figures of each contender, and their ratios to the baseline's."""
        wall = against(f"wall_{self._unit}", self._wall, baseline)
        cpu = against(f"cpu_{self._unit}", self._cpu, baseline)
        return {contender: wall[contender] | cpu[contender] for contender in wall}


def cell(figures: Mapping[str, float], digits: int) -> str:
    """Return a median with its extremes."""
    return f"{figures['median']:,.{digits}f} ({figures['min']:,.{digits}f}-{figures['max']:,.{digits}f})"


def figures_table(contenders: Mapping[str, Mapping[str, Any]], columns: Sequence[tuple[str, str, int]]) -> str:
    """Return a table of contenders.

    Args:
        contenders: contender -> figures.
        columns: for each column a title, the figure's name, and the number of digits after the point.
    """
    rows = [
        [name, *(cell(figures[key], digits) if key in figures else "" for _, key, digits in columns)]
        for name, figures in contenders.items()
    ]
    return table(["", *(title for title, _, _ in columns)], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(text.ljust(width) for text, width in zip(line, widths, strict=True))} |" for line in lines
    )
