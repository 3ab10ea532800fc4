"""The main job, start to end, on the embedded simulator: no AWS account, no network.

An administrator enables Detective and invites 120 accounts, each of which finds its invitation and accepts it; the
members are then listed page by page. Meanwhile the service throttles, and the client retries.
"""

import asyncio
import sys
import time
from collections import Counter
from http import HTTPStatus

from detective_async import Account, AttemptEvent, DetectiveClient, MemberDetail, MemberStatus, RetryEvent, RetryPolicy
from detective_async.testing import DetectiveSimulator

ADMINISTRATOR = "111122223333"
MEMBERS = [f"{number:012}" for number in range(100_000_000_001, 100_000_000_121)]
REQUEST_SIZE = 50
PAGE_SIZE = 50


class Figures:
    """What happened on the way, as the client's hooks tell it."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.waited = 0.0

    def __call__(self, event: AttemptEvent | RetryEvent) -> None:
        """Take note of an event."""
        if isinstance(event, RetryEvent):
            self.retries[event.operation] += 1
            self.waited += event.delay
            if sum(self.retries.values()) == 1:
                print(
                    f"    (throttled: {event.operation} waits {event.delay:.2f} s and tries again, the first of many)"
                )
        elif event.attempt == 1:
            self.calls[event.operation] += 1


class UnexpectedError(Exception):
    """Something is not as it should be."""


def expect(what: str, actual: object, expected: object) -> None:
    """Stop the demo where a result is wrong."""
    if actual != expected:
        raise UnexpectedError(f"{what}: expected {expected}, got {actual}")


async def enable(administrator: DetectiveClient) -> str:
    """Enable Detective and give the ARN of the new graph."""
    graph_arn = (await administrator.create_graph(tags={"team": "secops"})).graph_arn
    if graph_arn is None:
        raise UnexpectedError("CreateGraph gave no ARN")
    print(f"1. {ADMINISTRATOR} enables Detective in {administrator.region}:\n    {graph_arn}")
    return graph_arn


async def invite(administrator: DetectiveClient, graph_arn: str) -> None:
    """Invite all accounts, in requests as large as the API allows."""
    print(f"2. It invites {len(MEMBERS)} accounts, {REQUEST_SIZE} a request")
    for start in range(0, len(MEMBERS), REQUEST_SIZE):
        accounts = [Account(id_, f"account-{id_}@example.com") for id_ in MEMBERS[start : start + REQUEST_SIZE]]
        answer = await administrator.create_members(
            graph_arn, accounts, message="Please join", disable_email_notification=True
        )
        expect("accounts that were not processed", answer.unprocessed_accounts, [])
        statuses = Counter(member.status for member in answer.members)
        print(
            f"    {len(answer.members)} invited: {', '.join(f'{count} {status}' for status, count in statuses.items())}"
        )


async def accept(member: DetectiveClient, graph_arn: str) -> None:
    """As a member account, find the invitation and accept it."""
    invitations = [i async for i in member.iter_invitations() if i.status == MemberStatus.INVITED]
    expect("open invitations", [i.graph_arn for i in invitations], [graph_arn])
    await member.accept_invitation(graph_arn)


async def list_members(administrator: DetectiveClient, graph_arn: str) -> tuple[list[MemberDetail], int]:
    """List the members page by page; give them and the number of pages."""
    print(f"4. {ADMINISTRATOR} lists the members, {PAGE_SIZE} a page")
    members: list[MemberDetail] = []
    pages = 0
    async for page in administrator.iter_members(graph_arn, page_size=PAGE_SIZE, prefetch=1).pages():
        pages += 1
        members += page.member_details
        attempts = page.response_metadata.attempts
        print(f"    page {pages}: {len(page.member_details)} members (attempts: {attempts})")
    return members, pages


def print_figures(members: list[MemberDetail], pages: int, figures: Figures, elapsed: float) -> None:
    """Print the table and the figures."""
    print("\n    member status             accounts\n    ------------------------  --------")
    for status, count in Counter(member.status for member in members).items():
        print(f"    {status:<24}  {count:>8}")
    print("\n    operation                    calls   retries\n    ------------------------  --------  --------")
    for operation, count in sorted(figures.calls.items()):
        print(f"    {operation:<24}  {count:>8}  {figures.retries[operation]:>8}")
    print(f"    {'in all':<24}  {figures.calls.total():>8}  {figures.retries.total():>8}")
    print(
        f"\n    {pages} pages; {elapsed:.1f} s, in which calls waited {figures.waited:.1f} s in all for their retries"
    )


async def main() -> None:
    """Run the demo."""
    figures = Figures()
    started = time.perf_counter()
    async with DetectiveSimulator(seed=1) as sim:
        print(f"0. A simulated Amazon Detective listens on {sim.url}; one request in twenty will be throttled")
        sim.throttle(count=25, probability=0.05)
        async with DetectiveClient(
            region="eu-west-1",
            credentials=sim.account(ADMINISTRATOR),
            endpoint_url=sim.url,
            hooks=[figures],
            # More than the usual 3, for each of 247 calls is to succeed with one request in twenty refused.
            retry=RetryPolicy(max_attempts=8),
        ) as administrator:
            # The first call of all is throttled for sure, so that there is a retry to be seen.
            sim.throttle()
            graph_arn = await enable(administrator)
            await invite(administrator, graph_arn)
            print("3. Each of them lists its invitations and accepts, all at once, on the same connections")
            async with asyncio.TaskGroup() as tasks:
                for id_ in MEMBERS:
                    member = administrator.with_options(credentials=sim.account(id_))
                    tasks.create_task(accept(member, graph_arn))
            print(f"    {len(MEMBERS)} accepted")
            sim.throttle(operation="ListMembers")
            members, pages = await list_members(administrator, graph_arn)
        throttled = sum(request.status == HTTPStatus.TOO_MANY_REQUESTS for request in sim.requests)
    print_figures(members, pages, figures, time.perf_counter() - started)
    expect("the members", sorted(str(member.account_id) for member in members), MEMBERS)
    expect("their statuses", {member.status for member in members}, {MemberStatus.ENABLED})
    expect("pages", pages, -(-len(MEMBERS) // PAGE_SIZE))
    expect("calls of members", figures.calls["AcceptInvitation"], len(MEMBERS))
    expect("requests that arrived", len(sim.requests), figures.calls.total() + figures.retries.total())
    expect("retries", figures.retries.total(), throttled)
    expect("whether anything was throttled", throttled > 0, expected=True)
    print("\nEverything is as it should be.")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except UnexpectedError as error:
        sys.exit(f"Not as it should be: {error}")
