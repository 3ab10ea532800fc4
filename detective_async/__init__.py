"""An asyncio client for Amazon Detective.

    async with DetectiveClient(region="eu-west-1") as detective:
        async for graph in detective.iter_graphs():
            print(graph.arn)

Where to read on, with `help(...)` of each:

- `DetectiveClient`: settings, errors, and a method for each operation. `DetectiveFleet`: many accounts and regions.
- `AssumeRole`, `DefaultCredentials`: whose credentials are used. `RetryPolicy`, `Timeouts`: how long a call may take.
- `detective_async.errors`: all errors, and what each of them means.
- `detective_async.membership`: enable Detective everywhere, by a plan. `detective_async.organization`: from which list.
- `detective_async.coverage`: who is not covered. `detective_async.investigation`: from a finding to a report.
- `detective_async.integrations`: aiohttp, FastAPI and other servers, OpenTelemetry.
- `detective_async.testing`: the simulator, for tests without AWS.
"""

# A name's module is imported when the name is first used, so that programs which need a part of this package only, such
# as pytest with the plugin, do not import all of it.

from importlib import import_module

from detective_async._version import __version__
from detective_async.api import models

#: Type checkers take it for true. The import of typing takes longer than this module.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from detective_async.api.models import *  # noqa: F403 - what it exports is exported below
    from detective_async.api.values import to_dict
    from detective_async.auth import (
        Credentials,
        CredentialsProvider,
        DefaultCredentials,
        EnvironmentCredentials,
        SessionCredentials,
        StaticCredentials,
    )
    from detective_async.client.assume_role import AssumeRole
    from detective_async.client.bulk import Bulk
    from detective_async.client.bulk_results import (
        BulkCreateMembers,
        BulkDeleteMembers,
        BulkGetGraphMemberDatasources,
        BulkGetMembers,
        BulkGetMembershipDatasources,
        ChunkFailure,
    )
    from detective_async.client.client import ClientOptions, DetectiveClient
    from detective_async.client.paginator import Paginator
    from detective_async.errors import (
        AssumeRoleError,
        AttemptTimeout,
        ClientClosed,
        ConfigurationError,
        ConnectError,
        ConnectionLost,
        CredentialsError,
        DeadlineExceeded,
        DecodeError,
        DetectiveError,
        HostNotFound,
        PaginationError,
        ParameterError,
        ServiceError,
        TransportError,
        WaiterTimeout,
    )
    from detective_async.events import AttemptEvent, CallEvent, CallStart, ProgressEvent, RetryEvent
    from detective_async.fleet import DetectiveFleet, FleetStream, Outcome, OutcomeKind, Target
    from detective_async.retry.policy import RetryPolicy
    from detective_async.settings.clock import Clock
    from detective_async.settings.timeouts import Timeouts

__all__ = [
    "AssumeRole",
    "AssumeRoleError",
    "AttemptEvent",
    "AttemptTimeout",
    "Bulk",
    "BulkCreateMembers",
    "BulkDeleteMembers",
    "BulkGetGraphMemberDatasources",
    "BulkGetMembers",
    "BulkGetMembershipDatasources",
    "CallEvent",
    "CallStart",
    "ChunkFailure",
    "ClientClosed",
    "ClientOptions",
    "Clock",
    "ConfigurationError",
    "ConnectError",
    "ConnectionLost",
    "Credentials",
    "CredentialsError",
    "CredentialsProvider",
    "DeadlineExceeded",
    "DecodeError",
    "DefaultCredentials",
    "DetectiveClient",
    "DetectiveError",
    "DetectiveFleet",
    "EnvironmentCredentials",
    "FleetStream",
    "HostNotFound",
    "Outcome",
    "OutcomeKind",
    "PaginationError",
    "Paginator",
    "ParameterError",
    "ProgressEvent",
    "RetryEvent",
    "RetryPolicy",
    "ServiceError",
    "SessionCredentials",
    "StaticCredentials",
    "Target",
    "Timeouts",
    "TransportError",
    "WaiterTimeout",
    "__version__",
    "to_dict",
]
__all__ += models.__all__

#: Where names are looked for, in this order: first what most programs need anyway.
_MODULES = (
    "api.models",
    "errors",
    "events",
    "settings.clock",
    "settings.timeouts",
    "retry.policy",
    "auth",
    "client.client",
    "client.paginator",
    "client.assume_role",
    "client.bulk_results",
    "client.bulk",
    "fleet",
    "api.values",
)


if not TYPE_CHECKING:
    __all__.sort()

    # Hidden from type checkers: with it, they would accept any misspelt name as Any.
    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        modules = (import_module(f"{__name__}.{module}") for module in _MODULES)
        value = globals()[name] = next(getattr(module, name) for module in modules if hasattr(module, name))
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
