"""One coroutine for each operation of the API."""

# The models in the annotations are imported by the first call that uses them.
from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from detective_async.api import models, operations
from detective_async.http.call import Transport


class Methods:
    """The operations of the API; each method sends one request."""

    _transport: Transport

    async def accept_invitation(self, graph_arn: str) -> None:
        """Accept an invitation, as the member account.

        API operation: AcceptInvitation. The invitation must be INVITED; the member becomes ENABLED, or
        ACCEPTED_BUT_DISABLED if its data volume is too high.

        Args:
            graph_arn: the graph.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ConflictException: the membership is changing or in another status.
            ResourceNotFoundException: there is no such invitation.
        """
        await self._transport.call(operations.ACCEPT_INVITATION, models.AcceptInvitationRequest(graph_arn))

    async def batch_get_graph_member_datasources(
        self, graph_arn: str, account_ids: Iterable[str]
    ) -> models.BatchGetGraphMemberDatasourcesResponse:
        """Get the data source package history of a graph's members.

        API operation: BatchGetGraphMemberDatasources. Accounts that were not found are in
        `unprocessed_accounts`.

        Args:
            graph_arn: the graph.
            account_ids: 1 to 200 account ids, of 12 digits each.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
        """
        return await self._transport.call(
            operations.BATCH_GET_GRAPH_MEMBER_DATASOURCES,
            models.BatchGetGraphMemberDatasourcesRequest(graph_arn, account_ids),
        )

    async def batch_get_membership_datasources(
        self, graph_arns: Iterable[str]
    ) -> models.BatchGetMembershipDatasourcesResponse:
        """Get the calling account's data source package history in graphs.

        API operation: BatchGetMembershipDatasources. Graphs that were not found are in `unprocessed_graphs`.

        Args:
            graph_arns: 1 to 50 graphs.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
        """
        return await self._transport.call(
            operations.BATCH_GET_MEMBERSHIP_DATASOURCES,
            models.BatchGetMembershipDatasourcesRequest(graph_arns),
        )

    async def create_graph(self, *, tags: Mapping[str, str] | None = None) -> models.CreateGraphResponse:
        """Enable Detective: create the account's graph in this region.

        API operation: CreateGraph. An account has one graph in a region: repeating the call returns the same ARN.

        Args:
            tags: tag key (1 to 128 characters) -> tag value (up to 256); 1 to 50 of them.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ConflictException: the graph is being created or deleted.
            ServiceQuotaExceededException: the account's quota of graphs is used up.
        """
        return await self._transport.call(operations.CREATE_GRAPH, models.CreateGraphRequest(tags=tags))

    async def create_members(
        self,
        graph_arn: str,
        accounts: Iterable[models.Account],
        *,
        message: str | None = None,
        disable_email_notification: bool | None = None,
    ) -> models.CreateMembersResponse:
        """Invite accounts, or enable accounts of the organization.

        API operation: CreateMembers. The call succeeds even if some accounts were not processed; those are in
        `unprocessed_accounts`, with the reasons: check it.

        Args:
            graph_arn: the graph.
            accounts: 1 to 50 accounts.
            message: text for the invitation e-mail, 1 to 1,000 characters.
            disable_email_notification: True sends no e-mail; AWS's default is to send one.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
            ServiceQuotaExceededException: the graph would have more than 1,200 members.
        """
        return await self._transport.call(
            operations.CREATE_MEMBERS,
            models.CreateMembersRequest(
                graph_arn, accounts, message=message, disable_email_notification=disable_email_notification
            ),
        )

    async def delete_graph(self, graph_arn: str) -> None:
        """Disable Detective: delete the graph, for all its members too.

        API operation: DeleteGraph.

        Args:
            graph_arn: the graph.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
        """
        await self._transport.call(operations.DELETE_GRAPH, models.DeleteGraphRequest(graph_arn))

    async def delete_members(self, graph_arn: str, account_ids: Iterable[str]) -> models.DeleteMembersResponse:
        """Remove member accounts from a graph.

        API operation: DeleteMembers. Accounts that could not be removed are in `unprocessed_accounts`.

        Args:
            graph_arn: the graph.
            account_ids: 1 to 50 account ids, of 12 digits each.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ConflictException: the graph is being changed.
            ResourceNotFoundException: there is no such graph.
        """
        return await self._transport.call(
            operations.DELETE_MEMBERS,
            models.DeleteMembersRequest(graph_arn, account_ids),
        )

    async def describe_organization_configuration(
        self, graph_arn: str
    ) -> models.DescribeOrganizationConfigurationResponse:
        """Get whether new accounts of the organization become members.

        API operation: DescribeOrganizationConfiguration. For the organization's Detective administrator.

        Args:
            graph_arn: the graph.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            TooManyRequestsException: throttled, and the retries were throttled too.
        """
        return await self._transport.call(
            operations.DESCRIBE_ORGANIZATION_CONFIGURATION,
            models.DescribeOrganizationConfigurationRequest(graph_arn),
        )

    async def disable_organization_admin_account(self) -> None:
        """Remove the organization's Detective administrator in this region.

        API operation: DisableOrganizationAdminAccount. For the organization's management account. The
        organization's graph is deleted.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            TooManyRequestsException: throttled, and the retries were throttled too.
        """
        await self._transport.call(operations.DISABLE_ORGANIZATION_ADMIN_ACCOUNT, None)

    async def disassociate_membership(self, graph_arn: str) -> None:
        """Leave a graph, as the member account.

        API operation: DisassociateMembership. The member must be ENABLED and have joined by invitation.

        Args:
            graph_arn: the graph.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ConflictException: the membership is changing or in another status.
            ResourceNotFoundException: there is no such membership.
        """
        await self._transport.call(
            operations.DISASSOCIATE_MEMBERSHIP,
            models.DisassociateMembershipRequest(graph_arn),
        )

    async def enable_organization_admin_account(self, account_id: str) -> None:
        """Make an account the organization's Detective administrator.

        API operation: EnableOrganizationAdminAccount. For the organization's management account. Enables
        Detective for the account if it is not enabled yet.

        Args:
            account_id: 12 digits, as a string.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            TooManyRequestsException: throttled, and the retries were throttled too.
        """
        await self._transport.call(
            operations.ENABLE_ORGANIZATION_ADMIN_ACCOUNT,
            models.EnableOrganizationAdminAccountRequest(account_id),
        )

    async def get_investigation(self, graph_arn: str, investigation_id: str) -> models.GetInvestigationResponse:
        """Get an investigation's result so far.

        API operation: GetInvestigation.

        Args:
            graph_arn: the graph.
            investigation_id: 21 digits.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph or investigation.
            TooManyRequestsException: throttled, and the retries were throttled too.
        """
        return await self._transport.call(
            operations.GET_INVESTIGATION,
            models.GetInvestigationRequest(graph_arn, investigation_id),
        )

    async def get_members(self, graph_arn: str, account_ids: Iterable[str]) -> models.GetMembersResponse:
        """Get the details of member accounts.

        API operation: GetMembers. Accounts that are not members are in `unprocessed_accounts`.

        Args:
            graph_arn: the graph.
            account_ids: 1 to 50 account ids, of 12 digits each.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
        """
        return await self._transport.call(operations.GET_MEMBERS, models.GetMembersRequest(graph_arn, account_ids))

    async def list_datasource_packages(
        self, graph_arn: str, *, next_token: str | None = None, max_results: int | None = None
    ) -> models.ListDatasourcePackagesResponse:
        """List one page of a graph's data source packages.

        API operation: ListDatasourcePackages. `iter_datasource_packages` iterates over all of them.

        Args:
            graph_arn: the graph.
            next_token: the `next_token` of the previous page; None for the first page.
            max_results: the maximum number of items, 1 to 200; None uses the service's default.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
        """
        return await self._transport.call(
            operations.LIST_DATASOURCE_PACKAGES,
            models.ListDatasourcePackagesRequest(graph_arn, next_token=next_token, max_results=max_results),
        )

    async def list_graphs(
        self, *, next_token: str | None = None, max_results: int | None = None
    ) -> models.ListGraphsResponse:
        """List one page of the graphs that the account administers here.

        API operation: ListGraphs. There is at most one today; `iter_graphs` iterates over all of them.

        Args:
            next_token: the `next_token` of the previous page; None for the first page.
            max_results: the maximum number of items, 1 to 200; None uses the service's default.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
        """
        return await self._transport.call(
            operations.LIST_GRAPHS,
            models.ListGraphsRequest(next_token=next_token, max_results=max_results),
        )

    async def list_indicators(
        self,
        graph_arn: str,
        investigation_id: str,
        *,
        indicator_type: models.IndicatorType | str | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> models.ListIndicatorsResponse:
        """List one page of an investigation's indicators.

        API operation: ListIndicators. `iter_indicators` iterates over all of them.

        Args:
            graph_arn: the graph.
            investigation_id: 21 digits.
            indicator_type: return only indicators of this type.
            next_token: the `next_token` of the previous page; None for the first page.
            max_results: the maximum number of items, 1 to 100; None uses the service's default.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph or investigation.
            TooManyRequestsException: throttled, and the retries were throttled too.
        """
        return await self._transport.call(
            operations.LIST_INDICATORS,
            models.ListIndicatorsRequest(
                graph_arn,
                investigation_id,
                indicator_type=indicator_type,
                next_token=next_token,
                max_results=max_results,
            ),
        )

    async def list_investigations(
        self,
        graph_arn: str,
        *,
        next_token: str | None = None,
        max_results: int | None = None,
        filter_criteria: models.FilterCriteria | None = None,
        sort_criteria: models.SortCriteria | None = None,
    ) -> models.ListInvestigationsResponse:
        """List one page of a graph's investigations.

        API operation: ListInvestigations. `iter_investigations` iterates over all of them.

        Args:
            graph_arn: the graph.
            next_token: the `next_token` of the previous page; None for the first page.
            max_results: the maximum number of items, 1 to 100; None uses the service's default.
            filter_criteria: which investigations to list.
            sort_criteria: the order of the investigations.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
            TooManyRequestsException: throttled, and the retries were throttled too.
        """
        return await self._transport.call(
            operations.LIST_INVESTIGATIONS,
            models.ListInvestigationsRequest(
                graph_arn,
                next_token=next_token,
                max_results=max_results,
                filter_criteria=filter_criteria,
                sort_criteria=sort_criteria,
            ),
        )

    async def list_invitations(
        self, *, next_token: str | None = None, max_results: int | None = None
    ) -> models.ListInvitationsResponse:
        """List one page of the account's own invitations, open and accepted.

        API operation: ListInvitations. `iter_invitations` iterates over all of them.

        Args:
            next_token: the `next_token` of the previous page; None for the first page.
            max_results: the maximum number of items, 1 to 200; None uses the service's default.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
        """
        return await self._transport.call(
            operations.LIST_INVITATIONS,
            models.ListInvitationsRequest(next_token=next_token, max_results=max_results),
        )

    async def list_members(
        self, graph_arn: str, *, next_token: str | None = None, max_results: int | None = None
    ) -> models.ListMembersResponse:
        """List one page of a graph's members.

        API operation: ListMembers. `iter_members` iterates over all of them.

        Args:
            graph_arn: the graph.
            next_token: the `next_token` of the previous page; None for the first page.
            max_results: the maximum number of items, 1 to 200; None uses the service's default.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
        """
        return await self._transport.call(
            operations.LIST_MEMBERS,
            models.ListMembersRequest(graph_arn, next_token=next_token, max_results=max_results),
        )

    async def list_organization_admin_accounts(
        self, *, next_token: str | None = None, max_results: int | None = None
    ) -> models.ListOrganizationAdminAccountsResponse:
        """List one page of the organization's Detective administrators.

        API operation: ListOrganizationAdminAccounts. For the organization's management account.
        `iter_organization_admin_accounts` iterates over all of them.

        Args:
            next_token: the `next_token` of the previous page; None for the first page.
            max_results: the maximum number of items, 1 to 200; None uses the service's default.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            TooManyRequestsException: throttled, and the retries were throttled too.
        """
        return await self._transport.call(
            operations.LIST_ORGANIZATION_ADMIN_ACCOUNTS,
            models.ListOrganizationAdminAccountsRequest(next_token=next_token, max_results=max_results),
        )

    async def list_tags_for_resource(self, resource_arn: str) -> models.ListTagsForResourceResponse:
        """Get the tags of a graph.

        API operation: ListTagsForResource.

        Args:
            resource_arn: the graph.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
        """
        return await self._transport.call(
            operations.LIST_TAGS_FOR_RESOURCE,
            models.ListTagsForResourceRequest(resource_arn),
        )

    async def reject_invitation(self, graph_arn: str) -> None:
        """Reject an invitation, as the member account.

        API operation: RejectInvitation. The invitation must be INVITED.

        Args:
            graph_arn: the graph.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ConflictException: the membership is changing or in another status.
            ResourceNotFoundException: there is no such invitation.
        """
        await self._transport.call(operations.REJECT_INVITATION, models.RejectInvitationRequest(graph_arn))

    async def start_investigation(
        self, graph_arn: str, entity_arn: str, scope_start_time: datetime, scope_end_time: datetime
    ) -> models.StartInvestigationResponse:
        """Start an investigation of an IAM user or role.

        API operation: StartInvestigation. Each request starts an investigation, so a failed request is retried only
        if it certainly started none: if no connection could be made, or if it was throttled.

        Args:
            graph_arn: the graph.
            entity_arn: the user or role.
            scope_start_time: the start of the activity to investigate, with a time zone.
            scope_end_time: the end of it, with a time zone.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
            TooManyRequestsException: throttled, and the retries were throttled too.
        """
        return await self._transport.call(
            operations.START_INVESTIGATION,
            models.StartInvestigationRequest(graph_arn, entity_arn, scope_start_time, scope_end_time),
        )

    async def start_monitoring_member(self, graph_arn: str, account_id: str) -> None:
        """Try to enable a member that is ACCEPTED_BUT_DISABLED.

        API operation: StartMonitoringMember. Success does not mean that the member is ENABLED now: call `get_members`.

        Args:
            graph_arn: the graph.
            account_id: 12 digits, as a string.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ConflictException: the member is in another status.
            ResourceNotFoundException: there is no such graph or member.
            ServiceQuotaExceededException: the graph's data volume is at its limit.
        """
        await self._transport.call(
            operations.START_MONITORING_MEMBER,
            models.StartMonitoringMemberRequest(graph_arn, account_id),
        )

    async def tag_resource(self, resource_arn: str, tags: Mapping[str, str]) -> models.TagResourceResponse:
        """Set tags of a graph.

        API operation: TagResource. Tags with other keys are not changed.

        Args:
            resource_arn: the graph.
            tags: tag key (1 to 128 characters) -> tag value (up to 256); 1 to 50 of them.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
        """
        return await self._transport.call(operations.TAG_RESOURCE, models.TagResourceRequest(resource_arn, tags))

    async def untag_resource(self, resource_arn: str, tag_keys: Iterable[str]) -> models.UntagResourceResponse:
        """Remove tags from a graph.

        API operation: UntagResource.

        Args:
            resource_arn: the graph.
            tag_keys: 1 to 50 keys; keys that the graph does not have are ignored.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
        """
        return await self._transport.call(
            operations.UNTAG_RESOURCE,
            models.UntagResourceRequest(resource_arn, tag_keys),
        )

    async def update_datasource_packages(
        self, graph_arn: str, datasource_packages: Iterable[models.DatasourcePackage | str]
    ) -> None:
        """Start data source packages for a graph.

        API operation: UpdateDatasourcePackages.

        Args:
            graph_arn: the graph.
            datasource_packages: 1 to 25 packages.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
            ServiceQuotaExceededException: the graph's data volume is at its limit.
        """
        await self._transport.call(
            operations.UPDATE_DATASOURCE_PACKAGES,
            models.UpdateDatasourcePackagesRequest(graph_arn, datasource_packages),
        )

    async def update_investigation_state(
        self, graph_arn: str, investigation_id: str, state: models.State | str
    ) -> None:
        """Archive an investigation, or make it active again.

        API operation: UpdateInvestigationState.

        Args:
            graph_arn: the graph.
            investigation_id: 21 digits.
            state: ARCHIVED once its review is done, or ACTIVE.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph or investigation.
            TooManyRequestsException: throttled, and the retries were throttled too.
        """
        await self._transport.call(
            operations.UPDATE_INVESTIGATION_STATE,
            models.UpdateInvestigationStateRequest(graph_arn, investigation_id, state),
        )

    async def update_organization_configuration(self, graph_arn: str, *, auto_enable: bool | None = None) -> None:
        """Set whether new accounts of the organization become members.

        API operation: UpdateOrganizationConfiguration. For the organization's Detective administrator.

        Args:
            graph_arn: the graph.
            auto_enable: whether accounts new to the organization become members automatically; None changes nothing.

        Raises:
            AccessDeniedException: the caller is not allowed to do this.
            TooManyRequestsException: throttled, and the retries were throttled too.
        """
        await self._transport.call(
            operations.UPDATE_ORGANIZATION_CONFIGURATION,
            models.UpdateOrganizationConfigurationRequest(graph_arn, auto_enable=auto_enable),
        )
