"""The part of STS that assumes roles and names the caller: requests are forms, responses are XML. Performs no I/O."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from attrs import field, frozen

from detective_async.api.actions import Action, malformed
from detective_async.api.expiration import read_expiration
from detective_async.api.models.base import ResponseMetadata
from detective_async.api.redaction import unless_secret
from detective_async.api.service import EncodedRequest, Service
from detective_async.api.wire.error_responses import error_code, message_text
from detective_async.api.wire.json import MismatchError, load
from detective_async.errors import ServiceError
from detective_async.settings.endpoints import resolve_sts

_VERSION = "2011-06-15"
#: Bytes of a response that are parsed: STS's have about 2 KB. To parse a hostile one takes seconds.
_MAX_SIZE = 64 * 1024
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_NAMESPACE = re.compile(r"^\{.*?\}")
#: The title of a page. Bounded, so that no page makes the search slow.
_TITLE = re.compile(rb"<title>([^<]{1,1000})</title>", re.IGNORECASE)


@frozen
class CallerIdentity:
    """The response of GetCallerIdentity.

    Attributes:
        account_id: the account whose keys have signed the request.
    """

    account_id: str


@frozen
class AssumedRole:
    """The response of AssumeRole.

    Attributes:
        access_key_id: of the temporary keys.
        secret_access_key: likewise.
        session_token: likewise.
        expires_at: when they stop working.
        account_id: the account of the role; None if the response does not name it.
    """

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime
    account_id: str | None


ASSUME_ROLE: Action[AssumedRole] = Action("AssumeRole")
GET_CALLER_IDENTITY: Action[CallerIdentity] = Action("GetCallerIdentity")


_MEDIA_TYPE = "application/x-www-form-urlencoded; charset=utf-8"


def _encode(action: Action[Any], parameters: Mapping[str, str]) -> EncodedRequest:
    form = urlencode({"Action": action.name, "Version": _VERSION, **parameters})
    return EncodedRequest("POST", "/", "", form.encode(), content_type=_MEDIA_TYPE)


def _decode(action: Action[Any], body: bytes | None, metadata: ResponseMetadata) -> AssumedRole | CallerIdentity:
    members = _texts(body)
    if action is GET_CALLER_IDENTITY:
        account_id = members.get("Account", "")
        if _ACCOUNT_ID.fullmatch(account_id):
            return CallerIdentity(account_id)
        missing = "account id"
    else:
        try:
            return AssumedRole(
                members["AccessKeyId"],
                members["SecretAccessKey"],
                members["SessionToken"],
                read_expiration(members["Expiration"]),
                _account_id_in(members.get("Arn", "")),
            )
        except (KeyError, ValueError):
            # Raised below, so that it is not chained to an exception that quotes the response.
            missing = "credentials"
    raise malformed(f"the response contains no {missing}", action, metadata)


def _account_id_in(arn: str) -> str | None:
    found = re.fullmatch(r"arn:[^:]+:sts::([0-9]{12}):.*", arn)
    return found[1] if found else None


def _read_error(
    operation: str,
    status: int,
    _headers: Mapping[str, str],
    body: bytes | None,
    *,
    request_id: str | None,
    attempts: int,
    secrets: Iterable[str | None],
) -> ServiceError:
    members = _error_members(body)
    return ServiceError(
        unless_secret(error_code(members.get("Code")), secrets) or str(status),
        message_text(members.get("Message") or _phrase(status), secrets),
        status=status,
        request_id=unless_secret(error_code(members.get("RequestId")) or request_id, secrets),
        operation=operation,
        attempts=attempts,
    )


def _error_members(body: bytes | None) -> Mapping[str, object]:
    """Find code, message and request id: in XML, in the JSON of gateways, or the title of a proxy's HTML."""
    found = _texts(body)
    if "Code" in found or "Message" in found:
        return found
    start = (body or b"")[:_MAX_SIZE]
    try:
        document = load(start)
    except MismatchError:
        # What is not JSON may be a page.
        title = _TITLE.search(start)
        return {"Message": " ".join(title[1].decode("utf-8", "replace").split())} if title else {}
    if not isinstance(document, dict):
        return {}
    error = document.get("Error")
    members = {**document, **error} if isinstance(error, dict) else document
    return {
        "Code": members.get("Code") or members.get("code") or members.get("__type"),
        "Message": members.get("Message") or members.get("message"),
        "RequestId": members.get("RequestId"),
    }


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _secrets(parameters: Mapping[str, str]) -> Iterable[str]:
    return [parameters[name] for name in ("ExternalId", "TokenCode") if name in parameters]


def _texts(body: bytes | None) -> dict[str, str]:
    """Map the name of each element without children to its text; empty if the body is not XML."""
    if body is None or len(body) > _MAX_SIZE:
        return {}
    try:
        text = body.decode()
        # STS declares no document types; a body that does is not from STS, and may expand without bound.
        root = None if "<!" in text else ET.fromstring(text)  # noqa: S314 - without declarations nothing expands
    except (UnicodeDecodeError, ET.ParseError):
        root = None
    if root is None:
        return {}
    return {
        _NAMESPACE.sub("", element.tag): element.text.strip()
        for element in root.iter()
        if not len(element) and element.text
    }


STS = Service(
    name="sts",
    settings_name="sts",
    resolve=resolve_sts,
    encode=_encode,
    decode=_decode,
    read_error=_read_error,
    secrets=_secrets,
)
