"""Decides what it means that the host of a region does not exist."""

from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import evolve

from detective_async.fleet.outcomes import Outcome, OutcomeKind

#: Outcomes that wait for a decision. A run whose resolver knows no names would otherwise keep all of its targets.
_MAX_HELD = 2_000


class MissingHosts:
    """The outcomes of one run whose targets' hosts do not exist.

    A name that the resolver does not know is no region without Detective if the resolver knows no names of AWS at all:
    in a network whose way out is a proxy, with a private DNS, or offline. So these outcomes are held until the host of
    another region has responded in the same run. Then the region is unavailable. If none responds, they are failures.

    Args:
        publish: called with the outcomes that were held, once they are decided.

    Attributes:
        responding_hosts: the hosts that have responded in this run.
    """

    def __init__(self, publish: Callable[[Outcome[Any]], object]) -> None:
        self.responding_hosts: set[str] = set()
        self._publish = publish
        self._held: deque[Outcome[Any]] = deque()
        self._is_unreliable = False

    def note_response(self, host: str) -> None:
        """Record that a host has responded, and publish the outcomes that were held."""
        self.responding_hosts.add(host)
        while self._held:
            self._publish(evolve(self._held.popleft(), kind=OutcomeKind.REGION_UNAVAILABLE))

    def decide(self, outcome: Outcome[Any], host: str) -> Outcome[Any] | None:
        """Return the outcome with its kind; None if it is held.

        Args:
            outcome: a failure because of a host that does not exist.
            host: the host, of the region itself.
        """
        if host in self.responding_hosts:
            # The host exists, so the resolver fails: in the rest of this run, a missing host is a failure.
            self._is_unreliable = True
        if self._is_unreliable:
            return outcome
        if self.responding_hosts:
            return evolve(outcome, kind=OutcomeKind.REGION_UNAVAILABLE)
        self._held.append(outcome)
        if len(self._held) > _MAX_HELD:
            self._publish(self._held.popleft())
        return None

    def publish_failed(self) -> None:
        """Publish what is still held, as failures, when the run has ended."""
        while self._held:
            self._publish(self._held.popleft())
