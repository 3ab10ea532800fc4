"""What arrived, for a test to look at."""

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from detective_async.testing.faults import Effect


@frozen
class RecordedRequest:
    """One request that reached the simulator. It never holds a signature or a session token.

    Args:
        time: when it was answered, in virtual time.
        operation: such as `ListMembers`; None when there is no such operation.
        account_id: who sent it; None when that could not be told for certain.
        region: from the signature; None without one.
        method: such as `POST`.
        target: path and query exactly as they came.
        headers: by lower-case name.
        body: all of it.
        status: of the answer; None when the connection was dropped before the request was carried out.
        error_code: of the answer, if it was an error.
        faults: the effects that struck it.
        request_id: what the answer called it.
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
