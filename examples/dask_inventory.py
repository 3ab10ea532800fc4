r"""Members, coverage or investigations of many administrators and regions, shared out over a Dask cluster.

    python dask_inventory.py --role-name SecurityAudit --accounts accounts.csv --regions eu-west-1 us-east-1 \
        --scheduler tcp://scheduler.example.com:8786 --output members.ndjson
    python dask_inventory.py --job coverage --expected all-accounts.csv ...
    python dask_inventory.py --job investigations --entities arns.txt ...

The accounts are those that administer graphs. Needs an extra, here and on the workers:
pip install "detective-async[dask]". Without --scheduler, a cluster of --workers processes is started on this
machine. Roles are assumed with the credentials that the AWS CLI would use on the worker's machine.

The targets are split into shards, many more than there are workers. If a worker dies, Dask runs its shard again on
another one: no investigation is started twice. Members are written as their shards finish, all else at the end.

Exit codes: 0 everything was read, and for coverage everything is covered; 1 not; 2 wrong use; 130 interrupted.
"""

# mypy: allow-untyped-calls

import argparse
import asyncio
import contextlib
import functools
import itertools
import json
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from distributed import Client, Future, as_completed

from detective_async import (
    ConfigurationError,
    DetectiveClient,
    DetectiveFleet,
    Outcome,
    OutcomeKind,
    ParameterError,
    Target,
    to_dict,
)
from detective_async.coverage import Coverage, RegionCoverage, RegionState, join_surveys, survey_fleet
from detective_async.investigation import InvestigationReport, investigate_fleet

#: Shards per worker: with more of them, less work is lost with a worker, and the workers finish at more similar times.
SHARDS = 8

#: The errors of wrong input, which are raised before anything is sent.
BAD_INPUT = ParameterError, ConfigurationError, OSError

#: Writes one line of the output.
Write = Callable[[Mapping[str, Any]], None]


def words_of(name: str) -> list[str]:
    """Return the words of a file, or of standard input for `-`: account ids, or ARNs."""
    return (sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")).split()


def work_on(shard: DetectiveFleet, read: Callable[[DetectiveFleet], Any]) -> Any:
    """Do the job for a shard's targets; runs on a worker."""

    async def run() -> Any:
        async with shard:
            return await read(shard)

    return asyncio.run(run())


class Members:
    """The members of all graphs, written as they come."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._counts: Counter[str] = Counter()
        self._unavailable: Counter[str] = Counter()
        self._failures: list[str] = []
        self.read = functools.partial(members_of, with_email_addresses=options.with_email_addresses)

    def add(self, outcomes: list[Outcome[list[Any]]], write: Write) -> None:
        """Write the results of a shard."""
        for outcome in outcomes:
            self._counts["targets"] += 1
            if outcome.kind is OutcomeKind.FAILED:
                self._failures.append(f"failed: {outcome.target}: {type(outcome.error).__name__}: {outcome.error}")
            elif outcome.kind is OutcomeKind.REGION_UNAVAILABLE:
                self._unavailable[outcome.target.region] += 1
            for member in outcome.value or []:
                self._counts["members"] += 1
                write(member)

    def fail(self, shard: str, _: Sequence[Target], error: Exception) -> None:
        """Record that a shard has failed."""
        self._failures.append(f"failed: {shard}: {type(error).__name__}: {error}")

    def finish(self, _: Write) -> int:
        """Return the exit code."""
        return 1 if self._failures else 0

    def lines(self) -> list[str]:
        """Return what to tell at the end, also after an interruption."""
        unavailable = [f"not available: {region} ({count} accounts)" for region, count in self._unavailable.items()]
        counts = f"{self._counts['members']} members in {self._counts['targets']} targets, {len(self._failures)} failed"
        return [*sorted(unavailable), *sorted(self._failures), counts]


async def members_of(shard: DetectiveFleet, *, with_email_addresses: bool) -> list[Outcome[list[Any]]]:
    """Read the members of all graphs of a shard."""

    async def read(client: DetectiveClient, target: Target) -> list[Any]:
        where = {"account_id": target.account_id, "region": target.region}
        members = []
        async for graph in client.iter_graphs():
            async for member in client.iter_members(graph.arn, page_size=200):
                fields = to_dict(member)
                if not with_email_addresses:
                    del fields["email_address"]
                members.append({**where, "graph_arn": graph.arn, "member": fields})
        return members

    async with aclosing(shard.run(read)) as outcomes:
        return [outcome async for outcome in outcomes]


class CoverageOfAll:
    """Which accounts are covered: known when all have answered, since another shard may cover an account."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._accounts = None if options.expected is None else words_of(options.expected)
        # Refuses malformed ids before anything is sent.
        join_surveys([], accounts=self._accounts)
        self._parts: list[Coverage] = []
        self._lines: list[str] = []
        self.read = survey_fleet

    def add(self, part: Coverage, _: Write) -> None:
        """Keep the results of a shard."""
        self._parts.append(part)

    def fail(self, shard: str, targets: Sequence[Target], error: Exception) -> None:
        """Record that a shard has failed: nobody could look there."""
        self._lines.append(f"failed: {shard}: {type(error).__name__}: {error}")
        unread = [
            RegionCoverage(
                region=one.region, administrator_id=one.account_id, state=RegionState.COULD_NOT_LOOK, error=error
            )
            for one in targets
        ]
        self._parts.append(Coverage(rows=(), regions=tuple(unread)))

    def finish(self, write: Write) -> int:
        """Write the rows, and return the exit code."""
        coverage = join_surveys(self._parts, accounts=self._accounts)
        for row in coverage:
            write(row.to_dict())
        self._lines.append(str(coverage))
        return 0 if coverage.ok else 1

    def lines(self) -> list[str]:
        """Return what to tell at the end."""
        return self._lines


class Investigations:
    """Reports of users and roles, from all graphs that have their accounts."""

    def __init__(self, options: argparse.Namespace) -> None:
        if options.entities is None:
            raise ParameterError("--entities", "--job investigations needs a file of ARNs, one a line")
        self._entities = words_of(options.entities)
        self._reports: list[InvestigationReport] = []
        self._lines: list[str] = []
        self.read = functools.partial(reports_of, entities=self._entities)

    def add(self, reports: list[InvestigationReport], _: Write) -> None:
        """Keep the results of a shard: whether an entity is in no graph is known at the end."""
        self._reports += reports

    def fail(self, shard: str, targets: Sequence[Target], error: Exception) -> None:
        """Record that a shard has failed."""
        self._lines.append(f"failed: {shard}: {type(error).__name__}: {error}")
        for target, entity in itertools.product(targets, self._entities):
            self._reports.append(
                InvestigationReport(
                    entity=entity, region=target.region, administrator_id=target.account_id, error=error
                )
            )

    def finish(self, write: Write) -> int:
        """Write the reports, and return the exit code."""
        reports = list(decisive(self._reports))
        for report in reports:
            write(report.to_dict())
        failed = sum(not report.ok for report in reports)
        self._lines.append(f"{len(reports)} reports, {failed} with an error")
        return 1 if failed else 0

    def lines(self) -> list[str]:
        """Return what to tell at the end."""
        return self._lines


async def reports_of(shard: DetectiveFleet, *, entities: Sequence[str]) -> list[InvestigationReport]:
    """Investigate in all graphs of a shard."""
    async with aclosing(investigate_fleet(shard, entities)) as reports:
        return [report async for report in reports]


def decisive(reports: Sequence[InvestigationReport]) -> Iterator[InvestigationReport]:
    """Leave out what a shard says of an entity that is in none of its graphs, if another shard knows more."""
    said = {one.entity for one in reports if one.administrator_id is not None}
    for report in reports:
        if report.administrator_id is None:
            if report.entity in said:
                continue
            said.add(report.entity)
        yield report


JOBS: dict[str, Callable[[argparse.Namespace], Members | CoverageOfAll | Investigations]] = {
    "members": Members,
    "coverage": CoverageOfAll,
    "investigations": Investigations,
}


def distribute(
    client: Client, fleet: DetectiveFleet, targets: Sequence[Target], read: Callable[[DetectiveFleet], Any], limit: int
) -> Iterator[tuple[Future[Any], Sequence[Target]]]:
    """Submit the shards to the cluster, and yield each one with its targets as it finishes."""
    client.wait_for_workers(1, timeout=60)
    workers = len(client.scheduler_info(n_workers=-1)["workers"])
    # A worker runs all targets of a shard at once.
    count = min(len(targets), max(SHARDS * workers, -(-len(targets) // limit)))
    job = uuid.uuid4()
    shares = {f"shard {index + 1} of {count} of job {job}": index for index in range(count)}
    submitted = (client.submit(work_on, fleet.shard(index, count), read, key=key) for key, index in shares.items())
    # Two shards per worker at first, then one more for each that finishes: workers keep results until they are read.
    finished = as_completed(itertools.islice(submitted, 2 * workers))
    for future in finished:
        finished.update(itertools.islice(submitted, 1))
        yield future, targets[shares[str(future.key)] :: count]


def argument_parser() -> argparse.ArgumentParser:
    """Make the parser of the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", choices=JOBS, default="members", help="what to find out (%(default)s)")
    parser.add_argument("--role-name", required=True, help="the role to assume in each account")
    parser.add_argument("--external-id", help="the external id that the role's trust policy requires")
    parser.add_argument(
        "--accounts", required=True, metavar="FILE", help="a file of account ids, one a line; - for standard input"
    )
    parser.add_argument("--regions", required=True, nargs="+", metavar="REGION", help="the regions, such as eu-west-1")
    parser.add_argument("--concurrency", type=int, default=64, help="the most requests at a time (%(default)s)")
    parser.add_argument("--endpoint-url", help="send all requests to this URL (default: the regions' own endpoints)")
    parser.add_argument("--output", metavar="FILE", help="write to this file (default: standard output)")
    parser.add_argument("--with-email-addresses", action="store_true", help="also write the members' e-mail addresses")
    parser.add_argument(
        "--expected", metavar="FILE", help="coverage: the ids of the accounts to cover (default: those that are found)"
    )
    parser.add_argument("--entities", metavar="FILE", help="investigations: the ARNs of users and roles, one a line")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="the address of the cluster, such as tcp://scheduler.example.com:8786"
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="the number of workers to start without --scheduler (%(default)s)"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the job, and return the exit code."""
    options = argument_parser().parse_args(arguments)
    try:
        account_ids = words_of(options.accounts)
        fleet = DetectiveFleet.assume_role(
            options.role_name,
            account_ids,
            options.regions,
            external_id=options.external_id,
            concurrency=options.concurrency,
            endpoint_url=options.endpoint_url,
        )
        job = JOBS[options.job](options)
        output: contextlib.AbstractContextManager[Any] = (
            contextlib.nullcontext(sys.stdout) if options.output is None else Path(options.output).open("w")  # noqa: SIM115 - entered below
        )
    except BAD_INPUT as error:
        print(error, file=sys.stderr)
        return 2
    # In the order of the fleet's.
    targets = [Target(account_id, region) for account_id in account_ids for region in options.regions]
    local = {"n_workers": options.workers, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    code, lines = 130, []
    try:
        with output as file, Client(options.scheduler, **({} if options.scheduler else local)) as client:

            def write(row: Mapping[str, Any]) -> None:
                print(json.dumps(row), file=file)

            for future, share in distribute(client, fleet, targets, job.read, options.concurrency):
                try:
                    result = future.result()
                except Exception as error:  # noqa: BLE001 - a shard that fails must not stop the others
                    job.fail(str(future.key), share, error)
                    continue
                job.add(result, write)
            code = job.finish(write)
    except KeyboardInterrupt:
        pass
    except OSError as error:
        code, lines = 1, [f"failed: cluster or output: {error}"]
    print(*job.lines(), *lines, sep="\n", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
