"""The metrics: counters of calls, attempts and throttles, a histogram of durations, and the retry quota."""

from opentelemetry.metrics import Meter

from detective_async.events import AttemptEvent, CallEvent
from detective_async.integrations.opentelemetry.attributes import Attributes
from detective_async.integrations.opentelemetry.cardinality import BoundedValues, LowestQuotas

#: The boundaries that the semantic conventions recommend for RPC, in seconds.
_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


class Metrics:
    """Records the metrics."""

    def __init__(self, meter: Meter) -> None:
        self._calls = meter.create_counter(
            "detective_async.calls", unit="{call}", description="Calls that have ended, successful or not."
        )
        self._attempts = meter.create_counter(
            "detective_async.attempts", unit="{attempt}", description="Requests, retries included."
        )
        self._throttles = meter.create_counter(
            "detective_async.throttles", unit="{attempt}", description="Requests that AWS throttled."
        )
        self._duration = meter.create_histogram(
            "rpc.client.call.duration",
            unit="s",
            description="Duration of calls, including credentials, attempts and waits.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._quota = meter.create_gauge(
            "detective_async.retry_quota",
            unit="{token}",
            description="The lowest retry quota, of 500, of any account in the region.",
        )
        self._codes = BoundedValues()
        self._quotas = LowestQuotas()

    def count_attempt(self, operation: Attributes, event: AttemptEvent) -> None:
        """Count an attempt that has ended."""
        self._attempts.add(1, self._with_error(operation, event.error_code))
        if event.throttled:
            self._throttles.add(1, operation)

    def count_call(self, operation: Attributes, duration: Attributes, event: CallEvent, *, unfinished: int) -> None:
        """Count a call that has ended, and the number of attempts that its end interrupted; record its duration."""
        attributes = self._with_error(operation, event.error_code)
        if unfinished:
            self._attempts.add(unfinished, attributes)
        self._calls.add(1, attributes)
        self._duration.record(event.elapsed, self._with_error(duration, event.error_code))
        region = {name: operation[name] for name in ("rpc.service", "cloud.region")}
        quota = self._quotas.lowest(tuple(region.values()), event.account, event.retry_quota)
        self._quota.set(quota, region)

    def _with_error(self, operation: Attributes, code: str | None) -> Attributes:
        return operation if code is None else {**operation, "error.type": self._codes.bound(code)}
