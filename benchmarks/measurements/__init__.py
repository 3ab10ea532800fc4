"""The measurements: one module each, with the procedure, the table, and the targets for the figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contenders import BASELINE, Contender
from report import quotient
from targets import Target


@dataclass(frozen=True)
class Plan:
    """The size of a run.

    Attributes:
        quick: whether the run is only to check that everything works.
        rounds: the number of rounds that count; None for each measurement's own number.
        chosen: whether a contender takes part: it is installed and was asked for.
    """

    quick: bool
    rounds: int | None
    chosen: Callable[[Contender], bool]

    def size(self, full: int, quick: int) -> int:
        """Return the size for a full or a quick run."""
        return quick if self.quick else full

    def rounds_of(self, full: int) -> int:
        """Return the number of rounds that count."""
        return self.rounds or self.size(full, 2)

    def among(self, contenders: Sequence[Contender]) -> list[Contender]:
        """Return the contenders that take part; the baseline always does."""
        return [one for one in contenders if one.name == BASELINE.name or self.chosen(one)]


@dataclass(frozen=True)
class Measurement:
    """A measurement.

    Attributes:
        name: the name on the command line.
        title: the beginning of what its table is introduced with.
        measure: runs it, and returns the results as JSON has them.
        show: returns the results in Markdown.
        targets: the limits that the figures are compared with.
    """

    name: str
    title: str
    measure: Callable[[Plan], dict[str, Any]]
    show: Callable[[Mapping[str, Any]], str]
    targets: tuple[Target, ...]


def median_of(contender: str, figure: str) -> Callable[[Mapping[str, Any]], float]:
    """Return a function that reads a contender's median from a measurement's results."""

    def read(results: Mapping[str, Any]) -> float:
        median: float = results["contenders"][contender][figure]["median"]
        return median

    return read


def quotient_of(contender: str, by: str, figure: str) -> Callable[[Mapping[str, Any]], float]:
    """Return a function that computes the median ratio of one contender's figure to another's from the results."""

    def read(results: Mapping[str, Any]) -> float:
        contenders = results["contenders"]
        return quotient(contenders[contender][figure], by=contenders[by][figure])

    return read
