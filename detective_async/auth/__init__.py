"""Credentials: providers, their cache, and the signature made with them."""

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
    StaticCredentials,
    as_provider,
    credentials_from,
    failure_of,
    provider_key,
    provider_name,
)
from detective_async.auth.sessions import SessionCredentials
from detective_async.auth.threads import SharedCall

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
    "SharedCall",
    "StaticCredentials",
    "account_id_or_none",
    "as_provider",
    "credentials_from",
    "failure_of",
    "provider_key",
    "provider_name",
]
