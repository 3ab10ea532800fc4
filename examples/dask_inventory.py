r"""The inventory of `inventory.py`, distributed over the machines of a Dask cluster.

    python dask_inventory.py --role-name SecurityAudit --accounts accounts.csv --regions eu-west-1 us-east-1 \
        --scheduler tcp://scheduler.example.com:8786 --output members.ndjson

Needs the extra `dask`, here and on the workers: pip install "detective-async[dask]". Without --scheduler, a cluster of
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

import cloudpickle  # type: ignore[import-untyped]
import inventory
from distributed import Client, Future, as_completed

from detective_async import DetectiveFleet, Outcome, OutcomeKind

#: Shards per worker: with more of them, less work is lost with a worker, and the workers finish at more similar times.
SHARDS = 8

# The workers need not have the file inventory.py.
cloudpickle.register_pickle_by_value(inventory)


def work_on(shard: DetectiveFleet, *, with_email_addresses: bool) -> list[Outcome[list[bytes]]]:
    """Read the members of a shard's targets; runs on a worker."""
    read = functools.partial(inventory.read_members, with_email_addresses=with_email_addresses)

    async def collect() -> list[Outcome[list[bytes]]]:
        async with shard:
            return [outcome async for outcome in shard.run(read)]

    return asyncio.run(collect())


def distribute(
    client: Client, fleet: DetectiveFleet, targets: int, options: argparse.Namespace
) -> Iterator[Future[list[Outcome[list[bytes]]]]]:
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the inventory, and return the exit code."""
    parser = inventory.argument_parser(__doc__)
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="the address of the cluster, such as tcp://scheduler.example.com:8786"
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="the number of workers to start without --scheduler (%(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        account_ids = inventory.read_accounts(options.accounts)
        fleet = inventory.make_fleet(options, account_ids)
        output = inventory.Output(options.output)
    except inventory.BAD_INPUT as error:
        parser.error(str(error))
    local = {"n_workers": options.workers, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    report = inventory.Report()
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
                        output.add(outcome.target, outcome.value or [])
    except KeyboardInterrupt:
        report.write()
        return 130
    except OSError as error:
        report.fail("cluster or output", error)
    return report.write()


if __name__ == "__main__":
    sys.exit(main())
