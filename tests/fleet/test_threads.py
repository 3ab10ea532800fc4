"""A fleet that is used in two event loops at the same time, each in a thread."""

import asyncio
import threading
from collections import Counter

import pytest
from support.server_thread import server_thread

from detective_async import Credentials, DetectiveFleet, RetryPolicy, Target, Timeouts
from detective_async.fleet.admission import Admission
from fleet.counting_server import accounts, list_graphs

REGIONS = ("eu-west-1", "us-east-1", "eu-central-1", "us-west-2")


def test_runs_in_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the calls of one learn of the hosts concerns only its own event loop."""
    threads: dict[Admission, set[int]] = {}
    host_changed = Admission._host_changed

    def recorded(admission: Admission, lane: object) -> None:
        threads.setdefault(admission, set()).add(threading.get_ident())
        host_changed(admission, lane)  # type: ignore[arg-type]

    monkeypatch.setattr(Admission, "_host_changed", recorded)
    found: list[Counter[str]] = []
    failures: list[BaseException] = []
    meeting = threading.Barrier(2)

    with server_thread() as server:
        fleet = DetectiveFleet(
            [Target(account, region, Credentials(account, "b")) for region in REGIONS for account in accounts(20)],
            endpoint_url=server.url,
            concurrency=8,
            retry=RetryPolicy(max_attempts=1),
            timeouts=Timeouts(total=30),
        )

        async def work() -> None:
            outcomes: Counter[str] = Counter()
            async for outcome in fleet.run(list_graphs):
                if not outcomes:
                    # Both have begun, and neither has heard of all hosts.
                    await asyncio.to_thread(meeting.wait, 30)
                outcomes[repr(outcome.error)] += 1
            found.append(outcomes)

        def run() -> None:
            try:
                # In debug mode, asyncio reports calls from the wrong thread.
                asyncio.run(work(), debug=True)
            except BaseException as error:  # noqa: BLE001 - raised below
                failures.append(error)

        both = [threading.Thread(target=run, daemon=True) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join(20)
            assert not thread.is_alive()
        asyncio.run(fleet.aclose())
    assert failures == []
    assert found == [{"None": 80}] * 2
    assert [len(idents) for idents in threads.values()] == [1, 1]
