"""STS as far as it is needed, in its own protocol: parameters as a form, answers in XML. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from detective_async.api.redaction import mask
from detective_async.api.wire import EncodedRequest
from detective_async.auth import Credentials
from detective_async.errors import CredentialsError, ServiceError

_VERSION = "2011-06-15"
_NAMESPACE = re.compile(r"^\{.*?\}")


def encode(action: str, parameters: Mapping[str, str]) -> EncodedRequest:
    """Write a request as it goes out."""
    form = urlencode({"Action": action, "Version": _VERSION, **parameters})
    return EncodedRequest("POST", "/", "", form.encode(), "application/x-www-form-urlencoded; charset=utf-8")


def read_credentials(body: bytes) -> Credentials:
    """Read the keys in the answer to an AssumeRole.

    Raises:
        CredentialsError: they are not there.
    """
    members = _texts(body)
    try:
        return Credentials(
            members["AccessKeyId"],
            members["SecretAccessKey"],
            members["SessionToken"],
            datetime.fromisoformat(members["Expiration"]),
            _account_of(members.get("Arn", "")),
        )
    except (KeyError, ValueError):
        raise CredentialsError("STS answered with something that holds no credentials") from None


def _account_of(arn: str) -> str | None:
    found = re.fullmatch(r"arn:[^:]+:sts::([0-9]{12}):.*", arn)
    return found[1] if found else None


def read_error(
    operation: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    attempts: int,
    secrets: Iterable[str | None] = (),
) -> ServiceError:
    """Read an answer that says no, whatever it is; see `wire.decode_error`."""
    members = _texts(body or b"")
    return ServiceError(
        members.get("Code") or str(status),
        mask(members.get("Message", ""), secrets),
        status=status,
        request_id=members.get("RequestId") or headers.get("x-amzn-requestid"),
        operation=operation,
        attempts=attempts,
    )


def _texts(body: bytes) -> dict[str, str]:
    """Give the text of each element that holds nothing else, by name; nothing where the body is no XML."""
    try:
        text = body.decode()
        # STS declares no document types; what does is not from there, and may be built to grow.
        root = None if "<!" in text else ET.fromstring(text)  # noqa: S314 - without them there is nothing to expand
    except (UnicodeDecodeError, ET.ParseError):
        root = None
    if root is None:
        return {}
    return {
        _NAMESPACE.sub("", element.tag): element.text.strip()
        for element in root.iter()
        if not len(element) and element.text
    }
