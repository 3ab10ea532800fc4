"""Things that go wrong on demand.

A fault is an effect and when it strikes. To add an effect: write its class here, and what it does to an answer in
`http` (if it is about the connection) or in `service` (if it is about the answer).
"""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Literal, TypeVar

from attrs import define, field, frozen


@frozen
class Throttle:
    """Refuse the request for coming too soon; nothing is carried out.

    Args:
        retry_after_ms: the value of `x-amz-retry-after`; a string may be anything.
        code: the error's code.
        status: the HTTP status.
    """

    retry_after_ms: int | str | None = None
    code: str = "TooManyRequestsException"
    status: int = 429
    message: str = "Rate exceeded"


@frozen
class Failure:
    """Answer with an error, by default the service's own; nothing is carried out."""

    status: int = 500
    code: str = "InternalServerException"
    message: str = "An internal error occurred"
    retry_after_ms: int | str | None = None


@frozen
class Garbage:
    """Answer with a body that means nothing, in place of the real answer; the request is carried out."""

    body: bytes = b"<html><body>502 Bad Gateway</body></html>"
    status: int = 200
    content_type: str = "text/html"


@frozen
class Truncate:
    """Cut the answer's body short, in a well-formed HTTP message; the request is carried out.

    Args:
        keep: how many bytes are left; by default half.
    """

    keep: int | None = None


@frozen
class Gzip:
    """Compress the answer, with the header that says so."""


@frozen
class Drop:
    """Close the connection.

    Args:
        when: `before` the request is carried out; `after`, with no answer; `during` the answer, after half of its body.
    """

    when: Literal["before", "during", "after"] = "before"


@frozen
class Latency:
    """Wait before the request is carried out, in seconds of real time; other faults strike all the same."""

    seconds: float


@frozen
class Drip:
    """Send the answer's body in small pieces, with a pause of so many seconds of real time between them."""

    seconds: float
    size: int = 16


@frozen
class ClockSkew:
    """Judge signatures by a clock that is so many seconds ahead of the true one, and say so in the Date header."""

    seconds: float


Effect = Throttle | Failure | Garbage | Truncate | Gzip | Drop | Latency | Drip | ClockSkew
E = TypeVar("E", bound=Effect)


@frozen
class Fault:
    """An effect, and the requests that it strikes.

    Args:
        effect: what happens.
        operation: only requests of this operation, such as `ListMembers`.
        account: only requests from this account.
        region: only requests for this region.
        count: how many times it strikes; None for ever.
        probability: how likely it strikes a request that it could; drawn from the simulator's seed.
    """

    effect: Effect
    operation: str | None = None
    account: str | None = None
    region: str | None = None
    count: int | None = 1
    probability: float = 1.0

    def __attrs_post_init__(self) -> None:
        if self.count is not None and self.count < 0:
            raise ValueError(f"count must be zero or more, got {self.count}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be from 0 to 1, got {self.probability}")

    def concerns(self, operation: str, account: str, region: str) -> bool:
        """Tell whether it is about such a request."""
        return self.operation in (None, operation) and self.account in (None, account) and self.region in (None, region)


@define
class _Pending:
    fault: Fault
    left: int | None


@define
class FaultPlan:
    """The faults that are still to strike."""

    random: random.Random
    _pending: list[_Pending] = field(factory=list)

    def add(self, fault: Fault) -> None:
        """Have a fault strike from now on."""
        if fault.count != 0:
            self._pending.append(_Pending(fault, fault.count))

    def clear(self) -> None:
        """Forget all faults."""
        self._pending.clear()

    def pending(self) -> list[Fault]:
        """Return the faults that may still strike."""
        return [entry.fault for entry in self._pending]

    def skews(self, operation: str, account: str, region: str) -> list[ClockSkew]:
        """Return the clock skews that strike this request; they add up."""
        return list(self._strike((ClockSkew,), operation, account, region))

    def strike(self, operation: str, account: str, region: str) -> list[Effect]:
        """Return what strikes this request: delays, and at most one other effect, the one that was added first."""
        if not self._pending:
            return []
        effects: list[Effect] = [*self._strike((Latency,), operation, account, region)]
        others = (Throttle, Failure, Garbage, Truncate, Gzip, Drop, Drip)
        return [*effects, *islice(self._strike(others, operation, account, region), 1)]

    def _strike(self, kinds: tuple[type[E], ...], operation: str, account: str, region: str) -> Iterator[E]:
        for entry in list(self._pending):
            fault, effect = entry.fault, entry.fault.effect
            if not isinstance(effect, kinds) or not fault.concerns(operation, account, region):
                continue
            if fault.probability < 1 and self.random.random() >= fault.probability:
                continue
            if entry.left is not None:
                entry.left -= 1
                if entry.left == 0:
                    self._pending.remove(entry)
            yield effect
