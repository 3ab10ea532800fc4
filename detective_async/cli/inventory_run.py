"""Reads the members of all graphs, and writes them as they come."""

import asyncio
import hashlib
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Self

from attrs import frozen

from detective_async.api.models.members import MemberStatus
from detective_async.api.values import to_dict
from detective_async.cli import output as outputs
from detective_async.cli.account_lists import active_ids, read_ids
from detective_async.cli.caller import Caller, find_caller
from detective_async.cli.exits import DONE, FAILED, CommandError, error_line
from detective_async.cli.inventory_file import Csv, Format, Ndjson, Output, TargetKey
from detective_async.cli.options import Job
from detective_async.client.client import ClientOptions, DetectiveClient
from detective_async.client.regions import RegionFinding, why_closed
from detective_async.errors import printable
from detective_async.fleet import DetectiveFleet, Outcome, OutcomeKind, Target
from detective_async.membership.actions import count
from detective_async.organization import list_accounts

#: The API's maximum.
_PAGE_SIZE = 200
_COLUMNS = (
    "account_id",
    "region",
    "graph_arn",
    "member_account_id",
    "status",
    "disabled_reason",
    "invitation_type",
    "invited_time",
    "updated_time",
    "volume_usage_in_bytes",
)
_ADDRESS = "email_address"

_STREAMED = frozenset({"ndjson", "csv"})

Member = Mapping[str, Any]


async def read_members(client: DetectiveClient, target: Target, *, with_email_addresses: bool) -> list[Member]:
    """Return the members of a target's graph as plain data: who administers it, and the member."""
    members: list[Member] = []
    async for graph in client.iter_graphs():
        where = {"account_id": target.account_id, "region": target.region, "graph_arn": graph.arn}
        async for member in client.iter_members(graph.arn, page_size=_PAGE_SIZE):
            fields = to_dict(member)
            if not with_email_addresses:
                del fields[_ADDRESS]
            members.append({**where, "member": fields})
    return members


def flat(member: Member) -> dict[str, Any]:
    """Return a member as one row, for CSV and tables."""
    fields = member["member"]
    row = {**{name: value for name, value in member.items() if name != "member"}, **fields}
    row["account_id"], row["member_account_id"] = member["account_id"], fields["account_id"]
    usage = [one["volume_usage_in_bytes"] for one in fields["volume_usage_by_datasource_package"].values()]
    row["volume_usage_in_bytes"] = sum(one or 0 for one in usage) if usage else fields["volume_usage_in_bytes"]
    return row


class _FlatCsv(Csv):
    def line(self, member: Member) -> bytes:
        return super().line(flat(member))


class Report:
    """The counts and failures of a run.

    Args:
        finished_before: the targets that an earlier run has finished.

    Attributes:
        has_begun: whether members may have been written to an output that is not complete yet.
    """

    def __init__(self, finished_before: int = 0) -> None:
        self.finished_before = finished_before
        self._began = time.monotonic()
        self._members = self._targets = 0
        self._unavailable: Counter[str] = Counter()
        self.failures: list[str] = []
        self.has_begun = False

    def add(self, outcome: Outcome[list[Member]]) -> None:
        """Record the outcome of a target."""
        self._targets += 1
        self._members += len(outcome.value or [])
        if outcome.kind is OutcomeKind.REGION_UNAVAILABLE:
            why = "not opted in" if why_closed(outcome.error) is RegionFinding.NOT_OPTED_IN else "no Detective"
            self._unavailable[f"{why}: {outcome.target.region}"] += 1
        elif outcome.error:
            self.fail(str(outcome.target), outcome.error)

    def fail(self, what: str, error: BaseException) -> None:
        """Record a failure."""
        self.failures.append(printable(f"failed: {what}: {type(error).__name__}: {error}"))

    @property
    def unavailable(self) -> list[str]:
        """The regions in which accounts have no Detective, with the number of these accounts."""
        return sorted(f"{text} ({count(number, 'account')})" for text, number in self._unavailable.items())

    def lines(self) -> list[str]:
        """Return the report as lines."""
        summary = (
            f"{count(self._members, 'member')} in {count(self._targets, 'target')}, {len(self.failures)} failed, "
            f"{self.finished_before} finished earlier, {time.monotonic() - self._began:.1f} s"
        )
        return [*self.unavailable, *sorted(self.failures), summary]

    @property
    def exit_code(self) -> int:
        """The exit code."""
        return FAILED if self.failures else DONE


@frozen(kw_only=True)
class Inventory:
    """An inventory, as the arguments say."""

    job: Job
    accounts: str | None
    organization: bool
    file: str | None
    checkpoint: str | None
    start_over: bool
    with_email_addresses: bool
    concurrency: int

    def run(self) -> int:
        """Write the inventory, and return the exit code."""
        listed = None if self.accounts is None else read_ids(self.accounts, self.job.say)
        report = Report()
        try:
            self.job.run(lambda: self._run(listed, report))
        except KeyboardInterrupt:
            self.job.say("\n".join(report.lines()))
            if self.checkpoint:
                self.job.say("run the same command again to continue")
            elif report.has_begun:
                self.job.say(f"{self.file or 'the output'} is incomplete, and cannot be continued without --checkpoint")
            raise
        for failure in report.failures if self.job.quiet else ():
            sys.stderr.write(f"{failure}\n")
        self.job.say("\n".join(report.lines()))
        if report.failures and self.checkpoint:
            self.job.say("the same command tries again what failed; with --start-over, it reads everything again")
        return report.exit_code

    async def _run(self, listed: list[str] | None, report: Report) -> None:
        caller = await self._caller()
        job, regions = caller.job, caller.regions
        for text in caller.elsewhere.values():
            report.failures.append(f"failed: {text}")
        if self.organization:
            async with job.client() as client:
                account_ids = active_ids(await list_accounts(client), job.say)
        else:
            account_ids = listed or [str(caller.account_id)]
        fleet = self._fleet(job, account_ids, regions)
        sink: Output | _Collected = _Collected()
        if job.output in _STREAMED:
            sink = self._output(account_ids, [*regions, *caller.elsewhere])
            if sink.was_complete:
                # The process has crashed just before its end.
                job.say(f"the inventory of {self.checkpoint} is complete: this is a new one")
        report.finished_before, report.has_begun = len(sink.finished), isinstance(sink, Output)
        try:
            with sink:
                await self._collect(fleet, sink, report)
                if not report.failures:
                    sink.complete()
        except BrokenPipeError:
            raise
        except OSError as error:
            report.failures.append(f"failed: {error_line(error)}")
        if isinstance(sink, _Collected):
            outputs.write(_results(sink.members, report), job.output, show_all=job.show_all)

    async def _caller(self) -> Caller:
        """Return who calls, and the regions to read."""
        if self.job.role_name is not None:
            # Its ARN is of one partition, so that a fleet refuses regions of several.
            return Caller(self.job, self.job.account, await self.job.region_names(), {})
        caller = await find_caller(self.job, need_account=True)
        if not caller.regions:
            raise CommandError("; ".join(caller.elsewhere.values()))
        return caller

    def _fleet(self, job: Job, account_ids: list[str], regions: list[str]) -> DetectiveFleet:
        options: ClientOptions = {"endpoint_url": job.endpoint_url, "profile": job.profile, "hooks": job.hook}
        if job.role_name is not None:
            return DetectiveFleet.assume_role(
                job.role_name,
                account_ids,
                regions,
                source=job.own_credentials(),
                external_id=job.external_id,
                concurrency=self.concurrency,
                **options,
            )
        targets = [Target(account_id, region) for account_id in account_ids for region in regions]
        options = {**options, "credentials": job.own_credentials(), "region": job.first_region()}
        return DetectiveFleet(targets, concurrency=self.concurrency, **options)

    def _output(self, account_ids: Iterable[str], regions: Iterable[str]) -> Output:
        columns = (*_COLUMNS, _ADDRESS) if self.with_email_addresses else _COLUMNS
        format_: Format = _FlatCsv(columns) if self.job.output == "csv" else Ndjson()
        # What must be the same when the job continues.
        same = {
            "role": self.job.role_name,
            "format": self.job.output,
            "list of accounts": hashlib.sha256(" ".join(sorted(account_ids)).encode()).hexdigest(),
            "list of regions": sorted(regions),
            "choice of e-mail addresses": self.with_email_addresses,
            "file": self.file and str(Path(self.file).resolve()),
        }
        targets = {(account_id, region) for account_id in account_ids for region in regions}
        return Output(format_, self.file, self.checkpoint, same, targets, start_over=self.start_over)

    async def _collect(self, fleet: DetectiveFleet, sink: "Output | _Collected", report: Report) -> None:
        """Read the members of all targets that are not finished, and write them."""
        finished = frozenset(sink.finished)

        async def read(client: DetectiveClient, target: Target) -> list[Member]:
            if (target.account_id, target.region) in finished:
                return []
            return await read_members(client, target, with_email_addresses=self.with_email_addresses)

        with outputs.progress_bar("targets", quiet=self.job.quiet) as progress:
            async with fleet, aclosing(fleet.run(read, progress=progress)) as outcomes:
                async for outcome in outcomes:
                    key = outcome.target.account_id, outcome.target.region
                    if key in finished:
                        continue
                    report.add(outcome)
                    # A region that is unavailable may be another time.
                    if outcome.kind is OutcomeKind.SUCCEEDED:
                        # In a thread, since a disk or a pipe may be slow and must not block the other targets.
                        await asyncio.to_thread(sink.add, key, outcome.value or [])


class _Collected:
    """Keeps the members until all are there."""

    def __init__(self) -> None:
        self.finished: frozenset[TargetKey] = frozenset()
        self.members: list[Member] = []

    def add(self, target: TargetKey, members: Iterable[Member]) -> None:  # noqa: ARG002 - as `Output.add`
        self.members += members

    def complete(self) -> None:
        """Do nothing: there is no checkpoint."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: there is no file."""


def _results(members: list[Member], report: Report) -> outputs.Results:
    return outputs.Results(
        columns=_COLUMNS,
        rows=[flat(member) for member in members],
        document={
            "ok": not report.failures,
            "failures": sorted(report.failures),
            "unavailable": report.unavailable,
            "rows": members,
        },
        shown={
            "member_account_id": "member",
            "account_id": "administrator",
            "region": "region",
            "status": "status",
            "disabled_reason": "reason",
        },
        attention=lambda row: row["status"] != MemberStatus.ENABLED,
        summarize=lambda row: f"member{outputs.PLURAL} {row['status']}",
    )
