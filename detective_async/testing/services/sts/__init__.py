"""AWS Security Token Service: AssumeRole and GetCallerIdentity, over the query protocol."""

from collections.abc import Callable
from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.sts.operations import assume_role, get_caller_identity

OPERATIONS: dict[str, Callable[[Call], dict[str, Any] | None]] = {
    "AssumeRole": assume_role,
    "GetCallerIdentity": get_caller_identity,
}
