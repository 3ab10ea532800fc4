"""What the services beside Detective have in common: their operations, and the error for a malformed response."""

from typing import TypeVar

from attrs import frozen

from detective_async.api.models.base import ResponseMetadata
from detective_async.api.service import ServiceOperation
from detective_async.errors import DecodeError

ResponseT = TypeVar("ResponseT")


@frozen
class Action(ServiceOperation[ResponseT]):
    """An operation of another service than Detective.

    Attributes:
        name: the API's name.
        repeatable: whether sending a request twice has the same effect as once.
    """

    name: str
    repeatable: bool = True


def malformed(problem: str, action: Action[ResponseT], metadata: ResponseMetadata) -> DecodeError:
    """Make the error for a response that does not have the API's form."""
    return DecodeError(
        f"{problem} @ $",
        operation=action.name,
        status=metadata.http_status,
        request_id=metadata.request_id,
        attempts=metadata.attempts,
    )
