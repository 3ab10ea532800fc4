"""Compares the table of operations with the operations of a model."""

import re
from types import NoneType

from support.contract.api import Json

from detective_async.api.operations import OPERATIONS, Operation
from detective_async.api.wire import wire_name


def differences_of_operations(model: Json) -> list[str]:
    theirs = model["operations"]
    found = [f"{name}: AWS has this operation, OPERATIONS has not" for name in theirs if name not in OPERATIONS]
    found += [f"{name}: OPERATIONS has this operation, AWS has not" for name in OPERATIONS if name not in theirs]
    for name, operation in theirs.items():
        if name in OPERATIONS:
            found += [f"{name}: {line}" for line in _differences(model, operation, OPERATIONS[name])]
    return found


def _differences(model: Json, operation: Json, row: Operation[object]) -> list[str]:
    expected: dict[str, object] = {
        "name": operation["name"],
        "method": operation["http"]["method"],
        "path": operation["http"]["requestUri"],
        "request": operation.get("input", {}).get("shape"),
        "answer": operation.get("output", {}).get("shape", NoneType.__name__),
        "members in the query": _members_in(model, operation, "querystring"),
        "members in the path": _members_in(model, operation, "uri"),
    }
    ours: dict[str, object] = {
        "name": row.name,
        "method": row.method,
        "path": row.path,
        "request": row.request and row.request.__name__,
        "answer": row.response.__name__,
        "members in the query": {wire_name(attribute): name for attribute, name in row.query.items()},
        "members in the path": {name: name for name in re.findall(r"{(\w+)}", row.path)},
    }
    found = [
        f"the {what}: AWS says {expected[what]!r}, our row says {ours[what]!r}"
        for what in expected
        if expected[what] != ours[what]
    ]
    if in_headers := _members_in(model, operation, "header"):
        found.append(f"AWS reads {in_headers} from headers, and we send members only in path, query and body")
    if OPERATIONS.get(operation["name"]) is not row:
        found.append("the row is not filed under its name")
    return found


def _members_in(model: Json, operation: Json, location: str) -> dict[str, str]:
    if "input" not in operation:
        return {}
    members = model["shapes"][operation["input"]["shape"]]["members"]
    return {
        name: member.get("locationName", name) for name, member in members.items() if member.get("location") == location
    }
