"""Where the keys come from: providers, and a cache that asks a slow provider once for everybody."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from attrs import field, frozen

from detective_async.errors import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    import botocore.session

_REFRESH_BEFORE_EXPIRY = timedelta(minutes=5)


@frozen
class Credentials:
    """One set of AWS keys; the secrets never show in `repr`.

    Args:
        access_key_id: such as `AKIAIOSFODNN7EXAMPLE`.
        secret_access_key: its secret.
        session_token: for temporary credentials; None for long-lived ones.
        expires_at: when they stop working, as an aware datetime; None for never.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("access_key_id", "secret_access_key"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise CredentialsError(f"credentials: {name} must be a non-empty string")
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise CredentialsError("credentials: expires_at needs a time zone, such as datetime.now(UTC) has")
