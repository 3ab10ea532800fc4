"""The query protocol, which STS speaks: parameters with dotted names in, XML out."""

import html
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from attrs import define, field, frozen

from detective_async.testing.model import STS, Shape, service
from detective_async.testing.problems import Problem, Refusal
from detective_async.testing.validation import Check, checker, refuse

# What the front door calls its refusals here, and the HTTP status where it is another one.
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
# Names with more parts than any member of this API has are not taken apart any further.
_DEPTH = 8
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)
_INDEX = re.compile(r"[1-9]\d{0,3}", re.ASCII)


@frozen
class Operation:
    """One operation of the API, ready to read its requests and to write its answers."""

    name: str
    input: Shape
    output: Shape
    check: Check
    status: int = 200

    def read(self, _path: str, query: str, body: bytes) -> dict[str, Any]:
        """Return the checked input, by member.

        Raises:
            Problem: a ValidationException that names the members that are wrong.
        """
        root = _Node()
        for name, value in _parameters(query, body).items():
            node = root
            for part in name.split(".", _DEPTH):
                node = node.children.setdefault(part, _Node())
            node.value = value
        complaints: list[str] = []
        checked: dict[str, Any] = self.check(_read(self.input, root), "", complaints)
        if complaints:
            raise refuse(complaints)
        return checked

    def write(self, answer: dict[str, Any] | None, request_id: str) -> bytes:
        """Return the body of the answer."""
        wrapper = self.output.serialization["resultWrapper"]
        result = _element(wrapper, _write(self.output, answer or {}))
        return _document(f"{self.name}Response", result + _element("ResponseMetadata", _request_id(request_id)))


def find(method: str, _path: str, query: str, body: bytes) -> Operation | Problem:
    """Find the operation of a request, or say that there is none."""
    given = _parameters(query, body)
    action, version = given.get("Action"), given.get("Version", "NO_VERSION_SPECIFIED")
    if not action:
        return Problem("MissingAction", "The request must contain the parameter Action")
    operation = operations().get(action)
    if operation is None or version != service(STS).api_version or method not in {"GET", "POST"}:
        return Problem("InvalidAction", f"Could not find operation {action[:200]} for version {version[:200]}")
    return operation


def refusal(problem: Problem, request_id: str) -> Refusal:
    """Write a refusal."""
    code, status = _CODES.get(problem.code, (problem.code, None))
    status = status or problem.status
    error = (
        _element("Type", "Sender" if status < _SERVER_FAULT else "Receiver")
        + _element("Code", _text(code))
        + _element("Message", _text(problem.message))
    )
    body = _document("ErrorResponse", _element("Error", error) + _request_id(request_id))
    return Refusal(code, status, {}, body)


@cache
def operations() -> dict[str, Operation]:
    """Return the operations of STS that the simulator has, by name."""
    return {name: _compile(name) for name in ("AssumeRole", "GetCallerIdentity")}


def _compile(name: str) -> Operation:
    model = service(STS).operation_model(name)
    return Operation(name, model.input_shape, model.output_shape, checker(model.input_shape))


@define
class _Node:
    """What came under a name, and under the names that go on from it."""

    value: str | None = None
    children: dict[str, "_Node"] = field(factory=dict)

    def items(self) -> Iterator["_Node"]:
        """Give the entries of a list, which are numbered."""
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
    # A number that is none is left to the check, which says so.
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
    return f'<{name} xmlns="{service(STS).metadata["xmlNamespace"]}">{content}</{name}>'.encode()


def _request_id(request_id: str) -> str:
    return _element("RequestId", request_id)


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


def _text(text: str) -> str:
    """Escape a text, less what no XML document may hold."""
    return html.escape(_NOT_XML.sub("?", text), quote=False)
