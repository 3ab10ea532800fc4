"""REST-JSON: from a method, a path and a body to an operation and its input, and from its answer to bytes."""

import json
import re
from functools import cache
from typing import Any
from urllib.parse import unquote, unquote_plus

from attrs import frozen

from detective_async.testing.model import OperationModel, service
from detective_async.testing.problems import Problem, Refusal, invalid
from detective_async.testing.rendering import Render, renderer
from detective_async.testing.validation import Check, checker, refuse


@frozen
class Operation:
    """One operation of the API, ready to read its requests and to write its answers."""

    name: str
    method: str
    uri: str
    status: int
    path: re.Pattern[str]
    # Query parameter -> member. All of this API's are lists.
    query: dict[str, str]
    check: Check | None
    render: Render | None

    def read(self, path: str, query: str, body: bytes) -> dict[str, Any]:
        """Return the checked input, by member.

        Raises:
            Problem: a ValidationException that names the members that are wrong.
        """
        members = _read_body(body)
        match = self.path.fullmatch(path)
        for name, value in match.groupdict().items() if match else ():
            members[name] = _decode(unquote(value, errors="surrogateescape"))
        if self.query:
            self._read_query(query, members)
        if self.check is None:
            return {}
        complaints: list[str] = []
        checked: dict[str, Any] = self.check(members, "", complaints)
        if complaints:
            raise refuse(complaints)
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

    def write(self, answer: dict[str, Any] | None, _request_id: str) -> bytes:
        """Return the body of the answer, empty where the API has none."""
        if self.render is None or self.status == 204:  # noqa: PLR2004
            return b""
        return json.dumps(self.render(answer or {}), separators=(",", ":")).encode()


def find(method: str, path: str, _query: str, _body: bytes) -> Operation | Problem:
    """Find the operation of a request, or say that there is none; `path` as it came, still percent-encoded."""
    fixed, templates = _routes()
    operation = fixed.get((method, path))
    if operation is not None:
        return operation
    for one in templates:
        if one.method == method and one.path.fullmatch(path):
            return one
    return Problem("UnknownOperationException", f"No operation answers {method} {path[:200]}")


def refusal(problem: Problem, _request_id: str) -> Refusal:
    """Write a refusal."""
    body = json.dumps(problem.body()).encode()
    return Refusal(problem.code, problem.status, {"x-amzn-ErrorType": problem.code}, body)


@cache
def operations() -> dict[str, Operation]:
    """Return every operation of the API, by name."""
    return {name: _compile(service().operation_model(name)) for name in service().operation_names}


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
    query = {}
    for name, shape in model.input_shape.members.items() if model.input_shape else ():
        if shape.serialization.get("location") == "querystring":
            query[shape.serialization["name"]] = name
    return Operation(
        name=model.name,
        method=model.http["method"],
        uri=uri,
        status=int(model.http.get("responseCode", 200)),
        path=re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", uri)),
        query=query,
        check=checker(model.input_shape) if model.input_shape else None,
        render=renderer(model.output_shape) if model.output_shape else None,
    )


def _read_body(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        members = json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise invalid("The request body is not a JSON object") from None
    if not isinstance(members, dict):
        raise invalid("The request body is not a JSON object")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _decode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid("The request's address is not UTF-8") from None
    return text
