r"""The inventory of `detective-async inventory`, distributed over the machines of a Dask cluster.

    python dask_inventory.py --role-name SecurityAudit --accounts accounts.csv --regions eu-west-1 us-east-1 \
        --scheduler tcp://scheduler.example.com:8786 --output members.ndjson

Needs two extras, here and on the workers: pip install "detective-async[cli,dask]". Without --scheduler, a cluster of
--workers processes is started on this machine. Roles are assumed with the credentials that the AWS CLI would use on the
worker's machine.

The targets are split into shards, many more than there are workers. If a worker dies, Dask runs its shard again on
another one. The lines of a shard are written once, after all of its results have arrived. A region whose host does not
exist has failed, unless its shard reached another region: leave out the regions that have no Detective.
"""

# mypy: allow-untyped-calls

import argparse
import asyncio
import functools
import itertools
import sys
import uuid
from collections.abc import Iterator, Sequence

from distributed import Client, Future, as_completed

from detective_async import ConfigurationError, DetectiveFleet, Outcome, OutcomeKind, ParameterError
from detective_async.cli.account_lists import read_ids
from detective_async.cli.exits import CommandError
from detective_async.cli.inventory_file import Ndjson, Output
from detective_async.cli.inventory_run import Member, Report, read_members

#: Shards per worker: with more of them, less work is lost with a worker, and the workers finish at more similar times.
SHARDS = 8

#: The errors of wrong input, which are raised before anything is sent.
BAD_INPUT = CommandError, ParameterError, ConfigurationError, OSError


def work_on(shard: DetectiveFleet, *, with_email_addresses: bool) -> list[Outcome[list[Member]]]:
    """Read the members of a shard's targets; runs on a worker."""
    read = functools.partial(read_members, with_email_addresses=with_email_addresses)

    async def collect() -> list[Outcome[list[Member]]]:
        async with shard:
            return [outcome async for outcome in shard.run(read)]

    return asyncio.run(collect())


def distribute(
    client: Client, fleet: DetectiveFleet, targets: int, options: argparse.Namespace
) -> Iterator[Future[list[Outcome[list[Member]]]]]:
    """Submit the shards to the cluster, and yield each one as it finishes."""
    client.wait_for_workers(1, timeout=60)
    workers = len(client.scheduler_info(n_workers=-1)["workers"])
    # A worker runs all targets of a shard at once.
    count = min(targets, max(SHARDS * workers, -(-targets // options.concurrency)))
    work = functools.partial(work_on, with_email_addresses=options.with_email_addresses)
    job = uuid.uuid4()
    submitted = (
        client.submit(work, fleet.shard(index, count), key=f"shard {index + 1} of {count} of job {job}")
        for index in range(count)
    )
    # Two shards per worker at first, then one more for each that finishes: workers keep results until they are read.
    finished = as_completed(itertools.islice(submitted, 2 * workers))
    for future in finished:
        finished.update(itertools.islice(submitted, 1))
        yield future


def argument_parser() -> argparse.ArgumentParser:
    """Make the parser of the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
        "--scheduler", metavar="ADDRESS", help="the address of the cluster, such as tcp://scheduler.example.com:8786"
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="the number of workers to start without --scheduler (%(default)s)"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the inventory, and return the exit code."""
    options = argument_parser().parse_args(arguments)
    try:
        account_ids = read_ids(options.accounts)
        fleet = DetectiveFleet.assume_role(
            options.role_name,
            account_ids,
            options.regions,
            external_id=options.external_id,
            concurrency=options.concurrency,
            endpoint_url=options.endpoint_url,
        )
        output = Output(Ndjson(), options.output)
    except BAD_INPUT as error:
        print(error, file=sys.stderr)
        return 2
    local = {"n_workers": options.workers, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    report = Report()
    code = 130
    try:
        with output, Client(options.scheduler, **({} if options.scheduler else local)) as client:
            for future in distribute(client, fleet, len(account_ids) * len(options.regions), options):
                try:
                    outcomes = future.result()
                except Exception as error:  # noqa: BLE001 - a shard that fails must not stop the others
                    report.fail(str(future.key), error)
                    continue
                for outcome in outcomes:
                    report.add(outcome)
                    if outcome.kind is not OutcomeKind.FAILED:
                        output.add((outcome.target.account_id, outcome.target.region), outcome.value or [])
        code = report.exit_code
    except KeyboardInterrupt:
        pass
    except OSError as error:
        report.fail("cluster or output", error)
        code = report.exit_code
    print(*report.lines(), sep="\n", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
