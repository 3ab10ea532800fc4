"""What the parts of the integration know of the app."""

from aiohttp import web
from attrs import define

from detective_async.integrations.aiohttp_web.accounts import Accounts


@define(eq=False, kw_only=True)
class State:
    """What `setup` was told, and whether the server goes down.

    Attributes:
        accounts: knows how to get the credentials of accounts; None where nobody does.
        deadline: the seconds that a request may take; None for no limit.
        deadline_header: what a request may ask for less with; None for nothing.
        closing: whether the server goes down.
    """

    accounts: Accounts | None
    deadline: float | None
    deadline_header: str | None
    closing: bool = False


STATE = web.AppKey("STATE", State)
