"""The operations that the administrator account calls about the members of its graph."""

from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.detective.details import member_detail
from detective_async.testing.services.errors import ApiError, conflict, not_found
from detective_async.testing.services.parity import (
    API,
    INFERRED,
    INVITED,
    NOT_ENABLED,
    QUOTAS,
    REMOVED,
    SEEN_LIMIT,
    Fact,
    parity,
)
from detective_async.testing.world import membership
from detective_async.testing.world.entities import Graph, Member
from detective_async.testing.world.world import MEMBERS_PER_GRAPH


@parity(
    Fact("50 accounts in a request.", API),
    Fact("AWS's words for more.", SEEN_LIMIT),
    Fact("Members are unprocessed.", API),
    Fact("So is the administrator itself.", INFERRED),
    Fact("The reasons of unprocessed accounts.", INFERRED),
    Fact("1,200 members of a graph: ServiceQuotaExceededException for more.", QUOTAS),
    Fact("The same error for any new account, while the graph takes in more data than its limit.", API),
    Fact("An invitation verifies if it has the address of the account's root user.", INVITED),
    Fact("In AWS GovCloud (US) nothing is verified.", INVITED),
    Fact("Accounts of the organization need no invitation.", API),
    Fact("They may be VERIFICATION_IN_PROGRESS, which takes the verification delay.", API),
    Fact("Those that are not active are unprocessed; the invitation of another such account fails.", INFERRED),
    gaps=(
        "No e-mail is sent, so `Message` and `DisableEmailNotification` have no effect.",
        "Whether the member's own account has opted in to the region makes no difference.",
    ),
)
def create_members(call: Call) -> dict[str, Any]:
    """Invite accounts, or enable those of the graph's organization."""
    graph = call.own_graph()
    new: dict[str, str] = {}
    unprocessed = []
    for account in call.given["Accounts"]:
        account_id = account["AccountId"]
        if account_id == graph.administrator:
            unprocessed.append(_unprocessed(account_id, "Account is the administrator of the behavior graph"))
        elif _is_inactive(call, graph, account_id):
            unprocessed.append(_unprocessed(account_id, "Account is not active"))
        elif account_id in graph.members or account_id in new:
            unprocessed.append(_unprocessed(account_id, "Account is already a member"))
        else:
            new[account_id] = account["EmailAddress"]
    if len(graph.members) + len(new) > MEMBERS_PER_GRAPH:
        message = f"A behavior graph has at most {MEMBERS_PER_GRAPH} member accounts"
        raise ApiError("ServiceQuotaExceededException", message, Resources=["MEMBER_ACCOUNTS"])
    if new and membership.volume_ingested(graph) > call.world.volume_limit:
        limit = f"{call.world.volume_limit} bytes per day"
        message = f"The current volume ingested is above the limit of {limit}: no member accounts can be added"
        raise ApiError("ServiceQuotaExceededException", message, Resources=["DATA_VOLUME"])
    members = [_add(call, graph, account_id, email) for account_id, email in new.items()]
    details = [member_detail(call, graph, member) for member in members]
    return {"Members": details, "UnprocessedAccounts": unprocessed}


@parity(
    Fact("Members leave.", API),
    Fact("They leave at once; accounts that are no members are unprocessed.", INFERRED),
    Fact("Closed accounts leave by themselves, except in AWS GovCloud (US).", REMOVED),
)
def delete_members(call: Call) -> dict[str, Any]:
    """Remove members."""
    graph = call.own_graph()
    removed, unprocessed = [], []
    for account_id in call.given["AccountIds"]:
        if account_id in graph.members:
            membership.leave(call.world, graph, account_id, call.now)
            removed.append(account_id)
        elif account_id == graph.administrator:
            unprocessed.append(_unprocessed(account_id, "Account is the administrator of the behavior graph"))
        else:
            unprocessed.append(_unprocessed(account_id, "Account is not a member"))
    return {"AccountIds": removed, "UnprocessedAccounts": unprocessed}


@parity(
    Fact("Accounts that are no members are unprocessed.", INFERRED),
    gaps=("The volumes are made up from the account's id.",),
)
def get_members(call: Call) -> dict[str, Any]:
    """Return members by account id."""
    graph = call.own_graph()
    found, unprocessed = [], []
    for account_id in dict.fromkeys(call.given["AccountIds"]):
        if account_id in graph.members:
            found.append(member_detail(call, graph, graph.members[account_id]))
        else:
            unprocessed.append(_unprocessed(account_id, "Account is not a member"))
    return {"MemberDetails": found, "UnprocessedAccounts": unprocessed}


@parity(Fact("In the order of the account ids.", INFERRED), gaps=("The volumes are made up from the account's id.",))
def list_members(call: Call) -> dict[str, Any]:
    """List the members page by page, in the order of their account ids."""
    graph = call.own_graph()
    account_ids, token = call.page(graph.order)
    details = [member_detail(call, graph, graph.members[account_id]) for account_id in account_ids]
    return {"MemberDetails": details, "NextToken": token}


@parity(
    Fact("It needs the status ACCEPTED_BUT_DISABLED, and leads to ENABLED or leaves it.", API),
    Fact("An account that is not active stays disabled, with the reason VOLUME_UNKNOWN.", INFERRED),
    Fact("Members that fit by then are also enabled by themselves, within an hour, in order.", NOT_ENABLED),
    Fact("A graph gets no new members above 10 TB a day.", QUOTAS),
    Fact(
        "A member that does not fit stays ACCEPTED_BUT_DISABLED: the API has ServiceQuotaExceededException for this "
        "operation too, and does not say when.",
        INFERRED,
    ),
    Fact("It may be called for accounts of an organization too, although the API names invited ones only.", INFERRED),
)
def start_monitoring_member(call: Call) -> None:
    """Try again to enable a member that was disabled because of its data volume."""
    graph = call.own_graph()
    member = graph.members.get(call.given["AccountId"])
    if member is None:
        raise not_found("The account is not a member of the behavior graph")
    if member.status != "ACCEPTED_BUT_DISABLED":
        raise conflict("The member's status must be ACCEPTED_BUT_DISABLED")
    membership.check_again(call.world, graph, member, call.now)


def _add(call: Call, graph: Graph, account_id: str, email: str) -> Member:
    if _is_enrolled(call, graph, account_id):
        return membership.enroll(call.world, graph, account_id, email, call.now)
    return membership.invite(call.world, graph, account_id, email, call.now)


def _is_enrolled(call: Call, graph: Graph, account_id: str) -> bool:
    """Return whether an account needs no invitation, because it is in the graph's organization."""
    organization = call.world.organizations.get(graph.organization or "")
    return organization is not None and account_id in organization.accounts


def _is_inactive(call: Call, graph: Graph, account_id: str) -> bool:
    """Return whether an account of the organization is in another state than ACTIVE."""
    return _is_enrolled(call, graph, account_id) and call.world.accounts[account_id].state != "ACTIVE"


def _unprocessed(account_id: str, reason: str) -> dict[str, Any]:
    return {"AccountId": account_id, "Reason": reason}
