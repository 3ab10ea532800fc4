"""Any bytes with any status, for any operation, give a response or an error of this library."""

import json
import pickle
from typing import Any

import pytest
from attrs import has
from hypothesis import given, settings
from hypothesis import strategies as st
from support.contract.api import OPERATION_NAMES, SERVICE_MODEL
from support.contract.clients import Pair
from support.contract.responses import JSON_VALUES, responses
from support.contract.server import Reply
from support.hypothesis_profiles import examples

from detective_async import DecodeError, DetectiveError, ServiceError

pytestmark = pytest.mark.slow

_SETTINGS = settings(max_examples=examples(30))
_STATUSES = st.one_of(st.just(200), st.integers(201, 599).filter(lambda status: status not in (204, 205, 304)))
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(["application/json", "text/html", "application/json; charset=utf-16", "?"]),
        "x-amzn-ErrorType": st.sampled_from(["ValidationException", "ServiceQuotaExceededException:", "", "#", "a b"]),
        "x-amzn-requestid": st.sampled_from(["request-1", "", " "]),
        "x-amz-retry-after": st.sampled_from(["1500", "-1", "soon", "9" * 400, "1e3", "\u00b2"]),
    },
)


def _with_replacement(document: Any, replacement: Any, way: list[int]) -> Any:
    """Replace the value at one place of a document."""
    if not way or not isinstance(document, dict | list) or not document:
        return replacement
    places = list(document) if isinstance(document, dict) else range(len(document))
    place: Any = places[way[0] % len(places)]
    changed: Any = document.copy()
    changed[place] = _with_replacement(document[place], replacement, way[1:])
    return changed


def _bodies(operation: str) -> st.SearchStrategy[bytes]:
    """Generate arbitrary bodies, and valid ones with one wrong value, which are decoded furthest."""
    shape = SERVICE_MODEL.operation_model(operation).output_shape
    sound = JSON_VALUES if shape is None else responses(shape)
    nearly = st.builds(_with_replacement, sound, JSON_VALUES, st.lists(st.integers(0, 9), max_size=6))
    documents = st.one_of(nearly, JSON_VALUES).map(lambda document: json.dumps(document).encode())
    cut = st.builds(lambda body, length: body[: length % (len(body) + 1)], documents, st.integers(0, 10_000))
    return st.one_of(documents, cut, st.binary(max_size=100))


@pytest.mark.parametrize("operation", OPERATION_NAMES)
@_SETTINGS
@given(data=st.data())
def test_any_response_is_decoded_or_raises_an_error_of_this_library(
    pair: Pair, operation: str, data: st.DataObject
) -> None:
    """The outcome is a response, a DecodeError or a ServiceError, and errors can be pickled."""
    status = data.draw(_STATUSES, label="status")
    headers = data.draw(_HEADERS, label="headers")
    pair.answer(Reply(status, data.draw(_bodies(operation), label="body"), headers))
    outcome = _outcome(pair, operation)
    assert isinstance(outcome, ServiceError) is (not 200 <= status < 300)
    if isinstance(outcome, DetectiveError):
        assert str(pickle.loads(pickle.dumps(outcome))) == str(outcome)
    else:
        assert outcome is None or has(type(outcome))
        repr(outcome)


def _outcome(pair: Pair, operation: str) -> object:
    try:
        return pair.call_ours(operation)
    except (DecodeError, ServiceError) as error:
        return error
