"""The graph of a region: its state, the next action on it, and that action."""

from collections.abc import Mapping
from itertools import islice

from attrs import frozen

from detective_async.api.models.datasources import DatasourcePackage, DatasourcePackageIngestState
from detective_async.api.models.exceptions import AccessDeniedException, ValidationException
from detective_async.api.models.members import MemberDetail
from detective_async.client.client import DetectiveClient
from detective_async.membership.actions import ActionKind
from detective_async.membership.desired import DesiredState
from detective_async.membership.execution import BlockedError, Execution, Step, error_text

#: Seconds to wait until a new administrator is in the organization's list.
_ADMINISTRATOR_TIMEOUT = 60.0
#: The API's maximum.
_PAGE_SIZE = 200


@frozen
class GraphState:
    """The graph of the client's account in a region, if it has one."""

    graph_arn: str | None
    # The account ids of the organization's Detective administrators; None if they were not read.
    administrators: tuple[str, ...] | None = None


def administrator_of(graph_arn: str) -> str:
    """Return the account that owns a graph; empty if the ARN, which may be from a response, is malformed."""
    return next(islice(graph_arn.split(":"), 4, None), "")


async def read_graph_state(execution: Execution, desired: DesiredState, region: str) -> GraphState:
    """Read which graph there is; in organization mode, a `BlockedError` says that it is not the organization's."""
    client = execution.client_in(region)
    graph_arn = await find_graph(execution, client)
    if not desired.organization:
        return GraphState(graph_arn)
    if desired.management_credentials is not None:
        management = execution.client.with_options(region=region, credentials=desired.management_credentials)
        async with execution.semaphore:
            administrators = await management.iter_organization_admin_accounts().collect()
        return GraphState(graph_arn, tuple(one.account_id or "" for one in administrators))
    if graph_arn is not None:
        await _check_organization_graph(execution, client, graph_arn)
    return GraphState(graph_arn)


async def find_graph(execution: Execution, client: DetectiveClient) -> str | None:
    """Return the ARN of the graph that the client's account has in the client's region."""
    async with execution.semaphore:
        graph = await client.iter_graphs().first()
    return None if graph is None else graph.arn


def decide_on_graph(graph: GraphState, desired: DesiredState) -> ActionKind | None:
    """Return the next action before there can be members; a `BlockedError` says that no action can help."""
    if not desired.organization:
        return None if graph.graph_arn else ActionKind.CREATE_GRAPH
    if graph.administrators is None:
        if graph.graph_arn is None:
            # A graph of an account that is not the administrator would send invitations.
            raise BlockedError(
                "the client's account has no graph here, so it is not the organization's Detective administrator: "
                "designate it with management_credentials and administrator_id"
            )
        return None
    present, account_id = graph.administrators, desired.administrator_id
    if present and account_id not in present:
        raise BlockedError(f"the organization's Detective administrator here is {present[0]}, and not {account_id}")
    if graph.graph_arn is not None and administrator_of(graph.graph_arn) != account_id:
        raise BlockedError(
            f"the client has the credentials of account {administrator_of(graph.graph_arn)}, and not those of the "
            f"administrator {account_id}"
        )
    return None if present and graph.graph_arn else ActionKind.ENABLE_ADMINISTRATOR


async def next_step(execution: Execution, desired: DesiredState, region: str) -> tuple[GraphState, Step | None]:
    """Read the state, and return it with the next step."""
    graph = await read_graph_state(execution, desired, region)

    async def enable_administrator() -> None:
        assert desired.administrator_id is not None  # noqa: S101 - otherwise this step is never decided on
        management = execution.client.with_options(region=region, credentials=desired.management_credentials)
        async with execution.acting():
            await management.enable_organization_admin_account(desired.administrator_id)
        async with execution.semaphore:
            await management.wait_for_organization_admin_account(
                desired.administrator_id, timeout=_ADMINISTRATOR_TIMEOUT
            )

    async def create_graph() -> None:
        async with execution.acting():
            await execution.client_in(region).create_graph(tags=desired.tags or None)

    kind = decide_on_graph(graph, desired)
    if kind is None:
        return graph, None
    return graph, (kind, create_graph if kind is ActionKind.CREATE_GRAPH else enable_administrator)


async def list_members(execution: Execution, client: DetectiveClient, graph_arn: str) -> dict[str, MemberDetail]:
    """Return the members of a graph by account id."""
    async with execution.semaphore:
        members = await client.iter_members(graph_arn, page_size=_PAGE_SIZE).collect()
    return {member.account_id: member for member in members if member.account_id is not None}


async def missing_tags(
    execution: Execution, client: DetectiveClient, graph_arn: str, desired: DesiredState
) -> Mapping[str, str]:
    """Return the desired tags that the graph does not have; sends a request only if tags are desired."""
    if not desired.tags:
        return {}
    async with execution.semaphore:
        present = (await client.list_tags_for_resource(graph_arn)).tags
    return {key: value for key, value in desired.tags.items() if present.get(key) != value}


async def missing_packages(
    execution: Execution, client: DetectiveClient, graph_arn: str, desired: DesiredState
) -> list[DatasourcePackage]:
    """Return the desired packages that are not started; sends a request only if packages are desired."""
    if not desired.datasource_packages:
        return []
    async with execution.semaphore:
        present = dict(await client.iter_datasource_packages(graph_arn).collect())
    started = {
        package
        for package, detail in present.items()
        if detail.datasource_package_ingest_state == DatasourcePackageIngestState.STARTED
    }
    return [package for package in desired.datasource_packages if package not in started]


async def tag_step(execution: Execution, client: DetectiveClient, graph_arn: str, desired: DesiredState) -> Step | None:
    """Read the tags, and return the step that adds the missing ones."""
    tags = await missing_tags(execution, client, graph_arn, desired)

    async def tag_graph() -> None:
        async with execution.acting():
            await client.tag_resource(graph_arn, tags)

    return (ActionKind.TAG_GRAPH, tag_graph) if tags else None


async def package_step(
    execution: Execution, client: DetectiveClient, graph_arn: str, desired: DesiredState
) -> Step | None:
    """Read the data source packages, and return the step that starts the missing ones."""
    packages = await missing_packages(execution, client, graph_arn, desired)

    async def start_packages() -> None:
        async with execution.acting():
            await client.update_datasource_packages(graph_arn, packages)

    return (ActionKind.START_PACKAGES, start_packages) if packages else None


async def _check_organization_graph(execution: Execution, client: DetectiveClient, graph_arn: str) -> None:
    try:
        async with execution.semaphore:
            await client.describe_organization_configuration(graph_arn)
    except (AccessDeniedException, ValidationException) as error:
        raise BlockedError(
            f"the graph of {administrator_of(graph_arn)} is not the organization's, or its credentials do not allow "
            f"DescribeOrganizationConfiguration: {error_text(error)}"
        ) from error
