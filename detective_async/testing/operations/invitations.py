"""Memberships, as the member deals with them."""

from typing import Any

from detective_async.testing import membership
from detective_async.testing.operations.call import Call
from detective_async.testing.operations.details import member_detail
from detective_async.testing.problems import conflict, denied
from detective_async.testing.state import Member


def list_invitations(call: Call) -> dict[str, Any]:
    """List the invitations that the caller has received or accepted; one still being verified has not been sent."""
    graphs = call.world.memberships(call.account_id, call.region)
    open_arns = sorted(
        arn for arn, graph in graphs.items() if graph.members[call.account_id].status in membership.OPEN_STATUSES
    )
    arns, token = call.page(open_arns)
    details = [member_detail(graphs[arn], graphs[arn].members[call.account_id], call.now) for arn in arns]
    return {"Invitations": details, "NextToken": token}


def accept_invitation(call: Call) -> None:
    """Accept: the caller is enabled, unless its data volume stands against it."""
    graph, member = call.membership()
    _need(member, "INVITED")
    membership.monitor(call.world, graph, member, call.now)


def reject_invitation(call: Call) -> None:
    """Decline: the invitation is gone."""
    graph, member = call.membership()
    _need_invited_account(member)
    _need(member, "INVITED")
    call.world.leave(graph, member.account_id)


def disassociate_membership(call: Call) -> None:
    """Leave the graph."""
    graph, member = call.membership()
    _need_invited_account(member)
    _need(member, "ENABLED")
    call.world.leave(graph, member.account_id)


def _need(member: Member, status: str) -> None:
    if member.status != status:
        raise conflict(f"The membership's status must be {status}")


def _need_invited_account(member: Member) -> None:
    if member.invitation_type == "ORGANIZATION":
        raise denied("The administrator account decides on the members from its organization")
