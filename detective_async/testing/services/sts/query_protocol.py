"""The query protocol, used by STS: requests are parameters with dotted names, responses are XML."""

import html
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from attrs import define, field, frozen

from detective_async.testing.services.errors import ApiError, ErrorResponse
from detective_async.testing.services.model import STS, Shape, service_model
from detective_async.testing.services.sts import OPERATIONS
from detective_async.testing.services.validation import Check, checker, validation_error

# Detective's name of an error -> the name in STS, and the HTTP status where it differs.
_CODES: dict[str, tuple[str, int | None]] = {
    "ExpiredTokenException": ("ExpiredToken", None),
    "IncompleteSignatureException": ("IncompleteSignature", None),
    "InternalServerException": ("InternalFailure", None),
    "InvalidSignatureException": ("SignatureDoesNotMatch", None),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", None),
    "TooManyRequestsException": ("Throttling", 400),
    "UnrecognizedClientException": ("InvalidClientTokenId", None),
    "ValidationException": ("ValidationError", None),
}
_SERVER_FAULT = 500
# No parameter of this API has more parts in its name; the limit keeps malicious names from building deep trees.
_MAX_DEPTH = 8
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)
_INDEX = re.compile(r"[1-9]\d{0,3}", re.ASCII)


@frozen
class Operation:
    """One operation of STS, compiled from botocore's model."""

    name: str
    input: Shape
    output: Shape
    check: Check
    status: int = 200

    def read(self, _path: str, query: str, body: bytes) -> dict[str, Any]:
        """Return the validated input, by member; a ValidationException names the invalid members."""
        root = _Node()
        for name, value in _parameters(query, body).items():
            node = root
            for part in name.split(".", _MAX_DEPTH):
                node = node.children.setdefault(part, _Node())
            node.value = value
        violations: list[str] = []
        checked: dict[str, Any] = self.check(_read(self.input, root), "", violations)
        if violations:
            raise validation_error(violations)
        return checked

    def write(self, output: dict[str, Any] | None, request_id: str) -> bytes:
        """Return the body of a successful response."""
        wrapper = self.output.serialization["resultWrapper"]
        result = _element(wrapper, _write(self.output, output or {}))
        return _document(f"{self.name}Response", result + _element("ResponseMetadata", _request_id(request_id)))


def find_operation(method: str, _path: str, query: str, body: bytes, _target: str) -> Operation | ApiError:
    """Return the operation of a request, or the error if there is none."""
    given = _parameters(query, body)
    action, version = given.get("Action"), given.get("Version", "NO_VERSION_SPECIFIED")
    if not action:
        return ApiError("MissingAction", "The request must contain the parameter Action")
    operation = operations().get(action)
    if operation is None or version != service_model(STS).api_version or method not in {"GET", "POST"}:
        return ApiError("InvalidAction", f"Could not find operation {action[:200]} for version {version[:200]}")
    return operation


def error_response(error: ApiError, request_id: str) -> ErrorResponse:
    """Encode an error."""
    code, status = _CODES.get(error.code, (error.code, None))
    status = status or error.status
    members = (
        _element("Type", "Sender" if status < _SERVER_FAULT else "Receiver")
        + _element("Code", _text(code))
        + _element("Message", _text(error.message))
    )
    body = _document("ErrorResponse", _element("Error", members) + _request_id(request_id))
    return ErrorResponse(code, status, {}, body)


@cache
def operations() -> dict[str, Operation]:
    """Return the simulated operations of STS, by name."""
    return {name: _compile(name) for name in OPERATIONS}


def _compile(name: str) -> Operation:
    model = service_model(STS).operation_model(name)
    return Operation(name, model.input_shape, model.output_shape, checker(model.input_shape))


@define
class _Node:
    """The value of a parameter, and the parameters whose names continue its name."""

    value: str | None = None
    children: dict[str, "_Node"] = field(factory=dict)

    def items(self) -> Iterator["_Node"]:
        """Yield the entries of a list, in the order of their numbers."""
        members = self.children.get("member", _Node()).children
        for number in sorted(int(name) for name in members if _INDEX.fullmatch(name)):
            yield members[str(number)]


def _parameters(query: str, body: bytes) -> dict[str, str]:
    text = body.decode("utf-8", "surrogateescape")
    return dict(
        pair
        for part in (query, text)
        for pair in parse_qsl(part, keep_blank_values=True, encoding="utf-8", errors="surrogateescape")
    )


def _read(shape: Shape, node: _Node) -> Any:
    if shape.type_name == "structure":
        found = ((name, member, node.children.get(name)) for name, member in shape.members.items())
        return {name: _read(member, child) for name, member, child in found if child is not None}
    if shape.type_name == "list":
        return [_read(shape.member, item) for item in node.items()]
    # Text that is not a number is returned as it is: validation then reports its type.
    if shape.type_name == "integer" and _NUMBER.fullmatch(node.value or ""):
        return int(node.value or "")
    return node.value


def _write(shape: Shape, value: Any) -> str:
    if shape.type_name == "structure":
        members = ((name, member, value.get(name)) for name, member in shape.members.items())
        return "".join(_element(name, _write(member, item)) for name, member, item in members if item is not None)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return _text(str(value))


def _document(name: str, content: str) -> bytes:
    return f'<{name} xmlns="{service_model(STS).metadata["xmlNamespace"]}">{content}</{name}>'.encode()


def _request_id(request_id: str) -> str:
    return _element("RequestId", request_id)


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


def _text(text: str) -> str:
    """Escape text, and replace the characters that XML does not allow."""
    return html.escape(_NOT_XML.sub("?", text), quote=False)
