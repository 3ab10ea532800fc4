"""The elements of a plan: actions, and problems that no action can solve."""

import enum

from attrs import frozen


class ActionKind(enum.StrEnum):
    """A kind of change, in the order in which the kinds are carried out.

    Attributes:
        ENABLE_ADMINISTRATOR: make an account the organization's Detective administrator.
        CREATE_GRAPH: enable Detective.
        TAG_GRAPH: set tags of the graph.
        START_PACKAGES: start data source packages.
        REMOVE: remove a member that is not among the desired accounts.
        REINVITE: remove a member whose e-mail address was wrong, and invite it with the new address.
        INVITE: invite an account.
        ENABLE_MEMBER: enable an account of the organization, which needs no invitation.
        ACCEPT: accept the invitation, as the member account.
        START_MONITORING: try to enable a member that has accepted but is disabled.
        DELETE_GRAPH: disable Detective, for all members; only a teardown does this.
    """

    ENABLE_ADMINISTRATOR = "enable administrator"
    CREATE_GRAPH = "create graph"
    TAG_GRAPH = "tag graph"
    START_PACKAGES = "start packages"
    REMOVE = "remove"
    REINVITE = "reinvite"
    INVITE = "invite"
    ENABLE_MEMBER = "enable member"
    ACCEPT = "accept"
    START_MONITORING = "start monitoring"
    DELETE_GRAPH = "delete graph"


@frozen
class Action:
    """One planned change.

    Attributes:
        kind: the kind of change.
        region: the region.
        account_id: the account; None if the action concerns the graph.
        detail: more about the action, such as the keys of the tags.
    """

    kind: ActionKind
    region: str
    account_id: str | None = None
    detail: str = ""


@frozen
class Problem:
    """Something that the plan cannot solve.

    Attributes:
        region: the region.
        account_id: the account; None if the problem concerns the whole region.
        text: what is wrong and what may help; contains no e-mail addresses.
        error: the error that caused it, or None.
    """

    region: str
    account_id: str | None
    text: str
    error: Exception | None = None
