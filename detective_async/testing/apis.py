"""The AWS services behind the one port, and how each of them talks."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from attrs import frozen

from detective_async.testing import protocol, query
from detective_async.testing.model import SERVICE, STS
from detective_async.testing.operations import OPERATIONS, STS_OPERATIONS, Call
from detective_async.testing.problems import Problem, Refusal


class Operation(Protocol):
    """One operation of a service: it reads its requests and writes its answers."""

    @property
    def name(self) -> str:
        """Its name, such as `ListMembers`."""
        ...

    @property
    def status(self) -> int:
        """The HTTP status of its answers."""
        ...

    def read(self, path: str, query: str, body: bytes, /) -> dict[str, Any]:
        """Return the checked input, by member."""
        ...

    def write(self, answer: dict[str, Any] | None, request_id: str, /) -> bytes:
        """Return the body of an answer."""
        ...


@frozen
class Api:
    """One AWS service.

    Args:
        service: what its requests are signed for.
        content_type: of its answers.
        find: from method, path, query and body to the operation, or to the refusal if there is none.
        refusal: writes a refusal.
        actions: what each operation does.
    """

    service: str
    content_type: str
    find: Callable[[str, str, str, bytes], Operation | Problem]
    refusal: Callable[[Problem, str], Refusal]
    actions: Mapping[str, Callable[[Call], dict[str, Any] | None]]


_DETECTIVE = Api(SERVICE, "application/json", protocol.find, protocol.refusal, OPERATIONS)
_STS = Api(STS, "text/xml", query.find, query.refusal, STS_OPERATIONS)


def api_of(path: str) -> Api:
    """Tell which service a path belongs to: Detective has no operation at `/`, STS has all of its own there."""
    return _STS if path == "/" else _DETECTIVE
