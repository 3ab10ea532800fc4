"""The interface of the clients in the scenario: calls of operations in the terms of the API."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from attrs import field, frozen
from botocore.model import Shape
from support.contract.api import SERVICE_MODEL

from detective_async.testing import DetectiveSimulator

REGION = "eu-west-1"
#: The errors that the API models, by code; every client has a class for each, or prints the code.
ERROR_SHAPES: dict[str, Shape] = {shape.name: shape for shape in SERVICE_MODEL.error_shapes}


@frozen
class Refusal:
    """An error of the service, as a client reports it.

    Args:
        code: such as `ConflictException`.
        message: of the service.
        operation: that the error names.
        status: of the HTTP response; None if the client does not report it.
        members: further members of the error, by wire name; None if the client does not report them.
    """

    code: str
    message: str
    operation: str
    status: int | None = None
    members: dict[str, Any] | None = field(default=None)


class RefusedError(Exception):
    """A call failed with an error of the service."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.message}")
        self.refusal = refusal


class Adapter(Protocol):
    """The common interface of all clients. Each call is one attempt."""

    async def call(self, operation: str, account: str, region: str, members: dict[str, Any]) -> dict[str, Any]:
        """Call an operation; `members` and the response are by wire name, with timestamps as datetimes.

        Raises:
            RefusedError: the service returned an error.
        """
        ...


#: Opens a client's adapter on a running simulator.
Opener = Callable[[DetectiveSimulator], AbstractAsyncContextManager[Adapter]]
