"""Onboards accounts from start to end on the embedded simulator: no AWS account, no network.

An administrator makes 300 accounts members of Detective in 3 regions, with the example `onboard.py`. Each e-mail
address takes a second to verify, the service throttles, two lines of the list are invalid, and three addresses do not
belong to their accounts. Then the list is corrected and the example is run again: it does only what is left to do.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import redirect_stdout
from http import HTTPStatus
from pathlib import Path

import onboard

from detective_async.testing import SimulatorThread

ADMINISTRATOR = "111122223333"
REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-2")
MEMBERS = [f"{number:012}" for number in range(100_000_000_001, 100_000_000_301)]
ROLE = "DetectiveOnboarding"
#: The accounts whose address is wrong in the first list.
MOVED = {MEMBERS[41], MEMBERS[141], MEMBERS[241]}
#: Line number -> invalid line of the first list.
BAD_LINES = {9: "10000000009,account-10000000009@example.com", 77: f"{MEMBERS[76]},account at example.com"}
VERIFICATION = 1.0


class UnexpectedError(Exception):
    """A result of the demo is wrong."""


def expect(what: str, actual: object, expected: object) -> None:
    """Stop the demo if a result is wrong."""
    if actual != expected:
        raise UnexpectedError(f"{what}: expected {expected}, got {actual}")


def line(account_id: str) -> str:
    """Return the correct line of an account."""
    return f"{account_id},{'moved' if account_id in MOVED else 'account'}-{account_id}@example.com"


def first_list() -> str:
    """Return the list with its mistakes."""
    lines = [f"{account_id},account-{account_id}@example.com" for account_id in MEMBERS]
    for number, bad in BAD_LINES.items():
        lines[number - 1] = bad
    return "\n".join(lines)


def prepare(sim: SimulatorThread) -> None:
    """Create the accounts, with a role in each that the administrator may assume."""
    for account_id in MEMBERS:
        sim.account(account_id, line(account_id).partition(",")[2])
        sim.role(account_id, ROLE, trusted=[ADMINISTRATOR])
    os.environ.update(sim.environment(ADMINISTRATOR))
    sim.throttle(None, probability=0.05)


def print_report(rows: list[str]) -> None:
    """Print the rows with a problem, and how many others there are by what was done."""
    header, *results = rows
    done, problem = header.index("done"), header.index("problem")
    with_problem = [row for row in results if row[problem:]]
    if with_problem:
        print(*(f"    {row}" for row in (header, *with_problem)), "", sep="\n")
    others = Counter(row[done:].rstrip() for row in results if not row[problem:])
    for what, count in sorted(others.items()):
        print(f"    {count} rows without a problem: {what or 'nothing had to be done'}")


def run(title: str, sim: SimulatorThread, accounts: Path, expected_exit_code: int) -> None:
    """Run the example, and print its report and the calls that it made."""
    print(f"\n{title}\n")
    sys.stdout.flush()
    sim.forget_requests()
    report = accounts.with_suffix(".report")
    started = time.perf_counter()
    with report.open("w") as standard_output, redirect_stdout(standard_output):
        exit_code = onboard.main([str(accounts), "--regions", *REGIONS, "--member-role", ROLE])
    elapsed = time.perf_counter() - started
    sys.stderr.flush()
    print_report(report.read_text().splitlines())
    calls = Counter(request.operation for request in sim.requests if request.status == HTTPStatus.OK)
    throttled = sum(request.status == HTTPStatus.TOO_MANY_REQUESTS for request in sim.requests)
    print(f"\n    exit code {exit_code}; {elapsed:.1f} s; {throttled} requests were throttled and retried; calls:")
    for operation, count in sorted(calls.items()):
        print(f"    {operation:<28}{count:>6}")
    expect("exit code", exit_code, expected_exit_code)


def members(sim: SimulatorThread) -> Counter[str]:
    """Count the members of all graphs by status, from the simulator's state."""
    return Counter(status for graph in sim.snapshot().values() for status in graph["members"].values())


def main() -> None:
    """Run the demo."""
    with SimulatorThread(seed=1, verification_delay=VERIFICATION) as sim, tempfile.TemporaryDirectory() as folder:
        print(f"A simulated Amazon Detective listens on {sim.url}. An address takes {VERIFICATION:g} s to verify,")
        print("5 % of the requests are throttled, and the list of accounts has five mistakes.")
        prepare(sim)
        accounts = Path(folder) / "accounts.csv"
        accounts.write_text(first_list())
        run("1. Onboarding:", sim, accounts, onboard.NOT_ALL)
        good = len(MEMBERS) - len(BAD_LINES) - len(MOVED)
        bad = len(MOVED)
        expect("members", members(sim), {"ENABLED": good * len(REGIONS), "VERIFICATION_FAILED": bad * len(REGIONS)})

        accounts.write_text("\n".join(line(account_id) for account_id in MEMBERS))
        run("2. The same command again, with the corrected list:", sim, accounts, onboard.OK)
        expect("members", members(sim), {"ENABLED": len(MEMBERS) * len(REGIONS)})

        run("3. The same command once more: nothing is left to do.", sim, accounts, onboard.OK)
        writes = {request.operation for request in sim.requests} - {"GetCallerIdentity", "ListGraphs", "ListMembers"}
        expect("operations that change something", writes, set())
    print("\nAll results are as expected.")


if __name__ == "__main__":
    try:
        main()
    except UnexpectedError as error:
        sys.exit(f"The demo failed: {error}")
