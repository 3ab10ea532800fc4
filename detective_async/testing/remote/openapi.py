"""The OpenAPI document of the controls: made from the table of routes, and from the controls' own docstrings."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

from detective_async.testing.checks import Check, table
from detective_async.testing.remote.routes import ROUTES, Route

#: Where it is served.
PATH = "/_simulator/openapi.json"

_DESCRIPTION = """\
Each control of the simulator by its name, with the same parameters and results as in Python: `None` is null here, and a
`Fault` is a JSON object. It is off unless the simulator was started with a token. No request with a foreign `Host` or
`Origin` is served."""

_ERRORS = {
    "400": "The request's body is no JSON of the documented form",
    "401": "The token is missing, or is another one",
    "403": "The Host or Origin header names neither this machine nor an allowed host",
    "404": "The control over HTTP is off",
    "409": "The control does not allow this, such as an account that is to leave no organization",
    "413": "The request's body is too large",
    "415": "The request's body is not announced as application/json",
}
_ERROR = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
    "required": ["code", "message"],
    "additionalProperties": False,
}
# "Args:" and "Raises:" of a docstring, and one parameter below the first.
_SECTION = re.compile(r"^(?:Args|Raises):$", re.MULTILINE)
_PARAMETER = re.compile(r"^    (\w+): (.*(?:\n {6,}.*)*)", re.MULTILINE)


def document(simulator: type) -> dict[str, Any]:
    """Return the document for a class of simulators."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Control of a simulated Amazon Detective", "version": "1", "description": _DESCRIPTION},
        "security": [{"token": []}],
        "paths": {route.path: {route.method.lower(): _operation(route, simulator)} for route in ROUTES},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR},
        },
    }


def control_of(simulator: type, route: Route) -> Any:
    """Return the function behind a method or property."""
    found = inspect.getattr_static(simulator, route.control)
    return found.fget if isinstance(found, property) else found


def parameters_of(simulator: type, route: Route) -> Check:
    """Return the check for a request's body: the parameters that have no default are required."""
    known = inspect.signature(control_of(simulator, route)).parameters
    required = {name for name in route.parameters if known[name].default is inspect.Parameter.empty}
    return table(
        {name: check for name, check in route.parameters.items() if name in required},
        {name: check for name, check in route.parameters.items() if name not in required},
    )


def _operation(route: Route, simulator: type) -> dict[str, Any]:
    text = inspect.getdoc(control_of(simulator, route)) or ""
    prose, *sections = _SECTION.split(text)
    summary, _, rest = prose.partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": route.control,
        "summary": _in_one_line(summary),
        "description": rest.strip(),
        "responses": {**_success(route), **_errors(route)},
    }
    if route.parameters:
        schema = parameters_of(simulator, route).json_schema
        said = {name: _in_one_line(words) for section in sections for name, words in _PARAMETER.findall(section)}
        schema = {**schema, "properties": _with_descriptions(schema["properties"], said)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _with_descriptions(properties: Mapping[str, Any], said: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: {**schema, "description": said[name]} if name in said else schema for name, schema in properties.items()
    }


def _success(route: Route) -> dict[str, Any]:
    if route.result is None:
        return {"204": {"description": "It has been done"}}
    content = {"application/json": {"schema": route.result.json_schema}}
    return {"200": {"description": "What the control returns", "content": content}}


def _errors(route: Route) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    of_bodies = ("400", "409", "413", "415")
    return {
        status: {"description": words, "content": content}
        for status, words in _ERRORS.items()
        if route.parameters or status not in of_bodies
    }


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
