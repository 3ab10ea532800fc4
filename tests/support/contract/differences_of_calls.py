"""Compares the client's methods and iterators with the operations of a model."""

import inspect
import re
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from support.contract.api import Json
from support.contract.differences_of_shapes import python_type, shown

import detective_async
from detective_async.api.wire import wire_name
from detective_async.auth import StaticCredentials
from detective_async.client.client import DetectiveClient
from detective_async.client.iterators import Iterators
from detective_async.client.methods import Methods
from detective_async.errors import ParameterError

#: Errors of every operation, which the methods' docstrings do not list.
_ERRORS_OF_ALL = {"InternalServerException", "ValidationException"}
_ITERATOR_OPTIONS = {"page_size", "limit", "starting_token", "prefetch"}


def differences_of_calls(model: Json) -> list[str]:
    methods = {wire_name(n): m for n, m in vars(Methods).items() if not n.startswith("_") and callable(m)}
    theirs = model["operations"]
    found = [f"{name}: AWS has this operation, the client has no method for it" for name in theirs.keys() - methods]
    found += [f"{methods[n].__name__}: AWS has no operation {n}" for n in methods.keys() - theirs.keys()]
    for name, operation in theirs.items():
        if name in methods:
            found += [f"{methods[name].__name__}: {line}" for line in _differences(model, operation, methods[name])]
    return found + _differences_of_iterators(model, methods)


def _differences(model: Json, operation: Json, method: Any) -> list[str]:
    found = [] if inspect.iscoroutinefunction(method) else ["not a coroutine function"]
    request = model["shapes"].get(operation.get("input", {}).get("shape"), {"members": {}})
    required = [m for m in request["members"] if m in request.get("required", [])]
    parameters = _parameters(method)
    for kind, members in (
        (inspect.Parameter.POSITIONAL_OR_KEYWORD, required),
        (inspect.Parameter.KEYWORD_ONLY, [m for m in request["members"] if m not in required]),
    ):
        ours = [name for name, parameter in parameters.items() if parameter.kind is kind]
        if ours != members:
            found.append(f"AWS's {kind.description} members are {members}, our parameters {ours}")
    hints = {wire_name(n): hint for n, hint in get_type_hints(method).items()}
    for member, part in request["members"].items():
        if member not in parameters:
            continue
        expected = _parameter_type(part["shape"], model["shapes"])
        default: Any = inspect.Parameter.empty
        if member not in required:
            expected, default = expected | None, None
        if hints[member] != expected:
            found.append(f"{member} is {shown(hints[member])}, not {shown(expected)}")
        if parameters[member].default is not default:
            found.append(f"the default of {member} is {parameters[member].default!r}")
    output = operation.get("output", {}).get("shape")
    answer = get_type_hints(method).get("return")
    if answer is not (NoneType if output is None else getattr(detective_async, output, None)):
        found.append(f"AWS answers {output}, our method {shown(answer)}")
    return found + _differences_of_docstring(operation, inspect.getdoc(method) or "")


def _differences_of_docstring(operation: Json, text: str) -> list[str]:
    theirs = {error["shape"] for error in operation.get("errors", [])}
    ours = set(re.findall(r"^ *(\w+Exception):", text, re.MULTILINE))
    found = [f"AWS may raise {name}, the docstring does not say so" for name in sorted(theirs - ours - _ERRORS_OF_ALL)]
    found += [f"the docstring says that it may raise {name}, AWS does not" for name in sorted(ours - theirs)]
    if f"API operation: {operation['name']}." not in text:
        found.append("the docstring does not name the operation")
    return found


def _parameters(method: Any) -> dict[str, inspect.Parameter]:
    parameters = list(inspect.signature(method).parameters.values())
    return {wire_name(p.name): p for p in parameters if p.name != "self"}


def _parameter_type(shape_name: str, shapes: Json) -> Any:
    """Return the type of a method's parameter: any iterable for a list of the request."""
    kind = python_type(shape_name, shapes, sent=True)
    if get_origin(kind) is list:
        return Iterable[get_args(kind)[0]]  # type: ignore[misc]  # of a type that is known at run time only
    return kind


def _differences_of_iterators(model: Json, methods: Mapping[str, Any]) -> list[str]:
    iterators = {n: m for n, m in vars(Iterators).items() if n.startswith("iter_")}
    expected = {f"iter_{_snake(methods[n].__name__)}": n for n in _paged(model) if n in methods}
    found = [f"{expected[n]}: AWS pages it, the client has no {n}" for n in expected.keys() - iterators.keys()]
    found += [f"{n}: AWS does not page its operation" for n in iterators.keys() - expected.keys()]
    for iterator, operation in expected.items():
        if iterator not in iterators:
            continue
        ours = _parameters(iterators[iterator]).keys()
        options = {wire_name(option) for option in _ITERATOR_OPTIONS}
        theirs = _parameters(methods[operation]).keys() - {"NextToken", "MaxResults"}
        if ours != theirs | options:
            found.append(f"{iterator}: its parameters are {sorted(ours)}, not {sorted(theirs | options)}")
        members = model["shapes"][model["operations"][operation]["input"]["shape"]]["members"]
        found += _differences_of_page_size(iterator, model["shapes"][members["MaxResults"]["shape"]])
    return found


def _snake(method: str) -> str:
    return method.removeprefix("list_")


def _paged(model: Json) -> list[str]:
    def has_token(operation: Json, side: str) -> bool:
        return side in operation and "NextToken" in model["shapes"][operation[side]["shape"]]["members"]

    return [n for n, o in model["operations"].items() if has_token(o, "input") and has_token(o, "output")]


def _differences_of_page_size(iterator: str, shape: Json) -> list[str]:
    # Nothing is sent: a paginator fetches when it is iterated.
    client = DetectiveClient(region="eu-west-1", credentials=StaticCredentials("key", "secret"))
    method: Any = getattr(client, iterator)
    arguments = ["x" for p in _parameters(method).values() if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]

    def takes(page_size: int) -> bool:
        try:
            method(*arguments, page_size=page_size)
        except ParameterError:
            return False
        return True

    sizes = {shape["min"] - 1: False, shape["min"]: True, shape["max"]: True, shape["max"] + 1: False}
    wrong = [
        f"{'refuses' if allowed else 'takes'} {size}" for size, allowed in sizes.items() if takes(size) is not allowed
    ]
    return [f"{iterator}: AWS allows pages of {shape['min']} to {shape['max']}, ours {what}" for what in wrong]
