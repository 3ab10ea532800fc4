"""Code that a user might write, with every public name and the types that a checker must infer. It is never run."""

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any, assert_type

import aiohttp
from aiohttp import web
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

import detective_async as d
from detective_async import coverage, investigation, membership, organization
from detective_async.integrations import aiohttp_web as served
from detective_async.integrations import asgi
from detective_async.integrations.opentelemetry import OpenTelemetryHook
from detective_async.integrations.progress import ProgressBar


async def client_and_settings(session: aiohttp.ClientSession) -> None:
    """Make clients in every way, with every setting."""

    async def from_a_vault() -> d.Credentials:
        return d.Credentials("key", "secret", session_token=None, expires_at=datetime.now(UTC))

    def hook(event: d.AttemptEvent | d.RetryEvent | d.CallEvent) -> None:
        assert_type(event.operation, str)
        assert_type(event.account, str | None)
        match event:
            case d.AttemptEvent():
                assert_type(event.status, int | None)
            case d.RetryEvent():
                assert_type(event.delay, float)
            case d.CallEvent():
                assert_type(event.retry_quota, int)

    class Watcher:
        """A hook with `on_start`."""

        def on_start(self, start: d.CallStart) -> None:
            assert_type(start.headers, dict[str, str])

        def __call__(self, event: object) -> None:
            """Handle the other events."""

    sources: Sequence[d.CredentialsProvider] = [
        d.StaticCredentials("key", "secret"),
        d.EnvironmentCredentials(),
        d.DefaultCredentials(profile="work"),
        d.SessionCredentials(object()),
        d.AssumeRole("arn:aws:iam::111122223333:role/x"),
    ]
    role = d.AssumeRole(
        "arn:aws:iam::111122223333:role/x",
        source=from_a_vault,
        session_name="me",
        external_id="id",
        duration=900,
        region="eu-west-1",
        endpoint_url="http://localhost:4580",
        policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",),
        tags={"team": "secops"},
    )
    try:
        assert_type(await role.get_credentials(), d.Credentials)
    except d.AssumeRoleError as error:
        assert_type(error.code, str | None)
    assert_type(await sources[0].get_credentials(), d.Credentials)
    client = d.DetectiveClient(
        region="eu-west-1",
        credentials=from_a_vault,
        endpoint_url="http://localhost:4580",
        session=session,
        retry=d.RetryPolicy(max_attempts=5),
        timeouts=d.Timeouts(connect=1, read=2.5, attempt=10, total=None),
        hooks=[hook, Watcher()],
        use_fips=False,
        use_dualstack=False,
        profile=None,
        clock=d.Clock(random=lambda: 0.5),
    )
    assert_type(client.region, str)
    print(d.to_dict(d.Graph(arn="arn")))
    assert_type(client.endpoint_url, str)
    assert_type(client.with_options(region="us-east-1", credentials=sources[1], account_id="1" * 12), d.DetectiveClient)
    async with client as entered:
        assert_type(entered, d.DetectiveClient)
    await client.aclose()
    print(d.__version__)


async def iterators(client: d.DetectiveClient, graph_arn: str) -> None:
    """Iterate in every way."""
    assert_type(client.iter_graphs(), d.Paginator[d.Graph, d.ListGraphsResponse])
    assert_type(client.iter_invitations(), d.Paginator[d.MemberDetail, d.ListInvitationsResponse])
    assert_type(
        client.iter_organization_admin_accounts(),
        d.Paginator[d.Administrator, d.ListOrganizationAdminAccountsResponse],
    )
    assert_type(
        client.iter_investigations(
            graph_arn,
            filter_criteria=d.FilterCriteria(
                severity=d.StringFilter(d.Severity.HIGH),
                created_time=d.DateFilter(datetime.now(UTC), datetime.now(UTC)),
            ),
            sort_criteria=d.SortCriteria(field=d.Field.SEVERITY, sort_order="DESC"),
        ),
        d.Paginator[d.InvestigationDetail, d.ListInvestigationsResponse],
    )
    assert_type(
        client.iter_indicators(graph_arn, "0" * 21, indicator_type=d.IndicatorType.NEW_ASO),
        d.Paginator[d.Indicator, d.ListIndicatorsResponse],
    )
    async for package, detail in client.iter_datasource_packages(graph_arn):
        assert_type(package, d.DatasourcePackage)
        assert_type(detail, d.DatasourcePackageIngestDetail)
        assert_type(detail.last_ingest_state_change, dict[d.DatasourcePackageIngestState, d.TimestampForCollection])
    members = client.iter_members(graph_arn, page_size=50, limit=100, starting_token=None, prefetch=2)
    assert_type(members, d.Paginator[d.MemberDetail, d.ListMembersResponse])
    assert_type(aiter(members), AsyncGenerator[d.MemberDetail, None])
    async for member in members:
        assert_type(member, d.MemberDetail)
        assert_type(member.status, d.MemberStatus | None)
        assert_type(member.disabled_reason, d.MemberDisabledReason | None)
        assert_type(member.invitation_type, d.InvitationType | None)
        assert_type(member.invited_time, datetime | None)
        assert_type(member.volume_usage_by_datasource_package, dict[d.DatasourcePackage, d.DatasourcePackageUsageInfo])
    async for page in members.pages():
        assert_type(page, d.ListMembersResponse)
        assert_type(page.response_metadata, d.ResponseMetadata)
    assert_type(await members.collect(), list[d.MemberDetail])
    assert_type(await members.first(), d.MemberDetail | None)
    assert_type(members.resume_token, str | None)


async def graphs_and_members(client: d.DetectiveClient, graph_arn: str) -> None:
    """Call the operations about graphs, tags, members and invitations."""
    assert_type(await client.create_graph(tags={"a": "b"}), d.CreateGraphResponse)
    assert_type((await client.list_graphs(max_results=5)).graph_list, list[d.Graph])
    assert_type(await client.list_tags_for_resource(graph_arn), d.ListTagsForResourceResponse)
    assert_type(await client.tag_resource(graph_arn, {"a": "b"}), d.TagResourceResponse)
    assert_type(await client.untag_resource(graph_arn, ("a",)), d.UntagResourceResponse)
    created = await client.create_members(graph_arn, [d.Account("111122223333", "a@b.org")], message="Hello")
    assert_type(created, d.CreateMembersResponse)
    assert_type(created.unprocessed_accounts, list[d.UnprocessedAccount])
    assert_type(await client.get_members(graph_arn, ["111122223333"]), d.GetMembersResponse)
    assert_type(await client.delete_members(graph_arn, account_ids=["111122223333"]), d.DeleteMembersResponse)
    assert_type(await client.list_members(graph_arn, next_token=None), d.ListMembersResponse)
    assert_type(await client.list_invitations(), d.ListInvitationsResponse)
    await client.accept_invitation(graph_arn)
    await client.reject_invitation(graph_arn)
    await client.disassociate_membership(graph_arn)
    await client.start_monitoring_member(graph_arn, "111122223333")
    await client.delete_graph(graph_arn)


async def packages_and_organization(client: d.DetectiveClient, graph_arn: str) -> None:
    """Call the operations about data source packages and the organization."""
    of_members = await client.batch_get_graph_member_datasources(graph_arn, ["111122223333"])
    assert_type(of_members, d.BatchGetGraphMemberDatasourcesResponse)
    assert_type(of_members.member_datasources, list[d.MembershipDatasources])
    of_graphs = await client.batch_get_membership_datasources([graph_arn])
    assert_type(of_graphs, d.BatchGetMembershipDatasourcesResponse)
    assert_type(of_graphs.unprocessed_graphs, list[d.UnprocessedGraph])
    assert_type(await client.list_datasource_packages(graph_arn), d.ListDatasourcePackagesResponse)
    await client.update_datasource_packages(graph_arn, [d.DatasourcePackage.EKS_AUDIT, "DETECTIVE_CORE"])
    await client.enable_organization_admin_account("111122223333")
    assert_type(await client.list_organization_admin_accounts(), d.ListOrganizationAdminAccountsResponse)
    configuration = await client.describe_organization_configuration(graph_arn)
    assert_type(configuration, d.DescribeOrganizationConfigurationResponse)
    assert_type(configuration.auto_enable, bool)
    await client.update_organization_configuration(graph_arn, auto_enable=True)
    await client.disable_organization_admin_account()


async def investigations(client: d.DetectiveClient, graph_arn: str) -> None:
    """Call the operations about investigations and read their indicators."""
    now = datetime.now(UTC)
    started = await client.start_investigation(graph_arn, "arn:aws:iam::111122223333:role/x", now, now)
    assert_type(started, d.StartInvestigationResponse)
    investigation = await client.get_investigation(graph_arn, "0" * 21)
    assert_type(investigation, d.GetInvestigationResponse)
    assert_type(investigation.entity_type, d.EntityType | None)
    assert_type(investigation.status, d.Status | None)
    assert_type(await client.list_investigations(graph_arn), d.ListInvestigationsResponse)
    await client.update_investigation_state(graph_arn, "0" * 21, d.State.ARCHIVED)
    page = await client.list_indicators(graph_arn, "0" * 21)
    assert_type(page, d.ListIndicatorsResponse)
    detail = page.indicators[0].indicator_detail or d.IndicatorDetail()
    assert_type(detail.ttps_observed_detail, d.TTPsObservedDetail | None)
    assert_type(detail.impossible_travel_detail, d.ImpossibleTravelDetail | None)
    assert_type(detail.new_geolocation_detail, d.NewGeolocationDetail | None)
    assert_type(detail.new_aso_detail, d.NewAsoDetail | None)
    assert_type(detail.new_user_agent_detail, d.NewUserAgentDetail | None)
    assert_type(detail.related_finding_detail, d.RelatedFindingDetail | None)
    assert_type(detail.related_finding_group_detail, d.RelatedFindingGroupDetail | None)
    flagged = detail.flagged_ip_address_detail or d.FlaggedIpAddressDetail()
    assert_type(flagged.reason, d.Reason | None)
    assert_type(d.SortOrder("ASC"), d.SortOrder)


async def lists_of_any_length(client: d.DetectiveClient, graph_arn: str) -> None:
    """Use the bulk operations."""
    bulk = client.bulk
    assert_type(bulk, d.Bulk)
    accounts = (d.Account(f"{number:012}", "a@b.org") for number in range(120))
    created = await bulk.create_members(graph_arn, accounts, message="Hello", disable_email_notification=True)
    assert_type(created, d.BulkCreateMembers)
    assert_type(created.members, list[d.MemberDetail])
    assert_type(created.unprocessed_accounts, list[d.UnprocessedAccount])
    assert_type(created.failures, list[d.ChunkFailure])
    for failure in created.failures:
        assert_type(failure.items, list[str])
        assert_type(failure.error, d.DetectiveError)
    assert_type(created.response_metadata, list[d.ResponseMetadata])
    deleted = await bulk.delete_members(graph_arn, {"111122223333"}, concurrency=2)
    assert_type(deleted, d.BulkDeleteMembers)
    assert_type(deleted.account_ids, list[str])
    got = await bulk.get_members(graph_arn, account_ids=["111122223333"])
    assert_type(got, d.BulkGetMembers)
    assert_type(got.member_details, list[d.MemberDetail])
    of_members = await bulk.get_graph_member_datasources(graph_arn, ["111122223333"])
    assert_type(of_members, d.BulkGetGraphMemberDatasources)
    assert_type(of_members.member_datasources, list[d.MembershipDatasources])
    of_graphs = await bulk.get_membership_datasources([graph_arn])
    assert_type(of_graphs, d.BulkGetMembershipDatasources)
    assert_type(of_graphs.unprocessed_graphs, list[d.UnprocessedGraph])


async def waiting(client: d.DetectiveClient, graph_arn: str) -> None:
    """Wait for what the service does in its own time."""
    settled: list[str | None] = []

    def on_settled(member: d.MemberDetail) -> None:
        settled.append(member.account_id)

    try:
        members = await client.wait_for_members(
            graph_arn, ["111122223333"], timeout=60, until={d.MemberStatus.ENABLED, "INVITED"}, on_settled=on_settled
        )
        assert_type(members, list[d.MemberDetail])
        investigation = await client.wait_for_investigation(graph_arn, "0" * 21, timeout=1.5)
        assert_type(investigation, d.GetInvestigationResponse)
        administrator = await client.wait_for_organization_admin_account("111122223333", timeout=60)
        assert_type(administrator, d.Administrator)
    except d.WaiterTimeout as error:
        assert_type(error.timeout, float)
        assert_type(error.last_states, dict[str, Any])
        assert_type(error.pending, list[str])


async def many_targets(session: aiohttp.ClientSession) -> None:
    """Work in many accounts and regions at once."""
    keys = d.Credentials("key", "secret")
    targets = (d.Target(f"{number:012}", "eu-west-1", keys) for number in range(10_000))
    options = d.ClientOptions(region="eu-west-1", session=session, retry=d.RetryPolicy(max_attempts=5))
    fleet = d.DetectiveFleet(targets, concurrency=100, concurrency_per_target=4, **options)
    roles = d.DetectiveFleet.assume_role(
        "security/Audit",
        ["111122223333"],
        {"eu-west-1"},
        source=d.StaticCredentials("key", "secret"),
        external_id="id",
        session_name="me",
        duration=900,
        concurrency=100,
        timeouts=d.Timeouts(total=60),
        endpoint_url="http://localhost:4580",
    )
    assert_type(roles, d.DetectiveFleet)
    assert_type(roles.shard(0, 4), d.DetectiveFleet)

    async def count(client: d.DetectiveClient, target: d.Target) -> int:
        assert_type(target.account_id, str)
        assert_type(target.region, str)
        return len((await client.list_graphs()).graph_list)

    def on_progress(event: d.ProgressEvent) -> None:
        assert_type(event.done, int)
        assert_type(event.failed, int)
        assert_type(event.total, int | None)
        assert_type(event.rate, float)
        assert_type(event.elapsed, float)

    async with fleet as entered:
        assert_type(entered, d.DetectiveFleet)
        assert_type(fleet.run(count), AsyncGenerator[d.Outcome[int], None])
        async for outcome in fleet.run(count, progress=on_progress):
            assert_type(outcome, d.Outcome[int])
            assert_type(outcome.target, d.Target)
            assert_type(outcome.value, int | None)
            assert_type(outcome.error, Exception | None)
            assert_type(outcome.elapsed, float)
            assert_type(outcome.kind, d.OutcomeKind)
            assert_type(outcome.ok, bool)
            assert_type(outcome.result(), int)
        async for graphs in fleet.run(lambda client, _: client.list_graphs()):
            assert_type(graphs.result(), d.ListGraphsResponse)
    with ProgressBar("counting") as bar:
        assert_type([outcome.result() async for outcome in roles.run(count, progress=bar)], list[int])
    await roles.aclose()


async def merged_streams(fleet: d.DetectiveFleet) -> None:
    """Iterate over what all targets have."""
    members = fleet.iter_members(page_size=50)
    assert_type(members, d.FleetStream[d.MemberDetail])
    assert_type(aiter(members), AsyncGenerator[tuple[d.Target, d.MemberDetail], None])
    async for target, member in members:
        assert_type(target, d.Target)
        assert_type(member, d.MemberDetail)
    assert_type(members.outcomes, list[d.Outcome[int]])
    for failure in members.failures:
        assert_type(failure.value, int | None)
    assert_type(fleet.iter_graphs(), d.FleetStream[d.Graph])
    assert_type(fleet.iter_invitations(), d.FleetStream[d.MemberDetail])
    assert_type(fleet.iter_organization_admin_accounts(), d.FleetStream[d.Administrator])
    assert_type(
        fleet.iter_datasource_packages(), d.FleetStream[tuple[d.DatasourcePackage, d.DatasourcePackageIngestDetail]]
    )
    async for _, (package, detail) in fleet.iter_datasource_packages():
        assert_type(package, d.DatasourcePackage)
        assert_type(detail, d.DatasourcePackageIngestDetail)
    criteria = d.FilterCriteria(severity=d.StringFilter(d.Severity.HIGH))
    assert_type(
        fleet.iter_investigations(filter_criteria=criteria, sort_criteria=d.SortCriteria(field="STATUS")),
        d.FleetStream[d.InvestigationDetail],
    )
    indicators = fleet.iter_indicators(filter_criteria=criteria, indicator_type="NEW_ASO")
    assert_type(indicators, d.FleetStream[tuple[d.InvestigationDetail, d.Indicator]])


async def errors(client: d.DetectiveClient) -> None:
    """Handle every error."""
    try:
        await client.list_graphs()
    except d.ParameterError as error:
        assert_type(error.parameter, str)
    except (d.ClientClosed, d.ConfigurationError, d.CredentialsError, d.PaginationError):
        raise
    except (d.HostNotFound, d.ConnectionLost, d.AttemptTimeout, d.DeadlineExceeded) as error:
        assert_type(error.outcome_unknown, bool)
    except d.ConnectError:
        raise
    except d.TransportError as error:
        assert_type(error.attempts, int)
    except d.DecodeError as error:
        assert_type(error.request_id, str | None)
    except d.AccessDeniedException as error:
        assert_type(error.sub_error_code, d.ErrorCode | None)
    except d.ServiceQuotaExceededException as error:
        assert_type(error.resources, list[str])
    except d.ValidationException as error:
        assert_type(error.error_code_reason, str | None)
    except (
        d.ConflictException,
        d.InternalServerException,
        d.ResourceNotFoundException,
        d.TooManyRequestsException,
    ) as error:
        assert_type(error.status, int)
    except d.ServiceError as error:
        assert_type(error.retry_after, float | None)
    except d.DetectiveError:
        raise


async def findings_and_reports(client: d.DetectiveClient, fleet: d.DetectiveFleet, finding: dict[str, Any]) -> None:
    """Investigate what findings name."""
    found = investigation.entities_of(finding, known_arns=["arn:aws:iam::111122223333:role/x"])
    assert_type(found, investigation.FindingEntities)
    assert_type(found.entities, tuple[investigation.FindingEntity, ...])
    assert_type(found.arns, tuple[str, ...])
    for skipped in found.skipped:
        assert_type(skipped, investigation.SkippedEntity)
        assert_type(skipped.reason, investigation.SkipReason)
        assert_type(skipped.with_path("/"), investigation.FindingEntity)
    reports = investigation.investigate(client, found, timeout=600)
    assert_type(reports, AsyncGenerator[investigation.InvestigationReport, None])
    async for report in reports:
        assert_type(report.severity, d.Severity | None)
        assert_type(report.indicators, tuple[d.Indicator, ...])
        assert_type(report.rows(), list[dict[str, str]])
        assert_type(report.to_dict(), dict[str, Any])
        if isinstance(report.error, investigation.InvestigationFailed):
            raise report.error
    async for report in investigation.investigate_fleet(fleet, ["arn:aws:iam::111122223333:role/x"]):
        assert_type(report.region, str | None)


async def coverages(client: d.DetectiveClient, fleet: d.DetectiveFleet) -> None:
    """Find out what is covered."""
    found = await coverage.survey(client, regions=["eu-west-1"], accounts=["111122223333"])
    assert_type(found, coverage.Coverage)
    for row in found:
        assert_type(row, coverage.CoverageRow)
        assert_type(row.reason, coverage.CoverageReason | None)
        assert_type(row.volume, int | None)
    for region in (await coverage.survey_fleet(fleet)).regions:
        assert_type(region, coverage.RegionCoverage)
        assert_type(region.state, coverage.RegionState)
    assert_type(found.totals, coverage.CoverageTotals)
    assert_type(found.to_dict(), dict[str, Any])


async def memberships(client: d.DetectiveClient, lines: list[str], own: d.Credentials) -> None:
    accounts, problems = membership.read_accounts(lines)
    assert_type(accounts, membership.AccountList)
    assert_type(accounts[0], d.Account)
    assert_type(accounts[:2], membership.AccountList)
    assert_type(problems, list[membership.LineProblem])
    plan = await membership.plan_membership(
        client,
        {"eu-west-1": accounts},
        members=membership.ByInvitation(
            credentials=lambda account_id: d.AssumeRole(f"arn:aws:iam::{account_id}:role/Join")
        ),
        datasource_packages=["EKS_AUDIT", d.DatasourcePackage.DETECTIVE_CORE],
    )
    by_organization = membership.ByOrganization(administrator_id="1" * 12, management_credentials=own, auto_enable=True)
    listed = await organization.list_accounts(client)
    assert_type(listed, list[organization.OrganizationAccount])
    await membership.plan_membership(client, listed, regions="all", members=by_organization, remove_others=True)
    await membership.plan_membership(
        client,
        [*accounts, *listed],
        regions=["eu-west-1"],
        members=membership.ByInvitation(credentials={"1" * 12: own}),
    )
    for action in plan.actions:
        assert_type(action, membership.Action)
        assert_type(action.kind, membership.ActionKind)
        assert_type(action.reason, membership.Reason | None)
    assert_type(plan.problems, tuple[membership.Problem, ...])
    assert_type(plan.notes, tuple[membership.Note, ...])
    assert_type(plan.report, membership.MembershipReport | None)
    report = await plan.apply(timeout=60, progress=lambda event: print(event.rate))
    assert_type(report, membership.MembershipReport)
    assert_type(report.rows, tuple[membership.AccountReport, ...])
    assert_type(report.rows[0].after, d.MemberStatus | None)
    assert_type(report.regions, tuple[membership.RegionReport, ...])
    assert_type(await membership.plan_packages(client, ["EKS_AUDIT"], regions=["eu-west-1"]), membership.MembershipPlan)
    teardown = await membership.plan_teardown(client, regions=["eu-west-1"])
    assert_type(teardown, membership.TeardownPlan)
    assert_type(await teardown.apply(confirm="111122223333"), membership.TeardownReport)


async def in_a_server(app: web.Application, request: web.Request, fleet: d.DetectiveFleet) -> None:
    hook = OpenTelemetryHook()
    served.setup(
        app,
        d.DetectiveClient(region="eu-west-1", hooks=[hook]),
        account_credentials=lambda account_id: d.AssumeRole(f"arn:aws:iam::{account_id}:role/Audit"),
        deadline=30,
    )
    served.setup(app, fleet)
    assert_type(app[served.CLIENT], d.DetectiveClient)
    assert_type(app[served.FLEET], d.DetectiveFleet)
    client = served.get_client(request, account_id="1" * 12, region="eu-west-1")
    assert_type(client, d.DetectiveClient)
    assert_type(served.get_fleet(request).client, d.DetectiveClient)
    assert_type(await served.stream_ndjson(request, client.iter_graphs()), web.StreamResponse)
    assert_type(await served.stream_events(request, fleet.iter_members(), heartbeat=5), web.StreamResponse)
    assert_type(await served.health(request), web.Response)
    assert_type(served.last_event_id(request), str | None)
    served.ServerEvent({"done": 1}, event="progress", id="1")
    raise served.ProblemError(409, detail="It is being done already.", job="1")


async def under_asgi(app: Starlette, request: Request, fleet: d.DetectiveFleet) -> Any:
    app.add_middleware(asgi.DetectiveMiddleware, fleet, deadline=30)
    wrapped: ASGIApp = asgi.DetectiveMiddleware(app, account_credentials=lambda _: d.Credentials("a", "b"))
    client = asgi.get_client(request, account_id="1" * 12, region="eu-west-1")
    assert_type(client, d.DetectiveClient)
    assert_type(asgi.get_fleet(request.scope), d.DetectiveFleet)
    assert_type(asgi.last_event_id(request), str | None)
    responses: list[ASGIApp] = [
        wrapped,
        await asgi.health(request),
        asgi.stream_ndjson(client.iter_graphs()),
        asgi.stream_events(fleet.iter_members(), heartbeat=5),
    ]
    Route("/health", asgi.health)
    if responses:
        raise asgi.ProblemError(409, detail="It is being done already.", job="1")


REQUESTS = (
    d.AcceptInvitationRequest,
    d.BatchGetGraphMemberDatasourcesRequest,
    d.BatchGetMembershipDatasourcesRequest,
    d.CreateGraphRequest,
    d.CreateMembersRequest,
    d.DeleteGraphRequest,
    d.DeleteMembersRequest,
    d.DescribeOrganizationConfigurationRequest,
    d.DisassociateMembershipRequest,
    d.EnableOrganizationAdminAccountRequest,
    d.GetInvestigationRequest,
    d.GetMembersRequest,
    d.ListDatasourcePackagesRequest,
    d.ListGraphsRequest,
    d.ListIndicatorsRequest,
    d.ListInvestigationsRequest,
    d.ListInvitationsRequest,
    d.ListMembersRequest,
    d.ListOrganizationAdminAccountsRequest,
    d.ListTagsForResourceRequest,
    d.RejectInvitationRequest,
    d.StartInvestigationRequest,
    d.StartMonitoringMemberRequest,
    d.TagResourceRequest,
    d.UntagResourceRequest,
    d.UpdateDatasourcePackagesRequest,
    d.UpdateInvestigationStateRequest,
    d.UpdateOrganizationConfigurationRequest,
)
