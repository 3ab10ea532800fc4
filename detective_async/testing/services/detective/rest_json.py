"""The REST-JSON protocol, used by Detective: the operation follows from method and path, bodies are JSON."""

import json
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import unquote, unquote_plus

from attrs import frozen

from detective_async.testing.services.errors import ApiError, ErrorResponse, invalid
from detective_async.testing.services.json_body import read_object
from detective_async.testing.services.model import OperationModel, service_model
from detective_async.testing.services.rendering import Render, renderer
from detective_async.testing.services.validation import Check, checker, validation_error


@frozen
class Operation:
    """One operation of Detective, compiled from botocore's model."""

    name: str
    method: str
    uri: str
    status: int
    path: re.Pattern[str]
    # Query parameter -> member. In this API, all of them are lists.
    query: dict[str, str]
    # Member -> the maximum length of that list.
    lists: dict[str, int]
    check: Check | None
    render: Render | None

    @property
    def has_body(self) -> bool:
        """Whether a successful response has a body."""
        return self.render is not None and self.status != 204  # noqa: PLR2004

    def read(self, path: str, query: str, body: bytes) -> dict[str, Any]:
        """Return the validated input, by member; a ValidationException names the invalid members."""
        members = read_object(body)
        match = self.path.fullmatch(path)
        for name, value in match.groupdict().items() if match else ():
            members[name] = _decode(unquote(value, errors="surrogateescape"))
        if self.query:
            self._read_query(query, members)
        if self.check is None:
            return {}
        for name, most in self.lists.items():
            count = len(members[name]) if isinstance(members.get(name), list) else 0
            if count > most:
                # Seen on AWS, for the accounts of CreateMembers.
                raise invalid(
                    f"{self.name}Request.{name} must have length less than or equal to {most}. Found {count}."
                )
        violations: list[str] = []
        checked: dict[str, Any] = self.check(members, "", violations)
        if violations:
            raise validation_error(violations)
        return checked

    def _read_query(self, query: str, members: dict[str, Any]) -> None:
        for member in self.query.values():
            members.pop(member, None)
        for pair in filter(None, query.split("&")):
            key, _, value = pair.partition("=")
            known = self.query.get(unquote_plus(key))
            if known is not None:
                text = _decode(unquote_plus(value, errors="surrogateescape"))
                members.setdefault(known, []).append(text)

    def write(self, output: dict[str, Any] | None, _request_id: str) -> bytes:
        """Return the body of a successful response; operations without an output have an empty one."""
        if self.render is None or not self.has_body:
            return b""
        return json.dumps(self.render(output or {}), separators=(",", ":")).encode()


def timestamp(moment: datetime) -> str:
    """Format a time as the service does, in milliseconds."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def find_operation(method: str, path: str, _query: str, _body: bytes, _target: str) -> Operation | ApiError:
    """Return the operation of a request, or the error if there is none; `path` is still percent-encoded."""
    fixed, templates = _routes()
    operation = fixed.get((method, path))
    if operation is not None:
        return operation
    for one in templates:
        if one.method == method and one.path.fullmatch(path):
            return one
    return ApiError("UnknownOperationException", f"No operation has {method} {path[:200]}")


def error_response(error: ApiError, _request_id: str) -> ErrorResponse:
    """Encode an error."""
    body = json.dumps(error.body()).encode()
    return ErrorResponse(error.code, error.status, {"x-amzn-ErrorType": error.code}, body)


@cache
def operations() -> dict[str, Operation]:
    """Return every operation of the API, by name."""
    return {name: _compile(service_model().operation_model(name)) for name in service_model().operation_names}


@cache
def _routes() -> tuple[dict[tuple[str, str], Operation], list[Operation]]:
    fixed = {}
    templates = []
    for operation in operations().values():
        if operation.path.groups:
            templates.append(operation)
        else:
            fixed[operation.method, operation.uri] = operation
    return fixed, templates


def _compile(model: OperationModel) -> Operation:
    uri = model.http["requestUri"]
    query, lists = {}, {}
    for name, shape in model.input_shape.members.items() if model.input_shape else ():
        if shape.type_name == "list" and "max" in shape.metadata:
            lists[name] = shape.metadata["max"]
        if shape.serialization.get("location") == "querystring":
            query[shape.serialization["name"]] = name
    return Operation(
        name=model.name,
        method=model.http["method"],
        uri=uri,
        status=int(model.http.get("responseCode", 200)),
        path=re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", uri)),
        query=query,
        lists=lists,
        check=checker(model.input_shape) if model.input_shape else None,
        render=renderer(model.output_shape, timestamp) if model.output_shape else None,
    )


def _decode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid("The request's path or query is not UTF-8") from None
    return text
