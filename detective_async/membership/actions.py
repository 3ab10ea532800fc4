"""What can be done about memberships, and what stands in the way: the words of plans and reports."""

import enum

from attrs import frozen


class ActionKind(enum.StrEnum):
    """A kind of change, in the order in which they come.

    Attributes:
        ENABLE_ADMINISTRATOR: make an account the organization's Detective administrator.
        CREATE_GRAPH: enable Detective.
        TAG_GRAPH: set tags of the graph.
        START_PACKAGES: start data source packages.
        REMOVE: remove a member that is not wanted.
        REINVITE: remove a member whose e-mail address was wrong, and invite it with the right one.
        INVITE: invite an account.
        ENABLE_MEMBER: enable an account of the organization, which needs no invitation.
        ACCEPT: accept the invitation, as the member account.
        START_MONITORING: try to enable a member that accepted and is disabled.
        DELETE_GRAPH: disable Detective, for all members; only a teardown does it.
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
    """One change that a plan wants to make.

    Attributes:
        kind: which.
        region: where.
        account_id: whom it is about; None where it is about the graph.
        detail: what more there is to say, such as the keys of the tags.
    """

    kind: ActionKind
    region: str
    account_id: str | None = None
    detail: str = ""


@frozen
class Problem:
    """Something that a plan cannot do anything about.

    Attributes:
        region: where.
        account_id: whom it is about; None for the whole region.
        text: what is wrong, and what might help; without e-mail addresses.
        error: the error that it follows from, or None.
    """

    region: str
    account_id: str | None
    text: str
    error: Exception | None = None
