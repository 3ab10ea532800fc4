"""Where the keys come from."""

from detective_async.credentials.base import Caller, Credentials, CredentialsProvider, ManagedProvider
from detective_async.credentials.cache import RefreshingCache
from detective_async.credentials.chain import DefaultCredentials, EnvironmentCredentials
from detective_async.credentials.sources import (
    CredentialsSource,
    FixedCredentials,
    SessionCredentials,
    StaticCredentials,
    account_of,
    as_provider,
    failed,
    name_of,
)

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
    "account_of",
    "as_provider",
    "failed",
    "name_of",
]
