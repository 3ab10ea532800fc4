"""The steps that bring the graph of a region to its desired state.

A step says what is missing, and can do it. A plan asks the steps what is missing and shows that; applying the plan asks
again, and does what the plan has shown.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from detective_async.api.models.datasources import DatasourcePackage, DatasourcePackageIngestState
from detective_async.api.models.exceptions import (
    AccessDeniedException,
    ResourceNotFoundException,
    ValidationException,
)
from detective_async.api.operations import (
    DESCRIBE_ORGANIZATION_CONFIGURATION,
    LIST_DATASOURCE_PACKAGES,
    LIST_GRAPHS,
    LIST_ORGANIZATION_ADMIN_ACCOUNTS,
    LIST_TAGS_FOR_RESOURCE,
    Operation,
)
from detective_async.client.polling import Wait
from detective_async.errors import DetectiveError
from detective_async.membership.actions import ActionKind, Reason
from detective_async.membership.desired import ByOrganization
from detective_async.membership.failures import WAITS_FOR_KEYS, StoppedError, error_text, is_read, reason_of
from detective_async.membership.graphs import (
    Graph,
    administrator_of,
    check_account,
    not_planned,
)
from detective_async.membership.looks import SETTLING, Contradiction, Refusals

#: What AWS says where a delegation has to wait: as Audit Manager does, a sister service, and of a graph.
_BUSY = re.compile(r"try again|conflict|being deleted", re.IGNORECASE)
#: The package that every graph has, and that is part of each list of packages that is sent.
_CORE_PACKAGE = DatasourcePackage.DETECTIVE_CORE


class Step(ABC):
    """One change of a graph: says what is missing, and does it.

    Attributes:
        kind: the action.
        reason: why it is necessary, if something is missing.
        refusals: what AWS has denied so far.
    """

    kind: ClassVar[ActionKind]
    reason: ClassVar[Reason]

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.execution = graph.execution
        self.desired = graph.desired
        self.client = graph.client
        self.refusals = Refusals(graph.execution)

    @abstractmethod
    async def missing(self) -> Sequence[str]:
        """Read the state, and return the names of what is missing; an empty name for the whole.

        Raises:
            StoppedError: no action can help.
        """
        ...

    @abstractmethod
    async def act(self, names: Sequence[str], /) -> None:
        """Do what is missing."""
        ...

    @property
    def reading(self) -> str:
        """The key of what has kept its reads from ending so far."""
        return f"the look for {str(self.kind)!r}"

    @asynccontextmanager
    async def _look(self, operation: Operation[Any]) -> AsyncIterator[None]:
        """Hold a slot for one read, and record that it has succeeded."""
        async with self.execution.reading(self.graph.region):
            yield
        self.refusals.answered(operation.name)

    async def _find(self) -> str | None:
        """Find the graph of the client's account, and record that this has succeeded."""
        found = await self.graph.find()
        self.refusals.answered(LIST_GRAPHS.name)
        return found

    def wait_for_keys(self) -> None:
        """Note that it waits for whose credentials there are."""
        self.graph.failures[self.reading] = StoppedError(Reason.NO_RESPONSE, WAITS_FOR_KEYS)

    def check(self, owner: str, wanted: str | None) -> None:
        """Check whose credentials there are.

        Raises:
            StoppedError: they are not those of the account that is wanted.
        """
        self.graph.failures.pop(self.reading, None)
        self.refusals.identified()
        check_account(owner, wanted)

    def note_done(self) -> None:
        """Note in the graph's report that the action was carried out."""
        if self.kind in self.graph.maybe_done:
            self.graph.maybe_done.remove(self.kind)
        self.graph.done.append(self.kind)
        self.refusals.clear()

    def note_unknown(self) -> None:
        """Note in the graph's report that nobody knows whether the action was carried out."""
        self.graph.maybe_done = list(dict.fromkeys([*self.graph.maybe_done, self.kind]))

    def note_error(self, error: DetectiveError) -> float:
        """Note an error that may pass, and return for how many seconds not to try again.

        Raises:
            DetectiveError: the error, if it does not pass.
        """
        shortest = self.record(error)
        if shortest is None:
            # It ends with the error, which says what has kept it from ending, too.
            for key in (self.kind, self.reading):
                self.graph.failures.pop(key, None)
            raise error
        self.graph.failures[self.reading if is_read(error) else self.kind] = error
        return shortest

    def record(self, error: DetectiveError) -> float | None:
        """Record an error among the refusals, as `Refusals.record` does."""
        return self.refusals.record(error)


class GraphStep(Step):
    """A change of a graph that exists."""

    @abstractmethod
    def missing_of_new(self) -> Sequence[str]:
        """Return what will be missing of a graph that does not exist yet, as far as it is known."""
        ...


class CreateGraph(Step):
    """Enables Detective."""

    kind = ActionKind.CREATE_GRAPH
    reason = Reason.NO_GRAPH

    async def missing(self) -> Sequence[str]:
        """Look for the graph of the client's account, unless this step has made it: then it may not be listed yet.

        Raises:
            ResourceNotFoundException: it is listed, but there is none: it is being deleted.
        """
        if self.kind in self.graph.done:
            return ()
        if await self._find() is None:
            return ("",)
        if self.graph.is_new:
            # The plan did not see it. Planning reads the members anyway.
            await self.graph.read()
        return ()

    async def act(self, _names: Sequence[str], /) -> None:
        """Create it, with the desired tags."""
        # The keys may have been renewed to those of another account since they were checked.
        self.wait_for_keys()
        self.graph.made = True
        response = await self.execution.act_identified(
            self.client,
            lambda owner: self.check(owner, self.graph.administrator_id),
            self.note_unknown,
            lambda client: client.create_graph(tags=self.desired.tags or None),
            note_error=self._note_refusal,
        )
        self.graph.arn = response.graph_arn

    def _note_refusal(self, error: DetectiveError) -> None:
        refusal = self.graph.failures[self.kind] = StoppedError(reason_of(error), error_text(error))
        refusal.__cause__ = error


class EnableAdministrator(Step):
    """Makes an account the organization's Detective administrator, which gives it the organization's graph."""

    kind = ActionKind.ENABLE_ADMINISTRATOR
    reason = Reason.NO_ADMINISTRATOR

    def __init__(self, graph: Graph, organization: ByOrganization) -> None:
        super().__init__(graph)
        assert organization.administrator_id is not None  # noqa: S101 - ByOrganization has checked it
        self._account_id = organization.administrator_id
        self._management = self.execution.client.with_options(
            region=graph.region, credentials=organization.management_credentials
        )

    async def missing(self) -> Sequence[str]:
        """Look for the administrator and its graph."""
        async with self._look(LIST_ORGANIZATION_ADMIN_ACCOUNTS):
            found = await self._management.iter_organization_admin_accounts().collect()
        administrators = [one.account_id for one in found]
        if administrators and self._account_id not in administrators:
            raise StoppedError(
                Reason.WRONG_ADMINISTRATOR,
                f"the organization's Detective administrator in {self.graph.region} is {administrators[0]}, and not "
                f"{self._account_id}",
            )
        graph_arn = await self._find()
        if graph_arn is not None:
            check_account(administrator_of(graph_arn), self._account_id)
        return () if administrators and graph_arn else ("",)

    async def act(self, _names: Sequence[str], /) -> None:
        """Designate it, as the management account."""
        # The plan goes on in the graph of the client's account.
        self.wait_for_keys()
        owner, _ = await self.execution.identified(self.client)
        self.check(owner, self._account_id)
        # If it had one before, that becomes the organization's.
        self.graph.made = self.graph.arn is None
        async with self.execution.acting(self.graph.region, self.note_unknown):
            await self._management.enable_organization_admin_account(self._account_id)

    def record(self, error: DetectiveError) -> float | None:
        """Wait also while another delegation settles, or a former graph is being deleted."""
        is_busy = isinstance(error, ValidationException) and _BUSY.search(error.message) is not None
        return self.refusals.record(error, passes=is_busy)


class TagGraph(GraphStep):
    """Sets the desired tags that are missing."""

    kind = ActionKind.TAG_GRAPH
    reason = Reason.TAGS_DIFFER

    async def missing(self) -> Sequence[str]:
        """Compare the tags."""
        if not self.desired.tags:
            return ()
        async with self._look(LIST_TAGS_FOR_RESOURCE):
            present = (await self.client.list_tags_for_resource(self.graph.found_arn)).tags
        return [key for key, value in self.desired.tags.items() if present.get(key) != value]

    def missing_of_new(self) -> Sequence[str]:
        """Return all tags; CreateGraph sets them itself."""
        # CreateGraph sets them.
        return list(self.desired.tags) if self.desired.organization else ()

    async def act(self, names: Sequence[str], /) -> None:
        """Set tags; others remain."""
        tags = {key: self.desired.tags[key] for key in names}
        async with self.execution.acting(self.graph.region, self.note_unknown):
            await self.client.tag_resource(self.graph.found_arn, tags)


class StartPackages(GraphStep):
    """Starts the desired data source packages; those that are started stay so."""

    kind = ActionKind.START_PACKAGES
    reason = Reason.PACKAGES_NOT_STARTED
    _started: tuple[DatasourcePackage, ...] = ()
    _stopped: tuple[DatasourcePackage, ...] = ()

    async def missing(self) -> Sequence[str]:
        """Look which packages are started."""
        if not self.desired.datasource_packages:
            return ()
        async with self._look(LIST_DATASOURCE_PACKAGES):
            found = await self.client.iter_datasource_packages(self.graph.found_arn).collect()
        self._started = tuple(
            package
            for package, detail in found
            if detail.datasource_package_ingest_state == DatasourcePackageIngestState.STARTED
        )
        self._stopped = tuple(
            package
            for package, detail in found
            if detail.datasource_package_ingest_state == DatasourcePackageIngestState.STOPPED
        )
        return [package for package in self.desired.datasource_packages if package not in self._started]

    def missing_of_new(self) -> Sequence[str]:
        """Return all but the core package."""
        # AWS's guide says that new graphs have all of them started; should that be so, nothing is sent.
        return [package for package in self.desired.datasource_packages if package != _CORE_PACKAGE]

    async def act(self, names: Sequence[str], /) -> None:
        """Start packages; those that are started stay so."""
        # The request most likely sets the whole list: whatever it leaves out would be stopped.
        started = self._started
        if self.graph.made:
            # AWS is starting all of them.
            started += tuple(one for one in DatasourcePackage if one not in self._stopped)
        packages = dict.fromkeys((_CORE_PACKAGE, *started, *map(DatasourcePackage, names)))
        async with self.execution.acting(self.graph.region, self.note_unknown):
            await self.client.update_datasource_packages(self.graph.found_arn, list(packages))


class SetAutoEnable(GraphStep):
    """Sets whether accounts new to the organization become members automatically."""

    kind = ActionKind.SET_AUTO_ENABLE
    reason = Reason.AUTO_ENABLE_DIFFERS

    async def missing(self) -> Sequence[str]:
        """Compare the setting."""
        organization = self.desired.organization
        if organization is None or organization.auto_enable is None:
            return ()
        async with self._look(DESCRIBE_ORGANIZATION_CONFIGURATION):
            found = await self.client.describe_organization_configuration(self.graph.found_arn)
        return () if found.auto_enable is organization.auto_enable else (self._name,)

    def missing_of_new(self) -> Sequence[str]:
        """Return the setting if it is not that of a new graph."""
        organization = self.desired.organization
        return (self._name,) if organization and organization.auto_enable else ()

    async def act(self, names: Sequence[str], /) -> None:
        """Change the setting."""
        async with self.execution.acting(self.graph.region, self.note_unknown):
            await self.client.update_organization_configuration(self.graph.found_arn, auto_enable="on" in names)

    def record(self, error: DetectiveError) -> float | None:
        """Wait also while it is not seen everywhere that the graph is there, and the organization's."""
        is_unseen, is_new = isinstance(error, ValidationException), self.graph.is_new
        return self.refusals.record(error, refuses=is_unseen and not is_new, passes=is_unseen and is_new)

    def note_done(self) -> None:
        """Note also what was set."""
        super().note_done()
        self.graph.auto_enable = self._name == "on"

    @property
    def _name(self) -> str:
        organization = self.desired.organization
        return "on" if organization is not None and organization.auto_enable else "off"


#: The steps of a graph that exists; they are independent of each other.
GRAPH_STEPS: tuple[type[GraphStep], ...] = (TagGraph, StartPackages, SetAutoEnable)


def first_step(graph: Graph) -> Step | None:
    """Return the step that makes a graph where there is none; None if no action is to do that."""
    organization = graph.desired.organization
    if organization is None:
        return CreateGraph(graph)
    return None if organization.management_credentials is None else EnableAdministrator(graph, organization)


async def find_organization_graph(graph: Graph) -> None:
    """Find the graph of the client's account, and check that it is the organization's, without the management account.

    Raises:
        StoppedError: there is none, or it is not the organization's.
    """
    if await graph.find() is None:
        # A graph of an account that is not the administrator would send invitations.
        raise StoppedError(
            Reason.NOT_ADMINISTRATOR,
            "the client's account has no graph here, so it is not the organization's Detective administrator: "
            "designate it with management_credentials and administrator_id",
        )
    try:
        async with graph.execution.reading(graph.region):
            await graph.client.describe_organization_configuration(graph.found_arn)
    except (AccessDeniedException, ValidationException) as error:
        raise StoppedError(
            Reason.NOT_ORGANIZATION_GRAPH,
            f"the graph of {administrator_of(graph.found_arn)} is not the organization's, or its credentials do not "
            f"allow DescribeOrganizationConfiguration: {error_text(error)}",
        ) from error


def _due(step: Step, missing: Sequence[str]) -> Sequence[str]:
    """Return what is missing and planned.

    Raises:
        StoppedError: nothing of it is planned.
    """
    graph = step.graph
    action = graph.planned.get(step.kind)
    planned = () if action is None else action.items or ("",)
    due = [name for name in missing if name in planned]
    if not due:
        unplanned = not_planned(step.kind, missing)
        if not graph.made:
            raise unplanned
        # What a graph has from its beginning is seen in the end.
        graph.failures.setdefault(step.kind, unplanned)
    return due


def _is_there(step: Step, missing: Sequence[str], refuted: Contradiction) -> bool:
    """Return whether nothing is missing any more, and record it."""
    graph, kind = step.graph, step.kind
    if missing:
        return False
    # The plan saw that it was missing, if it saw the graph.
    is_seen = isinstance(step, GraphStep) and not graph.is_new
    is_unexpected = is_seen and kind in graph.planned and kind not in graph.done_before
    if is_unexpected and kind not in (*graph.done, *graph.maybe_done) and not refuted.lasts():
        text = f"nothing is missing for {str(kind)!r} any more, which is believed after {SETTLING:g} s"
        graph.failures[kind] = StoppedError(Reason.TIMED_OUT, text)
        return False
    if kind in graph.maybe_done:
        # An attempt whose response was lost has had its effect.
        step.note_done()
    graph.failures.pop(kind, None)
    return True


async def carry_out(step: Step, wait: Wait) -> None:
    """Do what is missing and planned, look, and wait until nothing is missing, or until the deadline.

    Raises:
        DetectiveError: an error that is not transient, or the last one before the deadline.
        StoppedError: something is missing that the plan does not show; or it is still missing at the deadline.
    """
    graph, kind, failures = step.graph, step.kind, step.graph.failures
    refuted = Contradiction(step.execution.clock)
    # For a report at the deadline.
    failures[step.reading] = StoppedError(Reason.NO_RESPONSE, f"no response yet to {step.reading}")
    while True:
        shortest = 0.0
        try:
            missing = await step.missing()
            graph.unseen.clear()
            failures.pop(step.reading, None)
            if _is_there(step, missing, refuted):
                return
            due = _due(step, missing) if missing else ()
            if due:
                refuted.clear()
            if due and kind not in graph.done:
                await step.act(due)
                step.note_done()
                names = ", ".join(filter(None, due))
                text = f"{str(kind)!r}{names and f' ({names})'} was done, but its effect is not visible"
                failures[kind] = StoppedError(Reason.TIMED_OUT, text)
                wait.restart()
                continue
        except StoppedError as error:
            if refuted.lasts():
                raise
            failures[step.reading] = error
        except DetectiveError as error:
            shortest = step.note_error(error)
            # Operations of the organization's configuration have no error of their own for a graph that is not found.
            if isinstance(step, GraphStep) and isinstance(error, ResourceNotFoundException | ValidationException):
                await graph.require()
        if not await wait.pause(shortest=shortest):
            # The caller says what has failed.
            raise TimeoutError
