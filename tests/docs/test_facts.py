"""The numbers in the text are the values in the code."""

import inspect

import pytest

from detective_async import DetectiveFleet, Timeouts
from detective_async.auth import cache
from detective_async.client import polling
from detective_async.fleet.admission import LOOK_AHEAD
from detective_async.retry import host_health
from detective_async.retry import policy as retry
from detective_async.settings import timeouts
from docs.pages import DOCS

pytestmark = pytest.mark.once


def default_of(function: object, parameter: str) -> object:
    """Return the default of a parameter."""
    assert callable(function)
    return inspect.signature(function).parameters[parameter].default


SCHEDULE = retry.SCHEDULE_2026
PATIENT = retry.RetryPolicy.patient()
WORDS = {3: "three"}
FACTS = [
    ("explanation/retries.md", f"A call has {WORDS[retry.DEFAULT_MAX_ATTEMPTS]} attempts"),
    ("explanation/retries.md", f"{SCHEDULE.transient_backoff:g} s after a transient failure"),
    ("explanation/retries.md", f"{SCHEDULE.throttling_backoff:g} s after throttling"),
    ("explanation/retries.md", f"up to {SCHEDULE.max_backoff:g} s"),
    ("explanation/retries.md", f"no more than {retry._MAX_EXTRA_DELAY:g} s are added"),
    (
        "explanation/retries.md",
        f"a retry costs {SCHEDULE.transient_cost}, or {SCHEDULE.throttling_cost} after throttling",
    ),
    ("explanation/retries.md", f"`RetryPolicy.patient()` waits for that: {PATIENT.max_attempts} attempts"),
    ("explanation/retries.md", f"and a cost of {PATIENT.retry_cost} from the quota for each retry"),
    ("explanation/fleets.md", f"at most {LOOK_AHEAD:,} of them"),
    (
        "explanation/fleets.md",
        f"at most {timeouts._SHORT_CONNECT:g} s for the connection and {timeouts._SHORT_READ:g} s",
    ),
    ("explanation/fleets.md", f"After {WORDS[host_health._LOST_CALLS]} calls in a row without any response"),
    (
        "explanation/retries.md",
        f"it holds {retry._QUOTA}, a retry costs",
    ),
    ("explanation/retries.md", f"{Timeouts().total:g} s by default"),
    ("explanation/retries.md", f"HTTP {', '.join(map(str, sorted(retry._TRANSIENT_STATUSES)[:-1]))} and 504"),
    ("explanation/retries.md", f"HTTP {retry._THROTTLING_STATUS}"),
    ("explanation/credentials.md", f"no more than {'ten seconds' if cache._MINIMUM_LIFETIME == 10 else '?'} left"),
    ("explanation/consistency.md", f"pauses that grow by half, to {polling._LONGEST_PAUSE:g} s"),
    ("explanation/consistency.md", "After a quarter of a second" if polling._FIRST_PAUSE == 0.25 else "?"),
    ("explanation/fleets.md", f"`concurrency`, {default_of(DetectiveFleet, 'concurrency')} by default"),
    (
        "explanation/fleets.md",
        f"`concurrency_per_target`, {default_of(DetectiveFleet, 'concurrency_per_target')} by default",
    ),
    ("how-to/inventory.md", f"{default_of(DetectiveFleet, 'concurrency')} targets are worked on at a time"),
    ("how-to/inventory.md", f"{default_of(DetectiveFleet, 'concurrency_per_target')} requests for any one account"),
]


@pytest.mark.parametrize(("page", "fact"), FACTS)
def test_a_number_in_the_text(page: str, fact: str) -> None:
    """The page has the sentence with the value from the code; line breaks do not matter."""
    assert fact in " ".join((DOCS / page).read_text().split())
