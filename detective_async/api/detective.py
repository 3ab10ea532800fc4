"""The description of Amazon Detective for the retry loop: REST with JSON bodies."""

from collections.abc import Iterable, Mapping
from typing import Any

from detective_async.api.service import Service
from detective_async.api.wire import decode, encode
from detective_async.errors import ServiceError
from detective_async.settings import endpoints


def _read_error(
    operation: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    request_id: str | None = None,
    attempts: int,
    secrets: Iterable[str | None] = (),
) -> ServiceError:
    # Imported on first use: most programs get no error.
    from detective_async.api.wire.error_responses import decode_error  # noqa: PLC0415

    return decode_error(operation, status, headers, body, request_id=request_id, attempts=attempts, secrets=secrets)


def _secrets(request: Any) -> list[str]:
    # As above.
    from detective_async.api.redaction import sensitive_values  # noqa: PLC0415

    return sensitive_values(request)


DETECTIVE = Service(
    name="detective",
    settings_name="detective",
    resolve=endpoints.resolve,
    encode=encode,
    decode=decode,
    read_error=_read_error,
    secrets=_secrets,
)
