"""The graph of a region: how it stands, what is to be done about it, and doing so."""

from collections.abc import Mapping

from attrs import frozen

from detective_async.api.models.datasources import DatasourcePackage, DatasourcePackageIngestState
from detective_async.api.models.exceptions import AccessDeniedException, ValidationException
from detective_async.api.models.members import MemberDetail
from detective_async.client.client import DetectiveClient
from detective_async.errors import ServiceError
from detective_async.membership.actions import ActionKind
from detective_async.membership.job import Hindrance, Job, Step, explain
from detective_async.membership.wanted import Goals

#: Seconds until a new administrator is expected to be in the organization's list.
_PATIENCE = 60.0
#: As many as the API gives at once.
_PAGE_SIZE = 200


@frozen
class Ground:
    """How a region stands.

    Attributes:
        graph_arn: the graph of the client's account, if it has one.
        administrators: the organization's Detective administrators, by account id; None where nobody asked.
    """

    graph_arn: str | None
    administrators: tuple[str, ...] | None = None


def administrator_of(graph_arn: str) -> str:
    """Give the account whose graph it is."""
    return graph_arn.split(":")[4]


async def survey(job: Job, goals: Goals, region: str) -> Ground:
    """Look which graph there is, and in organization mode whether it is the organization's.

    Raises:
        Hindrance: it is not.
    """
    client = job.at(region)
    graph_arn = await find_graph(job, client)
    if not goals.organization:
        return Ground(graph_arn)
    if goals.management_credentials is not None:
        management = job.at(region, goals.management_credentials)
        async with job.gate:
            administrators = await management.iter_organization_admin_accounts().collect()
        return Ground(graph_arn, tuple(one.account_id or "" for one in administrators))
    if graph_arn is not None:
        await _check_that_it_is_the_organizations(job, client, graph_arn)
    return Ground(graph_arn)


async def find_graph(job: Job, client: DetectiveClient) -> str | None:
    """Give the ARN of the graph that the client's account has in the client's region."""
    async with job.gate:
        graph = await client.iter_graphs().first()
    return None if graph is None else graph.arn


def decide_on_graph(ground: Ground, goals: Goals) -> ActionKind | None:
    """Say what is next before there can be members; None where there is a graph for them.

    Raises:
        Hindrance: nothing that can be done here would help.
    """
    if not goals.organization:
        return None if ground.graph_arn else ActionKind.CREATE_GRAPH
    if ground.administrators is None:
        if ground.graph_arn is None:
            # One that is created by an account that is not the administrator would send invitations.
            raise Hindrance(
                "the client's account has no graph here, so it is not the organization's Detective administrator: "
                "make it that with management_credentials and administrator_id"
            )
        return None
    present, account_id = ground.administrators, goals.administrator_id
    if present and account_id not in present:
        raise Hindrance(f"the organization's Detective administrator here is {present[0]}, and not {account_id}")
    if ground.graph_arn is not None and administrator_of(ground.graph_arn) != account_id:
        raise Hindrance(
            f"the client has the credentials of account {administrator_of(ground.graph_arn)}, and not those of the "
            f"administrator {account_id}"
        )
    return None if present and ground.graph_arn else ActionKind.ENABLE_ADMINISTRATOR


async def next_step(job: Job, goals: Goals, region: str) -> tuple[Ground, Step | None]:
    """Look, and say what is next and how it is done."""
    ground = await survey(job, goals, region)

    async def enable_administrator() -> None:
        # For that is where it is decided on.
        assert goals.administrator_id is not None  # noqa: S101
        management = job.at(region, goals.management_credentials)
        async with job.gate:
            await management.enable_organization_admin_account(goals.administrator_id)
            await management.wait_for_organization_admin_account(goals.administrator_id, timeout=_PATIENCE)

    async def create_graph() -> None:
        async with job.gate:
            await job.at(region).create_graph(tags=goals.tags or None)

    kind = decide_on_graph(ground, goals)
    if kind is None:
        return ground, None
    return ground, (kind, create_graph if kind is ActionKind.CREATE_GRAPH else enable_administrator)


async def list_members(job: Job, client: DetectiveClient, graph_arn: str) -> dict[str, MemberDetail]:
    """Give the members of a graph by account id."""
    async with job.gate:
        members = await client.iter_members(graph_arn, page_size=_PAGE_SIZE).collect()
    return {member.account_id: member for member in members if member.account_id is not None}


async def lacking_tags(job: Job, client: DetectiveClient, graph_arn: str, goals: Goals) -> Mapping[str, str]:
    """Give the wanted tags that the graph does not have; asks only where any are wanted."""
    if not goals.tags:
        return {}
    async with job.gate:
        present = (await client.list_tags_for_resource(graph_arn)).tags
    return {key: value for key, value in goals.tags.items() if present.get(key) != value}


async def lacking_packages(job: Job, client: DetectiveClient, graph_arn: str, goals: Goals) -> list[DatasourcePackage]:
    """Give the wanted packages that are not started; asks only where any are wanted."""
    if not goals.datasource_packages:
        return []
    async with job.gate:
        present = dict(await client.iter_datasource_packages(graph_arn).collect())
    started = {
        package
        for package, detail in present.items()
        if detail.datasource_package_ingest_state == DatasourcePackageIngestState.STARTED
    }
    return [package for package in goals.datasource_packages if package not in started]


async def tag_step(job: Job, client: DetectiveClient, graph_arn: str, goals: Goals) -> Step | None:
    """Look at the tags, and say what is next and how it is done."""
    tags = await lacking_tags(job, client, graph_arn, goals)

    async def tag_graph() -> None:
        async with job.gate:
            await client.tag_resource(graph_arn, tags)

    return (ActionKind.TAG_GRAPH, tag_graph) if tags else None


async def package_step(job: Job, client: DetectiveClient, graph_arn: str, goals: Goals) -> Step | None:
    """Look at the data source packages, and say what is next and how it is done."""
    packages = await lacking_packages(job, client, graph_arn, goals)

    async def start_packages() -> None:
        async with job.gate:
            await client.update_datasource_packages(graph_arn, packages)

    return (ActionKind.START_PACKAGES, start_packages) if packages else None


async def _check_that_it_is_the_organizations(job: Job, client: DetectiveClient, graph_arn: str) -> None:
    try:
        async with job.gate:
            await client.describe_organization_configuration(graph_arn)
    except (AccessDeniedException, ValidationException) as error:
        raise _not_the_organizations(graph_arn, error) from error


def _not_the_organizations(graph_arn: str, error: ServiceError) -> Hindrance:
    return Hindrance(
        f"the graph of {administrator_of(graph_arn)} is not the organization's, or its credentials do not allow "
        f"DescribeOrganizationConfiguration: {explain(error)}"
    )
