"""Plans memberships, asks, and applies the plan."""

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import Factory, define, evolve

from detective_async.api.models.members import Account
from detective_async.cli.account_lists import describe, read_members
from detective_async.cli.caller import check_partition
from detective_async.cli.exits import DONE, FAILED, CommandError, failing
from detective_async.cli.options import ALL, Job, ask, confirm
from detective_async.cli.output import PLURAL, Results, progress_bar, write
from detective_async.cli.removal import Removal, plan_removal
from detective_async.cli.words import join, option_error, plan_in_words, report_in_words
from detective_async.client.client import DetectiveClient
from detective_async.errors import ParameterError
from detective_async.membership import (
    Action,
    ActionKind,
    ByInvitation,
    ByOrganization,
    LineProblem,
    MembershipPlan,
    MembershipReport,
    Note,
    Reason,
    plan_membership,
    plan_packages,
)
from detective_async.membership.actions import count
from detective_async.organization import OrganizationAccount, list_accounts

_COLUMNS = ("account_id", "region", "ok", "before", "after", "done", "reason", "problem", "error", "graph_arn")
_PLAN_COLUMNS = ("account_id", "region", "kind", "reason", "detail", "items", "problem")
#: More than a graph can have: the number of removals is asked for afterwards.
_ANY_NUMBER = 10**9
#: What makes an account a member, of an organization's graph also an invitation alone.
_MAKING_MEMBERS = frozenset({ActionKind.INVITE, ActionKind.REINVITE, ActionKind.ACCEPT, ActionKind.ENABLE_MEMBER})
#: What tables have instead of an account in rows about a graph.
_GRAPH = {"account_id": "graph"}


@define(kw_only=True)
class Onboarding:
    """An onboarding, as the arguments say."""

    job: Job
    accounts: str | None
    organization: bool
    auto_enable: bool | None
    packages: tuple[str, ...]
    tags: dict[str, str] | None
    remove_others: bool
    removed: tuple[str, ...]
    max_removals: int | None
    no_retry_failed: bool
    retry_disabled: bool
    message: str | None
    no_email: bool
    timeout: float
    dry_run: bool
    yes: bool
    _bad_lines: list[LineProblem] = Factory(list)
    _may_continue: bool = False

    def run(self) -> int:
        """Plan and apply, and return the exit code."""
        listed: list[Account] | None = None
        if self.accounts is not None:
            listed, self._bad_lines = read_members(self.accounts)
            # Errors, which --quiet does not suppress.
            sys.stderr.write("".join(f"{line}\n" for line in describe(self.accounts, self._bad_lines)))
            if not listed:
                raise CommandError(f"{self.accounts}: no line of it is an account: nothing was done")
        try:
            return self.job.run(lambda: self._run(listed))
        except KeyboardInterrupt:
            if self._may_continue:
                self.job.say("run the same command again to continue")
            raise

    async def _run(self, listed: Sequence[Account] | None) -> int:
        job = self.job
        await check_partition(job)
        async with job.client() as client:
            try:
                plan = await self._plan_removal(client) if self.removed else await self._plan(client, listed)
            except ParameterError as error:
                raise option_error(error) from None
            if self.dry_run:
                results = self._results_of_plan(plan)
                write(results, job.output, show_all=job.show_all)
                return DONE if results.document["ok"] else FAILED
            lines = (str(plan), *self._remarks(plan.actions))
            job.say("\n".join(lines), always=bool(plan.actions) and not self.yes)
            if plan.actions:
                self._confirm(plan.actions)
            self._may_continue = True
            with failing():
                try:
                    with progress_bar("onboarding", quiet=job.quiet) as progress:
                        report = await plan.apply(timeout=self.timeout, progress=progress)
                except asyncio.CancelledError:
                    if plan.report is not None:
                        self._write(plan.report)
                    raise
            self._may_continue = False
            # Here: a signal while the client is being closed must not lose it.
            return self._write(report)

    async def _plan(self, client: DetectiveClient, listed: Sequence[Account] | None) -> MembershipPlan:
        job = self.job
        regions = ALL if job.regions == (ALL,) else await job.region_names()
        if listed is None and not self.organization:
            return plan_in_words(await plan_packages(client, self.packages, regions=regions))
        accounts: Sequence[Account | OrganizationAccount] | None = listed
        if accounts is None:
            # As the caller, who manages the organization or may read it.
            async with job.client(credentials=job.own_credentials()) as own:
                accounts = await list_accounts(own)
        return plan_in_words(
            await plan_membership(
                client,
                accounts,
                regions=regions,
                members=self._members(),
                datasource_packages=self.packages,
                tags=self.tags,
                remove_others=self.remove_others,
                max_removals=_ANY_NUMBER if self._asks_for_removals else self.max_removals,
                retry_failed=not self.no_retry_failed,
                retry_disabled=self.retry_disabled,
                message=self.message,
                disable_email_notification=self.no_email or None,
            )
        )

    async def _plan_removal(self, client: DetectiveClient) -> Removal:
        regions = await self.job.region_names()
        plan = await plan_removal(client, self.removed, regions, all_regions=self.job.regions == (ALL,))
        missing = set(self.removed).difference(one.account_id for one in plan.actions)
        if missing and not plan.problems:
            # Removed by an earlier run, or mistyped.
            names, where = ", ".join(sorted(missing)), ", ".join(regions)
            note = Note(Reason.NOT_A_MEMBER, f"{names}: no member in {where}: nothing to remove")
            plan = evolve(plan, notes=(note,))
        return plan

    def _members(self) -> ByInvitation | ByOrganization:
        job = self.job
        credentials = None if job.role_name is None else job.role_in
        if not self.organization:
            return ByInvitation(credentials=credentials, administrator_id=job.account)
        return ByOrganization(
            administrator_id=job.account,
            # Needed only where the organization has no administrator yet.
            management_credentials=None if job.account is None else job.own_credentials(),
            auto_enable=self.auto_enable,
            credentials=credentials,
        )

    @property
    def _asks_for_removals(self) -> bool:
        return (self.remove_others or bool(self.removed)) and self.max_removals is None and not self.yes

    def _confirm(self, actions: Sequence[Action]) -> None:
        removals = sum(action.kind is ActionKind.REMOVE for action in actions)
        if removals and self._asks_for_removals:
            answer = ask(
                f"This removes {count(removals, 'membership')}. Type their number to do it: ",
                f"add --yes{'' if self.removed else f' --max-removals {removals}'} to do it",
            )
            if answer.strip() != str(removals):
                raise CommandError("not confirmed: nothing was done")
            return
        confirm(f"Do this: {count(len(actions), 'action')}{self._consequences(actions)}?", yes=self.yes)

    def _consequences(self, actions: Sequence[Action]) -> str:
        """Return what of the actions costs money or sends e-mails."""
        kinds = Counter(action.kind for action in actions)
        up_to = "up to " if self._remarks(actions) else ""
        members = kinds[ActionKind.ACCEPT] + kinds[ActionKind.ENABLE_MEMBER]
        invitations = kinds[ActionKind.INVITE] + kinds[ActionKind.REINVITE]
        # An organization's graph has invited accounts as members at once, which nobody accepts.
        at_once = len({(one.account_id, one.region) for one in actions if one.kind in _MAKING_MEMBERS}) if up_to else 0
        graphs = kinds[ActionKind.CREATE_GRAPH]
        billed = [count(graphs, "new graph")] if graphs else []
        if most := max(members, at_once):
            billed.append(f"{up_to if at_once > members else ''}{count(most, 'new membership')}")
        texts = [f"AWS bills {join(billed)} by data volume"] if billed else []
        if invitations and not self.no_email:
            texts.append(f"AWS sends {up_to}{count(invitations, 'e-mail')}")
        return f" ({'; '.join(texts)})" if texts else ""

    def _remarks(self, actions: Sequence[Action]) -> list[str]:
        """Return what the text of a plan does not say, because only the response to CreateMembers does."""
        made = {one.region for one in actions if one.kind is ActionKind.CREATE_GRAPH}
        invited = {one.region for one in actions if one.kind is ActionKind.INVITE}
        if self.organization or invited <= made:
            return []
        enabled = "accounts of the organization are enabled at once, without invitation"
        return [f"note: if the graph is an organization's, {enabled}"]

    def _write(self, report: MembershipReport) -> int:
        """Write a report, and return the exit code."""
        results = self._results(report_in_words(report))
        write(results, self.job.output, show_all=self.job.show_all)
        return DONE if results.document["ok"] else FAILED

    @property
    def _lines(self) -> list[dict[str, Any]]:
        return [{"line": one.line, "problem": one.text} for one in self._bad_lines]

    def _results(self, report: MembershipReport) -> Results:
        document = report.to_dict()
        failed = sum(not row["ok"] for row in document["rows"])
        total = len(document["rows"])
        summary = [
            f"{total - failed:,} of {total:,} memberships in {count(len(report.regions), 'region')} are as wanted"
        ]
        if self.removed:
            summary = [f"{total - failed:,} of {total:,} memberships removed", *(note.text for note in report.notes)]
        if self._bad_lines:
            summary.append(f"{count(len(self._bad_lines), 'line')} of the list could not be read")
        return Results(
            columns=_COLUMNS,
            rows=[*document["regions"], *document["rows"]],
            document={**document, "ok": report.ok and not self._bad_lines, "bad_lines": self._lines},
            shown={"account_id": "account", "region": "region", "after": "status", "problem": "problem"},
            attention=lambda row: not row["ok"],
            summarize=_summarize,
            summary=summary,
            blank=_GRAPH,
        )

    def _results_of_plan(self, plan: MembershipPlan | Removal) -> Results:
        document = plan.to_dict()
        problems = document["problems"]
        # The text of the plan has its notes.
        lines = [f"note: {note['text']}" for note in document["notes"]] if self.job.show_all else []
        lines += self._remarks(plan.actions)
        if self._bad_lines:
            lines.append(f"{count(len(self._bad_lines), 'line')} of the list could not be read")
        if self.job.role_name is not None and any(one.kind is ActionKind.ACCEPT for one in plan.actions):
            lines.append(f"not tried: whether the role {self.job.role_name} can be assumed in the accounts")
        regions = count(len({action.region for action in plan.actions}), "region")
        size = count(len(plan.actions), "action") + (f" in {regions}" if plan.actions else "")
        return Results(
            columns=_PLAN_COLUMNS,
            rows=[*({**one, "problem": one["text"]} for one in problems), *document["actions"]],
            document={**document, "ok": not problems and not self._bad_lines, "bad_lines": self._lines},
            shown={"account_id": "account", "region": "region", "kind": "action", "problem": "problem"},
            attention=lambda row: "problem" in row,
            summarize=str,
            summary=[*lines, f"{size}; nothing was done"],
            blank=_GRAPH,
            text=str(plan),
        )


def _summarize(row: Mapping[str, Any]) -> str:
    what = "membership" if "account_id" in row else "graph"
    return f"{what}{PLURAL}: {', '.join(row['done']) or 'as wanted already'}"
