"""Calls, attempts and throttles as counts, durations as a histogram, and how much is left for retries."""

from opentelemetry.metrics import Meter

from detective_async.events import AttemptEvent, CallEvent
from detective_async.integrations.opentelemetry.attributes import Attributes
from detective_async.integrations.opentelemetry.bounds import BoundedValues, LowestLevels

#: What the semantic conventions advise for calls, in seconds.
_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


class Metrics:
    """The instruments, and what is counted by them.

    Args:
        meter: makes the instruments.
    """

    def __init__(self, meter: Meter) -> None:
        self._calls = meter.create_counter(
            "detective_async.calls", unit="{call}", description="Calls that have ended, however they did."
        )
        self._attempts = meter.create_counter(
            "detective_async.attempts", unit="{attempt}", description="Requests of calls, retries included."
        )
        self._throttles = meter.create_counter(
            "detective_async.throttles", unit="{attempt}", description="Requests that AWS refused as too many."
        )
        self._duration = meter.create_histogram(
            "rpc.client.call.duration",
            unit="s",
            description="Seconds that calls took, credentials, attempts and waits included.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._quota = meter.create_gauge(
            "detective_async.retry_quota",
            unit="{token}",
            description="What is left for retries, of 500, to the account in the region that has least left.",
        )
        self._codes = BoundedValues()
        self._levels = LowestLevels()

    def count_attempt(self, operation: Attributes, event: AttemptEvent) -> None:
        """Count an attempt that has ended."""
        self._attempts.add(1, self._with_error(operation, event.error_code))
        if event.throttled:
            self._throttles.add(1, operation)

    def count_call(self, operation: Attributes, event: CallEvent, *, unfinished: int) -> None:
        """Count a call that has ended.

        Args:
            operation: what it has in common with others.
            event: how it ended.
            unfinished: how many of its attempts the end of the call cut short.
        """
        attributes = self._with_error(operation, event.error_code)
        if unfinished:
            self._attempts.add(unfinished, attributes)
        self._calls.add(1, attributes)
        self._duration.record(event.elapsed, attributes)
        place = {name: operation[name] for name in ("rpc.service", "cloud.region")}
        level = self._levels.lowest(tuple(place.values()), event.account, event.retry_quota)
        self._quota.set(level, place)

    def _with_error(self, operation: Attributes, code: str | None) -> Attributes:
        return operation if code is None else {**operation, "error.type": self._codes.bound(code)}
