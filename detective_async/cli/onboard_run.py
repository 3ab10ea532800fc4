"""Plans memberships, asks, and applies the plan."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import Factory, define

from detective_async.api.models.members import Account
from detective_async.cli.account_lists import describe, read_members
from detective_async.cli.caller import check_partition
from detective_async.cli.exits import CommandError
from detective_async.cli.options import ALL, Job, ask, confirm
from detective_async.cli.output import PLURAL, Results, progress_bar
from detective_async.cli.plans import carry_out, results_of_plan, write_dry_run
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
    plan_membership,
    plan_packages,
)
from detective_async.membership.actions import count
from detective_async.organization import OrganizationAccount, list_accounts

_COLUMNS = (
    *("account_id", "region", "ok", "before", "after", "done", "maybe_done", "reason", "problem", "error", "graph_arn"),
)
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

    def run(self) -> int:
        """Plan and apply, and return the exit code."""
        listed: list[Account] | None = None
        if self.accounts is not None:
            listed, self._bad_lines = read_members(self.accounts)
            # Errors, which --quiet does not suppress.
            sys.stderr.write("".join(f"{line}\n" for line in describe(self.accounts, self._bad_lines)))
            if not listed:
                raise CommandError(f"{self.accounts}: no line of it is an account: nothing was done")
        return self.job.run(lambda: self._run(listed))

    async def _run(self, listed: Sequence[Account] | None) -> int:
        job = self.job
        await check_partition(job)
        async with job.client() as client:
            try:
                plan = await self._plan(client, listed)
            except ParameterError as error:
                raise option_error(error) from None
            if self.removed and not plan.problems and not any(plan.graph_arns.values()):
                # Most likely the wrong profile, and without a row nothing else would say so.
                text = "the account has no graph in any of these regions: check whose credentials these are"
                job.say(text, always=True)
            if self.dry_run:
                return write_dry_run(plan, self._results_of_plan(plan), job)
            lines = (str(plan), *self._remarks(plan.actions))
            job.say("\n".join(lines), always=bool(plan.actions) and not self.yes)
            if plan.actions:
                self._confirm(plan.actions)
            return await carry_out(plan, job, self._apply(plan), lambda report: self._results(report_in_words(report)))

    async def _apply(self, plan: MembershipPlan) -> MembershipReport:
        with progress_bar("removing" if self.removed else "onboarding", quiet=self.job.quiet) as progress:
            return await plan.apply(timeout=self.timeout, progress=progress)

    async def _plan(self, client: DetectiveClient, listed: Sequence[Account] | None) -> MembershipPlan:
        job = self.job
        regions = ALL if job.regions == (ALL,) else await job.region_names()
        if self.packages and listed is None and not self.organization:
            return plan_in_words(await plan_packages(client, self.packages, regions=regions))
        accounts: Sequence[Account | OrganizationAccount] = listed or []
        if self.organization and listed is None:
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
                remove=self.removed,
                remove_others=self.remove_others,
                max_removals=_ANY_NUMBER if self._are_named or self._asks_for_removals else self.max_removals,
                retry_failed=not self.no_retry_failed,
                retry_disabled=self.retry_disabled,
                message=self.message,
                disable_email_notification=self.no_email or None,
            )
        )

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
    def _are_named(self) -> bool:
        # Those that were named one by one are confirmed by a yes.
        return bool(self.removed) and self.max_removals is None

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

    def _of_bad_lines(self, *, ok: bool) -> tuple[dict[str, Any], list[str]]:
        """Return what documents and summaries have of lines that could not be read, of something that may be ok."""
        bad = self._bad_lines
        lines = [{"line": one.line, "problem": one.text} for one in bad]
        summary = [f"{count(len(bad), 'line')} of the list could not be read"] if bad else []
        return {"ok": ok and not bad, "bad_lines": lines}, summary

    def _results(self, report: MembershipReport) -> Results:
        document = report.to_dict()
        graphs = document["regions"]
        failed = sum(not row["ok"] for row in document["rows"])
        total = len(document["rows"])
        summary = [
            f"{total - failed:,} of {total:,} memberships in {count(len(report.regions), 'region')} are as wanted"
        ]
        if self.removed:
            unknown = sum(bool(row["maybe_done"]) for row in document["rows"])
            more_of = f"; of {unknown:,} it is not known" if unknown else ""
            summary = [f"{total - failed:,} of {total:,} memberships removed{more_of}"]
            # Otherwise they were shown with the plan.
            summary += [note.text for note in report.notes] if self.job.quiet else []
            # Of graphs, nothing was wanted.
            graphs = [one for one in graphs if not one["ok"]]
        more, bad_lines = self._of_bad_lines(ok=report.ok)
        return Results(
            columns=_COLUMNS,
            rows=[*graphs, *document["rows"]],
            document={**document, **more},
            shown={
                "account_id": "account",
                "region": "region",
                "after": "status",
                "maybe_done": "maybe done",
                "problem": "problem",
            },
            attention=lambda row: not row["ok"],
            summarize=_summarize,
            summary=[*summary, *bad_lines],
            blank=_GRAPH,
        )

    def _results_of_plan(self, plan: MembershipPlan) -> Results:
        more, bad_lines = self._of_bad_lines(ok=not plan.problems)
        lines = [*self._remarks(plan.actions), *bad_lines]
        if self.job.role_name is not None and any(one.kind is ActionKind.ACCEPT for one in plan.actions):
            lines.append(f"not tried: whether the role {self.job.role_name} can be assumed in the accounts")
        regions = count(len({action.region for action in plan.actions}), "region")
        size = count(len(plan.actions), "action") + (f" in {regions}" if plan.actions else "")
        return results_of_plan(
            plan,
            show_all=self.job.show_all,
            more=more,
            columns=_PLAN_COLUMNS,
            shown={"account_id": "account", "region": "region", "kind": "action", "problem": "problem"},
            summary=[*lines, f"{size}; nothing was done"],
            blank=_GRAPH,
        )


def _summarize(row: Mapping[str, Any]) -> str:
    what = "membership" if "account_id" in row else "graph"
    return f"{what}{PLURAL}: {', '.join(row['done']) or 'as wanted already'}"
