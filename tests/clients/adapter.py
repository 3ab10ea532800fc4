"""What the story needs of a client: to call an operation as an account, in the API's own words."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from attrs import field, frozen
from botocore.model import Shape
from support.contract.api import SERVICE_MODEL

from detective_async.testing import DetectiveSimulator

REGION = "eu-west-1"
#: The exceptions that the API models, by the code that stands for each; every client has a class for each, or says it.
ERROR_SHAPES: dict[str, Shape] = {shape.name: shape for shape in SERVICE_MODEL.error_shapes}


@frozen
class Refusal:
    """An error of the service, as a client reports it.

    Args:
        code: such as `ConflictException`.
        message: the service's words.
        operation: what was called, by what the error says itself.
        status: of the HTTP answer; None from a client that does not tell.
        members: what else the error carries, by wire name; None from a client that does not tell.
    """

    code: str
    message: str
    operation: str
    status: int | None = None
    members: dict[str, Any] | None = field(default=None)


class RefusedError(Exception):
    """A call came back as an error: of the client's own modelled class, where the API models it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.message}")
        self.refusal = refusal


class Adapter(Protocol):
    """A client, made to be called like all others. Each call is one attempt."""

    async def call(self, operation: str, account: str, region: str, members: dict[str, Any]) -> dict[str, Any]:
        """Call an operation; `members` and the answer are by wire name, with timestamps as datetimes.

        Raises:
            RefusedError: the service said no.
        """
        ...


#: Opens a client's adapter on a running simulator.
Opener = Callable[[DetectiveSimulator], AbstractAsyncContextManager[Adapter]]
