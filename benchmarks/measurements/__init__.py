"""What is measured: one module each, which knows how, what the table looks like, and what the figures have to keep."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contenders import BASELINE, Contender
from report import quotient
from targets import Target


@dataclass(frozen=True)
class Plan:
    """How much of everything there is to be.

    Attributes:
        quick: whether to see that everything works is enough.
        rounds: how many rounds count, whatever the measurement; None for each one's own number.
        chosen: whether a contender takes part: it is installed and wanted.
    """

    quick: bool
    rounds: int | None
    chosen: Callable[[Contender], bool]

    def size(self, full: int, quick: int) -> int:
        """Choose a size."""
        return quick if self.quick else full

    def rounds_of(self, full: int) -> int:
        """Choose a number of rounds."""
        return self.rounds or self.size(full, 2)

    def among(self, contenders: Sequence[Contender]) -> list[Contender]:
        """Choose who takes part; the baseline always does."""
        return [one for one in contenders if one.name == BASELINE.name or self.chosen(one)]


@dataclass(frozen=True)
class Measurement:
    """Something that is measured.

    Attributes:
        name: what it is called on the command line.
        title: what it is, for readers.
        measure: does so, and gives the results as JSON has them.
        show: gives the results in Markdown.
        targets: what they are held against.
    """

    name: str
    title: str
    measure: Callable[[Plan], dict[str, Any]]
    show: Callable[[Mapping[str, Any]], str]
    targets: tuple[Target, ...]


def median_of(contender: str, figure: str) -> Callable[[Mapping[str, Any]], float]:
    """Give what takes a contender's median out of a measurement's results."""

    def take(results: Mapping[str, Any]) -> float:
        median: float = results["contenders"][contender][figure]["median"]
        return median

    return take


def quotient_of(contender: str, by: str, figure: str) -> Callable[[Mapping[str, Any]], float]:
    """Give what takes the median of one contender's figure by another's out of a measurement's results."""

    def take(results: Mapping[str, Any]) -> float:
        contenders = results["contenders"]
        return quotient(contenders[contender][figure], by=contenders[by][figure])

    return take
