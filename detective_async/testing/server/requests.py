"""Requests: as they are received, and as tests can inspect them."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from attrs import define, field, frozen

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
        body: complete; empty if the signature was not valid.
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


#: Bytes of the requests that are remembered.
_MAX_SIZE = 16 * 2**20


@define
class RequestLog:
    """The last requests: up to a number of them, and 16 MiB.

    Args:
        most: the number.
    """

    most: int
    _records: deque[RecordedRequest] = field(factory=deque, init=False)
    _size: int = field(default=0, init=False)

    def append(self, record: RecordedRequest) -> None:
        """Add a request, and forget the oldest ones that are too many."""
        self._records.append(record)
        self._size += _size_of(record)
        while len(self._records) > self.most or self._size > _MAX_SIZE:
            self._size -= _size_of(self._records.popleft())

    def clear(self) -> None:
        """Forget all requests."""
        self._records.clear()
        self._size = 0

    def __iter__(self) -> Iterator[RecordedRequest]:
        return iter(self._records)

    def __reversed__(self) -> Iterator[RecordedRequest]:
        return reversed(self._records)

    def __len__(self) -> int:
        return len(self._records)


def _size_of(record: RecordedRequest) -> int:
    headers = sum(len(name) + len(value) for name, value in record.headers.items())
    return len(record.target) + len(record.body) + headers
