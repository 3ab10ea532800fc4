"""How the work on a target ended."""

import enum
from typing import Any, Generic, TypeVar

from attrs import Factory, evolve, field, frozen

from detective_async.errors import HostNotFound, ServiceError
from detective_async.fleet.targets import Target

T = TypeVar("T")

#: What AWS says to the credentials of an account that has not opted in to the region.
_NOT_OPTED_IN = frozenset({"UnrecognizedClientException", "OptInRequired"})


class OutcomeKind(enum.StrEnum):
    """In which way the work on a target ended.

    Attributes:
        SUCCEEDED: it has a value.
        FAILED: it raised.
        REGION_UNAVAILABLE: it raised because the account has not opted in to the region, or Detective is not there.
            Keys that AWS does not know at all look the same, but in every region.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REGION_UNAVAILABLE = "region unavailable"


def kind_of(error: Exception | None, *, regional: bool = True) -> OutcomeKind:
    """Tell what kind of end an error is.

    Args:
        error: what was raised, if anything was.
        regional: whether the host was the region's own, so that its absence says something of the region.
    """
    if error is None:
        return OutcomeKind.SUCCEEDED
    # Not what STS says to a role: that is of the region whose STS was asked, which is another one as a rule.
    refused = isinstance(error, ServiceError) and error.code in _NOT_OPTED_IN
    if refused or (regional and isinstance(error, HostNotFound)):
        return OutcomeKind.REGION_UNAVAILABLE
    return OutcomeKind.FAILED


@frozen
class Outcome(Generic[T]):
    """How the work on one target ended.

    A pickle of it leaves the target's credentials out.

    Attributes:
        target: where.
        value: what the work gave; None where it failed.
        error: what it raised; None where it did not.
        elapsed: the seconds it took.
        kind: whether it succeeded, failed, or could not be done in that region at all.
    """

    target: Target
    value: T | None
    error: Exception | None
    elapsed: float
    kind: OutcomeKind = field(kw_only=True, default=Factory(lambda self: kind_of(self.error), takes_self=True))

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.error is None

    def result(self) -> T:
        """Give what the work gave, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value] # None where that is what the work gave

    def __reduce__(self) -> tuple[Any, ...]:
        members = evolve(self.target, credentials=None), self.value, self.error, self.elapsed
        return _restore, (*members, self.kind)


def _restore(target: Target, value: Any, error: Exception | None, elapsed: float, kind: OutcomeKind) -> Outcome[Any]:
    return Outcome(target, value, error, elapsed, kind=kind)
