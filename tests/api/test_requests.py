"""Requests are the same as boto3's, for any parameters that the API's model allows."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.contract.always_sent import smallest_body
from support.contract.api import OPERATION_NAMES, SERVICE_MODEL
from support.contract.clients import SESSION_TOKEN, Pair
from support.contract.server import Captured, Reply
from support.contract.signatures import problems_of_signature
from support.contract.strategies import ARNS, AWKWARD, requests
from support.hypothesis_profiles import examples

pytestmark = pytest.mark.slow

_SETTINGS = settings(max_examples=examples(25))
_TOKENS = st.sampled_from([None, SESSION_TOKEN])
_TAGGING = ["ListTagsForResource", "TagResource", "UntagResource"]


def _send(pair: Pair, operation: str, members: dict[str, Any], *, enums: bool = False) -> tuple[Captured, Captured]:
    """Make a call with both clients; return boto3's request and ours."""
    pair.answer(Reply(body=smallest_body(SERVICE_MODEL.operation_model(operation).output_shape)))
    pair.call_boto(operation, members)
    theirs = pair.captured()
    pair.call_ours(operation, members, enums=enums)
    return theirs, pair.captured()


def _comparable(captured: Captured) -> dict[str, Any]:
    return {
        "method": captured.method,
        "path": captured.path,
        "query": captured.query,
        "body": json.loads(captured.body) if captured.body else None,
        "content type": captured.headers.get("content-type"),
        "session token": captured.headers.get("x-amz-security-token"),
    }


def _assert_same(pair: Pair, theirs: Captured, ours: Captured) -> None:
    assert _comparable(ours) == _comparable(theirs)
    assert problems_of_signature(theirs, pair.server.url) == [], "boto3's own signature: the check is wrong"
    assert problems_of_signature(ours, pair.server.url) == []


@pytest.mark.parametrize("operation", OPERATION_NAMES)
@_SETTINGS
@given(data=st.data())
def test_requests_are_the_same_as_boto3s(pairs: dict[str | None, Pair], operation: str, data: st.DataObject) -> None:
    """Method, path, query and JSON body are equal, and botocore accepts the signature."""
    members = data.draw(requests(SERVICE_MODEL.operation_model(operation).input_shape), label="members")
    pair = pairs[data.draw(_TOKENS, label="session token")]
    _assert_same(pair, *_send(pair, operation, members, enums=data.draw(st.booleans(), label="enums")))


@pytest.mark.parametrize("arn", ARNS)
@pytest.mark.parametrize("operation", _TAGGING)
def test_arns_of_all_partitions_in_the_path(pair: Pair, operation: str, arn: str) -> None:
    """An ARN in the path is encoded once on the wire and twice in the signature."""
    extra: dict[str, dict[str, Any]] = {
        "TagResource": {"Tags": {"key": "value"}},
        "UntagResource": {"TagKeys": ["key"]},
    }
    theirs, ours = _send(pair, operation, {"ResourceArn": arn, **extra.get(operation, {})})
    assert ours.path == f"/tags/{arn.replace(':', '%3A')}"
    _assert_same(pair, theirs, ours)


@pytest.mark.parametrize("key", AWKWARD)
def test_tag_keys_with_special_characters_in_the_query(pair: Pair, key: str) -> None:
    """A tag key is sent and signed unchanged, together with another one and with itself."""
    _assert_same(pair, *_send(pair, "UntagResource", {"ResourceArn": ARNS[0], "TagKeys": [key, "zzz", key, "AAA"]}))


@pytest.mark.parametrize("text", AWKWARD)
def test_tags_with_special_characters_in_the_body(pair: Pair, text: str) -> None:
    """A tag is sent and signed unchanged, with any characters in its key and value."""
    _assert_same(pair, *_send(pair, "TagResource", {"ResourceArn": ARNS[0], "Tags": {text: text, "empty": ""}}))


def test_every_amz_header_is_signed(pairs: dict[str | None, Pair]) -> None:
    """Signature Version 4 requires a signature of each x-amz-* header."""
    _, ours = _send(pairs[SESSION_TOKEN], "ListTagsForResource", {"ResourceArn": ARNS[0]})
    signed = ours.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert [name for name in ours.headers if name.startswith("x-amz-") and name not in signed] == []


def test_a_wrong_signature_is_found(pair: Pair) -> None:
    """The check of signatures fails if any part of a request is changed."""
    _, ours = _send(pair, "UntagResource", {"ResourceArn": ARNS[0], "TagKeys": ["a key"]})
    changed = {
        "method": Captured("GET", ours.target, ours.headers, ours.body),
        "path": Captured(ours.method, ours.target.replace("%3A", ":"), ours.headers, ours.body),
        "query": Captured(ours.method, ours.target + "s", ours.headers, ours.body),
        "body": Captured(ours.method, ours.target, ours.headers, b"{}"),
        "date": Captured(ours.method, ours.target, {**ours.headers, "x-amz-date": "20200101T000000Z"}, ours.body),
    }
    assert problems_of_signature(ours, pair.server.url) == []
    assert [what for what, captured in changed.items() if not problems_of_signature(captured, pair.server.url)] == []
