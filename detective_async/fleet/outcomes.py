"""The result of the work on one target."""

import enum
from functools import partial
from typing import Any, Generic, TypeVar

from attrs import Factory, evolve, field, frozen

from detective_async.client.regions import RegionFinding, region_finding
from detective_async.fleet.targets import Target

T = TypeVar("T")


class OutcomeKind(enum.StrEnum):
    """How the work on a target ended.

    Attributes:
        SUCCEEDED: it returned a value.
        FAILED: it raised an exception.
        REGION_UNAVAILABLE: it raised because the account has not opted in to the region, or the region has no
            Detective. It is only said when it is known, from the service's own word or from another region in the same
            run: if the service does not know the access keys, another region has accepted them, or STS has just made
            them for a role and only regions that have to be opted in to refuse them; if the region's own host does not
            exist, the host of another region has responded, and botocore does not list the region as one that has
            Detective. Otherwise such targets have failed.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REGION_UNAVAILABLE = "region unavailable"


def outcome_kind(error: Exception | None) -> OutcomeKind:
    """Classify the exception that ended the work, if any.

    By themselves, a host that does not exist and unknown keys are failures: see `UndecidedOutcomes`.
    """
    if error is None:
        return OutcomeKind.SUCCEEDED
    # What the error says by itself is the same in all regions.
    finding = region_finding(error)
    return OutcomeKind.REGION_UNAVAILABLE if finding is RegionFinding.NOT_OPTED_IN else OutcomeKind.FAILED


@frozen
class Outcome(Generic[T]):
    """The result of the work on one target.

    Its pickle omits the target's credentials.

    Attributes:
        target: the account and region.
        value: what the work returned; None if it failed.
        error: what the work raised; None if it succeeded.
        elapsed: the duration in seconds.
        kind: whether it succeeded, failed, or the region is unavailable to the account.
    """

    target: Target
    value: T | None
    error: Exception | None
    elapsed: float
    kind: OutcomeKind = field(kw_only=True, default=Factory(lambda self: outcome_kind(self.error), takes_self=True))

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.error is None

    def result(self) -> T:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value] # None only if the work returned None

    def __reduce__(self) -> tuple[Any, ...]:
        target = evolve(self.target, credentials=None)
        return partial(Outcome, kind=self.kind), (target, self.value, self.error, self.elapsed)
