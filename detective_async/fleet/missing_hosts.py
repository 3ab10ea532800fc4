"""Decides what it means that the host of a region does not exist."""

from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import evolve

from detective_async.fleet.outcomes import Outcome, OutcomeKind

#: Outcomes that wait for a decision. A run whose resolver knows no names would otherwise keep all of its targets.
_MAX_HELD = 2_000


class MissingHosts(set[str]):
    """The outcomes of one run whose targets' hosts do not exist.

    A name that the resolver does not know is no region without Detective if the resolver knows no names of AWS at all:
    in a network whose way out is a proxy, with a private DNS, or offline. So these outcomes are held until the host of
    another region has responded in the same run. Then the region is unavailable. If none responds, they are failures.

    As a set, it has the hosts that have responded. It is one, rather than to have one that would refer back to it: a
    reference cycle.

    Args:
        publish: called with the outcomes that were held, once they are decided.
    """

    def __init__(self, publish: Callable[[Outcome[Any]], object]) -> None:
        super().__init__()
        self._publish = publish
        self._held: deque[Outcome[Any]] = deque()
        self._is_unreliable = False

    def add(self, host: str) -> None:
        """Add a host that has responded."""
        super().add(host)
        while self._held:
            self._publish(evolve(self._held.popleft(), kind=OutcomeKind.REGION_UNAVAILABLE))

    def decide(self, outcome: Outcome[Any], host: str) -> Outcome[Any] | None:
        """Return the outcome with its kind; None if it is held.

        Args:
            outcome: a failure because of a host that does not exist.
            host: the host, of the region itself.
        """
        if host in self:
            # The resolver has contradicted itself, so it is not believed any more in this run.
            self._is_unreliable = True
        if self._is_unreliable:
            return outcome
        if self:
            return evolve(outcome, kind=OutcomeKind.REGION_UNAVAILABLE)
        self._held.append(outcome)
        if len(self._held) > _MAX_HELD:
            self._publish(self._held.popleft())
        return None

    def publish_failed(self) -> None:
        """Publish what is still held, as failures, when the run has ended."""
        while self._held:
            self._publish(self._held.popleft())
