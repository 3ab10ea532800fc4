"""Encodes requests: models to paths, queries and JSON bodies."""

from collections.abc import Callable, Sequence
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
    uri_attributes, members, unstructure = _plan(operation)
    path, query = operation.path, ""
    if uri_attributes:
        path = path.format_map({wire_name(name): _quote(getattr(request, name)) for name in uri_attributes})
    if operation.query:
        named = ((name, getattr(request, attribute)) for attribute, name in operation.query.items())
        query = "&".join(f"{name}={_quote(value)}" for name, values in named for value in values)
    # GET and DELETE have everything in the URL; all other requests have an object as their body, even if it is empty.
    if operation.method in ("GET", "DELETE"):
        return EncodedRequest(operation.method, path, query, None)
    document = {} if unstructure is None else unstructure(request)
    for attribute, name in members:
        # A member that is None is optional: `validate` refuses it elsewhere.
        if (value := getattr(request, attribute)) is not None:
            document[name] = value
    return EncodedRequest(operation.method, path, query, dump(document))


@cache
def _plan(
    operation: Operation[Any],
) -> tuple[Sequence[str], Sequence[tuple[str, str]], Callable[[Any], dict[str, Any]] | None]:
    """Return, once for each operation, what to do with the attributes of its request.

    Returns:
        The attributes in the path; those that are members of the body as they are, with their names there; and cattrs's
        function that makes the body instead, or None.
    """
    request = operation.request
    assert request is not None  # noqa: S101 - `encode` has a request
    in_path = {name for _, name, _, _ in Formatter().parse(operation.path) if name}
    uri_attributes = [a.name for a in fields(request) if wire_name(a.name) in in_path]
    omitted = {*uri_attributes, *operation.query}
    members = [a for a in fields(request) if a.name not in omitted]
    if all(a.type in _SENT_AS_THEY_ARE for a in members):
        return uri_attributes, [(a.name, wire_name(a.name)) for a in members], None
    # Most programs never need it, and importing cattrs takes longer than a call.
    from detective_async.api.wire.request_converter import unstructure_fn  # noqa: PLC0415

    return uri_attributes, [], unstructure_fn(request, omitted)


#: The types of members whose values need no conversion.
_SENT_AS_THEY_ARE: tuple[Any, ...] = (str, str | None, int | None, bool | None, list[str])


def _quote(value: str) -> str:
    return quote(value, safe="-._~")
