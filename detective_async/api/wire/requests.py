"""Encodes requests: models to paths, queries and JSON bodies."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from string import Formatter
from typing import Any
from urllib.parse import quote

from attrs import AttrsInstance, fields, has
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

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
    return uri_attributes, _unstructure_fn(operation.request, omit={*uri_attributes, *operation.query})


def _unstructure_fn(model: type[AttrsInstance], omit: set[str]) -> Callable[[Any], dict[str, Any]]:
    overrides: dict[str, Any] = {
        a.name: override(omit=True) if a.name in omit else override(rename=wire_name(a.name)) for a in fields(model)
    }
    return make_dict_unstructure_fn(model, _REQUESTS, _cattrs_omit_if_default=True, **overrides)


def _quote(value: str) -> str:
    return quote(value, safe="-._~")


def _timestamp_text(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    # A literal format, because strftime pads years below 1000 on some platforms only.
    text = moment.replace(tzinfo=None).isoformat(timespec="microseconds" if moment.microsecond else "seconds")
    return f"{text}Z"


_REQUESTS = Converter()
_REQUESTS.register_unstructure_hook(datetime, _timestamp_text)
_REQUESTS.register_unstructure_hook_factory(has, lambda model: _unstructure_fn(model, omit=set()))
