"""Credentials: providers, their cache, and the signature made with them.

The providers that are not the default are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from detective_async.auth.cache import RefreshingCache
from detective_async.auth.chain import DefaultCredentials, EnvironmentCredentials
from detective_async.auth.credentials import (
    Caller,
    Credentials,
    CredentialsProvider,
    ManagedProvider,
    account_id_or_none,
)
from detective_async.auth.providers import (
    CredentialsSource,
    FixedCredentials,
    as_provider,
    credentials_from,
    failure_of,
    provider_key,
    provider_name,
)

if TYPE_CHECKING:
    from detective_async.auth.sessions import SessionCredentials
    from detective_async.auth.static import StaticCredentials

__all__ = [
    "Caller",
    "Credentials",
    "CredentialsProvider",
    "CredentialsSource",
    "DefaultCredentials",
    "EnvironmentCredentials",
    "FixedCredentials",
    "ManagedProvider",
    "RefreshingCache",
    "SessionCredentials",
    "StaticCredentials",
    "account_id_or_none",
    "as_provider",
    "credentials_from",
    "failure_of",
    "provider_key",
    "provider_name",
]

if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any misspelt name for an Any.
    def __getattr__(name: str) -> object:
        module = {"SessionCredentials": "sessions", "StaticCredentials": "static"}.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
