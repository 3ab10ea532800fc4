"""The library's objects as JSON values."""

import enum
import json
import math
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integrations.aiohttp_web.site import idle_client

import detective_async
from detective_async import (
    AccessDeniedException,
    Account,
    AssumeRole,
    Credentials,
    DatasourcePackage,
    DatasourcePackageUsageInfo,
    Graph,
    IndicatorDetail,
    ListMembersResponse,
    MemberDetail,
    MemberStatus,
    Outcome,
    ProgressEvent,
    Target,
    TTPsObservedDetail,
    UnprocessedAccount,
)
from detective_async.api.models.base import ResponseMetadata
from detective_async.integrations.aiohttp_web import to_json
from detective_async.integrations.web.json_bytes import dump_json
from detective_async.membership import RegionReport

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
MEMBER = MemberDetail(
    account_id="111122223333",
    email_address="kim@example.com",
    graph_arn="arn",
    status=MemberStatus.ENABLED,
    invited_time=NOON,
    volume_usage_in_bytes=5,
    percent_of_graph_utilization=0.5,
    volume_usage_by_datasource_package={
        DatasourcePackage.DETECTIVE_CORE: DatasourcePackageUsageInfo(volume_usage_in_bytes=3)
    },
)
MEMBER_JSON = {
    "AccountId": "111122223333",
    "GraphArn": "arn",
    "Status": "ENABLED",
    "InvitedTime": "2026-03-01T12:00:00.250000Z",
    "VolumeUsageInBytes": 5,
    "PercentOfGraphUtilization": 0.5,
    "VolumeUsageByDatasourcePackage": {"DETECTIVE_CORE": {"VolumeUsageInBytes": 3}},
    "DatasourcePackageIngestStates": {},
}


@attrs.frozen
class Person:
    """An attrs class that is not the library's."""

    name: str
    address: str
    password: str = attrs.field(repr=False)
    _note: str = ""


MEMBER_SENSITIVE = {**MEMBER_JSON, "EmailAddress": "kim@example.com"}
TARGET = Target(
    "111122223333", "eu-west-1", Credentials("AKIAIOSFODNN7EXAMPLE", "a secret of forty characters or so......")
)
TARGET_JSON = {"account_id": "111122223333", "region": "eu-west-1"}
DENIED = AccessDeniedException("AccessDeniedException", "no", status=403, request_id="an-id")
DENIED_JSON = {
    "type": "about:blank",
    "title": "Forbidden",
    "status": 403,
    "detail": "no",
    "code": "AccessDeniedException",
    "request_id": "an-id",
    "outcome_unknown": False,
}
#: value, its document, and its document with `sensitive`.
DOCUMENTS: dict[str, tuple[object, ...]] = {
    "a model": (MEMBER, MEMBER_JSON, MEMBER_SENSITIVE),
    "a model with sensitive members only": (
        Account("111122223333", "kim@example.com"),
        {"AccountId": "111122223333"},
        {"AccountId": "111122223333", "EmailAddress": "kim@example.com"},
    ),
    "nested models with irregular names": (
        [TTPsObservedDetail(api_name="ListUsers"), IndicatorDetail(ttps_observed_detail=TTPsObservedDetail())],
        *[[{"APIName": "ListUsers"}, {"TTPsObservedDetail": {}}]] * 2,
    ),
    "a response without its metadata": (
        (ListMembersResponse(member_details=[MEMBER], response_metadata=ResponseMetadata(request_id="an-id")),),
        [{"MemberDetails": [MEMBER_JSON]}],
        [{"MemberDetails": [MEMBER_SENSITIVE]}],
    ),
    "an address in a text of AWS": (
        UnprocessedAccount(account_id="111122223333", reason="kim@example.com is not hers"),
        {"AccountId": "111122223333", "Reason": "*** is not hers"},
        {"AccountId": "111122223333", "Reason": "kim@example.com is not hers"},
    ),
    "a class of the library": (
        ProgressEvent(done=1, failed=0, total=None, elapsed=0.5),
        *[{"done": 1, "failed": 0, "total": None, "elapsed": 0.5}] * 2,
    ),
    "a class of the app": (
        Person("Kim", "kim@example.com", "secret", "a note"),
        *[{"name": "Kim", "address": "kim@example.com"}] * 2,
    ),
    "a pair of a fleet's stream": (
        (TARGET, MEMBER),
        {"target": TARGET_JSON, "item": MEMBER_JSON},
        {"target": TARGET_JSON, "item": MEMBER_SENSITIVE},
    ),
    "a list of two": ([TARGET, MEMBER], [TARGET_JSON, MEMBER_JSON], [TARGET_JSON, MEMBER_SENSITIVE]),
    "another pair": ((DatasourcePackage.DETECTIVE_CORE, Graph(arn="a")), *[["DETECTIVE_CORE", {"Arn": "a"}]] * 2),
    "an outcome": (
        Outcome(TARGET, MEMBER, None, 0.5),
        {"target": TARGET_JSON, "value": MEMBER_JSON, "error": None, "elapsed": 0.5, "kind": "succeeded"},
        {"target": TARGET_JSON, "value": MEMBER_SENSITIVE, "error": None, "elapsed": 0.5, "kind": "succeeded"},
    ),
    "an outcome with an error": (
        Outcome(TARGET, None, DENIED, 0.5),
        *[{"target": TARGET_JSON, "value": None, "error": DENIED_JSON, "elapsed": 0.5, "kind": "failed"}] * 2,
    ),
    "a single": ((TARGET,), *[[TARGET_JSON]] * 2),
    "an empty tuple": ((), *[[]] * 2),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents(name: str) -> None:
    """Models have the API's names, other classes their own; sensitive and hidden members are excluded."""
    value, document, sensitive = DOCUMENTS[name]
    assert to_json(value) == document
    assert to_json(value, sensitive=True) == sensitive


def test_address_in_a_text_of_the_library() -> None:
    """It is masked unless sensitive members are wanted, whichever other members the class has."""
    report = RegionReport(region="eu-west-1", problem="not kim@example.com's")
    assert to_json(report)["problem"] == "not ***'s"
    assert "kim@example.com" not in json.dumps(to_json(report))
    assert to_json(report, sensitive=True)["problem"] == "not kim@example.com's"


@pytest.mark.parametrize(
    "name", [name for name in detective_async.__all__ if attrs.has(getattr(detective_async, name))]
)
def test_hidden_fields_of_public_classes(name: str) -> None:
    """What `repr` hides is excluded, and the rest is included."""
    kind = getattr(detective_async, name)
    value = object.__new__(kind)
    secret = "kim@example.com"
    for attribute in attrs.fields(kind):
        object.__setattr__(value, attribute.name, secret if attribute.repr is not True else attribute.name)
    document = to_json(value)
    assert secret not in json.dumps(document)
    shown = [a.name for a in attrs.fields(kind) if a.repr is True and not a.name.startswith("_")]
    assert set(shown) <= set(document.values())


def test_credentials() -> None:
    """Secrets are excluded."""
    keys = Credentials("AKIAIOSFODNN7EXAMPLE", "a secret", "a token", account_id="111122223333")
    assert set(to_json(keys, sensitive=True)) <= {"expires_at", "account_id"}
    role = AssumeRole("arn:aws:iam::111122223333:role/R", source=keys, external_id="a-secret-id")
    assert "secret" not in json.dumps(to_json(role, sensitive=True))


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        (float("nan"), None),
        (float("inf"), None),
        ("text", "text"),
        (MemberStatus("ADDED_TOMORROW"), "ADDED_TOMORROW"),
        (Colour.RED, "red"),
        (datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2))), "2026-03-01T12:00:00Z"),
        ({MemberStatus.ENABLED: frozenset({1})}, {"ENABLED": [1]}),
        (Counter("a"), {"a": 1}),
        ({"a": 1}.keys(), ["a"]),
    ],
)
def test_plain_values(value: object, expected: object) -> None:
    """JSON values are unchanged; enums, timestamps and collections are converted."""
    document = to_json(value)
    assert document == expected
    assert type(document) is type(expected)


@pytest.mark.parametrize("value", [b"bytes", bytearray(), object(), {1: 2}, [{"a": {object()}}], idle_client()])
def test_unsupported_values(value: object) -> None:
    """They are refused at any depth, without their content in the message; bytes are JSON already for `dump_json`."""
    with pytest.raises(TypeError, match=r"^\w+ has no JSON equivalent$|^the keys of a JSON object must be"):
        to_json(value)
    with pytest.raises(TypeError):
        dump_json([object()])
    assert dump_json(b'{"a":1}') == b'{"a":1}'


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda values: st.lists(values) | st.dictionaries(st.text(st.characters(exclude_categories=())), values),
)


@given(json_values)
def test_dump_json(value: Any) -> None:
    """Lone surrogates, huge integers, line ends and NULs are written on one line that any decoder reads."""
    document = to_json(value)
    text = dump_json(document)
    assert not set(text) & set(b"\n\r\0")
    assert json.loads(text.decode("utf-8")) == document


@pytest.mark.parametrize("beside", [1, 2**100, "\ud800"], ids=["small", "large integer", "lone surrogate"])
def test_numbers_that_json_does_not_have(beside: object) -> None:
    """They become null, with the fast encoder and with the fallback."""
    value = {"numbers": [math.nan, math.inf, (-math.inf, 0.5)], "beside": beside}
    assert json.loads(dump_json(value)) == {"numbers": [None, None, [None, 0.5]], "beside": beside}
