"""Requests: as they are received, and as tests can inspect them."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from attrs import field, frozen

from detective_async.testing.faults import Effect


class Headers:
    """A request's headers: case-insensitive names, and all values of a repeated header."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name.lower(), []).append(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def get(self, name: str) -> str:
        """Return the values of a header, joined by commas; empty if there are none."""
        return ",".join(self.get_all(name))

    def get_all(self, name: str) -> list[str]:
        """Return all values of a header."""
        return self._values.get(name.lower(), [])


@frozen
class Request:
    """A request, exactly as received; its target is the path and query, still percent-encoded."""

    method: str
    target: str
    headers: Headers
    body: bytes


@frozen
class RecordedRequest:
    """One request that reached the simulator, without its signature and its session token.

    Args:
        time: of the response, in virtual time.
        operation: such as `ListMembers`; None if there is no such operation.
        account_id: of the caller; None if the signature was not valid.
        region: from the signature; None without one.
        method: such as `POST`.
        target: path and query exactly as received.
        headers: by lower-case name.
        body: complete.
        status: of the response; None if the connection was dropped before the operation was carried out.
        error_code: of the response, if it was an error.
        faults: the effects that applied to the request.
        request_id: from the response's headers.
    """

    time: datetime
    operation: str | None
    account_id: str | None
    region: str | None
    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int | None
    error_code: str | None
    faults: tuple[Effect, ...]
    request_id: str
