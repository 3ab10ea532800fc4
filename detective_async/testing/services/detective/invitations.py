"""The operations that a member account calls about its own memberships."""

from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.detective.details import member_detail
from detective_async.testing.services.errors import conflict, denied
from detective_async.testing.services.parity import (
    API,
    INFERRED,
    NOT_ENABLED,
    ORGANIZATION_MEMBERS,
    SCRIPT,
    Fact,
    parity,
)
from detective_async.testing.world import membership
from detective_async.testing.world.entities import Member


@parity(
    Fact("Open and accepted invitations.", API),
    Fact("The organization's graph is one of them.", INFERRED),
    Fact("Invitations that are being verified, or whose verification failed, are not listed.", INFERRED),
)
def list_invitations(call: Call) -> dict[str, Any]:
    """List the caller's received and accepted invitations; those still being verified have not been sent."""
    graphs = call.world.memberships(call.account_id, call.region)
    open_arns = sorted(
        arn for arn, graph in graphs.items() if graph.members[call.account_id].status in membership.OPEN_STATUSES
    )
    arns, token = call.page(open_arns)
    details = [member_detail(call, graphs[arn], graphs[arn].members[call.account_id]) for arn in arns]
    return {"Invitations": details, "NextToken": token}


@parity(
    Fact("It needs the status INVITED.", API),
    Fact("Other statuses: ConflictException.", INFERRED),
    Fact("For the activation delay ACCEPTED_BUT_DISABLED, then ENABLED or disabled with a reason.", NOT_ENABLED),
    Fact("There is no reason until then.", INFERRED),
    Fact("With a read lag, an invitation just made is not found.", SCRIPT),
    gaps=("Invitations do not expire.",),
)
def accept_invitation(call: Call) -> None:
    """Accept: the caller is enabled, unless its account has a volume problem."""
    graph, member = call.invitation()
    _require_status(member, "INVITED")
    membership.activate(call.world, graph, member, call.now)


@parity(
    Fact("It needs the status INVITED.", API),
    Fact("Other statuses: ConflictException.", INFERRED),
    Fact("The membership is gone at once.", INFERRED),
)
def reject_invitation(call: Call) -> None:
    """Decline: the invitation is deleted."""
    graph, member = call.invitation()
    _require_invited_account(member)
    _require_status(member, "INVITED")
    call.world.leave(graph, member.account_id)


@parity(
    Fact("It needs the status ENABLED.", API),
    Fact("Other statuses: ConflictException.", INFERRED),
    Fact("Accounts of the organization cannot leave: AccessDeniedException.", ORGANIZATION_MEMBERS),
)
def disassociate_membership(call: Call) -> None:
    """Leave the graph."""
    graph, member = call.membership()
    _require_invited_account(member)
    _require_status(member, "ENABLED")
    membership.leave(call.world, graph, member.account_id, call.now)


def _require_status(member: Member, status: str) -> None:
    if member.status != status:
        raise conflict(f"The membership's status must be {status}")


def _require_invited_account(member: Member) -> None:
    if member.invitation_type == "ORGANIZATION":
        raise denied("The administrator account decides on the members from its organization")
