"""What AWS always sends is not optional, and an error if it is missing after all."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import attrs
import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.contract.always_sent import always_sent, members_always_sent
from support.contract.api import OPERATION_NAMES, SERVICE_MODEL, our_attributes, our_class
from support.contract.responses import responses
from support.hypothesis_profiles import examples

from detective_async import DecodeError
from detective_async.api.models.base import ResponseMetadata
from detective_async.api.operations import OPERATIONS
from detective_async.api.wire import compiled, decode, plain
from detective_async.api.wire import responses as reading

_OUTPUTS = {name: SERVICE_MODEL.operation_model(name).output_shape for name in OPERATION_NAMES}
#: The kinds of evidence that the list explains.
_EVIDENCE = ("Model", "Stubs", "Scripts", "CLI", "Terraform", "Identity", "The counterpart of")


def _structures(shape: Shape) -> Iterator[StructureShape]:
    match shape:
        case StructureShape():
            yield shape
            for member in shape.members.values():
                yield from _structures(member)
        case ListShape():
            yield from _structures(shape.member)
        case MapShape():
            yield from _structures(shape.value)


_STRUCTURES = sorted({one.name for shape in _OUTPUTS.values() if shape is not None for one in _structures(shape)})


def test_the_list_is_that_of_the_models() -> None:
    """An attribute of a response that is not optional has a row, and no other one has; each row has a reason."""
    required = {
        (name, attribute.name)
        for name in _STRUCTURES
        for attribute in attrs.fields(our_class(name))
        if attribute.default is attrs.NOTHING
    }
    assert always_sent().keys() == required
    assert len(required) > 10
    assert all(reason.startswith(_EVIDENCE) for reason in always_sent().values())


@pytest.mark.parametrize("name", _STRUCTURES)
def test_every_other_attribute_may_be_missing(name: str) -> None:
    """It is an optional one, a list or a map; one that is always sent is never None."""
    for attribute in attrs.fields(our_class(name)):
        is_optional = type(None) in get_args(attribute.type)
        is_collection = attribute.type is not None and getattr(attribute.type, "__origin__", None) in (list, dict)
        is_always_sent = (name, attribute.name) in always_sent()
        assert [is_optional, is_collection, is_always_sent, attribute.name == "response_metadata"].count(True) == 1


def _places(shape: Shape, value: Any, path: str) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield the members of a document that are always sent: the object, its member, and the path in messages."""
    match shape:
        case StructureShape() if value:
            attributes = our_attributes(our_class(shape.name))
            for name in sorted(members_always_sent(shape.name)):
                yield value, name, f"{path}.{attributes[name]}"
            for name, member in shape.members.items():
                yield from _places(member, value.get(name), f"{path}.{attributes[name]}")
        case ListShape() if value:
            for index, item in enumerate(value):
                yield from _places(shape.member, item, f"{path}[{index}]")
        case MapShape() if value:
            for key, item in value.items():
                yield from _places(shape.value, item, f"{path}[{key!r}]")


def _problem(operation: str, document: object, read: Any) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "read", read)
        with pytest.raises(DecodeError) as caught:
            decode(OPERATIONS[operation], json.dumps(document).encode(), ResponseMetadata())
    return caught.value.problem


def _with_nothing_missing(shape: Shape) -> Any:
    """Return a document of a shape with all members, and one item in each list and map."""
    match shape:
        case StructureShape():
            return {name: _with_nothing_missing(member) for name, member in shape.members.items()}
        case ListShape():
            return [_with_nothing_missing(shape.member)]
        case MapShape():
            return {_with_nothing_missing(shape.key): _with_nothing_missing(shape.value)}
    scalars = {"boolean": True, "string": "text", "timestamp": "2026-01-01T00:00:00Z"}
    return scalars.get(shape.type_name, 1)


_CASES = [
    (name, index, path)
    for name, shape in _OUTPUTS.items()
    if shape is not None
    for index, (_, _, path) in enumerate(_places(shape, _with_nothing_missing(shape), "$"))
]


def test_every_row_is_a_case() -> None:
    """No row of the list is left untried below."""
    tried = {
        (our_class(shape.name).__name__, name)
        for output in _OUTPUTS.values()
        if output is not None
        for shape in _structures(output)
        for name in members_always_sent(shape.name)
    }
    assert len(tried) == len(always_sent()) <= len(_CASES)


@pytest.mark.parametrize(("operation", "index", "path"), _CASES)
@pytest.mark.parametrize("is_null", [False, True], ids=["missing", "null"])
@pytest.mark.parametrize("read", [compiled.read, plain.read, None], ids=["compiled", "plain", "cattrs"])
def test_what_is_missing_is_named(operation: str, index: int, path: str, is_null: bool, read: Any) -> None:
    """The error says which member it is; null is as bad as nothing."""
    shape = _OUTPUTS[operation]
    assert shape is not None
    document = _with_nothing_missing(shape)
    parent, name, _ = list(_places(shape, document, "$"))[index]
    if is_null:
        parent[name] = None
        kind = "a boolean" if path.endswith("auto_enable") else "a string"
        expected = f"expected {kind}, got null @ {path}"
    else:
        del parent[name]
        expected = f"the member is missing @ {path}"
    assert _problem(operation, document, read) == expected


@pytest.mark.slow
@pytest.mark.parametrize("operation", sorted({name for name, _, _ in _CASES}))
@settings(max_examples=examples(30))
@given(data=st.data())
def test_all_readers_say_the_same(operation: str, data: st.DataObject) -> None:
    """Whichever of these members are missing or null, anywhere in a response."""
    shape = _OUTPUTS[operation]
    assert shape is not None
    document = data.draw(responses(shape), label="document")
    places = list(_places(shape, document, "$"))
    assume(places)
    chosen = data.draw(st.lists(st.sampled_from(range(len(places))), min_size=1, max_size=4, unique=True))
    for index in chosen:
        parent, name, _ = places[index]
        if data.draw(st.booleans(), label=f"{name} is null"):
            parent[name] = None
        else:
            del parent[name]
    with_msgspec, plainly, with_cattrs = (
        _problem(operation, document, one) for one in (compiled.read, plain.read, None)
    )
    assert with_msgspec == plainly == with_cattrs
    assert "missing" in with_msgspec or "null" in with_msgspec
