"""The requests that tests can inspect."""

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from detective_async.testing.faults import Effect


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
