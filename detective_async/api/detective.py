"""The description of Amazon Detective for the retry loop: REST with JSON bodies."""

from detective_async.api.redaction import sensitive_values
from detective_async.api.service import Service
from detective_async.api.wire import decode, decode_error, encode
from detective_async.settings import endpoints

DETECTIVE = Service(
    name="detective",
    settings_name="detective",
    resolve=endpoints.resolve,
    encode=encode,
    decode=decode,
    read_error=decode_error,
    secrets=sensitive_values,
)
