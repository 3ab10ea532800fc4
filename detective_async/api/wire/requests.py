"""Encodes requests: models to paths, queries and JSON bodies."""

from collections.abc import Callable
from functools import cache
from string import Formatter
from typing import Any
from urllib.parse import quote

from attrs import AttrsInstance, fields

from detective_async.api.models.constraints import validate
from detective_async.api.operations import Operation
from detective_async.api.service import EncodedRequest
from detective_async.api.wire.json import dump
from detective_async.api.wire.names import wire_name


def encode(operation: Operation[Any], request: AttrsInstance | None) -> EncodedRequest:
    """Validate and encode a request.

    Raises:
        ParameterError: a member violates the API's constraints.
    """
    if request is None:
        return EncodedRequest(operation.method, operation.path, "", None)
    validate(request)
    uri_attributes, unstructure = _plan(operation)
    path, query = operation.path, ""
    if uri_attributes:
        path = path.format_map({wire_name(name): _quote(getattr(request, name)) for name in uri_attributes})
    if operation.query:
        named = ((name, getattr(request, attribute)) for attribute, name in operation.query.items())
        query = "&".join(f"{name}={_quote(value)}" for name, values in named for value in values)
    # GET and DELETE have everything in the URL; all other requests have an object as their body, even if it is empty.
    body = None if operation.method in ("GET", "DELETE") else dump(unstructure(request))
    return EncodedRequest(operation.method, path, query, body)


@cache
def _plan(operation: Operation[Any]) -> tuple[tuple[str, ...], Callable[[Any], dict[str, Any]]]:
    """Return, once for each operation, the attributes in the path and the function that makes the body."""
    assert operation.request is not None  # noqa: S101 - `encode` has a request
    in_path = {name for _, name, _, _ in Formatter().parse(operation.path) if name}
    uri_attributes = tuple(a.name for a in fields(operation.request) if wire_name(a.name) in in_path)
    return uri_attributes, _document_function(operation.request, {*uri_attributes, *operation.query})


def _document_function(model: type[AttrsInstance], omit: set[str]) -> Callable[[Any], dict[str, Any]]:
    """Return the function that makes the document of a request."""
    members = [a for a in fields(model) if a.name not in omit]
    if any(a.type not in _SENT_AS_THEY_ARE for a in members):
        # Most programs never need it, and importing cattrs takes longer than a call.
        from detective_async.api.wire.request_converter import unstructure_fn  # noqa: PLC0415

        return unstructure_fn(model, omit)
    names = [(a.name, wire_name(a.name)) for a in members]
    # A member that is None is optional: `validate` refuses it elsewhere.
    return lambda request: {name: v for attribute, name in names if (v := getattr(request, attribute)) is not None}


#: The types of members whose values need no conversion.
_SENT_AS_THEY_ARE: tuple[Any, ...] = (str, str | None, int | None, bool | None, list[str])


def _quote(value: str) -> str:
    return quote(value, safe="-._~")
